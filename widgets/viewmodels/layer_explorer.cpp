#include "widgets/viewmodels/layer_explorer.h"

#include "core/quant/estimate.h"
#include "core/support/mapped_file.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr int kShapeBins = 512; // more than the plot has pixel columns on most screens
constexpr int kTellAfterMilliseconds = 200;

/// The scheme as far as the error curve depends on it: of the ranges, a percentile is among its marks.
Scheme withoutRange(Scheme scheme) {
  if (scheme.range.kind != RangeRule::Kind::percentile) {
    scheme.range = {};
  }
  return scheme;
}

/// The clipping ranges as the handles show them: what the codes of symmetric mappings cover is mirrored.
void findClipping(LayerView& view) {
  const QuantizationParameters& parameters = view.quantization->parameters;
  const Segmentation& segmentation = parameters.segmentation;
  const bool mirrored = view.scheme.mapping != Mapping::asymmetric;
  view.channelClipping.assign(segmentation.kind == Granularity::Kind::tensor ? 1 : segmentation.channels, {});
  for (std::size_t i = 0; i < parameters.ranges.size(); ++i) {
    ValueRange range = parameters.ranges[i];
    if (mirrored) {
      range.hi = std::max(std::abs(range.lo), std::abs(range.hi));
      range.lo = -range.hi;
    }
    ValueRange& channel = view.channelClipping[i / segmentation.segmentsPerChannel];
    channel = {std::min(channel.lo, range.lo), std::max(channel.hi, range.hi)};
    view.clipping = {std::min(view.clipping.lo, channel.lo), std::max(view.clipping.hi, channel.hi)};
  }
}

enum class Accuracy { withinAFrame, exact };

/// Fills in what `view` lacks. With `withinAFrame` the figures may be estimates.
Result<std::shared_ptr<const LayerView>> computeView(const std::shared_ptr<const Model>& model,
                                                     LayerView view, Accuracy accuracy,
                                                     const JobContext& context) {
  if (!view.matrix) {
    const Layer& layer = model->layers[static_cast<std::size_t>(view.layer)];
    if (layer.stored) {
      HALFSTEP_TRY(StoredFacts facts, storedFacts(*layer.stored, context));
      view.stored = std::make_shared<const StoredFacts>(std::move(facts));
    }
    HALFSTEP_TRY(view.matrix, WeightMatrix::fromLayer(layer, context));
    HALFSTEP_TRY(WeightProfile profile, profileWeights(*view.matrix, context));
    view.profile = std::make_shared<const WeightProfile>(std::move(profile));
  }
  if (!view.quantization) {
    const Moments& moments = view.profile->moments;
    std::span<const ValueRange> ranges;
    if (moments.nan == 0 && moments.infinite == 0 && moments.count > 0) {
      ranges = view.profile->channelRanges;
    }
    view.estimated =
        accuracy == Accuracy::withinAFrame && isWorthEstimating(*view.matrix, view.scheme, !ranges.empty());
    if (view.estimated && !view.sample) {
      HALFSTEP_TRY(view.sample, thinned(*view.matrix, view.scheme.granularity, context));
    }
    HALFSTEP_TRY(LayerQuantization quantization,
                 view.estimated ? estimateLayer(*view.matrix, *view.sample, view.scheme, context, ranges)
                                : quantizeLayer(*view.matrix, view.scheme, context, ranges));
    view.quantization = std::make_shared<const LayerQuantization>(std::move(quantization));
  }
  findClipping(view);
  const Segmentation& segmentation = view.quantization->parameters.segmentation;
  view.segment = segmentation.kind == Granularity::Kind::tensor
                     ? 0
                     : static_cast<std::size_t>(view.channel) * segmentation.segmentsPerChannel;
  const bool ofSample = view.estimated && segmentation.kind == Granularity::Kind::group;
  HALFSTEP_TRY(QuantizedShape shape,
               shapeOf(ofSample ? *view.sample : *view.matrix, *view.profile, view.quantization->parameters,
                       view.segment, kShapeBins, context));
  view.shape = std::make_shared<const QuantizedShape>(std::move(shape));
  HALFSTEP_CHECK(MappedFile::checkBytes(std::as_bytes(view.matrix->values())));
  return std::make_shared<const LayerView>(std::move(view));
}

} // namespace

