#include "widgets/panels/distribution_panel.h"

#include "core/support/units.h"
#include "widgets/panels/card.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/plots/channel_range_plot.h"
#include "widgets/plots/clipping_curve_plot.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/plots/rounding_error_plot.h"
#include "widgets/plots/transfer_plot.h"
#include "widgets/viewmodels/layers_model.h"

#include <QEvent>
#include <QLabel>
#include <QVBoxLayout>

namespace halfstep {

namespace {

QLabel* quietLabel(const QString& text, const char* role = "caption") {
  auto* label = new QLabel(text);
  label->setProperty("role", role);
  return label;
}

QString count(std::size_t value) {
  return QString::fromStdString(formatCount(static_cast<std::int64_t>(value)));
}

} // namespace

DistributionPanel::DistributionPanel(Document& document, Selection& selection, LayerExplorer& explorer,
                                     QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_selection(selection)
    , m_explorer(explorer)
    , m_title(new QLabel(this))
    , m_facts(quietLabel({}, "quiet"))
    , m_origin(quietLabel({}, "quiet"))
    , m_scale(new SegmentedControl(QStringLiteral("histogram_scale"), tr("Count axis"), 2))
    , m_histogram(new HistogramPlot)
    , m_channels(new ChannelRangePlot)
    , m_curve(new ClippingCurvePlot)
    , m_transfer(new TransferPlot)
    , m_errors(new RoundingErrorPlot) {
  setObjectName(QStringLiteral("distribution_panel"));
  m_title->setProperty("role", "title");
  m_title->setObjectName(QStringLiteral("layer_title"));
  m_title->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_facts->setObjectName(QStringLiteral("layer_facts"));
  m_facts->setWordWrap(true);
  m_facts->setToolTip(
      tr("Channel axis: the weight's dimension that numbers the output channels.\n"
         "a … b: smallest and largest weight. σ: standard deviation.\n"
         "Kurtosis: how heavy the tails are, 3 for a normal distribution; heavy tails gain from clipping."));
  m_origin->setObjectName(QStringLiteral("layer_origin"));
  m_scale->setChoices(
      {{tr("Linear"), QStringLiteral("linear"), tr("Counts on a linear axis")},
       {tr("Log"), QStringLiteral("log"), tr("Counts on a logarithmic axis: the tails show")}});
  m_scale->setCurrentValue(QStringLiteral("log"));
  layOut();
  connectPlots();
  showView();
}

QWidget* DistributionPanel::card(const QString& title, const QString& tooltip, QWidget* content,
                                 QWidget* corner) {
  QLabel* caption = makeCaption(title, tooltip);
  if (content == m_histogram) {
    m_histogramTitle = caption;
  } else if (content == m_curve) {
    caption->setTextFormat(Qt::RichText);
    m_curveTitle = caption;
  }
  return makeCard(caption, content, corner);
}

void DistributionPanel::layOut() {
  auto* header = new QVBoxLayout;
  header->setSpacing(2);
  header->addWidget(m_title);
  header->addWidget(m_facts);
  auto* row = new QHBoxLayout;
  row->setSpacing(kSpace);
  row->addWidget(
      card(m_curve->legendText(),
           tr("The mean squared error if every range were narrowed to this share of minimum to "
              "maximum.\nRounding: values inside the range, at most half a step off. Clipping: "
              "values beyond it, which land on its end.\nDiamond: the optimum. Circles: where each "
              "range estimator stands."),
           m_curve),
      4);
  row->addWidget(
      card(tr("Transfer function"),
           tr("What a weight becomes when it is quantized and decoded again: a staircase whose steps "
              "are the levels.\nDashed: no error."),
           m_transfer),
      3);
  row->addWidget(
      card(tr("Rounding error"),
           tr("How far the decoded weights lie from their originals, in steps of the grid.\nRounding to "
              "nearest without clipping gives at most half a step."),
           m_errors),
      3);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kSpaceLarge, kSpace, kSpaceLarge, kSpaceSmall);
  layout->setSpacing(kSpace);
  layout->addLayout(header);
  layout->addWidget(
      card(tr("Weights and quantization levels"),
           tr("How often each weight value occurs, and the values that are left after quantization. "
              "Amber: the ends of the clipping range; what lies beyond lands on them."),
           m_histogram, m_scale),
      5);
  layout->addWidget(
      card(tr("Range of each channel, and where it clips"),
           tr("Smallest to largest weight of each output channel; amber: the channel's clipping "
              "range.\nClick a channel, or use the arrow keys, to see its levels and transfer "
              "function."),
           m_channels),
      3);
  layout->addLayout(row, 4);
  layout->addWidget(m_origin);
}

void DistributionPanel::connectPlots() {
  connect(m_scale, &SegmentedControl::chosen, this,
          [this](const QString& value) { m_histogram->setLogScale(value == QLatin1String("log")); });
  connect(m_histogram, &HistogramPlot::clippingDragged, this, [this](double lo, double hi, bool finished) {
    if (m_gesture < 0) {
      m_gesture = m_explorer.newGesture();
    }
    m_explorer.setFixedRange(lo, hi, m_gesture);
    if (finished) {
      m_gesture = -1;
    }
  });
  connect(m_histogram, &HistogramPlot::clippingReset, &m_explorer, &LayerExplorer::resetRange);
  connect(m_channels, &ChannelRangePlot::channelPicked, &m_selection, &Selection::selectChannel);
  for (Plot* plot : plots()) {
    connect(plot, &Plot::saveFailed, this, &DistributionPanel::failed);
  }
  connect(&m_explorer, &LayerExplorer::viewChanged, this, &DistributionPanel::showView);
  connect(&m_explorer, &LayerExplorer::failed, this, &DistributionPanel::showHeader);
  connect(&m_explorer, &LayerExplorer::curveChanged, this, [this] { m_curve->setCurve(m_explorer.curve()); });
  connect(&m_selection, &Selection::currentLayerChanged, this, &DistributionPanel::showHeader);
  connect(&m_document, &Document::modelChanged, this, &DistributionPanel::showHeader);
}

void DistributionPanel::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange) {
    m_curveTitle->setText(m_curve->legendText());
  }
}

