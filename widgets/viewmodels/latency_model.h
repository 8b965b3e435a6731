// The table of the Latency page: one row per layer, the time in each type, measured here or estimated for
// another device. UI thread.
#pragma once

#include "core/analysis/latency.h"
#include "core/quant/plan.h"

#include <QAbstractTableModel>
#include <QString>
#include <QStringList>

#include <memory>
#include <vector>

namespace halfstep {

/// One layer's share of a stacked bar: seconds of all its calls, and the type it is counted in (float32 where
/// the bar's type has no kernel for it; 0 seconds where it was not measured at all).
struct LatencySegment {
  double seconds = 0.0;
  LatencyType type = LatencyType::fp32;
};

/// The layers of the whole network in one type, or as a plan has them.
struct LatencyStack {
  QString name;
  QString label;       ///< total, how it compares with float32, and how many layers have no time
  QStringList without; ///< the names of those
  std::vector<LatencySegment> segments;
  double total() const;
};

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
    barsRole,   ///< bars column: two lengths 0…1 per type, its own and the conversions'; negative if none
    fasterRole, ///< type columns: how many times as fast as fp32; nothing where it is not known
  };

  using QAbstractTableModel::QAbstractTableModel;
  /// More layers of a measurement that was set before are added as rows.
  void setLatency(std::shared_ptr<const Latency> latency);
  /// Estimates for this device instead of what was measured; nothing for measured times.
  void setDevice(std::optional<DeviceProfile> device);
  const std::shared_ptr<const Latency>& latency() const { return m_latency; }
  bool isEstimate() const { return m_device.has_value(); }

  /// Seconds of one call; NaN where there are none.
  double seconds(std::size_t layer, LatencyType type) const;
  /// Seconds of converting the layer's input and output from and to float32 when it stands alone; 0 where
  /// that is not known.
  double around(std::size_t layer, LatencyType type) const;
  /// All layers in `type`; those without a time in it count in fp32.
  LatencyStack stack(LatencyType type) const;
  /// Seconds that the whole network takes with its layers in `type`; nothing where that was not measured.
  std::optional<double> wholeNetwork(LatencyType type) const;
  /// The same as `plans` have them, one per layer; see latencyTypeOf(). Empty where nothing was measured.
  LatencyStack stack(const std::vector<LayerPlan>& plans) const;
  /// What keeps int8 from being four times as fast, and which layers have no time and so count nowhere:
  /// sentences for people; empty where it is that fast and all have one.
  QString whyNotFaster() const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
  QString reason(std::size_t layer) const;
  QString tooltip(std::size_t layer, int column) const;
  QVariant bars(std::size_t layer) const;
  LatencySegment segment(std::size_t layer, LatencyType type) const;
  LatencyStack finished(LatencyStack stack) const;
  QStringList layersWithoutTime() const;
  void changed();

  std::shared_ptr<const Latency> m_latency;
  std::optional<DeviceProfile> m_device;
  double m_longest = 0.0;
};

/// "0.138 ms", "2.10 µs".
QString timeText(double seconds);

} // namespace halfstep
