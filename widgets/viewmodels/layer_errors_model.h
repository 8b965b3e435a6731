// The table of the Error page: every layer's isolated and accumulated error. UI thread.
#pragma once

#include "widgets/viewmodels/network_analysis.h"

#include <QAbstractTableModel>

namespace halfstep {

class LayerErrorsModel : public QAbstractTableModel {
  Q_OBJECT

public:
  enum Column {
    layerColumn,
    schemeColumn,
    isolatedColumn,
    accumulatedColumn,
    growthColumn,
    columnCountValue
  };
  enum Role { sortRole = Qt::UserRole };

  using QAbstractTableModel::QAbstractTableModel;
  void setView(std::shared_ptr<const ErrorsView> view);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
  double value(std::size_t layer, int column) const;
  std::shared_ptr<const ErrorsView> m_view;
};

} // namespace halfstep
