// The Sensitivity page: what quantizing each layer alone does to the network's output. UI thread.
#pragma once

#include "widgets/viewmodels/network_analysis.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <QWidget>

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QStackedWidget;
class QTableView;

namespace halfstep {

class LayerRowLink;
class ColorLegend;
class SegmentedControl;

class SensitivityPanel : public QWidget {
  Q_OBJECT

public:
  SensitivityPanel(Document& document, Selection& selection, NetworkAnalysis& analysis,
                   QWidget* parent = nullptr);

  QTableView& table() { return *m_table; }
  /// Starts the sweep that the controls describe; for the page's button and for --screenshot.
  void measure();

signals:
  void failed(const QString& message);

protected:
  void showEvent(QShowEvent* event) override;

private:
  QWidget* controls();
  QWidget* details();
  void layOut();
  void connectParts();
  /// Nothing where the schemes do not parse; the message stands beside them then.
  std::optional<SweepRequest> request();
  void takeControls();
  void showSweep();
  void showCost();
  void showDetails();
  void useScheme();

  Document& m_document;
  Selection& m_selection;
  NetworkAnalysis& m_analysis;
  SensitivityModel m_model;
  QSortFilterProxyModel m_proxy;
  SegmentedControl* m_figure;
  QLineEdit* m_schemes;
  QSpinBox* m_samples;
  QComboBox* m_metric;
  QPushButton* m_measure;
  QLabel* m_cost;
  QLabel* m_reliability;
  QTableView* m_table;
  LayerRowLink* m_rows = nullptr; ///< the table's
  QLabel* m_empty;
  QStackedWidget* m_content;
  ColorLegend* m_legend;
  QLabel* m_detailTitle;
  QLabel* m_detailText;
  QPushButton* m_use;
};

} // namespace halfstep
