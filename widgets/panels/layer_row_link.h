// Keeps the selected row of a table that lists the layers and the current layer together. UI thread.
#pragma once

#include "widgets/viewmodels/selection.h"

#include <QSortFilterProxyModel>
#include <QTableView>

namespace halfstep {

class LayerRowLink : public QObject {
  Q_OBJECT

public:
  /// The rows of the proxy's source are the layers. `view` owns it; the others must outlive it.
  LayerRowLink(QTableView& view, QSortFilterProxyModel& proxy, Selection& selection);
  /// Selects the current layer's row; to be called when the rows are others.
  void showCurrent();

private:
  QTableView& m_view;
  QSortFilterProxyModel& m_proxy;
  Selection& m_selection;
  bool m_selecting = false;
};

} // namespace halfstep
