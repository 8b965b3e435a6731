#include "widgets/plots/trade_off_plot.h"

#include "core/support/units.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace halfstep {

namespace {

constexpr double kKibibyte = 1024.0;
constexpr double kMebibyte = 1048576.0;
constexpr int kNear = 9; ///< pixels

/// The unit that the axis is in, and its name.
std::pair<double, QString> unitFor(PlanQuantity quantity, double largest) {
  switch (quantity) {
  case PlanQuantity::size:
    return largest < 2.0 * kMebibyte ? std::pair(kKibibyte, TradeOffPlot::tr("size of the weights, KiB"))
                                     : std::pair(kMebibyte, TradeOffPlot::tr("size of the weights, MiB"));
  case PlanQuantity::latency:
    return {1e-3, TradeOffPlot::tr("time of the layers, ms")};
  case PlanQuantity::bops:
    return largest < 1e9 ? std::pair(1e6, TradeOffPlot::tr("bit operations, millions"))
                         : std::pair(1e9, TradeOffPlot::tr("bit operations, billions"));
  case PlanQuantity::damage:
    break;
  }
  return {1.0, QString()};
}

/// Which of the marks a point has: circle, square, diamond, triangle, hollow triangle.
std::size_t seriesOf(const TradeOffPoint& point) {
  if (point.kind == TradeOffPoint::Kind::version) {
    return point.source == TradeOffPoint::Source::predicted ? 4 : 3;
  }
  if (point.kind == TradeOffPoint::Kind::present && point.source == TradeOffPoint::Source::predicted) {
    return 5;
  }
  return point.name.isEmpty() ? 0 : point.kind == TradeOffPoint::Kind::uniform ? 1 : 2;
}

QCPErrorBars* intervalsOf(QCPGraph* graph, QCPAxis* x, QCPAxis* y) {
  auto* bars = new QCPErrorBars(x, y);
  bars->setDataPlottable(graph);
  bars->setSelectable(QCP::stNone);
  bars->setWhiskerWidth(4);
  bars->setAntialiased(false);
  return bars;
}

} // namespace

QString quantityText(PlanQuantity quantity, double value) {
  switch (quantity) {
  case PlanQuantity::size:
    return QString::fromStdString(formatBytes(static_cast<std::int64_t>(value)));
  case PlanQuantity::latency:
    return TradeOffPlot::tr("%1 ms").arg(QString::fromStdString(formatReal(1e3 * value)));
  case PlanQuantity::bops:
    return TradeOffPlot::tr("%1 G bit operations").arg(QString::fromStdString(formatReal(1e-9 * value)));
  case PlanQuantity::damage:
    break;
  }
  return QString::fromStdString(formatReal(value));
}

TradeOffPlot::TradeOffPlot(TradeOff& tradeOff, QWidget* parent)
    : Plot(QStringLiteral("trade_off"), QString(), QString(), parent)
    , m_tradeOff(tradeOff)
    , m_frontier(addGraph())
    , m_measured(addGraph())
    , m_uniform(addGraph())
    , m_present(addGraph())
    , m_versions(addGraph())
    , m_predictedVersions(addGraph())
    , m_predictedPresent(addGraph())
    , m_chosen(addGraph())
    , m_intervals(intervalsOf(m_measured, xAxis, yAxis))
    , m_budget(new QCPItemStraightLine(this))
    , m_chosenText(new QCPItemText(this)) {
  for (QCPGraph* graph : {m_frontier, m_measured, m_uniform, m_present, m_versions, m_predictedVersions,
                          m_predictedPresent, m_chosen}) {
    graph->setSelectable(QCP::stNone);
    if (graph != m_frontier) {
      graph->setLineStyle(QCPGraph::lsNone);
    }
  }
  m_budget->setSelectable(false);
  m_chosenText->setSelectable(false);
  m_chosenText->setPadding(QMargins(9, 1, 9, 3));
  m_chosenText->position->setType(QCPItemPosition::ptPlotCoords);
  setToolTip(tr(
      "Line: the best plans as predicted from the sensitivities of the layers alone.\n"
      "Circles: whole plans that were measured, with their 95 % intervals.\n"
      "Squares: every layer the same. Diamond: the present plan. Triangles: named versions of it. Both are "
      "hollow where nothing was measured of them. Click to set the budget, or on a dot to take that plan."));
  connect(this, &QCustomPlot::afterLayout, this, &TradeOffPlot::placeLabels); // the axes are in their place
  connect(&m_tradeOff, &TradeOff::spaceChanged, this, &TradeOffPlot::showSpace);
  connect(&m_tradeOff, &TradeOff::pointsChanged, this, &TradeOffPlot::showPoints);
  connect(&m_tradeOff, &TradeOff::chosenChanged, this, &TradeOffPlot::showChosen);
  showSpace();
  recolor();
}

