// The difference between two plans as a table: the layers that change, from what to what, and what that costs
// and saves. UI thread.
#pragma once

#include "core/analysis/search_space.h"

#include <QAbstractTableModel>

#include <memory>

namespace halfstep {

class PlanDifferenceModel : public QAbstractTableModel {
  Q_OBJECT

public:
  enum Column { layerColumn, fromColumn, toColumn, sizeColumn, damageColumn, columnCountValue };
  enum Role { sortRole = Qt::UserRole };

  using QAbstractTableModel::QAbstractTableModel;

  /// `space` (may be null) knows the damages. The rows are the layers of `model` whose plan differs, those
  /// with the largest change of damage or size first.
  void setPlans(const Model& model, const Plan& from, const Plan& to, const SearchSpace* space);
  void clear();
  /// The layer of a row, by its place in the model.
  int layerAt(int row) const { return m_rows[static_cast<std::size_t>(row)].layer; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
  struct Row {
    int layer = 0;
    QString name;
    LayerPlan from;
    LayerPlan to;
    double size = 0.0;   ///< bytes more
    double damage = 0.0; ///< more; NaN where it is not known
  };
  std::vector<Row> m_rows;
};

/// A scheme in few letters, for cells: "int3 g64 mse"; what is the grammar's default is left out.
QString shortSchemeText(const LayerPlan& plan);

} // namespace halfstep
