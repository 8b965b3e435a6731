// The layers table with its filter. Reads and writes the selection; edits go to the document. UI thread.
#pragma once

#include "widgets/viewmodels/layers_model.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <QLineEdit>
#include <QTableView>
#include <QWidget>

class QLabel;

namespace halfstep {

class LayersPanel : public QWidget {
  Q_OBJECT

public:
  LayersPanel(Document& document, Selection& selection, QWidget* parent = nullptr);

  /// Shows a sweep as a strip of boxes in every row; null hides them.
  void showSweep(std::shared_ptr<const SweepView> sweep);

  QTableView& table() { return *m_table; }
  /// The layers that the filter shows, in the shown order.
  std::vector<int> shownLayers() const { return m_proxy.shownLayers(); }
  void focusFilter();
  /// The widths that a person gave the columns, for restoreColumns(); empty where they lay themselves out.
  QByteArray columns() const;
  void restoreColumns(const QByteArray& columns);

signals:
  /// Something could not be done, and why.
  void failed(const QString& message);

protected:
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;

private:
  void applyFilter(const QString& text);
  void readSelection();
  void writeSelection();
  /// By what the columns hold and the panel's width, until a person has chosen widths.
  void layOutColumns();
  void shareWidth();
  void updateCount();

  Document& m_document;
  Selection& m_selection;
  LayersModel m_model;
  LayersProxyModel m_proxy;
  QLineEdit* m_filter;
  QLabel* m_count;
  QTableView* m_table;
  bool m_updating = false;
  bool m_hasSweep = false;
  bool m_layingOut = false;
  bool m_columnsChosen = false;
};

} // namespace halfstep
