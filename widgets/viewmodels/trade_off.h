// What the Trade-off page shows: the predicted frontier of a finished sweep, the plan chosen on it, and plans
// that were measured. Solves while the budget moves; measures and improves plans as jobs. Owned by the
// session; UI thread.
#pragma once

#include "core/analysis/plan_finder.h"
#include "core/io/trial_journal.h"
#include "widgets/viewmodels/network_analysis.h"

#include <QObject>

#include <memory>
#include <optional>
#include <vector>

namespace halfstep {

/// A plan that was run, as a point of the plot.
struct TradeOffPoint {
  enum class Kind { frontier, uniform, present, improved };
  Kind kind = Kind::frontier;
  QString name;                                           ///< "all int8"; empty where the place says it
  Quantities totals;                                      ///< predicted and known; NaN where they are not
  Estimate damage;                                        ///< measured, above the float network's own
  std::vector<std::pair<OutputMetric, Estimate>> figures; ///< the others that apply
  Plan plan;
  /// The plan as choices of the space; nothing where it is none of the space's.
  std::optional<std::vector<std::size_t>> choices;
};

/// What can be chosen from. Immutable; shared.
struct TradeOffSpace {
  SearchSpace space;
  PlanQuantity across = PlanQuantity::size;
  std::vector<SearchSolution> frontier; ///< by rising `across`
  SampleOrigin origin;
  std::size_t samples = 0;

  double least = 0.0; ///< the budgets that make sense: from the cheapest plan …
  double most = 0.0;  ///< … to somewhat above the dearest one without float layers

  double cost(const Quantities& totals) const { return totals[static_cast<std::size_t>(across)]; }
};

class TradeOff : public QObject {
  Q_OBJECT

public:
  TradeOff(Document& document, NetworkAnalysis& analysis, JobRunner& runner, QObject* parent = nullptr);

  /// Null until a sweep is finished.
  const std::shared_ptr<const TradeOffSpace>& space() const { return m_space; }
  /// Why there is no space although there is a sweep; empty otherwise.
  const QString& problem() const { return m_problem; }
  const std::vector<TradeOffPoint>& points() const { return m_points; }
  /// The plan at the budget; nothing before there is a space.
  const std::optional<SearchSolution>& chosen() const { return m_chosen; }
  Plan chosenPlan() const;
  /// What was measured of the chosen plan; null if nothing was.
  const TradeOffPoint* chosenPoint() const;
  double budget() const { return m_budget; }
  const std::vector<TieRule>& ties() const { return m_ties; }
  bool measures() const { return m_measureJob != 0; }

  void setAcross(PlanQuantity quantity);
  /// In the unit of the quantity across. Solved anew on the interactive lane, latest wins; then exactly.
  void setBudget(double atMost);
  /// Bits per weight instead: the presets. Only where size is across.
  void setBitsPerWeight(double bits) { setBudget(bits * (m_space ? m_space->space.parameters : 0.0) / 8.0); }
  /// Takes the plan of a measured point, where it is one of the space.
  void choosePoint(int point);
  /// Which rules tie layers; the space is made anew.
  void setTies(const std::vector<TieRule>& rules);

  /// Uniform plans, the present one, and some along the frontier.
  void measurePlans();
  void measureChosen();
  /// Exact search within the budget, then exchanges while the measured damage falls; the result is chosen.
  void improveChosen(std::size_t trials);
  /// The chosen plan becomes the document's: one undo step.
  void apply();
  static QString measureKey() { return QStringLiteral("trade_off"); }

signals:
  void spaceChanged();
  void pointsChanged();
  void chosenChanged();

private:
  void rebuild();
  void choose(SearchSolution solution);
  void solveExactly();
  void startMeasuring(const QString& title,
                      std::function<Result<TradeOffPoint>(PlanTrials&, const JobContext&)> last,
                      std::vector<TradeOffPoint> wanted);
  void addPoint(TradeOffPoint point);
  void noteCancelled();
  SearchProblem limited() const;
  TrialConditions trialConditions() const;
  /// Where the trials are kept; empty: nowhere.
  std::filesystem::path trialFile() const;

  Document& m_document;
  NetworkAnalysis& m_analysis;
  JobRunner& m_runner;
  std::shared_ptr<const SweepView> m_sweep; ///< that the space was made of
  std::shared_ptr<const TradeOffSpace> m_space;
  QString m_problem;
  PlanQuantity m_across = PlanQuantity::size;
  std::vector<TieRule> m_ties;
  double m_budget = 0.0;
  std::optional<SearchSolution> m_chosen;
  std::vector<TradeOffPoint> m_points;
  quint64 m_measureJob = 0;
};

} // namespace halfstep
