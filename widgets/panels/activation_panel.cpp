#include "widgets/panels/activation_panel.h"

#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"
#include "widgets/panels/card.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/plots/activation_plot.h"
#include "widgets/plots/range_band_plot.h"
#include "widgets/style/theme.h"

#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

namespace halfstep {

namespace {

constexpr double kOutlierTimes = 10.0;
constexpr std::size_t kShownOutliers = 6;

QString real(double value) {
  return QString::fromStdString(formatReal(value));
}

} // namespace

ActivationPanel::ActivationPanel(Document& document, Selection& selection, NetworkAnalysis& analysis,
                                 QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_selection(selection)
    , m_analysis(analysis)
    , m_title(new QLabel)
    , m_side(new SegmentedControl(QStringLiteral("activation_side"), tr("Which values"), 2))
    , m_scheme(new QLineEdit)
    , m_samples(new QSpinBox)
    , m_measure(new QPushButton)
    , m_facts(new QLabel)
    , m_message(new QLabel)
    , m_histogram(new ActivationPlot)
    , m_channels(new RangeBandPlot(QStringLiteral("activation_channels"), tr("channel")))
    , m_ranges(new RangeBandPlot(QStringLiteral("activation_samples"), tr("sample")))
    , m_origin(new QLabel) {
  setObjectName(QStringLiteral("activation_panel"));
  layOut();
  connectParts();
  showCurrent();
}

void ActivationPanel::layOut() {
  m_title->setProperty("role", "title");
  m_title->setObjectName(QStringLiteral("activation_layer"));
  m_side->setChoices({{tr("Input"), QStringLiteral("input"), tr("What flows into the layer")},
                      {tr("Output"), QStringLiteral("output"), tr("What the layer makes")}});
  m_side->setCurrentValue(QStringLiteral("input"));
  m_scheme->setObjectName(QStringLiteral("activation_scheme"));
  m_scheme->setAccessibleName(tr("Scheme of the layer's input"));
  m_scheme->setPlaceholderText(QStringLiteral("fp32"));
  m_scheme->setMinimumWidth(110);
  m_scheme->setMaximumWidth(190);
  m_scheme->setToolTip(
      tr("The scheme of the layer's input in the plan: fp32 leaves it alone;\n"
         "uint8:tensor:mse is static, its range comes from calibration (minmax, ema, pct99.9, mse, "
         "kl, aciq, fixed(lo,hi));\ndynamic:int8 finds it anew for every input"));
  m_samples->setObjectName(QStringLiteral("calibration_samples"));
  m_samples->setAccessibleName(tr("Samples"));
  m_samples->setRange(1, 100000);
  m_samples->setValue(32);
  m_samples->setSuffix(tr(" samples"));
  m_samples->setButtonSymbols(QAbstractSpinBox::NoButtons);
  m_samples->setFixedWidth(110);
  m_measure->setObjectName(QStringLiteral("calibrate"));
  m_measure->setProperty("role", "primary");
  for (QLabel* label : {m_facts, m_message, m_origin}) {
    label->setWordWrap(true);
    label->setProperty("role", "quiet");
  }
  m_facts->setObjectName(QStringLiteral("activation_facts"));
  m_message->setObjectName(QStringLiteral("activation_message"));
  m_origin->setObjectName(QStringLiteral("activation_origin"));
  auto* top = new QHBoxLayout;
  top->setSpacing(kSpace);
  top->addWidget(m_side);
  top->addSpacing(kSpace);
  auto* caption = makeCaption(tr("Input as"));
  caption->setBuddy(m_scheme);
  caption->setMinimumWidth(caption->sizeHint().width());
  top->addWidget(caption);
  top->addWidget(m_scheme);
  top->addStretch(1);
  top->addWidget(m_samples);
  top->addWidget(m_measure);
  auto* row = new QHBoxLayout;
  row->setSpacing(kSpace);
  row->addWidget(makeCard(makeCaption(tr("Range of each channel")), m_channels), 1);
  row->addWidget(makeCard(makeCaption(tr("Range of each sample")), m_ranges), 1);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kSpaceLarge, kSpace, kSpaceLarge, kSpace);
  layout->setSpacing(kSpace);
  layout->addWidget(m_title);
  layout->addLayout(top);
  layout->addWidget(m_message);
  layout->addWidget(makeCard(makeCaption(tr("Distribution over all samples (log counts)")), m_histogram), 5);
  layout->addLayout(row, 4);
  layout->addWidget(m_facts);
  layout->addWidget(m_origin);
}

void ActivationPanel::connectParts() {
  connect(m_side, &SegmentedControl::chosen, this, &ActivationPanel::showCurrent);
  connect(m_scheme, &QLineEdit::editingFinished, this, &ActivationPanel::takeScheme);
  connect(m_measure, &QPushButton::clicked, this, [this] {
    if (m_analysis.calibrationRuns()) {
      m_analysis.stop(NetworkAnalysis::calibrationKey());
    } else {
      measure();
    }
  });
  connect(&m_analysis, &NetworkAnalysis::calibrationChanged, this, &ActivationPanel::showCurrent);
  connect(&m_analysis, &NetworkAnalysis::samplesChanged, this, &ActivationPanel::showCurrent);
  connect(&m_selection, &Selection::currentLayerChanged, this, &ActivationPanel::showCurrent);
  connect(&m_document, &Document::plansChanged, this,
          [this] { // a dragged clipping handle does not concern it
            const int layer = m_selection.currentLayer();
            if (layer >= 0 && layer < m_document.layerCount() &&
                m_document.layerPlan(layer).activations != m_shownScheme) {
              showCurrent();
            }
          });
  for (Plot* plot : std::initializer_list<Plot*>{m_histogram, m_channels, m_ranges}) {
    connect(plot, &Plot::saveFailed, this, &ActivationPanel::failed);
  }
}

void ActivationPanel::measure() {
  m_analysis.startCalibration(static_cast<std::size_t>(m_samples->value()));
}

const ActivationStatistics* ActivationPanel::statistics() const {
  const int layer = m_selection.currentLayer();
  const auto& calibration = m_analysis.calibration();
  if (!calibration || layer < 0 || layer >= m_document.layerCount()) {
    return nullptr;
  }
  const Layer& own = m_document.layer(layer);
  return calibration->find(m_side->currentValue() == QLatin1String("output") ? own.output : own.input);
}

void ActivationPanel::takeScheme() {
  const int layer = m_selection.currentLayer();
  if (layer < 0) {
    return;
  }
  const QString text = m_scheme->text().trimmed().toLower();
  const auto activations = parseActivationScheme(text.isEmpty() ? "fp32" : text.toStdString());
  const auto supported = activations ? checkSupportedForActivations(activations->scheme, activations->dynamic)
                                     : Result<void>(activations.error());
  if (!supported) {
    m_message->setText(QString::fromStdString(supported.error().message()));
    m_message->show();
    return;
  }
  const auto& selected = m_selection.layers();
  m_document.setActivations(selected.empty() ? std::vector<int>{layer} : selected, *activations);
  showCurrent();
}

QString ActivationPanel::facts(const ActivationStatistics& statistics) const {
  const auto& names = m_analysis.calibration()->sampleNames;
  const auto nameOf = [&](std::size_t index) {
    return QString::fromStdString(names.at(statistics.samples[index].sample));
  };
  QStringList words;
  if (statistics.samples.empty()) {
    return tr("no finite values");
  }
  const kernels::MomentPartials& moments = statistics.moments;
  words << tr("%1 (%2) to %3 (%4)")
               .arg(real(moments.min), nameOf(statistics.lowestSample()), real(moments.max),
                    nameOf(statistics.highestSample()))
        << tr("mean %1, standard deviation %2").arg(real(moments.mean), real(statistics.std()))
        << tr("%1 zeros")
               .arg(QString::fromStdString(formatShare(static_cast<double>(statistics.zeros()) /
                                                       static_cast<double>(moments.finite))));
  const double growth = growthInLastHalf(statistics);
  words << (growth > 0.0
                ? tr("the second half of the samples widened the range by %1: more may widen it further")
                      .arg(QString::fromStdString(formatShare(growth)))
                : tr("the second half of the samples did not widen the range"));
  const auto outliers = outlierChannels(statistics, kOutlierTimes);
  if (!outliers.empty()) {
    QStringList list;
    for (std::size_t i = 0; i < std::min(outliers.size(), kShownOutliers); ++i) {
      list << tr("%1 (%2 ×)").arg(outliers[i].channel).arg(real(outliers[i].ratio));
    }
    words << tr("outlier channels, beside the median one: %1").arg(list.join(QStringLiteral(", ")));
  }
  return words.join(QStringLiteral(" · "));
}

void ActivationPanel::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  showCurrent();
}

