#include "widgets/plots/clipping_curve_plot.h"

#include <algorithm>
#include <limits>

namespace halfstep {

ClippingCurvePlot::ClippingCurvePlot(QWidget* parent)
    : Plot(QStringLiteral("clipping_curve"), tr("clipping range / min–max"), tr("mean squared error"),
           parent) {
  const auto graph = [this](const QString& name) {
    QCPGraph* made = addGraph();
    made->setName(name);
    made->setSelectable(QCP::stNone);
    return made;
  };
  m_rounding = graph(tr("rounding"));
  m_clipping = graph(tr("clipping"));
  m_total = graph(tr("total"));
  m_marks = graph(tr("estimators"));
  m_best = graph(tr("optimum"));
  m_marks->setLineStyle(QCPGraph::lsNone);
  m_best->setLineStyle(QCPGraph::lsNone);
  yAxis->setScaleType(QCPAxis::stLogarithmic);
  yAxis->setTicker(QSharedPointer<QCPAxisTickerLog>(new QCPAxisTickerLog));
  yAxis->setNumberFormat(QStringLiteral("eb"));
  yAxis->setNumberPrecision(0);
  setToolTip(
      tr("Narrowing the range makes the steps smaller (less rounding error) and cuts off more values\n"
         "(more clipping error). The circles show each range estimator's own ranges (mean width) and error:\n"
         "it may do better than the curve, which narrows all ranges alike."));
  // Rows of labels are as high as their text, whatever the size that the layout gives the plot.
  connect(this, &QCustomPlot::afterLayout, this, &ClippingCurvePlot::placeMarks);
  setCurve(nullptr);
  recolor();
}

void ClippingCurvePlot::applyColors(const Theme& theme) {
  m_rounding->setPen(QPen(theme.accent, 1.5));
  m_clipping->setPen(QPen(theme.clipping, 1.5));
  m_total->setPen(QPen(theme.text, 1.5));
  m_marks->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssCircle, theme.text, theme.panel, 6));
  m_best->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDiamond, theme.good, theme.good, 9));
  for (QCPItemText* label : m_labels) {
    label->setColor(theme.textQuiet);
    label->setFont(xAxis->tickLabelFont());
  }
}

void ClippingCurvePlot::setCurve(std::shared_ptr<const ClippingCurve> curve) {
  m_curve = std::move(curve);
  QVector<double> keys, rounding, clipping, total;
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN(); // a gap: log axes have no zero
  if (m_curve) {
    for (std::size_t i = 0; i < m_curve->ratio.size(); ++i) {
      const double sum = m_curve->rounding[i] + m_curve->clipping[i];
      keys << m_curve->ratio[i];
      rounding << (m_curve->rounding[i] > 0.0 ? m_curve->rounding[i] : kNothing);
      clipping << (m_curve->clipping[i] > 0.0 ? m_curve->clipping[i] : kNothing);
      total << (sum > 0.0 ? sum : kNothing);
    }
  }
  const bool drawable = std::any_of(total.begin(), total.end(), [](double value) { return value > 0.0; });
  setEmptyText(drawable ? QString() : tr("No clipping range"));
  m_rounding->setData(keys, rounding, true);
  m_clipping->setData(keys, clipping, true);
  m_total->setData(keys, total, true);
  m_best->data()->clear();
  m_marks->data()->clear();
  if (drawable) {
    m_best->addData(keys[static_cast<int>(m_curve->best)], total[static_cast<int>(m_curve->best)]);
  }
  for (QCPItemText* label : m_labels) {
    removeItem(label);
  }
  m_labels.clear();
  if (drawable) {
    for (const ClippingCurve::Mark& mark : m_curve->marks) {
      if (mark.mse > 0.0) {
        m_marks->addData(mark.ratio, mark.mse);
      }
      auto* label = new QCPItemText(this);
      label->setText(QString::fromStdString(mark.estimator));
      label->setSelectable(false);
      label->setClipToAxisRect(false);
      label->position->setTypeX(QCPItemPosition::ptPlotCoords);
      label->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
      label->setColor(theme().textQuiet);
      label->setFont(xAxis->tickLabelFont());
      m_labels.push_back(label);
    }
  }
  dataChanged();
}

