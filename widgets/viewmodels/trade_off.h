// What the Trade-off page shows: the predicted frontier of a finished sweep, the plan chosen on it, and plans
// that were measured. Solves while the budget moves; measures and improves plans as jobs. Owned by the
// session; UI thread.
#pragma once

#include "core/io/trial_journal.h"
#include "widgets/viewmodels/network_analysis.h"
#include "widgets/viewmodels/trade_off_points.h"

#include <QObject>
#include <QTimer>

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace halfstep {

/// What every plan that is found keeps to.
struct SearchRules {
  std::vector<TieRule> ties;                  ///< layers found in the graph that share a scheme
  std::vector<std::vector<std::string>> tied; ///< the same, named by the person
  std::map<std::string, LayerPlan> pinned;    ///< layers that keep a scheme
  bool operator==(const SearchRules&) const = default;
};

class TradeOff : public QObject {
  Q_OBJECT

public:
  TradeOff(Document& document, NetworkAnalysis& analysis, JobRunner& runner, QObject* parent = nullptr);

  /// Null until a sweep is finished.
  const std::shared_ptr<const TradeOffSpace>& space() const { return m_space; }
  /// Why there is no space although there is a sweep; empty otherwise.
  const QString& problem() const { return m_problem; }
  /// What was measured, and the named versions of the plan with what is known of them.
  const std::vector<TradeOffPoint>& points() const { return m_points; }
  /// What was measured of a plan in this space; null if nothing was.
  const TradeOffPoint* measuredPoint(const Plan& plan) const;
  /// The plan at the budget; nothing before there is a space.
  const std::optional<SearchSolution>& chosen() const { return m_chosen; }
  Plan chosenPlan() const;
  /// What was measured of the chosen plan; null if nothing was.
  const TradeOffPoint* chosenPoint() const;
  double budget() const { return m_budget; }
  const SearchRules& rules() const { return m_rules; }
  bool measures() const { return m_measureJob != 0; }

  void setAcross(PlanQuantity quantity);
  /// In the unit of the quantity across. Solved anew on the interactive lane, latest wins; then exactly.
  void setBudget(double atMost);
  /// Bits per weight instead: the presets. Only where size is across.
  void setBitsPerWeight(double bits) { setBudget(bits * (m_space ? m_space->space.parameters : 0.0) / 8.0); }
  /// Takes the plan of a measured point, where it is one of the space.
  void choosePoint(int point);
  /// The space is made anew.
  void setRules(SearchRules rules);

  /// Uniform plans, the present one, the named versions, and some along the frontier.
  void measurePlans();
  /// Any plan; `name` as TradeOffPoint's.
  void measurePlan(Plan plan, TradeOffPoint::Kind kind = TradeOffPoint::Kind::frontier,
                   const QString& name = {});
  /// Exact search within the budget, then exchanges while the measured damage falls; the result is chosen.
  void improveChosen(std::size_t trials);
  static QString measureKey() { return QStringLiteral("trade_off"); }

signals:
  void spaceChanged();
  void pointsChanged();
  void chosenChanged();
  void rulesChanged();

private:
  void rebuild();
  void choose(SearchSolution solution);
  void solveExactly();
  void startMeasuring(const QString& title,
                      std::function<Result<TradeOffPoint>(PlanTrials&, const JobContext&)> last,
                      std::vector<TradeOffPoint> wanted);
  void addPoint(TradeOffPoint point);
  void collectPoints();
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
  SearchRules m_rules;
  double m_budget = 0.0;
  std::optional<SearchSolution> m_chosen;
  std::vector<TradeOffPoint> m_measured; ///< in the order in which they were run
  std::vector<TradeOffPoint> m_points;   ///< what the page shows of them, and the versions
  quint64 m_measureJob = 0;
  QTimer m_settled; ///< after the plan was edited
};

} // namespace halfstep
