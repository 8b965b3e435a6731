#include "widgets/viewmodels/latency_model.h"

#include "core/support/units.h"

#include <QStringList>
#include <QVariantList>

#include <algorithm>
#include <cmath>

namespace halfstep {

QString timeText(double seconds) {
  if (std::isnan(seconds)) {
    return QStringLiteral("–");
  }
  const auto text = [](double value, const char* unit) {
    return QString::fromStdString(formatReal(value)) + QChar(0x202f) + QString::fromUtf8(unit);
  };
  if (seconds >= 1.0) {
    return text(seconds, "s");
  }
  return seconds >= 1e-4 ? text(seconds * 1e3, "ms") : text(seconds * 1e6, "µs");
}

void LatencyModel::setLatency(std::shared_ptr<const Latency> latency) {
  beginResetModel();
  m_latency = std::move(latency);
  changed();
  endResetModel();
}

void LatencyModel::setDevice(std::optional<DeviceProfile> device) {
  beginResetModel();
  m_device = std::move(device);
  changed();
  endResetModel();
}

void LatencyModel::changed() {
  m_longest = 0.0;
  for (std::size_t layer = 0; m_latency && layer < m_latency->layers.size(); ++layer) {
    for (const LatencyType type : kLatencyTypes) {
      const double own = seconds(layer, type);
      m_longest = std::isnan(own) ? m_longest : std::max(m_longest, own);
    }
  }
}

double LatencyModel::seconds(std::size_t layer, LatencyType type) const {
  const LayerLatency& own = m_latency->layers[layer];
  if (m_device) {
    const auto estimate = rooflineEstimate(own.shape, *m_device, type);
    return estimate ? estimate->seconds() : std::nan("");
  }
  const auto timing = own.types.find(type);
  return timing != own.types.end() && timing->second.measured() ? timing->second.alone.median : std::nan("");
}

double LatencyModel::total(LatencyType type) const {
  double sum = 0.0;
  for (std::size_t layer = 0; m_latency && layer < m_latency->layers.size(); ++layer) {
    const double own = seconds(layer, type);
    const double instead = std::isnan(own) ? seconds(layer, LatencyType::fp32) : own;
    sum += std::isnan(instead) ? 0.0 : instead * static_cast<double>(m_latency->layers[layer].shape.calls);
  }
  return sum;
}

int LatencyModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() || !m_latency ? 0 : static_cast<int>(m_latency->layers.size());
}

int LatencyModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(columnCountValue);
}

QString LatencyModel::reason(std::size_t layer) const {
  const LayerLatency& own = m_latency->layers[layer];
  if (!own.shape.left.empty()) {
    return tr("not measured: %1").arg(QString::fromStdString(own.shape.left));
  }
  if (m_device) {
    const auto estimate = rooflineEstimate(own.shape, *m_device, LatencyType::fp32);
    if (!estimate) {
      return {};
    }
    switch (estimate->limit()) {
    case RooflineLimit::compute:
      return tr("limited by arithmetic");
    case RooflineLimit::memory:
      return tr("limited by memory");
    case RooflineLimit::overhead:
      return tr("limited by the call itself");
    }
  }
  const auto int8 = own.types.find(LatencyType::int8);
  if (int8 == own.types.end()) {
    return {};
  }
  if (!int8->second.left.empty()) {
    return tr("int8: %1").arg(QString::fromStdString(int8->second.left));
  }
  if (!int8->second.reason.empty()) {
    return tr("int8: %1").arg(QString::fromStdString(int8->second.reason));
  }
  const double fp32 = seconds(layer, LatencyType::fp32);
  const double faster = fp32 / seconds(layer, LatencyType::int8);
  return std::isnan(faster) ? QString()
                            : tr("int8 is %1 × as fast").arg(QString::fromStdString(formatReal(faster, 2)));
}