void ActivationPanel::showCurrent() {
  if (!isVisible()) { // searching ranges is not for a page that nobody sees
    return;
  }
  const int layer = m_selection.currentLayer();
  const bool any = layer >= 0 && layer < m_document.layerCount();
  m_measure->setText(m_analysis.calibrationRuns() ? tr("Stop") : tr("Calibrate"));
  m_measure->setEnabled(m_analysis.samples() != nullptr);
  m_scheme->setEnabled(any);
  m_title->setText(any ? QString::fromStdString(m_document.layer(layer).name) : tr("No layer selected"));
  ValueRange clip;
  const ActivationStatistics* own = statistics();
  const bool input = m_side->currentValue() != QLatin1String("output");
  if (any) {
    const ActivationScheme& scheme = m_document.layerPlan(layer).activations;
    m_shownScheme = scheme;
    if (!m_scheme->hasFocus()) {
      m_scheme->setText(QString::fromStdString(printActivationScheme(scheme)));
    }
    if (own != nullptr && input && !scheme.dynamic &&
        formatFacts(scheme.scheme.format).family != FormatFamily::floating) {
      clip = activationRange(*own, scheme.scheme);
    }
  }
  const auto& calibration = m_analysis.calibration();
  m_message->setVisible(!calibration || own == nullptr);
  m_message->setText(!calibration
                         ? tr("Calibrate runs samples through the float network and learns every value's "
                              "range and distribution. Static activation schemes need it.")
                         : tr("Calibration did not see this value: it has integers (such as token ids), lies "
                              "inside a subgraph, or comes from constants alone."));
  m_histogram->setStatistics(calibration, own, clip);
  std::vector<ValueRange> samples;
  if (own != nullptr) {
    for (const SampleRange& range : own->samples) {
      samples.push_back({range.min, range.max});
    }
  }
  m_channels->setRanges(own != nullptr ? own->channelRanges : std::vector<ValueRange>(), clip);
  m_ranges->setRanges(std::move(samples), clip, [calibration, own](std::size_t index) {
    return QString::fromStdString(calibration->sampleNames.at(own->samples[index].sample));
  });
  m_facts->setText(own != nullptr ? facts(*own) : QString());
  m_facts->setVisible(own != nullptr);
  QStringList words;
  if (calibration) {
    words << tr("Calibrated on %1 of %2")
                 .arg(calibration->sampleNames.size())
                 .arg(QString::fromStdString(calibration->origin.description));
    if (calibration->origin.synthetic) {
      words << tr("drawn at random: open data for figures that mean something");
    }
  }
  m_origin->setText(words.join(QStringLiteral(" · ")));
  m_origin->setVisible(!words.isEmpty());
}

} // namespace halfstep