LayerExplorer::LayerExplorer(Document& document, Selection& selection, JobRunner& runner, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_selection(selection)
    , m_runner(runner) {
  m_clearLate.setSingleShot(true);
  m_clearLate.setInterval(kTellAfterMilliseconds);
  connect(&m_clearLate, &QTimer::timeout, this, [this] {
    if (m_view && m_view->layer != m_selection.currentLayer()) {
      m_view.reset();
      emit viewChanged();
    }
  });
  m_refine.setSingleShot(true);
  m_refine.setInterval(0); // after what is queued: the repainting
  connect(&m_refine, &QTimer::timeout, this, &LayerExplorer::refine);
  connect(&m_document, &Document::modelChanged, this, [this] {
    m_refine.stop();
    m_view.reset();
    m_curve.reset();
    m_pinned.reset();
    emit viewChanged();
    emit curveChanged();
    emit pinnedChanged();
  });
  connect(&m_selection, &Selection::currentLayerChanged, this, [this] {
    m_curve.reset();
    m_lastEstimator = {};
    request();
  });
  connect(&m_selection, &Selection::channelChanged, this, &LayerExplorer::request);
  connect(&m_document, &Document::plansChanged, this, [this](const std::vector<int>& layers) {
    if (std::find(layers.begin(), layers.end(), m_selection.currentLayer()) != layers.end()) {
      request();
    }
  });
}

void LayerExplorer::request() {
  m_refine.stop();
  m_problem.clear();
  const int layer = m_selection.currentLayer();
  if (layer < 0 || !m_document.model()) {
    m_runner.cancelKey(QStringLiteral("layer"));
    m_runner.cancelKey(QStringLiteral("exact"));
    m_view.reset();
    emit viewChanged();
    return;
  }
  LayerView wanted;
  wanted.layer = layer;
  wanted.scheme = m_document.scheme(layer);
  wanted.channel = m_selection.channel();
  const bool sameLayer = m_view && m_view->layer == layer;
  if (sameLayer) {
    wanted.matrix = m_view->matrix;
    wanted.profile = m_view->profile;
    wanted.stored = m_view->stored;
    if (m_view->scheme == wanted.scheme && !m_view->estimated) {
      wanted.quantization = m_view->quantization;
    }
    if (m_view->scheme.granularity == wanted.scheme.granularity) { // groups have to stay whole
      wanted.sample = m_view->sample;
    }
  } else {
    m_clearLate.start();
  }
  if (wanted.scheme.range.kind != RangeRule::Kind::fixed) {
    m_lastEstimator = wanted.scheme.range;
  }
  m_runner.cancelKey(QStringLiteral("curve")); // the next view asks again
  m_runner.cancelKey(QStringLiteral("exact"));
  // A running job for the same layer is let finish: during a drag every other frame would be lost otherwise.
  m_runner.start<std::shared_ptr<const LayerView>>(
      {Lane::interactive, tr("Quantize %1").arg(QString::fromStdString(m_document.layer(layer).name)),
       QStringLiteral("layer"), !sameLayer},
      [model = m_document.model(), wanted](const JobContext& context) {
        return computeView(model, wanted, Accuracy::withinAFrame, context);
      },
      this, [this](Result<std::shared_ptr<const LayerView>> view) { take(std::move(view)); });
}

void LayerExplorer::requestExact() {
  LayerView wanted = *m_view;
  wanted.quantization.reset();
  wanted.shape.reset();
  wanted.estimated = false;
  m_runner.start<std::shared_ptr<const LayerView>>(
      {Lane::interactive,
       tr("Exact figures of %1").arg(QString::fromStdString(m_document.layer(wanted.layer).name)),
       QStringLiteral("exact"), true},
      [model = m_document.model(), wanted](const JobContext& context) {
        return computeView(model, wanted, Accuracy::exact, context);
      },
      this, [this](Result<std::shared_ptr<const LayerView>> view) { take(std::move(view)); });
}

void LayerExplorer::take(Result<std::shared_ptr<const LayerView>> view) {
  if (!view) {
    m_problem = QString::fromStdString(view.error().message());
    emit failed(m_problem);
    return;
  }
  if ((*view)->layer != m_selection.currentLayer()) {
    return;
  }
  m_clearLate.stop();
  m_view = *view;
  const LayerQuantization& quantization = *m_view->quantization;
  if (m_view->scheme == m_document.scheme(m_view->layer)) {
    m_document.setSummaries({{m_view->layer,
                              {m_view->scheme, quantization.total, quantization.bytes,
                               quantization.bitsPerWeight, m_view->estimated}}});
  }
  emit viewChanged();
  m_refine.start();
}

void LayerExplorer::refine() {
  if (!m_view) {
    return;
  }
  if (m_view->estimated) {
    requestExact();
  } else if (!m_curve || m_curveScheme != withoutRange(m_view->scheme)) {
    requestCurve();
  }
}

void LayerExplorer::requestCurve() {
  const Scheme scheme = withoutRange(m_view->scheme);
  m_runner.start<std::shared_ptr<const ClippingCurve>>(
      {Lane::interactive, tr("Error against clipping"), QStringLiteral("curve"), false},
      [view = m_view, scheme](const JobContext& context) -> Result<std::shared_ptr<const ClippingCurve>> {
        HALFSTEP_TRY(ClippingCurve curve, clippingCurve(*view->matrix, *view->profile, scheme, context));
        HALFSTEP_CHECK(MappedFile::checkBytes(std::as_bytes(view->matrix->values())));
        return std::make_shared<const ClippingCurve>(std::move(curve));
      },
      this,
      [this, scheme, layer = m_view->layer](Result<std::shared_ptr<const ClippingCurve>> curve) {
        if (layer != m_selection.currentLayer()) {
          return;
        }
        m_curve = curve ? *curve : nullptr;
        m_curveScheme = scheme;
        emit curveChanged();
      });
}

void LayerExplorer::pin() {
  m_pinned = m_view;
  emit pinnedChanged();
}

void LayerExplorer::unpin() {
  m_pinned.reset();
  emit pinnedChanged();
}

void LayerExplorer::setFixedRange(double lo, double hi, int gesture) {
  const int layer = m_selection.currentLayer();
  if (layer < 0 || !(lo < hi)) {
    return;
  }
  Scheme scheme = m_document.scheme(layer);
  scheme.range = {RangeRule::Kind::fixed, 0.0, lo, hi};
  m_document.setSchemes({layer}, scheme, gesture);
}

void LayerExplorer::resetRange() {
  const int layer = m_selection.currentLayer();
  if (layer >= 0) {
    Scheme scheme = m_document.scheme(layer);
    scheme.range = m_lastEstimator;
    m_document.setSchemes({layer}, scheme);
  }
}

} // namespace halfstep