QString LatencyModel::tooltip(std::size_t layer, int column) const {
  const LayerLatency& own = m_latency->layers[layer];
  QStringList lines = {QString::fromStdString(own.shape.name),
                       tr("%1: %2 → %3, %4 multiplications")
                           .arg(QString::fromStdString(own.shape.op),
                                QString::fromStdString(shapeText(own.shape.input)),
                                QString::fromStdString(shapeText(own.shape.output)),
                                QString::fromStdString(formatShortCount(own.shape.macs)))};
  if (column == static_cast<int>(reasonColumn)) {
    for (const auto& [type, timing] : own.types) {
      if (!timing.reason.empty()) {
        lines << QString::fromUtf8(latencyTypeName(type).data()) + QStringLiteral(": ") +
                     QString::fromStdString(timing.reason);
      }
    }
  } else if (column >= firstTypeColumn && column < static_cast<int>(reasonColumn) && !m_device) {
    const auto timing = own.types.find(kLatencyTypes[static_cast<std::size_t>(column - firstTypeColumn)]);
    if (timing != own.types.end() && timing->second.measured()) {
      const Timing& alone = timing->second.alone;
      lines << tr("half of %1 runs between %2 and %3, fastest %4")
                   .arg(alone.runs)
                   .arg(timeText(alone.lowerQuartile), timeText(alone.upperQuartile), timeText(alone.least))
            << tr("conversions around it %1").arg(timeText(timing->second.around))
            << QString::fromStdString(timing->second.implementation);
    } else if (timing != own.types.end()) {
      lines << QString::fromStdString(timing->second.left);
    }
  }
  return lines.join('\n');
}

QVariant LatencyModel::bars(std::size_t layer) const {
  QVariantList lengths;
  for (const LatencyType type : kLatencyTypes) {
    const double own = seconds(layer, type);
    lengths << (std::isnan(own) || m_longest <= 0.0 ? -1.0 : own / m_longest);
  }
  return lengths;
}

QVariant LatencyModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || !m_latency) {
    return {};
  }
  const auto layer = static_cast<std::size_t>(index.row());
  const int column = index.column();
  const bool isType = column >= firstTypeColumn && column < static_cast<int>(reasonColumn);
  if (role == Qt::ToolTipRole) {
    return tooltip(layer, column);
  }
  if (role == Qt::TextAlignmentRole) {
    return QVariant::fromValue(Qt::AlignVCenter | (isType ? Qt::AlignRight : Qt::AlignLeft));
  }
  if (isType) {
    const LatencyType type = kLatencyTypes[static_cast<std::size_t>(column - firstTypeColumn)];
    const double own = seconds(layer, type);
    if (role == sortRole) {
      return std::isnan(own) ? -1.0 : own;
    }
    if (role == fasterRole) {
      const double faster = seconds(layer, LatencyType::fp32) / own;
      return std::isnan(faster) || type == LatencyType::fp32 ? QVariant() : QVariant(faster);
    }
    return role == Qt::DisplayRole ? QVariant(timeText(own)) : QVariant();
  }
  if (column == barsColumn) {
    const double own = seconds(layer, LatencyType::fp32);
    return role == barsRole ? bars(layer)
                            : (role == sortRole ? QVariant(std::isnan(own) ? -1.0 : own) : QVariant());
  }
  if (role == sortRole && column == layerColumn) {
    return index.row();
  }
  if (role != Qt::DisplayRole && role != sortRole) {
    return {};
  }
  return column == layerColumn ? QString::fromStdString(m_latency->layers[layer].shape.name) : reason(layer);
}

QVariant LatencyModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) {
    return {};
  }
  const bool isType = section >= firstTypeColumn && section < static_cast<int>(reasonColumn);
  if (role == Qt::TextAlignmentRole) {
    return QVariant::fromValue(Qt::AlignVCenter | (isType ? Qt::AlignRight : Qt::AlignLeft));
  }
  if (role != Qt::DisplayRole) {
    return {};
  }
  if (isType) {
    const auto name = latencyTypeName(kLatencyTypes[static_cast<std::size_t>(section - firstTypeColumn)]);
    return QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size()));
  }
  return section == layerColumn ? tr("Layer")
                                : (section == barsColumn ? tr("Time of one call") : tr("What limits it"));
}

} // namespace halfstep
