// What the Distribution page and the Scheme panel show of the current layer: computed in the interactive
// lane, handed over as one immutable view, so that all plots and figures on screen always belong together.
// Owned by the session; UI thread.
#pragma once

#include "core/quant/distribution.h"
#include "core/quant/stored_facts.h"
#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/document.h"
#include "widgets/viewmodels/selection.h"

#include <QTimer>

#include <memory>

namespace halfstep {

/// Everything about one layer under one scheme. Immutable once handed over.
struct LayerView {
  int layer = -1;
  Scheme scheme;
  int channel = 0;         ///< whose segment's levels are in `shape`
  std::size_t segment = 0; ///< that segment's number
  std::shared_ptr<const WeightMatrix> matrix;
  std::shared_ptr<const WeightProfile> profile;
  std::shared_ptr<const StoredFacts> stored; ///< of a weight that the file holds quantized, otherwise null
  std::shared_ptr<const LayerQuantization> quantization;
  /// Where exact figures take longer than a frame: these are estimates from `sample`, and the exact view
  /// follows.
  bool estimated = false;
  std::shared_ptr<const WeightMatrix> sample; ///< null where none was needed; kept for the next estimate
  std::shared_ptr<const QuantizedShape> shape;
  ValueRange clipping; ///< the widest clipping range of any segment; mirrored for symmetric mappings
  std::vector<ValueRange> channelClipping; ///< the same for each channel
};

class LayerExplorer : public QObject {
  Q_OBJECT

public:
  LayerExplorer(Document& document, Selection& selection, JobRunner& runner, QObject* parent = nullptr);

  /// The newest view; null while there is none for the current layer. It may belong to an earlier scheme for
  /// the fraction of a second in which the new one is computed.
  std::shared_ptr<const LayerView> view() const { return m_view; }
  /// Why there is none for the current layer; empty while it is computed.
  const QString& problem() const { return m_problem; }
  /// The error curve of the current layer for the view's format, mapping and granularity; null until
  /// computed.
  std::shared_ptr<const ClippingCurve> curve() const { return m_curve; }
  /// Whether nothing more will be asked for the shown view (what is asked for already, the job runner knows).
  bool isSettled() const { return !m_refine.isActive(); }
  /// A result kept for comparison; null if none.
  std::shared_ptr<const LayerView> pinned() const { return m_pinned; }
  void pin();
  void unpin();

  /// A new clipping range for the current layer, as while a handle is dragged. Calls with the same gesture
  /// make one undo step.
  void setFixedRange(double lo, double hi, int gesture);
  /// Back to the range that an estimator finds: the last one used before `fixed`.
  void resetRange();
  /// A number for a new gesture (drag).
  int newGesture() { return ++m_gesture; }

signals:
  void viewChanged();
  void curveChanged();
  void pinnedChanged();
  /// The current layer cannot be shown, and why.
  void failed(const QString& message);

private:
  void request();
  /// Asks for what the shown view lacks: exact figures, then the error curve. Once it is painted, so that
  /// the work does not take the processor from the drawing.
  void refine();
  void requestExact();
  void requestCurve();
  void take(Result<std::shared_ptr<const LayerView>> view);

  Document& m_document;
  Selection& m_selection;
  JobRunner& m_runner;
  std::shared_ptr<const LayerView> m_view;
  std::shared_ptr<const LayerView> m_pinned;
  std::shared_ptr<const ClippingCurve> m_curve;
  QString m_problem;
  Scheme m_curveScheme; ///< without its range
  RangeRule m_lastEstimator;
  QTimer m_refine;    ///< asks for what is still estimated or missing, once the view is painted
  QTimer m_clearLate; ///< clears the old layer's view when the new one takes long
  int m_gesture = 0;
};

} // namespace halfstep
