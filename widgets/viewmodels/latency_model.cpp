#include "widgets/viewmodels/latency_model.h"

#include "core/analysis/search_space.h"
#include "core/support/units.h"
#include "widgets/viewmodels/table_roles.h"

#include <QVariantList>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halfstep {

namespace {

/// All names, or the first few and how many more there are.
QString shortList(const QStringList& names) {
  constexpr int kMost = 6;
  const QString all = names.mid(0, kMost).join(QStringLiteral(", "));
  const auto more = static_cast<int>(names.size()) - kMost;
  return more > 0 ? LatencyModel::tr("%1 and %n more", nullptr, more).arg(all) : all;
}

QString layersText(int count) {
  return count == 1 ? LatencyModel::tr("1 layer") : LatencyModel::tr("%1 layers").arg(count);
}

/// Whether `later` has what `partial` has, and more.
bool goesOn(const Latency* partial, const Latency* later) {
  return partial != nullptr && later != nullptr && !partial->isComplete() && !partial->layers.empty() &&
         partial->layerCount == later->layerCount && partial->layers.size() <= later->layers.size() &&
         std::equal(partial->layers.begin(), partial->layers.end(), later->layers.begin(),
                    [](const LayerLatency& a, const LayerLatency& b) { return a.shape == b.shape; });
}

} // namespace

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
  if (goesOn(m_latency.get(), latency.get())) {
    const int had = rowCount();
    const auto now = static_cast<int>(latency->layers.size());
    if (now > had) {
      beginInsertRows({}, had, now - 1);
    }
    m_latency = std::move(latency);
    changed();
    if (now > had) {
      endInsertRows();
    }
    emit dataChanged(index(0, 0), index(now - 1, columnCount() - 1)); // the bars have another scale
    return;
  }
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
      m_longest = std::isnan(own) ? m_longest : std::max(m_longest, own + around(layer, type));
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

double LatencyModel::around(std::size_t layer, LatencyType type) const {
  const LayerLatency& own = m_latency->layers[layer];
  const auto timing = own.types.find(type);
  return !m_device && timing != own.types.end() && timing->second.measured() ? timing->second.around : 0.0;
}

LatencySegment LatencyModel::segment(std::size_t layer, LatencyType type) const {
  const auto calls = static_cast<double>(m_latency->layers[layer].shape.calls);
  for (const LatencyType tried : {type, LatencyType::fp32}) {
    if (const double own = seconds(layer, tried); !std::isnan(own)) {
      return {own * calls, tried};
    }
  }
  return {};
}

LatencyStack LatencyModel::finished(LatencyStack stack) const {
  double fp32 = 0.0;
  for (std::size_t layer = 0; m_latency && layer < m_latency->layers.size(); ++layer) {
    fp32 += segment(layer, LatencyType::fp32).seconds;
  }
  const double own = stack.total();
  stack.label = timeText(own);
  const bool isFloat = std::all_of(stack.segments.begin(), stack.segments.end(),
                                   [](const auto& one) { return one.type == LatencyType::fp32; });
  if (own > 0.0 && !isFloat) {
    stack.label += tr(", %1 × as fast").arg(QString::fromStdString(formatReal(fp32 / own, 3)));
  }
  if (own > 0.0 && !m_latency->isComplete()) {
    stack.label += tr(", %1 of %2 layers").arg(m_latency->layers.size()).arg(m_latency->layerCount);
  }
  stack.without = layersWithoutTime();
  if (own > 0.0 && !stack.without.isEmpty()) {
    stack.label += tr(", without %1").arg(layersText(static_cast<int>(stack.without.size())));
  }
  return stack;
}

QStringList LatencyModel::layersWithoutTime() const {
  QStringList names;
  for (std::size_t layer = 0; m_latency && layer < m_latency->layers.size(); ++layer) {
    const LayerShape& shape = m_latency->layers[layer].shape;
    if (shape.calls > 0 && std::isnan(seconds(layer, LatencyType::fp32))) {
      names << QString::fromStdString(shape.name);
    }
  }
  return names;
}

LatencyStack LatencyModel::stack(LatencyType type) const {
  LatencyStack stack{QString::fromUtf8(latencyTypeName(type).data()), {}, {}};
  for (std::size_t layer = 0; m_latency && layer < m_latency->layers.size(); ++layer) {
    stack.segments.push_back(segment(layer, type));
  }
  stack = finished(std::move(stack));
  if (const auto whole = wholeNetwork(type)) {
    stack.label += tr("; whole network %1").arg(timeText(*whole));
  }
  return stack;
}

std::optional<double> LatencyModel::wholeNetwork(LatencyType type) const {
  if (!m_latency || m_device || !m_latency->network) {
    return std::nullopt;
  }
  if (type == LatencyType::fp32) {
    return m_latency->network->median;
  }
  const auto narrow = m_latency->narrowNetworks.find(type);
  return narrow != m_latency->narrowNetworks.end() ? std::optional(narrow->second.timing.median)
                                                   : std::nullopt;
}

