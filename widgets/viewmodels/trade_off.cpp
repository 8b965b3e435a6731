#include "widgets/viewmodels/trade_off.h"

#include "core/quant/scheme_grammar.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr std::size_t kFrontierPoints = 160;
constexpr double kStartBits = 4.5;
constexpr double kRoomAbove = 1.25;
constexpr double kExactSeconds = 5.0;

struct SpaceRequest {
  std::shared_ptr<const SweepView> sweep;
  std::shared_ptr<const Latency> latency;
  std::shared_ptr<const SampleSource> samples;
  SearchRules rules;
  PlanQuantity across = PlanQuantity::size;
};

Result<std::shared_ptr<const TradeOffSpace>> makeSpace(const Executor& executor, const SpaceRequest& request,
                                                       const JobContext& job) {
  SearchSpaceOptions options;
  SearchTimes times;
  HALFSTEP_TRY(times.shapes, findLayerShapes(executor, *request.samples, 0, job));
  times.measured = request.latency;
  options.times = std::move(times);
  options.ties = request.rules.tied;
  options.pinned = request.rules.pinned;
  for (const TieRule rule : request.rules.ties) {
    auto found = findTies(executor.model(), rule);
    std::move(found.begin(), found.end(), std::back_inserter(options.ties));
  }
  auto made = std::make_shared<TradeOffSpace>();
  HALFSTEP_TRY(made->space, makeSearchSpace(executor.model(), *request.sweep->sweep, options));
  made->across = request.across == PlanQuantity::latency && !made->space.hasLatency ? PlanQuantity::size
                                                                                    : request.across;
  made->origin = request.sweep->sweep->origin;
  made->samples = request.sweep->sweep->samples;
  HALFSTEP_TRY(made->frontier, searchFrontier(made->space.problem, static_cast<std::size_t>(made->across),
                                              kFrontierPoints, job));
  if (made->frontier.empty()) {
    return Error{ErrorKind::usage, "there is no plan to choose"};
  }
  made->least = made->cost(made->frontier.front().totals);
  made->most = made->space.largestUniform(made->across);
  made->most = std::clamp(kRoomAbove * made->most, made->least, made->cost(made->frontier.back().totals));
  return std::shared_ptr<const TradeOffSpace>(std::move(made));
}

/// Trials that go on from the journal in `file` and are kept in it; empty: nowhere. A journal that cannot be
/// used is begun anew: it costs the resuming, not the measurement.
TrialOptions keptTrials(const std::filesystem::path& file, const TrialConditions& conditions) {
  TrialOptions options;
  options.samples = conditions.samples;
  if (file.empty()) {
    return options;
  }
  auto opened = TrialJournal::open(file, conditions);
  if (!opened) {
    std::error_code failure;
    std::filesystem::remove(file, failure);
    opened = TrialJournal::open(file, conditions);
  }
  if (opened) {
    options.known = opened->known();
    options.onMeasured = [journal = std::make_shared<TrialJournal>(std::move(*opened))](
                             const std::string& key, const std::vector<OutputFigures>& samples) {
      journal->note(key, samples);
    };
  }
  return options;
}

} // namespace