QString TradeOffPlot::legendText() const {
  const Theme& colors = theme();
  return tr("<span style='color:%1'>━</span> predicted &nbsp; <span style='color:%2'>○</span> measured, 95 % "
            "interval &nbsp; <span style='color:%3'>■</span> every layer the same &nbsp; "
            "<span style='color:%2'>◆</span> present plan &nbsp; <span style='color:%2'>▲</span> version")
      .arg(colors.accent.name(), colors.text.name(), colors.textQuiet.name());
}

void TradeOffPlot::applyColors(const Theme& theme) {
  m_frontier->setPen(QPen(theme.accent, 2));
  m_measured->setScatterStyle(
      QCPScatterStyle(QCPScatterStyle::ssCircle, QPen(theme.text, 1.6), theme.panel, 9));
  m_uniform->setScatterStyle(
      QCPScatterStyle(QCPScatterStyle::ssSquare, QPen(theme.textQuiet), theme.textQuiet, 7));
  m_present->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDiamond, QPen(theme.text), theme.text, 9));
  m_versions->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssTriangle, QPen(theme.text), theme.text, 9));
  m_predictedVersions->setScatterStyle(
      QCPScatterStyle(QCPScatterStyle::ssTriangle, QPen(theme.text, 1.4), theme.panel, 9));
  m_predictedPresent->setScatterStyle(
      QCPScatterStyle(QCPScatterStyle::ssDiamond, QPen(theme.text, 1.4), theme.panel, 9));
  m_chosen->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, theme.accent, theme.accent, 11));
  m_intervals->setPen(QPen(theme.text, 1));
  m_budget->setPen(QPen(theme.accent, 1, Qt::DashLine));
  m_chosenText->setColor(theme.accent);
  for (const auto& [label, place] : m_labels) {
    label->setColor(theme.textQuiet);
  }
}

void TradeOffPlot::setUp(std::optional<OutputMetric> figure) {
  m_up = figure;
  showSpace();
}

double TradeOffPlot::shown(double value) const {
  return m_up ? value : std::max(value, m_floor);
}

Estimate TradeOffPlot::estimateOf(const TradeOffPoint& point) const {
  if (!m_up) {
    return point.damage;
  }
  const auto found = std::find_if(point.figures.begin(), point.figures.end(),
                                  [&](const auto& figure) { return figure.first == *m_up; });
  return found == point.figures.end() ? Estimate{std::nan(""), std::nan(""), std::nan("")} : found->second;
}

double TradeOffPlot::costOf(const TradeOffPoint& point) const {
  return m_tradeOff.space()->cost(point.totals) / m_unit;
}

