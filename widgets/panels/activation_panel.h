// The Activations page: what flows into and out of the current layer, seen by calibration: distribution,
// range of every channel and of every sample. UI thread.
#pragma once

#include "widgets/viewmodels/network_analysis.h"
#include "widgets/viewmodels/selection.h"

#include <QWidget>

class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace halfstep {

class ActivationPlot;
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
  QString facts(const ActivationStatistics& statistics) const;
  /// Null where nothing was calibrated.
  const ActivationStatistics* statistics() const;

  Document& m_document;
  Selection& m_selection;
  NetworkAnalysis& m_analysis;
  ActivationScheme m_shownScheme;
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
  QLabel* m_origin;
};

} // namespace halfstep