std::vector<Plot*> DistributionPanel::plots() const {
  return {m_histogram, m_channels, m_curve, m_transfer, m_errors};
}

void DistributionPanel::showView() {
  const auto view = m_explorer.view();
  m_histogram->setView(view);
  m_channels->setView(view);
  m_transfer->setView(view);
  m_errors->setView(view);
  showHeader();
}

void DistributionPanel::showHeader() {
  const int current = m_selection.currentLayer();
  if (current < 0 || current >= m_document.layerCount()) {
    m_title->setText(m_document.model() ? tr("No layer selected") : QString());
    m_facts->setText(m_document.model() && m_document.layerCount() == 0
                         ? tr("This model has no layers whose weights can be quantized.")
                         : tr("Select a layer in the table to see its weights."));
    m_origin->clear();
    return;
  }
  const Layer& layer = m_document.layer(current);
  m_title->setText(QString::fromStdString(layer.name));
  QStringList facts = {operatorText(layer),
                       tr("weight %1").arg(QString::fromStdString(shapeText(layer.weight.shape()))),
                       tr("%1 values").arg(count(layer.parameters()))};
  QStringList axes;
  for (const int axis : layer.channelAxes) {
    axes << QString::number(axis);
  }
  if (!axes.isEmpty()) {
    facts << tr("channel axis %1").arg(axes.join(QStringLiteral(", ")));
  }
  const auto view = m_explorer.view();
  const bool ready = view && view->layer == current;
  if (layer.stored) {
    const QString codes = ready && view->stored
                              ? QString::fromStdString(storedText(*view->stored))
                              : QString::fromUtf8(elementTypeName(layer.stored->codes.type()).data());
    facts << tr("in the file: %1").arg(QString::fromStdString(layer.stored->origin))
          << codes.split(QStringLiteral(", "));
  }
  if (ready) {
    const Moments& moments = view->profile->moments;
    facts << (layer.stored ? tr("decoded %1 … %2") : tr("%1 … %2"))
                 .arg(numberText(moments.min), numberText(moments.max))
          << tr("σ %1").arg(numberText(moments.std)) << tr("kurtosis %1").arg(numberText(moments.kurtosis));
  }
  // A line breaks between facts only, not within one; a sentence may break anywhere.
  facts.replaceInStrings(QStringLiteral(" "), QString(QChar::Nbsp));
  if (!ready) {
    facts << (m_explorer.problem().isEmpty() ? tr("reading…") : m_explorer.problem());
  }
  m_facts->setText(facts.join(QStringLiteral(" · ")));
  if (ready) {
    const bool sampled = view->shape->sampled < view->matrix->count();
    const auto& segmentation = view->quantization->parameters.segmentation;
    m_histogramTitle->setText(
        !m_histogram->canClip()     ? tr("Weights (grey), dequantized (blue)")
        : segmentation.count() == 1 ? tr("Weights and quantization levels; drag a handle to clip")
        : m_histogram->showsLevels()
            ? (segmentation.segmentsPerChannel > 1
                   ? tr("Weights (grey), dequantized (blue), levels of channel %1, first group (dots)")
                   : tr("Weights (grey), dequantized (blue), levels of channel %1 (dots)"))
                  .arg(view->channel)
            : tr("Weights (grey), dequantized (blue); drag a handle to clip"));
    m_origin->setText(
        (view->estimated ? tr("Figures: estimated from %1 of %2 values, the exact ones follow")
                               .arg(count(view->sample->count()), count(view->matrix->count()))
                         : tr("Figures: all %1 values, exact").arg(count(view->matrix->count()))) +
        (sampled
             ? tr(" · blue and rounding-error histograms: %1 sampled values").arg(count(view->shape->sampled))
             : QString()));
  }
}

} // namespace halfstep
