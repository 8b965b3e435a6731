#include "widgets/plots/channel_range_plot.h"

#include "core/support/units.h"
#include "widgets/plots/step_fill.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfstep {

namespace {

constexpr int kMostChannelColumns = 512; // more channels than this are joined, keeping their extremes

} // namespace

ChannelRangePlot::ChannelRangePlot(QWidget* parent)
    : Plot(QStringLiteral("channel_ranges"), tr("channel"), tr("weight value"), parent) {
  const auto graph = [this] {
    QCPGraph* made = addGraph();
    made->setLineStyle(QCPGraph::lsStepCenter);
    made->setAntialiased(false);
    made->setAntialiasedFill(false);
    made->setSelectable(QCP::stNone);
    return made;
  };
  m_high = graph();
  m_low = graph();
  m_fill = new StepFill(m_high, m_low);
  m_clipHigh = graph();
  m_clipLow = graph();
  m_current = new QCPItemStraightLine(this);
  m_current->setSelectable(false);
  yAxis->ticker()->setTickCount(3);
  xAxis->setTicker(QSharedPointer<IndexTicker>::create());
  setToolTip(tr("The smallest and largest weight of each channel, and where the clipping range ends.\n"
                "Click a channel to see its levels; arrow keys step through them."));
  setView(nullptr);
  recolor();
}

void ChannelRangePlot::applyColors(const Theme& theme) {
  m_high->setPen(Qt::NoPen);
  m_low->setPen(Qt::NoPen);
  m_fill->setColor(mixed(theme.accent, theme.panel, theme.dark ? 0.35 : 0.27));
  m_clipHigh->setPen(QPen(theme.clipping, 1));
  m_clipLow->setPen(QPen(theme.clipping, 1));
  m_current->setPen(QPen(theme.accent, 1));
}

int ChannelRangePlot::channelCount() const {
  return m_view ? static_cast<int>(m_view->profile->channelRanges.size()) : 0;
}

void ChannelRangePlot::setView(std::shared_ptr<const LayerView> view) {
  const bool otherLayer = !m_view || !view || m_view->layer != view->layer;
  m_view = std::move(view);
  setEmptyText(m_view ? QString() : tr("Nothing to show"));
  rebuild();
  if (otherLayer) {
    showAll();
  } else {
    dataChanged();
  }
}

void ChannelRangePlot::rebuild() {
  QVector<double> keys, high, low, clipHigh, clipLow;
  const int channels = channelCount();
  const int joined = std::max(1, (channels + kMostChannelColumns - 1) / kMostChannelColumns);
  const bool canClip = m_view && formatFacts(m_view->scheme.format).family != FormatFamily::floating;
  for (int first = 0; first < channels; first += joined) {
    ValueRange values = m_view->profile->channelRanges[static_cast<std::size_t>(first)];
    ValueRange clip;
    for (int channel = first; channel < std::min(first + joined, channels); ++channel) {
      const ValueRange& range = m_view->profile->channelRanges[static_cast<std::size_t>(channel)];
      values = {std::min(values.lo, range.lo), std::max(values.hi, range.hi)};
      const auto& clipping = m_view->channelClipping;
      const ValueRange& own = clipping[std::min(static_cast<std::size_t>(channel), clipping.size() - 1)];
      clip = {std::min(clip.lo, own.lo), std::max(clip.hi, own.hi)};
    }
    keys << first + 0.5 * (joined - 1);
    high << static_cast<double>(values.hi);
    low << static_cast<double>(values.lo);
    clipHigh << static_cast<double>(clip.hi);
    clipLow << static_cast<double>(clip.lo);
  }
  if (!keys.isEmpty()) { // the first and the last column in full width
    keys.prepend(-0.5);
    keys.append(channels - 0.5);
    for (QVector<double>* series : {&high, &low, &clipHigh, &clipLow}) {
      series->prepend(series->front());
      series->append(series->back());
    }
  }
  m_high->setData(keys, high, true);
  m_low->setData(keys, low, true);
  m_clipHigh->setData(keys, clipHigh, true);
  m_clipLow->setData(keys, clipLow, true);
  m_clipHigh->setVisible(canClip);
  m_clipLow->setVisible(canClip);
  const bool choosable = channels > 1;
  m_current->setVisible(choosable);
  if (choosable) {
    m_current->point1->setCoords(m_view->channel, 0.0);
    m_current->point2->setCoords(m_view->channel, 1.0);
  }
}