void TradeOffPlot::showSpace() {
  const auto& space = m_tradeOff.space();
  QVector<double> keys, values;
  if (space && !space->frontier.empty()) {
    const auto [unit, title] = unitFor(space->across, space->cost(space->frontier.back().totals));
    m_unit = unit;
    const OutputMetric drawn = m_up ? *m_up : space->space.metric;
    const QString metric = metricUnit(drawn).isEmpty()
                               ? metricTitle(drawn)
                               : tr("%1, %2").arg(metricTitle(drawn), metricUnit(drawn));
    const QString kind =
        m_up ? tr("%1 (higher is better)").arg(metric) : tr("%1 (lower is better)").arg(metric);
    setTitles(title, kind);
    m_floor = 0.0;
    for (const SearchSolution& solution : space->frontier) { // the smallest damage that is any
      const double damage = solution.totals[0];
      m_floor = damage > 0.0 && (m_floor == 0.0 || damage < m_floor) ? damage : m_floor;
    }
    m_floor = m_floor > 0.0 ? m_floor / 10.0 : 1e-9;
    for (const SearchSolution& solution : space->frontier) {
      if (!m_up && solution.totals[0] > 0.0) {
        keys << space->cost(solution.totals) / m_unit;
        values << solution.totals[0];
      }
    }
  }
  yAxis->setScaleType(m_up ? QCPAxis::stLinear : QCPAxis::stLogarithmic);
  if (m_up) {
    yAxis->setTicker(QSharedPointer<NumberTicker>::create());
  } else {
    yAxis->setTicker(QSharedPointer<QCPAxisTickerLog>::create());
  }
  m_frontier->setData(keys, values, true);
  setEmptyText(space ? QString() : tr("Measure the sensitivities first"));
  showPoints();
  showChosen();
  showAll();
}

void TradeOffPlot::showPoints() {
  const auto& space = m_tradeOff.space();
  QVector<double> below, above; // of the circles: intervals of all points would cover the plot
  std::array<std::pair<QVector<double>, QVector<double>>, 6> series;
  for (const TradeOffPoint& point : m_tradeOff.points()) {
    const Estimate estimate = estimateOf(point);
    if (!space || std::isnan(estimate.value) || std::isnan(costOf(point))) {
      continue;
    }
    const bool circle = point.name.isEmpty();
    auto& [keys, values] = series[seriesOf(point)];
    const double value = shown(estimate.value);
    keys << costOf(point);
    values << value;
    if (circle) {
      below << (std::isnan(estimate.low) ? 0.0 : value - shown(estimate.low));
      above << (std::isnan(estimate.high) ? 0.0 : shown(estimate.high) - value);
    }
  }
  m_measured->setData(series[0].first, series[0].second);
  m_uniform->setData(series[1].first, series[1].second);
  m_present->setData(series[2].first, series[2].second);
  m_versions->setData(series[3].first, series[3].second);
  m_predictedVersions->setData(series[4].first, series[4].second);
  m_predictedPresent->setData(series[5].first, series[5].second);
  m_intervals->setData(below, above);
  labelPoints();
  dataChanged();
}

void TradeOffPlot::labelPoints() {
  for (const auto& [label, place] : m_labels) {
    removeItem(label);
  }
  m_labels.clear();
  const auto& space = m_tradeOff.space();
  for (const TradeOffPoint& point : m_tradeOff.points()) {
    const Estimate estimate = estimateOf(point);
    if (!space || point.name.isEmpty() || std::isnan(estimate.value) || std::isnan(costOf(point))) {
      continue;
    }
    const QPointF place(costOf(point), shown(estimate.value));
    const auto there = std::find_if(m_labels.begin(), m_labels.end(),
                                    [&](const auto& label) { return label.second == place; });
    if (there != m_labels.end()) { // the same plan under another name
      QCPItemText* shared = there->first;
      if (shared->text() != point.name) {
        shared->setText(shared->text() + QStringLiteral(" · ") + point.name);
      }
      continue;
    }
    auto* label = new QCPItemText(this);
    label->setSelectable(false);
    label->setText(point.name);
    label->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    label->setPadding(QMargins(8, 0, 0, 0));
    label->setColor(theme().textQuiet);
    label->position->setType(QCPItemPosition::ptAbsolute);
    m_labels.emplace_back(label, place);
  }
}