QString ClippingCurvePlot::legendText() const {
  const auto word = [](const QString& text, const QColor& color) {
    return QStringLiteral("<span style='color:%1'>%2</span>").arg(color.name(), text);
  };
  return tr("Error: %1, %2, %3")
      .arg(word(tr("rounding"), theme().accent), word(tr("clipping"), theme().clipping),
           word(tr("total"), theme().text));
}

void ClippingCurvePlot::placeMarks() {
  // Labels in rows at the top: each in the first row where it does not touch the one before it.
  const QFontMetrics metrics(xAxis->tickLabelFont());
  const double rowHeight =
      axisRect()->height() > 0 ? static_cast<double>(metrics.height()) / axisRect()->height() : 0.1;
  std::vector<std::size_t> order(m_labels.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return m_curve->marks[a].ratio < m_curve->marks[b].ratio; });
  std::vector<double> rowEnd;
  for (const std::size_t i : order) {
    const double half = metrics.horizontalAdvance(m_labels[i]->text()) / 2.0 + 3.0;
    double center = xAxis->coordToPixel(m_curve->marks[i].ratio);
    center = std::min(center, static_cast<double>(axisRect()->right()) - half + 6.0);
    std::size_t row = 0;
    while (row < rowEnd.size() && center - half < rowEnd[row]) {
      ++row;
    }
    if (row == rowEnd.size()) {
      rowEnd.push_back(0.0);
    }
    rowEnd[row] = center + half;
    m_labels[i]->setPositionAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_labels[i]->position->setCoords(xAxis->pixelToCoord(center), static_cast<double>(row) * rowHeight);
  }
}

void ClippingCurvePlot::fitAxes() {
  // From where the total is a few hundred times the optimum: narrower ranges are nobody's choice and would
  // flatten the part that matters.
  constexpr double kFar = 500.0;
  double least = std::numeric_limits<double>::infinity();
  for (const QCPGraphData& point : *m_total->data()) {
    least = point.value > 0.0 ? std::min(least, point.value) : least;
  }
  double most = 0.0;
  double first = 1.0;
  for (const QCPGraphData& point : *m_total->data()) {
    if (point.value > 0.0 && point.value <= kFar * least) {
      most = std::max(most, point.value);
      first = std::min(first, point.key);
    }
  }
  if (!(most > 0.0)) {
    xAxis->setRange(0.0, 1.0);
    yAxis->setRange(1e-6, 1.0);
    return;
  }
  xAxis->setRange(std::min(first, 0.9), 1.0 + 0.04 * (1.0 - std::min(first, 0.9)));
  // Head room for the labels; the error parts far below the optimum do not matter.
  yAxis->setRange(least / 10.0, most * std::pow(10.0 * most / least, 0.35) * 3.0);
}

QString ClippingCurvePlot::describe(double key, double) const {
  if (!m_curve || m_curve->ratio.empty() || key > 1.0 || key < m_curve->ratio.front()) {
    return {};
  }
  const auto after = std::lower_bound(m_curve->ratio.begin(), m_curve->ratio.end(), key);
  const auto i = static_cast<std::size_t>(after - m_curve->ratio.begin());
  QString text =
      tr("range × %1: MSE %2\nrounding %3, clipping %4")
          .arg(numberText(m_curve->ratio[i]), numberText(m_curve->rounding[i] + m_curve->clipping[i]),
               numberText(m_curve->rounding[i]), numberText(m_curve->clipping[i]));
  for (const ClippingCurve::Mark& mark : m_curve->marks) {
    text += tr("\n%1: × %2, MSE %3")
                .arg(QString::fromStdString(mark.estimator), numberText(mark.ratio), numberText(mark.mse));
  }
  return text;
}

PlotTable ClippingCurvePlot::table() const {
  PlotTable table;
  table.headers = QStringList{tr("clipping range / min–max"), tr("rounding MSE"), tr("clipping MSE")};
  if (m_curve) {
    table.columns = {m_curve->ratio, m_curve->rounding, m_curve->clipping};
    if (!m_curve->ratio.empty()) { // the marks, a column of one value each
      table.headers << tr("optimum");
      table.columns.push_back({m_curve->ratio[m_curve->best]});
    }
    for (const ClippingCurve::Mark& mark : m_curve->marks) {
      table.headers << QString::fromStdString(mark.estimator);
      table.columns.push_back({mark.ratio});
    }
  }
  return table;
}

} // namespace halfstep
