// The sensitivity table: one row per layer, one column per scheme, and a bar for the chosen scheme. UI
// thread.
#pragma once

#include "widgets/viewmodels/network_analysis.h"

#include <QAbstractTableModel>
#include <QSortFilterProxyModel>

namespace halfstep {

class SensitivityModel : public QAbstractTableModel {
  Q_OBJECT

public:
  /// What the figures are: measured at the output, estimated from gradients, or the weights' own error.
  enum class Figure { measured, fisher, weightError };
  enum Role {
    sortRole = Qt::UserRole, ///< the damage, larger for worse; layers without figures last
    shareRole,               ///< scheme columns: place on the colour map, 0…1; nothing without a figure
    barRole,                 ///< bar column: length, 0…1
    barLowRole,              ///< bar column: ends of the interval, 0…1; nothing where there is none
    barHighRole,
    tiedRole, ///< bar column: the samples cannot tell this layer from the one ranked before it
  };

  explicit SensitivityModel(QObject* parent = nullptr);

  void setView(std::shared_ptr<const SweepView> view);
  void setFigure(Figure figure);
  /// Which scheme the bars show.
  void setScheme(int scheme);
  int scheme() const { return m_scheme; }
  Figure figure() const { return m_figure; }
  const std::shared_ptr<const SweepView>& view() const { return m_view; }

  int schemeCount() const;
  int barColumn() const { return schemeCount() + 1; }
  /// The figure of a cell in its own unit; NaN where there is none.
  double value(int layer, int scheme) const;
  /// The figures at which the colours begin (no damage) and end, for the legend; 0, 0 without figures.
  std::pair<double, double> colorEnds() const {
    return betterWhenLarger() ? std::pair(m_most, m_least) : std::pair(colorFloor(), m_most);
  }
  /// Whether there are figures below the first: the colours spread over six decades at most.
  bool hasBelowColors() const { return m_least < colorFloor(); }
  /// "KL divergence of the output, nats"; "relative squared error of the weights".
  QString figureTitle() const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
  double damage(int layer, int scheme) const;
  bool betterWhenLarger() const;
  /// Whether colours go with the figure (decibels and shares), not with its logarithm.
  bool isLinear() const;
  double colorFloor() const;
  double shareOf(int layer, int scheme) const;
  const Estimate& barEstimate(int layer) const;
  QVariant barData(int layer, int role) const;
  QString tooltipOf(int layer, int scheme) const;
  void measureExtent();

  std::shared_ptr<const SweepView> m_view;
  Figure m_figure = Figure::measured;
  int m_scheme = 0;
  double m_least = 0.0;
  double m_most = 0.0;
  double m_barMost = 0.0;
};

/// "0.138", "1.20e−4": a figure in a narrow cell.
QString cellText(double value);
/// "KL divergence", "SQNR": a metric's name for people, and its unit ("nats", "dB"; may be empty).
QString metricTitle(OutputMetric metric);
QString metricUnit(OutputMetric metric);

} // namespace halfstep