TradeOff::TradeOff(Document& document, NetworkAnalysis& analysis, JobRunner& runner, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_analysis(analysis)
    , m_runner(runner) {
  connect(&m_analysis, &NetworkAnalysis::sweepChanged, this, [this] {
    const auto& sweep = m_analysis.sweep();
    if (sweep != m_sweep && (!sweep || (!sweep->running && sweep->sweep->isComplete()))) {
      m_sweep = sweep;
      m_measured.clear();
      m_chosen.reset();
      rebuild();
    }
  });
  connect(&m_document, &Document::modelChanged, this, [this] {
    m_rules = {m_rules.ties, {}, {}}; // the names were the other model's
    emit rulesChanged();
  });
  connect(&m_analysis, &NetworkAnalysis::latencyChanged, this, [this] {
    if (m_sweep && m_analysis.wholeLatency()) {
      rebuild();
    }
  });
  connect(&m_document, &Document::versionsChanged, this, [this] {
    collectPoints();
    emit pointsChanged();
  });
  // The present plan's point follows it; not at every step of a control that is dragged.
  constexpr int kSettledMs = 150;
  m_settled.setSingleShot(true);
  m_settled.setInterval(kSettledMs);
  connect(&m_settled, &QTimer::timeout, this, [this] {
    collectPoints();
    emit pointsChanged();
  });
  connect(&m_document, &Document::plansChanged, this, [this] {
    if (m_space) {
      m_settled.start();
    }
  });
  connect(&m_runner, &JobRunner::jobsChanged, this, &TradeOff::noteCancelled, Qt::QueuedConnection);
}

void TradeOff::rebuild() {
  m_problem.clear();
  if (!m_sweep || !m_analysis.samples()) {
    m_runner.cancelKey(measureKey());
    m_measureJob = 0;
    m_space.reset();
    m_chosen.reset();
    collectPoints();
    emit spaceChanged();
    emit pointsChanged();
    emit chosenChanged();
    return;
  }
  const SpaceRequest request{m_sweep, m_analysis.wholeLatency(), m_analysis.samples(), m_rules, m_across};
  m_runner.start<std::shared_ptr<const TradeOffSpace>>(
      {Lane::batch, tr("Frontier of the plans"), QStringLiteral("frontier"), true},
      [request, executorOf = m_analysis.executorSource()](
          const JobContext& context) -> Result<std::shared_ptr<const TradeOffSpace>> {
        HALFSTEP_TRY(const Executor* executor, executorOf());
        return makeSpace(*executor, request, context);
      },
      this,
      [this, request](Result<std::shared_ptr<const TradeOffSpace>> made) {
        if (request.sweep != m_sweep) {
          return;
        }
        const bool first = !m_space;
        const PlanQuantity before = m_space ? m_space->across : m_across;
        if (made) {
          m_space = std::move(*made);
        } else {
          m_space.reset();
          m_problem = QString::fromStdString(made.error().message());
        }
        collectPoints();
        emit spaceChanged();
        emit pointsChanged();
        if (!m_space) {
          m_chosen.reset();
          emit chosenChanged();
        } else if (first || !m_chosen || before != m_space->across || m_across != m_space->across) {
          // Another scale has no budget yet: the start, or the place of the plan chosen before.
          m_across = m_space->across;
          m_chosen ? setBudget(m_space->cost(m_chosen->totals)) : setBitsPerWeight(kStartBits);
        } else {
          setBudget(m_budget);
        }
      });
}

void TradeOff::setAcross(PlanQuantity quantity) {
  if (m_across != quantity) {
    m_across = quantity;
    rebuild();
  }
}

void TradeOff::setRules(SearchRules rules) {
  if (m_rules != rules) {
    m_rules = std::move(rules);
    emit rulesChanged();
    rebuild();
  }
}

SearchProblem TradeOff::limited() const {
  SearchProblem problem = m_space->space.problem;
  problem.limits = {{static_cast<std::size_t>(m_space->across), m_budget}};
  return problem;
}

void TradeOff::setBudget(double atMost) {
  if (!m_space || m_space->frontier.empty()) {
    return;
  }
  // A plan at the very end of the frontier must not be lost to rounding.
  const double least = m_space->least * (1.0 + 1e-12);
  m_budget = std::clamp(atMost, least, std::max(least, m_space->most));
  m_runner.start<SearchSolution>(
      {Lane::interactive, tr("Plan within the budget"), QStringLiteral("budget"), true},
      [problem = limited()](const JobContext& context) { return solveFast(problem, context); }, this,
      [this, space = m_space](Result<SearchSolution> solution) {
        if (solution && space == m_space) {
          choose(std::move(*solution));
          solveExactly();
        }
      });
}

void TradeOff::solveExactly() {
  m_runner.start<SearchSolution>(
      {Lane::batch, tr("Best plan within the budget"), QStringLiteral("exact_budget"), true},
      [problem = limited()](const JobContext& context) {
        return halfstep::solveExactly(problem, {.seconds = kExactSeconds, .gap = 0.0}, context);
      },
      this,
      [this, space = m_space, budget = m_budget](Result<SearchSolution> solution) {
        if (solution && space == m_space && budget == m_budget) {
          choose(std::move(*solution));
        }
      });
}

void TradeOff::choose(SearchSolution solution) {
  m_chosen = std::move(solution);
  emit chosenChanged();
}

void TradeOff::choosePoint(int point) {
  if (!m_space || point < 0 || point >= static_cast<int>(m_points.size())) {
    return;
  }
  auto choices = m_points[static_cast<std::size_t>(point)].choices;
  if (!choices) {
    return;
  }
  SearchSolution solution;
  solution.totals = totalsOf(m_space->space.problem, *choices);
  solution.choices = std::move(*choices);
  m_budget = m_space->cost(solution.totals);
  m_runner.cancelKey(QStringLiteral("exact_budget"));
  choose(std::move(solution));
}

Plan TradeOff::chosenPlan() const {
  return m_chosen && m_space ? m_space->space.planOf(*m_chosen, m_document.plan()) : m_document.plan();
}

const TradeOffPoint* TradeOff::measuredPoint(const Plan& plan) const {
  if (!m_space || m_measured.empty()) {
    return nullptr;
  }
  return pointOf(trialKey(m_space->space, plan), m_measured);
}

const TradeOffPoint* TradeOff::chosenPoint() const {
  return m_chosen ? measuredPoint(chosenPlan()) : nullptr;
}

void TradeOff::addPoint(TradeOffPoint point) {
  std::erase_if(m_measured, [&](const TradeOffPoint& known) { // a plan has one point of a name
    return known.kind == point.kind && known.name == point.name && known.key == point.key;
  });
  m_measured.push_back(std::move(point));
  collectPoints();
  emit pointsChanged();
  emit chosenChanged();
}

void TradeOff::collectPoints() {
  using Kind = TradeOffPoint::Kind;
  m_points.clear();
  for (const TradeOffPoint& point : m_measured) {
    if (point.kind != Kind::version && point.kind != Kind::present) { // those follow as they are now
      m_points.push_back(point);
    }
  }
  if (!m_space || !m_document.model()) {
    return;
  }
  const Plan present = m_document.plan();
  m_points.push_back(presentPoint(present, *m_space, *m_document.model(), m_measured));
  for (const TradeOffPoint& point : m_measured) { // once the present plan, and nothing else since
    if (point.kind == Kind::present && pointOf(point.key, m_points) == nullptr) {
      m_points.push_back(point);
      m_points.back().kind = Kind::frontier;
      m_points.back().name.clear();
    }
  }
  for (const PlanVersion& version : m_document.versions()) {
    m_points.push_back(
        versionPoint(version, present.withSchemesOf(version), *m_space, *m_document.model(), m_measured));
  }
}

TrialConditions TradeOff::trialConditions() const {
  return {m_document.modelHash(), m_space->space.layers, m_analysis.samples()->origin(),
          std::min(m_space->samples, m_analysis.samples()->count()), m_analysis.calibration()};
}

std::filesystem::path TradeOff::trialFile() const {
  const auto& calibration = m_analysis.calibration();
  return m_analysis.journalFile("trials " + std::to_string(m_space->samples) +
                                (calibration ? " " + std::to_string(calibration->origin.fingerprint) + " " +
                                                   std::to_string(calibration->sampleNames.size())
                                             : std::string()));
}

void TradeOff::startMeasuring(const QString& title,
                              std::function<Result<TradeOffPoint>(PlanTrials&, const JobContext&)> last,
                              std::vector<TradeOffPoint> wanted) {
  const QPointer<QObject> self(this);
  const auto publish = [this, &runner = m_runner, self, space = m_space](const TradeOffPoint& point) {
    runner.post(self, [this, point, space] {
      if (m_space && m_space->space.layers == space->space.layers) {
        addPoint(point);
      }
    });
  };
  const auto work = [space = m_space, executorOf = m_analysis.executorSource(),
                     samples = m_analysis.samples(), calibration = m_analysis.calibration(),
                     model = m_document.model(), wanted = std::move(wanted), last = std::move(last), publish,
                     file = trialFile(),
                     conditions = trialConditions()](const JobContext& context) -> Result<bool> {
    HALFSTEP_TRY(const Executor* executor, executorOf());
    const Simulation simulation(model, calibration);
    TrialOptions options = keptTrials(file, conditions);
    HALFSTEP_TRY(PlanTrials trials, PlanTrials::create(*executor, simulation, space->space, *samples,
                                                       std::move(options), context.part(0.0, 0.1)));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      context.reportProgress(0.1 + 0.9 * static_cast<double>(i) / static_cast<double>(wanted.size()));
      TradeOffPoint point = wanted[i];
      HALFSTEP_TRY(const TriedPlan tried, trials.run(point.plan, context));
      takeFigures(point, tried, space->space, context.seed());
      publish(point);
    }
    if (last) {
      HALFSTEP_TRY(const TradeOffPoint point, last(trials, context.part(0.1, 1.0)));
      publish(point);
    }
    return true;
  };
  m_measureJob =
      m_runner.start<bool>({Lane::sweep, title, measureKey(), true}, work, this, [this](const Result<bool>&) {
        m_measureJob = 0;
        emit pointsChanged();
      });
  emit pointsChanged();
}

