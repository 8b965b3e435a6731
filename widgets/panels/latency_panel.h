// The Latency page: how long every layer takes in each type, on this computer or estimated for another
// device, and why low precision is not faster where it is not. UI thread.
#pragma once

#include "core/io/device_profile.h"
#include "widgets/viewmodels/latency_model.h"
#include "widgets/viewmodels/network_analysis.h"
#include "widgets/viewmodels/selection.h"

#include <QSortFilterProxyModel>
#include <QWidget>

class QComboBox;
class QLabel;
class QPushButton;
class QTableView;

namespace halfstep {

class LatencyPlot;
class LayerRowLink;

class LatencyPanel : public QWidget {
  Q_OBJECT

public:
  LatencyPanel(Document& document, Selection& selection, NetworkAnalysis& analysis,
               std::vector<NamedProfile> devices, QWidget* parent = nullptr);
  void measure();

signals:
  void failed(const QString& message);

protected:
  void changeEvent(QEvent* event) override;
  void showEvent(QShowEvent* event) override;

private:
  void layOut();
  void connectParts();
  void showLatency();
  void showTotals();
  void showStacks();
  void showLegend();

  Document& m_document;
  Selection& m_selection;
  NetworkAnalysis& m_analysis;
  std::vector<NamedProfile> m_devices;
  LatencyModel m_model;
  QSortFilterProxyModel m_proxy;
  QComboBox* m_device;
  QPushButton* m_measure;
  LatencyPlot* m_stacks;
  QLabel* m_why;
  QLabel* m_legend;
  QLabel* m_totals;
  QLabel* m_origin;
  QTableView* m_table;
  LayerRowLink* m_rows = nullptr; ///< the table's
  bool m_stale = false;           ///< the stacks are of an earlier plan
};

} // namespace halfstep
