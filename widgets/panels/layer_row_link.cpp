#include "widgets/panels/layer_row_link.h"

namespace halfstep {

LayerRowLink::LayerRowLink(QTableView& view, QSortFilterProxyModel& proxy, Selection& selection)
    : QObject(&view)
    , m_view(view)
    , m_proxy(proxy)
    , m_selection(selection) {
  connect(&m_selection, &Selection::currentLayerChanged, this, &LayerRowLink::showCurrent);
  connect(m_view.selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& current) {
            if (current.isValid() && !m_selecting) {
              const int layer = m_proxy.mapToSource(current).row();
              m_selection.select({layer}, layer);
            }
          });
}

void LayerRowLink::showCurrent() {
  const int layer = m_selection.currentLayer();
  m_selecting = true;
  if (layer >= 0 && layer < m_proxy.sourceModel()->rowCount()) {
    m_view.selectRow(m_proxy.mapFromSource(m_proxy.sourceModel()->index(layer, 0)).row());
  } else {
    m_view.clearSelection();
  }
  m_selecting = false;
}

} // namespace halfstep