void TradeOffPlot::placeLabels() {
  std::vector<QRectF> taken;
  const QFontMetricsF metrics(font());
  if (m_chosenText->visible()) {
    const QPointF at(xAxis->coordToPixel(m_chosenText->position->coords().x()),
                     yAxis->coordToPixel(m_chosenText->position->coords().y()));
    const double width = metrics.horizontalAdvance(m_chosenText->text()) + 18.0;
    const bool right = m_chosenText->positionAlignment().testFlag(Qt::AlignRight);
    taken.emplace_back(right ? at.x() - width : at.x(), at.y() - metrics.height() - 2.0, width,
                       metrics.height() + 2.0);
  }
  for (const auto& [label, place] : m_labels) {
    const QPointF at(xAxis->coordToPixel(place.x()), yAxis->coordToPixel(place.y()));
    const double width = metrics.horizontalAdvance(label->text()) + 8.0;
    const bool left = at.x() + width > axisRect()->right();
    label->setPadding(left ? QMargins(0, 0, 8, 0) : QMargins(8, 0, 0, 0));
    label->setPositionAlignment((left ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    QRectF box(left ? at.x() - width : at.x(), at.y() - metrics.height() / 2.0, width, metrics.height());
    const double start = box.top();
    for (int step = 1; step < 24; ++step) { // alternately below and above, further and further
      const bool covered =
          std::any_of(taken.begin(), taken.end(), [&](const QRectF& other) { return other.intersects(box); });
      const bool outside = box.top() < axisRect()->top() || box.bottom() > axisRect()->bottom();
      if (!covered && !outside) {
        break;
      }
      const double offset = metrics.height() * ((step + 1) / 2) * 0.5;
      box.moveTop(start + (step % 2 == 1 ? offset : -offset));
    }
    taken.push_back(box);
    label->position->setCoords(at.x(), box.center().y());
  }
}

void TradeOffPlot::showChosen() {
  const auto& space = m_tradeOff.space();
  const auto& chosen = m_tradeOff.chosen();
  const bool any = space && chosen;
  const TradeOffPoint* point = any ? m_tradeOff.chosenPoint() : nullptr;
  const bool drawn = any && (!m_up || point != nullptr);
  m_budget->setVisible(any);
  m_chosenText->setVisible(drawn);
  QVector<double> keys, values;
  if (any) {
    const double cost = space->cost(chosen->totals) / m_unit;
    m_budget->point1->setCoords(cost, 1.0);
    m_budget->point2->setCoords(cost, 2.0);
    if (drawn) {
      const double value = point != nullptr ? estimateOf(*point).value : chosen->totals[0];
      keys << cost;
      values << shown(value);
      m_chosenText->setText(
          (point != nullptr ? tr("chosen: %1, measured %2") : tr("chosen: %1, predicted %2"))
              .arg(quantityText(space->across, space->cost(chosen->totals)), cellText(value)));
      m_chosenText->position->setCoords(cost, shown(value));
      const bool right = cost > xAxis->range().center();
      m_chosenText->setPositionAlignment((right ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignBottom);
    }
  }
  m_chosen->setData(keys, values);
  dataChanged();
}

void TradeOffPlot::fitAxes() {
  bool any = false;
  QCPRange keys(0.0, 1.0);
  QCPRange values(m_up ? 0.0 : 1e-6, 1.0);
  const auto widen = [&](const QCPRange& key, const QCPRange& value) {
    keys = any ? QCPRange(std::min(keys.lower, key.lower), std::max(keys.upper, key.upper)) : key;
    values = any ? QCPRange(std::min(values.lower, value.lower), std::max(values.upper, value.upper)) : value;
    any = true;
  };
  for (const QCPGraph* graph : {m_frontier, m_measured, m_uniform, m_present, m_versions, m_predictedVersions,
                                m_predictedPresent, m_chosen}) {
    bool hasKeys = false;
    bool hasValues = false;
    const QCPRange key = graph->getKeyRange(hasKeys);
    const QCPRange value = graph->getValueRange(hasValues, m_up ? QCP::sdBoth : QCP::sdPositive);
    if (hasKeys && hasValues) {
      widen(key, value);
    }
  }
  if (const auto& space = m_tradeOff.space()) { // the rest of the line, towards float, is a zoom away
    constexpr double kNearlyWithin = 1.3;       // points a little beyond are not cut off
    double most = space->most / m_unit;
    for (const TradeOffPoint& point : m_tradeOff.points()) {
      const double cost = costOf(point);
      most = cost <= kNearlyWithin * space->most / m_unit ? std::max(most, cost) : most;
    }
    keys.upper = std::min(keys.upper, most);
    if (!m_up) {
      bool found = false;
      const QCPRange within = m_frontier->getValueRange(found, QCP::sdPositive, keys);
      values.lower = found ? std::max(values.lower, within.lower / 4.0) : values.lower;
    }
  }
  const double margin = std::max(0.06 * keys.size(), 1e-9);
  xAxis->setRange(std::max(0.0, keys.lower - margin), keys.upper + 2.0 * margin);
  if (m_up) {
    const double space = std::max(0.1 * values.size(), 1e-3);
    yAxis->setRange(values.lower - space, values.upper + space);
  } else {
    yAxis->setRange(values.lower / 2.0, values.upper * 2.0);
  }
}

int TradeOffPlot::pointAt(const QPoint& position) const {
  const auto& points = m_tradeOff.points();
  int nearest = -1;
  double least = kNear;
  for (std::size_t i = 0; i < points.size() && m_tradeOff.space(); ++i) {
    const Estimate estimate = estimateOf(points[i]);
    if (std::isnan(estimate.value) || std::isnan(costOf(points[i]))) {
      continue;
    }
    const QPointF place(xAxis->coordToPixel(costOf(points[i])), yAxis->coordToPixel(shown(estimate.value)));
    const QPointF offset = place - QPointF(position);
    const double distance = std::hypot(offset.x(), offset.y());
    if (distance < least) {
      least = distance;
      nearest = static_cast<int>(i);
    }
  }
  return nearest;
}

QString TradeOffPlot::describe(double key, double value) const {
  const auto& space = m_tradeOff.space();
  if (!space) {
    return {};
  }
  const QPoint place(static_cast<int>(std::lround(xAxis->coordToPixel(key))),
                     static_cast<int>(std::lround(yAxis->coordToPixel(value))));
  if (const int index = pointAt(place); index >= 0) {
    const TradeOffPoint& point = m_tradeOff.points()[static_cast<std::size_t>(index)];
    QStringList lines;
    lines << (point.name.isEmpty() ? tr("measured plan") : point.name)
          << quantityText(space->across, space->cost(point.totals));
    if (!point.origin.isEmpty()) {
      lines << point.origin;
    }
    const auto line = [&](const QString& title, const Estimate& estimate) {
      const QString interval = std::isnan(estimate.low)
                                   ? QString()
                                   : tr(" (%1 to %2)").arg(cellText(estimate.low), cellText(estimate.high));
      return title + ' ' + cellText(estimate.value) + interval;
    };
    lines << line(metricTitle(space->space.metric), point.damage);
    for (const auto& [metric, estimate] : point.figures) {
      if (metric != space->space.metric) {
        lines << line(metricTitle(metric), estimate);
      }
    }
    return lines.join('\n');
  }
  for (const SearchSolution& solution : space->frontier) {
    if (!m_up && space->cost(solution.totals) / m_unit >= key) {
      return tr("%1\npredicted %2")
          .arg(quantityText(space->across, space->cost(solution.totals)), cellText(solution.totals[0]));
    }
  }
  return {};
}

void TradeOffPlot::clicked(const QPoint& at) {
  if (!m_tradeOff.space()) {
    return;
  }
  if (const int point = pointAt(at); point >= 0) {
    emit pointPicked(point);
  } else {
    emit budgetPicked(xAxis->pixelToCoord(at.x()) * m_unit);
  }
}

PlotTable TradeOffPlot::table() const {
  PlotTable table;
  table.headers = QStringList{tr("predicted: cost"), tr("damage"), tr("measured: cost"),
                              tr("value"),           tr("from"),   tr("to")};
  table.columns.resize(6);
  const auto& space = m_tradeOff.space();
  if (!space) {
    return table;
  }
  for (const SearchSolution& solution : space->frontier) {
    table.columns[0].push_back(space->cost(solution.totals));
    table.columns[1].push_back(solution.totals[0]);
  }
  for (const TradeOffPoint& point : m_tradeOff.points()) {
    if (point.source == TradeOffPoint::Source::predicted) {
      continue;
    }
    const Estimate estimate = estimateOf(point);
    table.columns[2].push_back(space->cost(point.totals));
    table.columns[3].push_back(estimate.value);
    table.columns[4].push_back(estimate.low);
    table.columns[5].push_back(estimate.high);
  }
  return table;
}

} // namespace halfstep
