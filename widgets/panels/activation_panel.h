// The Activations page: what flows into and out of the current layer, seen by calibration: distribution with
// the levels and the clipping range of the input's scheme, range of every channel and of every sample, error
// against clipping; one sample, or another set, laid over it. UI thread.
#pragma once

#include "widgets/viewmodels/network_analysis.h"
#include "widgets/viewmodels/selection.h"

#include <QWidget>

#include <utility>

class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace halfstep {

class ActivationPlot;
class ClippingCurvePlot;
class RangeBandPlot;
class SegmentedControl;

class ActivationPanel : public QWidget {
  Q_OBJECT

public:
  ActivationPanel(Document& document, Selection& selection, NetworkAnalysis& analysis,
                  QWidget* parent = nullptr);
  /// Calibrates.
  void measure();

signals:
  void failed(const QString& message);

protected:
  void showEvent(QShowEvent* event) override;

private:
  void layOut();
  void connectParts();
  void showCurrent();
  void takeScheme();
  /// The clipping range of the current layer's input, while a handle is dragged or behind that.
  void takeRange(double lo, double hi, bool finished);
  void resetRange();
  void showOther();
  /// Error against clipping, made anew where it is of other values or another scheme.
  void showCurve(const ActivationStatistics* statistics, const ActivationScheme& activations);
  QString facts(const ActivationStatistics& statistics) const;
  /// Null where nothing was calibrated.
  const ActivationStatistics* statistics() const;

  Document& m_document;
  Selection& m_selection;
  NetworkAnalysis& m_analysis;
  ActivationScheme m_shownScheme;
  RangeRule m_lastEstimator; ///< what a double click on a handle goes back to
  int m_gesture = 0;         ///< counts drags
  std::pair<const ActivationStatistics*, Scheme> m_curveOf = {nullptr, {}};
  QLabel* m_title;
  SegmentedControl* m_side;
  QLineEdit* m_scheme;
  QSpinBox* m_samples;
  QPushButton* m_measure;
  QLabel* m_facts;
  QLabel* m_message;
  ActivationPlot* m_histogram;
  RangeBandPlot* m_channels;
  RangeBandPlot* m_ranges;
  ClippingCurvePlot* m_curve;
  QLabel* m_caption;
  QLabel* m_curveCaption;
  QLabel* m_origin;
};

} // namespace halfstep
