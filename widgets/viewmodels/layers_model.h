// The layers table: one row per layer of the document, in the model's order; and its sorted, filtered view.
// UI thread.
#pragma once

#include "widgets/viewmodels/document.h"
#include "widgets/viewmodels/layer_filter.h"

#include <QAbstractTableModel>
#include <QSortFilterProxyModel>
#include <QTimer>

namespace halfstep {

class LayersModel : public QAbstractTableModel {
  Q_OBJECT

public:
  enum Column {
    layerColumn,
    sizeColumn,
    schemeColumn,
    bitsColumn,
    sqnrColumn,
    sensitivityColumn,
    operatorColumn, ///< unseen: layerColumn's cells show it
    columnCountValue
  };
  enum Role {
    sortRole = Qt::UserRole,
    operatorRole, ///< layerColumn: "Conv 3×3"
    shareRole,    ///< sizeColumn: parameters as a share of the largest layer's, 0…1
    stripRole, ///< sensitivityColumn: places on the colour map, one per scheme of the sweep, 0…1; −1 for none
    judgementRole, ///< sqnrColumn: −1 bad, 0 poor, 1 good; nothing without figures
  };

  explicit LayersModel(Document& document, QObject* parent = nullptr);

  /// What every layer does to the output, by scheme: places on the colour map (as SensitivityModel's
  /// shareRole) and the figures as text; empty for none.
  void setStrips(std::vector<std::vector<double>> shares, std::vector<QString> texts);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  /// Editing the scheme column parses the text; what does not parse changes nothing and is told by
  /// schemeRejected.
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;

signals:
  void schemeRejected(const QString& message);

private:
  QVariant textOf(int row, int column) const;
  QVariant sortValue(int row, int column) const;
  QVariant plainValue(int row, int column) const;
  QString tooltipOf(int row, int column) const;
  void changed(const std::vector<int>& layers);

  Document& m_document;
  std::size_t m_largest = 1;
  std::vector<std::vector<double>> m_strips;
  std::vector<QString> m_stripTexts;
};

class LayersProxyModel : public QSortFilterProxyModel {
  Q_OBJECT

public:
  LayersProxyModel(Document& document, LayersModel& layers, QObject* parent = nullptr);

  /// An error leaves the filter as it was. A row that was judged by its figures stays or stays away until the
  /// next filter, whatever an edit makes of them; one whose figures are to come is judged when they are
  /// there.
  Result<void> setFilterText(const QString& text);
  /// The layers that are shown, in the shown order.
  std::vector<int> shownLayers() const;

signals:
  /// Rows came or went because their figures did.
  void refiltered();

protected:
  bool filterAcceptsRow(int sourceRow, const QModelIndex& sourceParent) const override;

private:
  enum class Verdict : std::uint8_t { open, shown, hidden };

  void judgeAgain();
  void forget();

  Document& m_document;
  LayerFilter m_filter;
  mutable std::vector<Verdict> m_verdicts; ///< of every layer
  QTimer m_judge;                          ///< figures come in by the dozen
};

/// "Conv 3×3", "Gemm", "LSTM": the operator with the kernel's size where it has one.
QString operatorText(const Layer& layer);
/// "good" (≥ 30 dB), "poor" (20…30 dB), "bad" as 1, 0, −1: where the figure lies among those seen in
/// practice, not a promise about the network's output.
int sqnrJudgement(double sqnrDb);

} // namespace halfstep
