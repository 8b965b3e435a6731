#include "widgets/plots/range_band_plot.h"

#include "widgets/plots/step_fill.h"

#include <algorithm>

namespace halfstep {

namespace {

constexpr std::size_t kMostBandColumns = 512; // more entries than this are joined, keeping their extremes

} // namespace

RangeBandPlot::RangeBandPlot(const QString& name, const QString& keyTitle, QWidget* parent)
    : Plot(name, keyTitle, tr("value"), parent)
    , m_keyTitle(keyTitle)
    , m_high(addGraph())
    , m_low(addGraph())
    , m_fill(nullptr)
    , m_clipHigh(new QCPItemStraightLine(this))
    , m_clipLow(new QCPItemStraightLine(this))
    , m_marker(new QCPItemStraightLine(this)) {
  for (QCPGraph* graph : {m_high, m_low}) {
    graph->setLineStyle(QCPGraph::lsStepCenter);
    graph->setAntialiased(false);
    graph->setSelectable(QCP::stNone);
  }
  m_fill = new StepFill(m_high, m_low);
  yAxis->ticker()->setTickCount(3);
  xAxis->setTicker(QSharedPointer<IndexTicker>::create());
  m_marker->setSelectable(false);
  m_marker->setVisible(false);
  setEmptyText(tr("Nothing to show"));
  showAll();
  recolor();
}

void RangeBandPlot::applyColors(const Theme& theme) {
  m_high->setPen(Qt::NoPen);
  m_low->setPen(Qt::NoPen);
  m_fill->setColor(mixed(theme.accent, theme.panel, theme.dark ? 0.45 : 0.35));
  m_clipHigh->setPen(QPen(theme.clipping, 1));
  m_clipLow->setPen(QPen(theme.clipping, 1));
  m_marker->setPen(QPen(theme.text, 1.2));
}

void RangeBandPlot::setRanges(std::vector<ValueRange> ranges, ValueRange clip,
                              std::function<QString(std::size_t)> nameOf) {
  const bool others = m_ranges != ranges;
  m_ranges = std::move(ranges);
  m_clip = clip;
  m_nameOf = std::move(nameOf);
  QVector<double> keys, high, low;
  const std::size_t joined =
      std::max<std::size_t>(1, (m_ranges.size() + kMostBandColumns - 1) / kMostBandColumns);
  for (std::size_t first = 0; first < m_ranges.size(); first += joined) {
    ValueRange together = m_ranges[first];
    for (std::size_t i = first; i < std::min(first + joined, m_ranges.size()); ++i) {
      together = {std::min(together.lo, m_ranges[i].lo), std::max(together.hi, m_ranges[i].hi)};
    }
    keys << static_cast<double>(first) + 0.5 * static_cast<double>(joined - 1);
    high << static_cast<double>(together.hi);
    low << static_cast<double>(together.lo);
  }
  if (!keys.isEmpty()) { // the first and the last column in full width
    keys.prepend(-0.5);
    keys.append(static_cast<double>(m_ranges.size()) - 0.5);
    for (QVector<double>* series : {&high, &low}) {
      series->prepend(series->front());
      series->append(series->back());
    }
  }
  m_high->setData(keys, high, true);
  m_low->setData(keys, low, true);
  const bool clips = m_clip.lo < m_clip.hi;
  for (const auto& [line, value] : {std::pair(m_clipLow, m_clip.lo), std::pair(m_clipHigh, m_clip.hi)}) {
    line->setVisible(clips);
    line->setSelectable(false);
    line->point1->setCoords(0.0, static_cast<double>(value));
    line->point2->setCoords(1.0, static_cast<double>(value));
  }
  setEmptyText(m_ranges.empty() ? tr("Nothing to show") : QString());
  if (others) {
    showAll();
  } else {
    dataChanged();
  }
}

void RangeBandPlot::setCurrent(int index) {
  m_current = index;
  m_marker->setVisible(index >= 0);
  m_marker->point1->setCoords(index, 0.0);
  m_marker->point2->setCoords(index, 1.0);
  replot(QCustomPlot::rpQueuedReplot);
}

void RangeBandPlot::clicked(const QPoint& at) {
  const int index = static_cast<int>(std::lround(xAxis->pixelToCoord(at.x())));
  if (index >= 0 && index < static_cast<int>(m_ranges.size())) {
    emit picked(index);
  }
}

bool RangeBandPlot::stepped(int step) {
  if (m_current < 0 || m_ranges.empty()) {
    return false;
  }
  emit picked(std::clamp(m_current + step, 0, static_cast<int>(m_ranges.size()) - 1));
  return true;
}

void RangeBandPlot::fitAxes() {
  xAxis->setRange(-0.5, std::max(static_cast<double>(m_ranges.size()), 1.0) - 0.5);
  double lo = std::min(0.0, static_cast<double>(m_clip.lo));
  double hi = std::max(0.0, static_cast<double>(m_clip.hi));
  for (const ValueRange& range : m_ranges) {
    lo = std::min(lo, static_cast<double>(range.lo));
    hi = std::max(hi, static_cast<double>(range.hi));
  }
  const double margin = std::max(0.1 * (hi - lo), 1e-12);
  yAxis->setRange(lo - margin, hi + margin);
}

QString RangeBandPlot::describe(double key, double) const {
  const long index = std::lround(key);
  if (index < 0 || index >= static_cast<long>(m_ranges.size())) {
    return {};
  }
  const auto entry = static_cast<std::size_t>(index);
  const QString name = m_nameOf ? m_nameOf(entry) : QStringLiteral("%1 %2").arg(m_keyTitle).arg(index);
  return tr("%1: %2 to %3").arg(name, numberText(m_ranges[entry].lo), numberText(m_ranges[entry].hi));
}

PlotTable RangeBandPlot::table() const {
  PlotTable table;
  table.headers = QStringList{m_keyTitle, tr("smallest"), tr("largest")};
  table.columns.resize(3);
  for (std::size_t i = 0; i < m_ranges.size(); ++i) {
    table.columns[0].push_back(static_cast<double>(i));
    table.columns[1].push_back(static_cast<double>(m_ranges[i].lo));
    table.columns[2].push_back(static_cast<double>(m_ranges[i].hi));
  }
  return table;
}

} // namespace halfstep
