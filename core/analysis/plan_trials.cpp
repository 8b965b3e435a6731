#include "core/analysis/plan_trials.h"

#include <algorithm>
#include <deque>
#include <random>

namespace halfstep {

namespace {

std::int64_t bytesOf(const RunOptions& options) {
  std::int64_t bytes = 0;
  for (const auto& [place, tensor] : options.constants) {
    bytes += static_cast<std::int64_t>(tensor.bytes().size());
  }
  return bytes;
}

} // namespace

Estimate addedDamageEstimate(OutputMetric metric, const std::vector<OutputFigures>& samples,
                             std::uint64_t seed) {
  std::vector<double> draws;
  if (samples.size() > 1) {
    std::mt19937_64 random(seed);
    std::vector<std::uint32_t> picks(samples.size());
    for (int draw = 0; draw < kBootstrapDraws; ++draw) {
      for (std::uint32_t& pick : picks) {
        pick = static_cast<std::uint32_t>(random() % samples.size());
      }
      draws.push_back(addedDamage(metric, samples, picks));
    }
  }
  return withInterval(addedDamage(metric, samples), std::move(draws));
}

std::string trialKey(const SearchSpace& space, const Plan& plan) {
  std::string key;
  for (const std::string& layer : space.layers) {
    key += (key.empty() ? "" : " ") + printLayerPlan(plan.forLayer(layer));
  }
  return key;
}

class PlanTrials::Inside {
public:
  const Executor* executor = nullptr;
  const Simulation* simulation = nullptr;
  const SearchSpace* space = nullptr;
  std::vector<OutputRole> roles;
  std::vector<std::map<std::string, Value>> inputs;
  std::vector<OutputReference> references;
  TrialOptions options;
  std::size_t tried = 0;
  std::size_t measured = 0;

  /// What is known of the plan, or else measured.
  Result<std::vector<OutputFigures>> figuresOf(const Plan& plan, const JobContext& job) {
    HALFSTEP_CHECK(job.checkpoint());
    std::string key = trialKey(*space, plan);
    if (const auto found = options.known.find(key); found != options.known.end()) {
      ++tried;
      return found->second;
    }
    HALFSTEP_TRY(std::vector<OutputFigures> figures, run(plan, job));
    ++tried;
    ++measured;
    if (options.onMeasured) {
      options.onMeasured(key, figures);
    }
    options.known.emplace(std::move(key), figures);
    return figures;
  }

private:
  /// What layer `index` under `plan` changes in a run, made once while it is remembered.
  Result<const RunOptions*> partOf(std::size_t index, const LayerPlan& plan, const JobContext& job) {
    auto& known = m_parts[index];
    const auto found =
        std::find_if(known.begin(), known.end(), [&](const auto& part) { return part.first == plan; });
    if (found != known.end()) {
      return &found->second;
    }
    RunOptions part;
    HALFSTEP_TRY(const Simulation::Applied applied, simulation->apply(index, plan, part, job));
    static_cast<void>(applied);
    m_bytes += bytesOf(part);
    known.emplace_back(plan, std::move(part));
    return &known.back().second;
  }

  Result<std::vector<OutputFigures>> run(const Plan& plan, const JobContext& job) {
    if (m_bytes > static_cast<std::int64_t>(options.memoryBudget)) {
      m_parts.clear(); // what the next plans have in common is made again soon
      m_bytes = 0;
    }
    RunOptions changes;
    for (std::size_t i = 0; i < space->layers.size(); ++i) {
      HALFSTEP_CHECK(job.checkpoint());
      HALFSTEP_TRY(const RunOptions* part, partOf(i, plan.forLayer(space->layers[i]), job));
      changes.constants.insert(part->constants.begin(), part->constants.end());
      changes.edits.insert(part->edits.begin(), part->edits.end());
    }
    std::vector<OutputFigures> figures;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      HALFSTEP_TRY(const auto outputs, executor->run(inputs[i], job, changes));
      HALFSTEP_TRY(OutputFigures one, references[i].compare(outputs));
      figures.push_back(std::move(one));
    }
    return figures;
  }

  /// By layer. Deques: what is handed out stays where it is.
  std::map<std::size_t, std::deque<std::pair<LayerPlan, RunOptions>>> m_parts;
  std::int64_t m_bytes = 0;
};

PlanTrials::PlanTrials(std::unique_ptr<Inside> inside)
    : m_inside(std::move(inside)) {}
PlanTrials::~PlanTrials() = default;
PlanTrials::PlanTrials(PlanTrials&&) noexcept = default;

const SearchSpace& PlanTrials::space() const {
  return *m_inside->space;
}

std::size_t PlanTrials::count() const {
  return m_inside->tried;
}

std::size_t PlanTrials::measured() const {
  return m_inside->measured;
}

Result<PlanTrials> PlanTrials::create(const Executor& executor, const Simulation& simulation,
                                      const SearchSpace& space, const SampleSource& source,
                                      TrialOptions options, const JobContext& job) {
  auto inside = std::make_unique<Inside>();
  inside->executor = &executor;
  inside->simulation = &simulation;
  inside->space = &space;
  inside->options = std::move(options);
  inside->roles = outputRoles(executor.model());
  const std::size_t wanted = inside->options.samples;
  const std::size_t count = wanted > 0 ? std::min(wanted, source.count()) : source.count();
  if (count == 0) {
    return Error{ErrorKind::usage, "there are no samples to try plans on"};
  }
  std::erase_if(inside->options.known, [&](const auto& trial) { return trial.second.size() != count; });
  for (std::size_t i = 0; i < count; ++i) {
    job.reportProgress(static_cast<double>(i) / static_cast<double>(count), source.name(i));
    HALFSTEP_TRY(auto inputs, source.inputs(i));
    HALFSTEP_TRY(const auto outputs, executor.run(inputs, job));
    HALFSTEP_TRY(OutputReference reference, OutputReference::of(inside->roles, outputs, source.targets(i)));
    inside->inputs.push_back(std::move(inputs));
    inside->references.push_back(std::move(reference));
  }
  return PlanTrials(std::move(inside));
}

Result<TriedPlan> PlanTrials::run(SearchSolution solution, const JobContext& job) {
  TriedPlan tried;
  HALFSTEP_TRY(tried.samples, m_inside->figuresOf(space().planOf(solution, {}), job));
  tried.solution = std::move(solution);
  tried.damage = addedDamage(space().metric, tried.samples);
  return tried;
}

Result<TriedPlan> PlanTrials::run(const Plan& plan, const JobContext& job) {
  TriedPlan tried;
  HALFSTEP_TRY(tried.samples, m_inside->figuresOf(plan, job));
  tried.solution.totals = space().quantitiesOf(m_inside->executor->model(), plan);
  tried.damage = addedDamage(space().metric, tried.samples);
  return tried;
}

} // namespace halfstep
