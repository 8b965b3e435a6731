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
  /// with the largest change of damage or size first; the last row, where there are any, is the sum.
  void setPlans(const Model& model, const Plan& from, const Plan& to, const SearchSpace* space);
  void clear();
  /// The layer of a row, by its place in the model; −1 for the sum.
  int layerAt(int row) const { return row < layers() ? m_rows[static_cast<std::size_t>(row)].layer : -1; }
  /// How many layers differ.
  int layers() const { return static_cast<int>(m_rows.size()); }

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
  QVariant sumData(int column, int role) const;
  std::vector<Row> m_rows;
  double m_size = 0.0;   ///< sums over the rows
  double m_damage = 0.0; ///< NaN where one of them is
};

/// A scheme in few letters, for cells: "int3 g64 mse"; what is the grammar's default is left out.
QString shortSchemeText(const LayerPlan& plan);

} // namespace halfstep
