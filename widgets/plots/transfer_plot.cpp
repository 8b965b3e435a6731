#include "widgets/plots/transfer_plot.h"

#include <algorithm>

namespace halfstep {

namespace {

constexpr int kPoints = 768;

} // namespace

TransferPlot::TransferPlot(QWidget* parent)
    : Plot(QStringLiteral("transfer_function"), tr("weight value"), tr("dequantized value"), parent) {
  m_identity = addGraph();
  m_transfer = addGraph();
  m_transfer->setAntialiased(false);
  m_identity->setSelectable(QCP::stNone);
  m_transfer->setSelectable(QCP::stNone);
  setView(nullptr);
  recolor();
}

void TransferPlot::applyColors(const Theme& theme) {
  m_identity->setPen(QPen(theme.textQuiet, 1, Qt::DashLine));
  m_transfer->setPen(QPen(theme.accent, 1.5));
}

void TransferPlot::setView(std::shared_ptr<const LayerView> view) {
  m_view = std::move(view);
  QVector<double> keys, values;
  m_identity->data()->clear();
  if (m_view) {
    const Moments& moments = m_view->profile->moments;
    m_reach = std::max({std::abs(moments.min), std::abs(moments.max), 1e-12});
    if (!m_view->channelClipping.empty()) { // what lies beyond the range shows as the flat ends
      const auto channel =
          std::min(static_cast<std::size_t>(m_view->channel), m_view->channelClipping.size() - 1);
      const ValueRange& clip = m_view->channelClipping[channel];
      const double own =
          1.3 * std::max(std::abs(static_cast<double>(clip.lo)), std::abs(static_cast<double>(clip.hi)));
      m_reach = own > 0.0 ? own : m_reach;
    }
    const auto reach = static_cast<float>(m_reach);
    const auto curve =
        transferFunction(m_view->quantization->parameters, m_view->segment, -reach, reach, kPoints);
    for (std::size_t i = 0; i < curve.size(); ++i) {
      keys << -m_reach + 2.0 * m_reach * static_cast<double>(i) / static_cast<double>(curve.size() - 1);
      values << static_cast<double>(curve[i]);
    }
    m_identity->addData(-m_reach, -m_reach);
    m_identity->addData(m_reach, m_reach);
  }
  setEmptyText(m_view ? QString() : tr("Nothing to show"));
  m_transfer->setData(keys, values, true);
  dataChanged();
}

void TransferPlot::fitAxes() {
  xAxis->setRange(-m_reach, m_reach);
  yAxis->setRange(-1.05 * m_reach, 1.05 * m_reach);
}

QString TransferPlot::describe(double key, double) const {
  if (!m_view) {
    return {};
  }
  const auto x = static_cast<float>(key);
  const auto decoded = transferFunction(m_view->quantization->parameters, m_view->segment, x, x, 1);
  return decoded.empty() ? QString()
                         : tr("%1 becomes %2\nerror %3")
                               .arg(numberText(key, 4), numberText(static_cast<double>(decoded[0]), 4),
                                    numberText(static_cast<double>(decoded[0]) - key, 4));
}

PlotTable TransferPlot::table() const {
  PlotTable table;
  table.headers = QStringList{tr("weight value"), tr("dequantized value")};
  table.columns.resize(2);
  for (const QCPGraphData& point : *m_transfer->data()) {
    table.columns[0].push_back(point.key);
    table.columns[1].push_back(point.value);
  }
  return table;
}

} // namespace halfstep