LatencyStack LatencyModel::stack(const std::vector<LayerPlan>& plans) const {
  LatencyStack stack{tr("this plan"), {}, {}};
  for (std::size_t layer = 0; m_latency && layer < std::min(plans.size(), m_latency->layers.size());
       ++layer) {
    stack.segments.push_back(segment(layer, latencyTypeOf(plans[layer])));
  }
  stack = finished(std::move(stack));
  const auto hasIntegerWeights = [](const LayerPlan& plan) {
    return formatFacts(plan.weights.format).family == FormatFamily::integer;
  };
  const bool computesInFloat = std::all_of(stack.segments.begin(), stack.segments.end(),
                                           [](const auto& one) { return one.type == LatencyType::fp32; });
  if (computesInFloat && std::any_of(plans.begin(), plans.end(), hasIntegerWeights)) {
    stack.label += tr(": weights alone, arithmetic in float32");
  }
  return stack;
}

QString LatencyModel::whyNotFaster() const {
  const LatencyStack fp32 = stack(LatencyType::fp32);
  const LatencyStack int8 = stack(LatencyType::int8);
  const QStringList& without = fp32.without;
  constexpr double kIdeal = 4.0; // a quarter of the bytes, four times the products per instruction
  if (!m_latency || !(fp32.total() > 0.0)) {
    return {};
  }
  QStringList sentences;
  if (!without.isEmpty()) {
    sentences << tr("Without a time, and counted nowhere: %1.").arg(shortList(without));
  }
  if (const std::string remark = m_device ? std::string() : remarkOnSum(*m_latency); !remark.empty()) {
    sentences << QString::fromStdString(remark) + '.';
  }
  if (m_device || fp32.total() >= kIdeal * int8.total()) {
    return sentences.join(' ');
  }
  int staying = 0;
  double stayingTime = 0.0;
  double conversions = 0.0;
  for (std::size_t layer = 0; layer < int8.segments.size(); ++layer) {
    if (int8.segments[layer].type == LatencyType::fp32 && int8.segments[layer].seconds > 0.0) {
      ++staying;
      stayingTime += int8.segments[layer].seconds;
    }
    conversions +=
        around(layer, LatencyType::int8) * static_cast<double>(m_latency->layers[layer].shape.calls);
  }
  QStringList parts = {tr("Why is int8 not 4 × as fast? Its layers take %1 of float32's time")
                           .arg(QString::fromStdString(formatShare(int8.total() / fp32.total())))};
  if (staying > 0) {
    parts << tr("%1 of it in %2 without an int8 kernel").arg(timeText(stayingTime), layersText(staying));
  }
  if (conversions > 0.0) {
    parts << tr("conversions to and from float32 add up to %1 where the neighbours are not int8 too")
                 .arg(timeText(conversions));
  }
  if (m_latency->network && m_latency->network->median > fp32.total()) {
    const bool isRecurrent =
        std::any_of(m_latency->layers.begin(), m_latency->layers.end(),
                    [](const LayerLatency& layer) { return layer.shape.kind == LayerKind::recurrence; });
    QStringList alsoThere;
    if (!without.isEmpty()) {
      alsoThere << tr("the layers without a time");
    }
    if (isRecurrent) { // see docs/latency.md
      alsoThere << tr("what recurrent layers take beyond oneDNN's kernels");
    }
    const QString outside = timeText(m_latency->network->median - fp32.total());
    parts << (alsoThere.isEmpty() ? tr("%1 of the network lie outside the layers").arg(outside)
                                  : tr("%1 of the network are what lies outside the layers, with %2")
                                        .arg(outside, alsoThere.join(tr(" and "))));
  }
  if (wholeNetwork(LatencyType::int8)) {
    parts << tr("in the whole network, values between the layers are float32");
  }
  sentences.push_front(parts.join(QStringLiteral("; ")) + '.');
  return sentences.join(' ');
}

double LatencyStack::total() const {
  return std::accumulate(segments.begin(), segments.end(), 0.0,
                         [](double sum, const LatencySegment& one) { return sum + one.seconds; });
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
    const bool known = !std::isnan(own) && m_longest > 0.0;
    lengths << (known ? own / m_longest : -1.0) << (known ? around(layer, type) / m_longest : 0.0);
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
    if (role == kPlainRole) {
      return own * 1e3;
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
  if (role != Qt::DisplayRole && (role != kPlainRole || !isType)) {
    return {};
  }
  if (isType) {
    const auto name = latencyTypeName(kLatencyTypes[static_cast<std::size_t>(section - firstTypeColumn)]);
    const QString title = QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size()));
    return role == kPlainRole ? tr("%1, ms").arg(title) : title;
  }
  return section == layerColumn ? tr("Layer")
                                : (section == barsColumn ? tr("Time of one call") : tr("What limits it"));
}

} // namespace halfstep