void TradeOff::measurePlans() {
  if (!m_space || m_space->frontier.size() < 2) {
    return;
  }
  startMeasuring(tr("Measure plans"), {},
                 pointsToMeasure(*m_space, m_document.plan(), m_document.versions()));
}

void TradeOff::measurePlan(Plan plan, TradeOffPoint::Kind kind, const QString& name) {
  if (m_space) {
    TradeOffPoint point;
    point.kind = kind;
    point.name = name;
    point.plan = std::move(plan);
    startMeasuring(tr("Measure the plan"), {}, {std::move(point)});
  }
}

void TradeOff::improveChosen(std::size_t trials) {
  if (!m_chosen) {
    return;
  }
  const QPointer<QObject> self(this);
  const auto last = [this, self, &runner = m_runner, problem = limited(), space = m_space, trials,
                     base = m_document.plan()](PlanTrials& run,
                                               const JobContext& context) -> Result<TradeOffPoint> {
    FindOptions options;
    options.exact.seconds = 20.0;
    options.local.trials = trials;
    HALFSTEP_TRY(const FoundPlan found, findPlan(problem, &run, options, context));
    TradeOffPoint point;
    point.kind = TradeOffPoint::Kind::improved;
    point.plan = space->space.planOf(found.best->solution, base);
    takeFigures(point, *found.best, space->space, context.seed());
    runner.post(self, [this, space, solution = found.best->solution] {
      if (space == m_space) {
        choose(solution);
      }
    });
    return point;
  };
  startMeasuring(tr("Improve the plan"), last, {});
}

void TradeOff::noteCancelled() {
  if (m_measureJob != 0 && !m_runner.isActive(m_measureJob)) {
    m_measureJob = 0;
    emit pointsChanged();
  }
}

} // namespace halfstep