void ChannelRangePlot::fitAxes() {
  if (!m_view) {
    xAxis->setRange(0.0, 1.0);
    yAxis->setRange(-1.0, 1.0);
    return;
  }
  xAxis->setRange(-0.5, std::max(channelCount(), 1) - 0.5);
  double lo = std::min(m_view->profile->moments.min, 0.0);
  double hi = std::max(m_view->profile->moments.max, 0.0);
  if (m_clipHigh->visible()) { // ranges beyond the values show too, but do not shrink them to a line
    const double reach = hi - lo;
    lo = std::min(lo, std::max(static_cast<double>(m_view->clipping.lo), lo - reach));
    hi = std::max(hi, std::min(static_cast<double>(m_view->clipping.hi), hi + reach));
  }
  const double margin = std::max(0.1 * (hi - lo), 1e-12);
  yAxis->setRange(lo - margin, hi + margin);
}

QString ChannelRangePlot::describe(double key, double) const {
  const int channel = static_cast<int>(std::lround(key));
  if (channel < 0 || channel >= channelCount()) {
    return {};
  }
  const auto index = static_cast<std::size_t>(channel);
  const ValueRange& range = m_view->profile->channelRanges[index];
  const ErrorSums& errors = m_view->quantization->channels[index];
  const QString text = tr("channel %1: %2 to %3\nSQNR %4 dB, %5 clipped")
                           .arg(channel)
                           .arg(numberText(range.lo), numberText(range.hi),
                                QString::fromStdString(formatReal(errors.sqnrDb())),
                                QString::fromStdString(formatShare(errors.clippedShare())));
  const auto [scale, zeroPoint] = inTheFile(index);
  return std::isnan(scale) ? text
                           : text + tr("\nin the file: scale %1, zero point %2")
                                        .arg(QString::fromStdString(formatReal(scale)),
                                             QString::fromStdString(formatReal(zeroPoint)));
}

std::pair<double, double> ChannelRangePlot::inTheFile(std::size_t channel) const {
  const StoredFacts* stored = m_view->stored.get();
  const auto at = stored ? stored->scaleOf(channel, static_cast<std::size_t>(channelCount())) : std::nullopt;
  if (!at) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    return {kNone, kNone};
  }
  return {static_cast<double>(stored->scaleValues[*at]),
          *at < stored->zeroPointValues.size() ? static_cast<double>(stored->zeroPointValues[*at]) : 0.0};
}

void ChannelRangePlot::clicked(const QPoint& at) {
  const int channel = static_cast<int>(std::lround(xAxis->pixelToCoord(at.x())));
  if (channel >= 0 && channel < channelCount()) {
    emit channelPicked(channel);
  }
}

bool ChannelRangePlot::stepped(int step) {
  if (m_view) {
    emit channelPicked(std::clamp(m_view->channel + step, 0, std::max(0, channelCount() - 1)));
  }
  return m_view != nullptr;
}

PlotTable ChannelRangePlot::table() const {
  PlotTable table;
  table.headers = QStringList{tr("channel"),   tr("smallest"), tr("largest"), tr("standard deviation"),
                              tr("clip from"), tr("clip to"),  tr("MSE"),     tr("SQNR dB")};
  const bool isStored = channelCount() > 0 && !std::isnan(inTheFile(0).first);
  if (isStored) {
    table.headers << tr("scale in the file") << tr("zero point in the file");
  }
  table.columns.resize(static_cast<std::size_t>(table.headers.size()));
  for (std::size_t i = 0; i < static_cast<std::size_t>(channelCount()); ++i) {
    const ValueRange& clip = m_view->channelClipping[std::min(i, m_view->channelClipping.size() - 1)];
    const ErrorSums& errors = m_view->quantization->channels[i];
    const double row[] = {static_cast<double>(i),
                          static_cast<double>(m_view->profile->channelRanges[i].lo),
                          static_cast<double>(m_view->profile->channelRanges[i].hi),
                          static_cast<double>(m_view->profile->channelStd[i]),
                          static_cast<double>(clip.lo),
                          static_cast<double>(clip.hi),
                          errors.mse(),
                          errors.sqnrDb(),
                          isStored ? inTheFile(i).first : 0.0,
                          isStored ? inTheFile(i).second : 0.0};
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      table.columns[column].push_back(row[column]);
    }
  }
  return table;
}

} // namespace halfstep
