#include "widgets/viewmodels/plan_versions.h"

#include "core/quant/scheme_grammar.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <QCoreApplication>
#include <QLocale>

#include <algorithm>
#include <cmath>
#include <map>

namespace halfstep {

namespace {

QString translated(const char* text) {
  return QCoreApplication::translate("halfstep::PlanVersions", text);
}

/// Nothing for a figure that is not finite: files do not hold those.
std::optional<PlanFigure> figureOf(OutputMetric metric, const Estimate& estimate) {
  if (!std::isfinite(estimate.value)) {
    return {};
  }
  PlanFigure figure{std::string(metricName(metric)), estimate.value, {}, {}};
  if (std::isfinite(estimate.low) && std::isfinite(estimate.high)) {
    figure.low = estimate.low;
    figure.high = estimate.high;
  }
  return figure;
}

PlanFigures figuresOf(const SampleOrigin& origin, std::size_t samples,
                      const std::vector<std::pair<OutputMetric, Estimate>>& estimates) {
  PlanFigures figures{origin.description, origin.synthetic, samples, {}, {}};
  for (const auto& [metric, estimate] : estimates) {
    if (auto figure = figureOf(metric, estimate)) {
      figures.figures.push_back(std::move(*figure));
    }
  }
  return figures;
}

bool samePlan(const Document& document, const Plan& a, const Plan& b) {
  for (int i = 0; i < document.layerCount(); ++i) {
    const std::string& name = document.layer(i).name;
    if (a.forLayer(name) != b.forLayer(name)) {
      return false;
    }
  }
  return true;
}

} // namespace

QString proposedVersionName(const Document& document) {
  std::map<std::string, std::int64_t> weights; // by number format
  bool uniform = true;
  for (int i = 0; i < document.layerCount(); ++i) {
    uniform = uniform && document.layerPlan(i) == document.layerPlan(0);
    const auto count = static_cast<std::int64_t>(document.layer(i).weight.count());
    weights[std::string(formatFacts(document.scheme(i).format).name)] += count;
  }
  if (weights.empty()) {
    return translated("version");
  }
  const auto most = std::max_element(weights.begin(), weights.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  const QString base = uniform ? QString::fromStdString(printLayerPlan(document.layerPlan(0)))
                               : translated("%1 body").arg(QString::fromStdString(most->first));
  QString name = base;
  for (int number = 2; document.findVersion(name) != nullptr; ++number) {
    name = QStringLiteral("%1 %2").arg(base).arg(number);
  }
  return name;
}

std::optional<PlanFigures> knownFigures(const Plan& plan, const Document& document,
                                        const NetworkAnalysis& analysis, const TradeOff& tradeOff) {
  const auto& errors = analysis.errors();
  if (errors && !errors->running && errors->evaluation && samePlan(document, plan, errors->plan)) {
    const Evaluation& evaluation = *errors->evaluation;
    PlanFigures figures = figuresOf(evaluation.origin, evaluation.samples.size(), errors->output);
    figures.damage = figureOf(evaluation.standard, errors->damage);
    return figures;
  }
  const TradeOffPoint* point = tradeOff.measuredPoint(plan);
  if (point == nullptr) {
    return {};
  }
  const TradeOffSpace& space = *tradeOff.space();
  PlanFigures figures = figuresOf(space.origin, space.samples, point->figures);
  figures.damage = figureOf(space.space.metric, point->damage);
  return figures;
}

std::int64_t plannedBytes(const Model& model, const Plan& plan) {
  double bytes = 0.0;
  for (const Layer& layer : model.layers) {
    bytes += plannedBytes(layer, plan.forLayer(layer.name).weights);
  }
  return static_cast<std::int64_t>(bytes);
}

PlanVersion presentVersion(const QString& name, const QString& note, const QDateTime& now,
                           const Document& document, const NetworkAnalysis& analysis,
                           const TradeOff& tradeOff) {
  Plan plan = document.plan();
  PlanVersion version;
  version.name = name.toStdString();
  version.note = note.toStdString();
  version.date = now.toUTC().toString(Qt::ISODate).toStdString();
  version.bytes = plannedBytes(*document.model(), plan);
  version.measured = knownFigures(plan, document, analysis, tradeOff);
  version.fallback = plan.fallback;
  version.layers = std::move(plan.layers);
  return version;
}

QString planFigureText(const PlanFigures& figures) {
  const PlanFigure* figure = figures.damage            ? &*figures.damage
                             : figures.figures.empty() ? nullptr
                                                       : &figures.figures.front();
  if (figure == nullptr) {
    return {};
  }
  const auto metric = metricFromName(figure->metric);
  const QString title = metric ? metricTitle(*metric) : QString::fromStdString(figure->metric);
  const QString value = title + ' ' + cellText(figure->value);
  return figure->low && figure->high
             ? translated("%1 (%2 to %3)").arg(value, cellText(*figure->low), cellText(*figure->high))
             : value;
}

QString planOriginText(const PlanFigures& figures) {
  const QString text = translated("%1 of %2").arg(figures.samples).arg(QString::fromStdString(figures.data));
  // The samples that the program draws say so themselves.
  const bool said = figures.data.find("random") != std::string::npos;
  return figures.synthetic && !said ? translated("%1, drawn at random").arg(text) : text;
}

QString keptText(const PlanVersion& version) {
  const QString written = QString::fromStdString(version.date);
  const QDateTime date = QDateTime::fromString(written, Qt::ISODate);
  return date.isValid() ? QLocale().toString(date.toLocalTime(), QStringLiteral("yyyy-MM-dd hh:mm"))
                        : written;
}

} // namespace halfstep
