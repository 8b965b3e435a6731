#include "widgets/panels/activation_panel.h"

#include "core/analysis/activation_figures.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"
#include "widgets/panels/card.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/plots/activation_plot.h"
#include "widgets/plots/clipping_curve_plot.h"
#include "widgets/plots/range_band_plot.h"
#include "widgets/style/theme.h"

#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

#include <algorithm>

namespace halfstep {

namespace {

constexpr double kOutlierTimes = 10.0;
constexpr std::size_t kShownOutliers = 6;

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
    , m_curve(new ClippingCurvePlot)
    , m_caption(makeCaption({}))
    , m_curveCaption(makeCaption({}))
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
  m_caption->setObjectName(QStringLiteral("activation_caption"));
  m_curve->setObjectName(QStringLiteral("activation_curve"));
  m_curveCaption->setTextFormat(Qt::RichText);
  m_ranges->setToolTip(tr("The smallest and largest value of each sample. A click lays the sample's own "
                          "distribution over all samples'."));
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
  row->addWidget(makeCard(m_curveCaption, m_curve), 1);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kSpaceLarge, kSpace, kSpaceLarge, kSpace);
  layout->setSpacing(kSpace);
  layout->addWidget(m_title);
  layout->addLayout(top);
  layout->addWidget(m_message);
  layout->addWidget(makeCard(m_caption, m_histogram), 5);
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
  connect(&m_analysis, &NetworkAnalysis::calibrationChanged, this, [this] {
    m_curveOf = {nullptr, {}};
    showCurrent();
  });
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
  connect(m_histogram, &ActivationPlot::clippingDragged, this, &ActivationPanel::takeRange);
  connect(m_histogram, &ActivationPlot::clippingReset, this, &ActivationPanel::resetRange);
  connect(m_ranges, &RangeBandPlot::picked, this, [this](int index) {
    const ActivationStatistics* own = statistics();
    if (own != nullptr && static_cast<std::size_t>(index) < own->samples.size()) {
      const auto sample = own->samples[static_cast<std::size_t>(index)].sample;
      m_analysis.other().sample == static_cast<int>(sample) ? m_analysis.dropOther()
                                                            : m_analysis.showSample(sample);
    }
  });
  connect(&m_analysis, &NetworkAnalysis::otherChanged, this, &ActivationPanel::showOther);
  for (Plot* plot : std::initializer_list<Plot*>{m_histogram, m_channels, m_ranges, m_curve}) {
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

void ActivationPanel::takeRange(double lo, double hi, bool finished) {
  const int layer = m_selection.currentLayer();
  if (layer < 0) {
    return;
  }
  ActivationScheme activations = m_document.layerPlan(layer).activations;
  if (activations.scheme.range.kind != RangeRule::Kind::fixed) {
    m_lastEstimator = activations.scheme.range;
  }
  activations.scheme.range = {RangeRule::Kind::fixed, 0.0, lo, hi};
  m_document.setActivations({layer}, activations, m_gesture);
  if (finished) {
    ++m_gesture;
  }
}

void ActivationPanel::resetRange() {
  const int layer = m_selection.currentLayer();
  if (layer >= 0) {
    ActivationScheme activations = m_document.layerPlan(layer).activations;
    activations.scheme.range = m_lastEstimator;
    m_document.setActivations({layer}, activations);
  }
}

void ActivationPanel::showOther() {
  const OtherValues& other = m_analysis.other();
  const ActivationStatistics* own = statistics();
  const ActivationStatistics* theirs =
      other.calibration && own != nullptr ? other.calibration->find(own->name) : nullptr;
  m_histogram->setOther(other.calibration, theirs);
  QString caption = tr("Distribution over all samples (log counts)");
  if (theirs != nullptr) {
    caption = tr("Distribution over all samples (grey, log counts), %1 (line)").arg(other.name);
  }
  const auto drift = std::find_if(other.drifts.begin(), other.drifts.end(),
                                  [&](const Drift& one) { return own != nullptr && one.value == own->name; });
  if (drift != other.drifts.end()) {
    caption += tr(": mean shifted by %1 σ, %2 outside the range, distance %3")
                   .arg(numberText(drift->meanShift), QString::fromStdString(formatShare(drift->outside)),
                        numberText(drift->distance));
  }
  m_caption->setText(caption);
  QStringList largest;
  for (std::size_t i = 0; i < std::min<std::size_t>(other.drifts.size(), 12); ++i) {
    largest << tr("%1: %2").arg(QString::fromStdString(other.drifts[i].value),
                                numberText(other.drifts[i].distance));
  }
  m_caption->setToolTip(
      largest.isEmpty() ? QString()
                        : tr("The largest distances (total variation, 0 to 1) beside %1:\n").arg(other.name) +
                              largest.join('\n'));
  int marked = -1;
  for (std::size_t i = 0; own != nullptr && other.sample >= 0 && i < own->samples.size(); ++i) {
    marked = static_cast<int>(own->samples[i].sample) == other.sample ? static_cast<int>(i) : marked;
  }
  m_ranges->setCurrent(marked);
}

void ActivationPanel::showCurve(const ActivationStatistics* statistics, const ActivationScheme& activations) {
  const bool isStatic = activations.needsCalibration() && hasActivationFigures(activations.scheme);
  if (statistics == nullptr || !isStatic) {
    m_curveOf = {nullptr, {}};
    m_curve->setCurve(nullptr);
    m_curveCaption->setText(tr("Error against clipping"));
    return;
  }
  Scheme scheme = activations.scheme;
  if (scheme.range.kind != RangeRule::Kind::percentile) {
    scheme.range = {};
  }
  if (m_curveOf != std::pair(statistics, scheme)) {
    m_curveOf = {statistics, scheme};
    m_curve->setCurve(std::make_shared<const ClippingCurve>(activationCurve(*statistics, scheme)));
    m_curveCaption->setText(m_curve->legendText());
  }
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
               .arg(numberText(moments.min), nameOf(statistics.lowestSample()), numberText(moments.max),
                    nameOf(statistics.highestSample()))
        << tr("mean %1, standard deviation %2").arg(numberText(moments.mean), numberText(statistics.std()))
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
      list << tr("%1 (%2 ×)").arg(outliers[i].channel).arg(numberText(outliers[i].ratio));
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
  std::optional<ActivationPlot::Quantized> quantized;
  ActivationScheme curveScheme;
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
      if (hasActivationFigures(scheme.scheme) && clip.lo < clip.hi) {
        quantized = {clip, scheme.scheme.mapping != Mapping::asymmetric,
                     activationFigures(*own, scheme.scheme, clip)};
      }
    }
    curveScheme = input ? scheme : ActivationScheme();
  }
  const auto& calibration = m_analysis.calibration();
  m_message->setVisible(!calibration || own == nullptr);
  m_message->setText(!calibration
                         ? tr("Calibrate runs samples through the float network and learns every value's "
                              "range and distribution. Static activation schemes need it.")
                         : tr("Calibration did not see this value: it has integers (such as token ids), lies "
                              "inside a subgraph, or comes from constants alone."));
  QString figures;
  if (quantized) {
    figures = tr("As %1: SQNR %2 dB, squared error %3 by rounding and %4 by clipping, %5 clipped")
                  .arg(QString::fromStdString(printActivationScheme(m_shownScheme)),
                       numberText(quantized->figures.sqnrDb), numberText(quantized->figures.rounding),
                       numberText(quantized->figures.clipping),
                       QString::fromStdString(formatShare(quantized->figures.clippedShare)));
  }
  m_histogram->setStatistics(calibration, own, std::move(quantized));
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
  showCurve(own, curveScheme);
  showOther();
  m_facts->setText(own == nullptr      ? QString()
                   : figures.isEmpty() ? facts(*own)
                                       : figures + QStringLiteral(" · ") + facts(*own));
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
