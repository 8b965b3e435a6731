// The table of the Latency page: one row per layer, the time in each type, measured here or estimated for
// another device. UI thread.
#pragma once

#include "core/analysis/latency.h"

#include <QAbstractTableModel>
#include <QString>

#include <memory>
#include <vector>

namespace halfstep {

class LatencyModel : public QAbstractTableModel {
  Q_OBJECT

public:
  enum Column {
    layerColumn,
    barsColumn,
    firstTypeColumn,
    reasonColumn = firstTypeColumn + kLatencyTypes.size(),
    columnCountValue
  };
  enum Role {
    sortRole = Qt::UserRole,
    barsRole,   ///< bars column: a list of lengths 0…1, one per type, negative where there is none
    fasterRole, ///< type columns: how many times as fast as fp32; nothing where it is not known
  };

  using QAbstractTableModel::QAbstractTableModel;
  void setLatency(std::shared_ptr<const Latency> latency);
  /// Estimates for this device instead of what was measured; nothing for measured times.
  void setDevice(std::optional<DeviceProfile> device);
  const std::shared_ptr<const Latency>& latency() const { return m_latency; }
  bool isEstimate() const { return m_device.has_value(); }

  /// Seconds of one call; NaN where there are none.
  double seconds(std::size_t layer, LatencyType type) const;
  /// Of all layers; those without a time in `type` count in fp32.
  double total(LatencyType type) const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
  QString reason(std::size_t layer) const;
  QString tooltip(std::size_t layer, int column) const;
  QVariant bars(std::size_t layer) const;
  void changed();

  std::shared_ptr<const Latency> m_latency;
  std::optional<DeviceProfile> m_device;
  double m_longest = 0.0;
};

/// "0.138 ms", "2.10 µs".
QString timeText(double seconds);

} // namespace halfstep
