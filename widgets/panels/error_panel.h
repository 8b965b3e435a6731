// The Error page: what the whole plan does to the output, and where along the network error is born and
// grows. UI thread.
#pragma once

#include "widgets/viewmodels/layer_errors_model.h"
#include "widgets/viewmodels/selection.h"

#include <QSortFilterProxyModel>
#include <QWidget>

class QLabel;
class QPushButton;
class QSpinBox;
class QTableView;

namespace halfstep {

class LayerRowLink;
class LayerErrorPlot;

class ErrorPanel : public QWidget {
  Q_OBJECT

public:
  ErrorPanel(Document& document, Selection& selection, NetworkAnalysis& analysis, QWidget* parent = nullptr);

  LayerErrorPlot& plot() { return *m_plot; }
  void measure();

signals:
  void failed(const QString& message);

protected:
  void changeEvent(QEvent* event) override;

private:
  void layOut();
  void connectParts();
  void showErrors();
  void showSummary();

  Selection& m_selection;
  NetworkAnalysis& m_analysis;
  LayerErrorsModel m_model;
  QSortFilterProxyModel m_proxy;
  QSpinBox* m_samples;
  QPushButton* m_measure;
  QLabel* m_summary;
  QLabel* m_origin;
  QLabel* m_legend;
  LayerErrorPlot* m_plot;
  QTableView* m_table;
  LayerRowLink* m_rows = nullptr; ///< the table's
};

} // namespace halfstep
