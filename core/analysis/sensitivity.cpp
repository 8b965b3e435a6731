#include "core/analysis/sensitivity.h"

#include "core/analysis/graph_reach.h"
#include "core/analysis/metric_choice.h"
#include "core/exec/value_size.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace halfstep {

namespace {

/// What one run of the float network showed: how large its values are and what its nodes cost.
struct Survey {
  std::unordered_map<std::string, std::int64_t> bytes; ///< of the values that depend on the inputs
  std::vector<std::string> order;                      ///< of those values, as they were made
  std::vector<double> cost; ///< of every node of the main graph, in multiplications
};

std::int64_t countOf(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t length : shape) {
    count *= length;
  }
  return count;
}

Result<Survey> survey(const Executor& executor, const GraphReach& reach, const SampleSource& samples,
                      const JobContext& job) {
  Survey made;
  RunOptions options;
  std::unordered_map<std::string, std::int64_t> counts;
  options.tap = [&](const std::string& name, Value& value) -> Result<void> {
    if (!value.isTensor()) {
      return {};
    }
    const Shape& shape = value.lazy() != nullptr ? value.lazy()->shape() : value.tensor().shape();
    counts[name] = countOf(shape);
    if (reach.isMade(name)) { // by nodes from constants, too: runs with other constants do not fold them
      made.bytes[name] = bytesOf(value);
      made.order.push_back(name);
    }
    return {};
  };
  HALFSTEP_TRY(const auto inputs, samples.inputs(0));
  HALFSTEP_CHECK(executor.run(inputs, job, options));
  const Graph& graph = executor.model().graph;
  for (const Node& node : graph.nodes) {
    double cost = 0.0;
    for (const std::string& output : node.outputs) {
      const auto count = counts.find(output);
      cost = std::max(cost, count != counts.end() ? static_cast<double>(count->second) : 0.0);
    }
    // A product costs as many multiplications for each result as a channel of its weight has values.
    for (const std::string& input : node.inputs) {
      const Tensor* weight = graph.constant(input);
      if (weight != nullptr && weight->shape().size() >= 2 && node.opType != "Gather") {
        const double channels =
            static_cast<double>(node.opType == "Conv" || weight->shape().size() > 2 ? weight->shape().front()
                                                                                    : weight->shape().back());
        cost *= std::max(1.0, static_cast<double>(weight->count()) / std::max(channels, 1.0));
      }
    }
    made.cost.push_back(cost);
  }
  return made;
}

/// Values that alone feed a node which is done together with theirs are not worth keeping.
bool feedsRelu(const Graph& graph, const std::string& name) {
  const Node* taker = nullptr;
  for (const Node& node : graph.nodes) {
    if (std::find(node.inputs.begin(), node.inputs.end(), name) != node.inputs.end()) {
      if (taker != nullptr || node.opType != "Relu") {
        return false;
      }
      taker = &node;
    }
  }
  return taker != nullptr;
}

/// How the samples are taken together within the memory budget.
struct Keeping {
  std::vector<std::string> names;
  std::int64_t bytes = 0; ///< of one sample
  std::size_t samplesAtOnce = 1;
};

Keeping keepingFor(const Model& model, const Survey& survey, const SensitivityOptions& options,
                   std::size_t samples) {
  Keeping keeping;
  if (!options.reuse) {
    keeping.samplesAtOnce = samples;
    return keeping;
  }
  std::vector<std::string> names;
  for (const std::string& name : survey.order) {
    if (!feedsRelu(model.graph, name)) {
      names.push_back(name);
    }
  }
  const auto budget = static_cast<std::int64_t>(options.memoryBudget);
  std::int64_t all = 0;
  for (const std::string& name : names) {
    all += survey.bytes.at(name);
  }
  if (all > budget) { // the small ones: what lies between them is computed again
    std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
      return survey.bytes.at(a) < survey.bytes.at(b);
    });
  }
  for (const std::string& name : names) {
    if (keeping.bytes + survey.bytes.at(name) <= budget) {
      keeping.bytes += survey.bytes.at(name);
      keeping.names.push_back(name);
    }
  }
  keeping.samplesAtOnce =
      std::clamp<std::size_t>(static_cast<std::size_t>(budget / std::max<std::int64_t>(keeping.bytes, 1)), 1,
                              std::max<std::size_t>(samples, 1));
  return keeping;
}

/// A sample after its float run.
struct Baseline {
  std::map<std::string, Value> inputs;
  OutputReference outputs;
  std::map<std::string, Value> kept;
};

class Sweep {
public:
  Sweep(const Executor& executor, const Simulation& simulation, const SampleSource& samples,
        const SensitivityOptions& options, const JobContext& job)
      : m_executor(executor)
      , m_simulation(simulation)
      , m_samples(samples)
      , m_options(options)
      , m_job(job)
      , m_reach(executor.model())
      , m_roles(outputRoles(executor.model())) {}

  Result<void> run(Sensitivity& result) {
    const Model& model = m_executor.model();
    HALFSTEP_TRY(const Survey seen, survey(m_executor, m_reach, m_samples, m_job));
    m_keeping = keepingFor(model, seen, m_options, result.samples);
    HALFSTEP_CHECK(leaveUnreached(result));
    for (std::size_t first = 0; first < result.samples; first += m_keeping.samplesAtOnce) {
      const std::size_t end = std::min(first + m_keeping.samplesAtOnce, result.samples);
      if (allDone(result, end)) {
        continue;
      }
      m_batch.clear();
      for (std::size_t i = first; i < end; ++i) {
        HALFSTEP_CHECK(runFloat(i));
      }
      for (std::size_t layer = 0; layer < result.layers.size(); ++layer) {
        HALFSTEP_CHECK(measureLayer(result, layer, first, end));
      }
    }
    return {};
  }

private:
  /// Layers that do not lead to a measured output, and those of branches, loop bodies and functions that no
  /// sample's run comes to, are not measured: the output does not change with them, and they would look
  /// harmless.
  Result<void> leaveUnreached(Sensitivity& result) const {
    std::map<const Node*, std::vector<std::size_t>> watched;
    const std::vector<Node>& nodes = m_executor.model().graph.nodes;
    std::unordered_set<std::size_t> missing;
    for (std::size_t layer = 0; layer < result.layers.size(); ++layer) {
      const std::vector<LayerUse>& uses = m_simulation.uses(layer);
      const bool always = std::any_of(uses.begin(), uses.end(), [&](const LayerUse& use) {
        return std::any_of(nodes.begin(), nodes.end(), [&](const Node& node) { return &node == use.node; });
      });
      for (const LayerUse& use : always ? std::vector<LayerUse>() : uses) {
        watched[use.node].push_back(layer);
        missing.insert(layer);
      }
    }
    RunOptions options;
    for (const auto& [node, layers] : watched) {
      options.edits[node] = [&missing, &layers = layers](std::span<Value>) -> Result<void> {
        for (const std::size_t layer : layers) {
          missing.erase(layer);
        }
        return {};
      };
    }
    for (std::size_t i = 0; i < result.samples && !missing.empty(); ++i) {
      HALFSTEP_CHECK(m_job.checkpoint());
      HALFSTEP_TRY(const auto inputs, m_samples.inputs(i));
      HALFSTEP_CHECK(m_executor.run(inputs, m_job, options));
    }
    for (const std::size_t layer : missing) {
      leave(result, layer, "no sample's run comes to it");
    }
    for (std::size_t layer = 0; layer < result.layers.size(); ++layer) {
      if (std::string why = whyUnmeasured(m_reach, layer, result.outputs); !why.empty()) {
        leave(result, layer, std::move(why));
      }
    }
    return {};
  }

  static void leave(Sensitivity& result, std::size_t layer, std::string why) {
    result.left[layer] = std::move(why);
    for (std::size_t scheme = 0; scheme < result.schemes.size(); ++scheme) {
      result.cells[layer * result.schemes.size() + scheme] = {};
    }
  }

  static bool allDone(const Sensitivity& result, std::size_t end) {
    for (std::size_t layer = 0; layer < result.layers.size(); ++layer) {
      if (!layerDone(result, layer, end)) {
        return false;
      }
    }
    return true;
  }
  static bool layerDone(const Sensitivity& result, std::size_t layer, std::size_t end) {
    if (!result.left[layer].empty()) {
      return true;
    }
    for (std::size_t scheme = 0; scheme < result.schemes.size(); ++scheme) {
      if (result.cell(layer, scheme).samples.size() < end) {
        return false;
      }
    }
    return true;
  }

  Result<void> runFloat(std::size_t index) {
    Baseline sample;
    HALFSTEP_TRY(sample.inputs, m_samples.inputs(index));
    RunOptions options;
    options.keep = m_keeping.names;
    HALFSTEP_TRY(const auto values, m_executor.run(sample.inputs, m_job, options));
    HALFSTEP_TRY(sample.outputs, OutputReference::of(m_roles, values, m_samples.targets(index)));
    for (const std::string& name : m_keeping.names) {
      if (const auto found = values.find(name); found != values.end()) {
        sample.kept[name] = found->second;
      }
    }
    m_batch.push_back(std::move(sample));
    return {};
  }

  /// The kept values from which the runs of a layer start: those that its part of the graph takes, outputs
  /// that it does not change, or, where one of these is not kept, all that it does not change.
  std::vector<std::string> knownFor(std::size_t layer) const {
    const std::unordered_set<std::string> changed = m_reach.valuesChangedBy(layer);
    const auto& kept = m_batch.front().kept;
    const std::string& weight = m_executor.model().layers[layer].weightName;
    std::unordered_set<std::string> taken;
    bool complete = true;
    for (const std::size_t node : m_reach.nodesChangedBy(layer)) {
      for (const std::string& name : m_reach.takenBy(node)) {
        if (changed.contains(name) || name == weight) {
          continue;
        }
        if (kept.contains(name)) {
          taken.insert(name);
        } else if (m_reach.isMade(name)) {
          complete = false;
        }
      }
    }
    for (const ValueInfo& output : m_executor.model().graph.outputs) { // those that stay as they are
      if (kept.contains(output.name) && !changed.contains(output.name)) {
        taken.insert(output.name);
      }
    }
    std::vector<std::string> known;
    for (const auto& [name, value] : kept) {
      const bool useful = complete ? taken.contains(name) : !changed.contains(name) && name != weight;
      if (useful) {
        known.push_back(name);
      }
    }
    return known;
  }

  Result<void> measureLayer(Sensitivity& result, std::size_t layer, std::size_t first, std::size_t end) {
    if (layerDone(result, layer, end)) {
      return {};
    }
    HALFSTEP_CHECK(m_job.checkpoint());
    m_job.reportProgress(result.progress(), result.layers[layer]);
    const std::vector<std::string> known = knownFor(layer);
    std::vector<std::vector<OutputFigures>> measured(result.schemes.size());
    for (std::size_t scheme = 0; scheme < result.schemes.size(); ++scheme) {
      RunOptions options;
      HALFSTEP_TRY(const Simulation::Applied applied,
                   m_simulation.apply(layer, result.candidate(scheme), options, m_job));
      if (!applied.left.empty() && !applied.weights) { // an input that cannot be quantized stays float
        result.left[layer] = applied.left;
        return {};
      }
      for (std::size_t i = first; i < end; ++i) {
        const Baseline& sample = m_batch[i - first];
        options.known.clear();
        for (const std::string& name : known) {
          options.known.emplace(name, sample.kept.at(name));
        }
        HALFSTEP_TRY(const auto outputs, m_executor.run(sample.inputs, m_job, options));
        HALFSTEP_TRY(OutputFigures figures, sample.outputs.compare(outputs));
        measured[scheme].push_back(std::move(figures));
      }
    }
    for (std::size_t scheme = 0; scheme < result.schemes.size(); ++scheme) {
      auto& cell = result.cells[layer * result.schemes.size() + scheme].samples;
      cell.resize(first); // a layer that was cut short is measured again as a whole
      cell.insert(cell.end(), measured[scheme].begin(), measured[scheme].end());
    }
    if (m_options.onLayer) {
      m_options.onLayer(result, layer);
    }
    return {};
  }

  const Executor& m_executor;
  const Simulation& m_simulation;
  const SampleSource& m_samples;
  const SensitivityOptions& m_options;
  const JobContext& m_job;
  GraphReach m_reach;
  std::vector<OutputRole> m_roles;
  Keeping m_keeping;
  std::vector<Baseline> m_batch;
};

/// An empty sweep.
Sensitivity blank(const Model& model, const SampleSource& samples, const SensitivityOptions& options,
                  const JobContext& job) {
  Sensitivity made;
  made.origin = samples.origin();
  made.samples = options.samples > 0 ? std::min(options.samples, samples.count()) : samples.count();
  made.seed = job.seed();
  made.schemes = options.schemes;
  made.activations = options.activations;
  for (const Layer& layer : model.layers) {
    made.layers.push_back(layer.name);
  }
  made.left.resize(made.layers.size());
  made.cells.resize(made.layers.size() * made.schemes.size());
  return made;
}

} // namespace

namespace {

/// Mean seconds of a run; other programs slow some of them, and a sweep has both.
Result<double> meanRun(const Executor& executor, const std::map<std::string, Value>& inputs,
                       const Clock& clock, const JobContext& job) {
  constexpr double kLeastSeconds = 0.2;
  constexpr int kFewestRuns = 3;
  HALFSTEP_CHECK(executor.run(inputs, job)); // primitives are made at the first run
  double spent = 0.0;
  int runs = 0;
  while (runs < kFewestRuns || spent < kLeastSeconds) {
    const double start = clock();
    HALFSTEP_CHECK(executor.run(inputs, job));
    const double once = clock() - start;
    ++runs;
    if (!(once > 0.0) && runs >= kFewestRuns) {
      break; // a clock that stands still
    }
    spent += once;
  }
  return spent / runs;
}

/// Seconds of a cell's interval: the bootstrap over its samples.
double intervalSeconds(const Sensitivity& planned, const Clock& clock) {
  OutputFigures figures;
  figures.outputs.push_back({1.0, 0.1, 1.0, 1.0, 0.1, 1});
  figures.rows = 1;
  const std::vector<OutputFigures> many(planned.samples, figures);
  const double start = clock();
  (void)estimateOf(OutputMetric::sqnr, many, planned.seed);
  return clock() - start;
}

} // namespace

Result<SensitivityCost> sensitivityCost(const Executor& executor, const SampleSource& samples,
                                        const SensitivityOptions& options, const Clock& clock,
                                        const JobContext& job, const SensitivityBeside& beside) {
  const Model& model = executor.model();
  const GraphReach reach(model);
  HALFSTEP_TRY(const Survey seen, survey(executor, reach, samples, job));
  const Sensitivity planned = blank(model, samples, options, job);
  const Keeping keeping = keepingFor(model, seen, options, planned.samples);
  double whole = 0.0;
  for (const double cost : seen.cost) {
    whole += cost;
  }
  double shares = 0.0;
  for (std::size_t layer = 0; layer < model.layers.size(); ++layer) {
    double below = 0.0;
    for (const std::size_t node : reach.nodesChangedBy(layer)) {
      below += seen.cost[node];
    }
    shares += options.reuse && whole > 0.0 ? below / whole : 1.0;
  }
  const auto runs = static_cast<double>(planned.samples) * static_cast<double>(options.schemes.size());
  SensitivityCost cost;
  cost.forwards = shares * runs + static_cast<double>(planned.samples);
  cost.naiveForwards = static_cast<double>(model.layers.size()) * runs;
  cost.samplesAtOnce = keeping.samplesAtOnce;
  cost.keptBytes = options.reuse ? keeping.bytes * static_cast<std::int64_t>(keeping.samplesAtOnce) : 0;
  HALFSTEP_TRY(const auto inputs, samples.inputs(0));
  HALFSTEP_TRY(const double forward, meanRun(executor, inputs, clock, job));
  const double runsBeside =
      (beside.calibration ? 2.0 : 0.0) +
      (beside.fisherPasses > 0 ? 1.0 + 2.0 * static_cast<double>(beside.fisherPasses) : 0.0);
  cost.beside = static_cast<double>(planned.samples) * runsBeside * forward +
                static_cast<double>(planned.cells.size()) * intervalSeconds(planned, clock);
  cost.seconds = cost.forwards * forward + cost.beside;
  cost.naiveSeconds = cost.naiveForwards * forward + cost.beside;
  return cost;
}

Result<std::shared_ptr<const Sensitivity>>
measureSensitivity(const Executor& executor, const Simulation& simulation, const SampleSource& samples,
                   const SensitivityOptions& options, const Sensitivity* previous, const JobContext& job) {
  auto result = std::make_shared<Sensitivity>(blank(executor.model(), samples, options, job));
  if (result->samples == 0) {
    return Error{ErrorKind::usage, "there is no sample to measure on"};
  }
  HALFSTEP_TRY(MetricChoice choice, chooseMetric(executor, samples, options.metric, job));
  result->metric = choice.metric;
  result->outputs = std::move(choice.outputs);
  result->metricNote = std::move(choice.note);
  const bool isStatic = std::any_of(options.activations.begin(), options.activations.end(),
                                    [](const ActivationScheme& one) { return one.needsCalibration(); });
  if (isStatic && simulation.calibration() != nullptr) {
    HALFSTEP_TRY(result->calibration, rangesFingerprint(*simulation.calibration(), job));
  }
  if (previous != nullptr) {
    if (previous->layers != result->layers || previous->schemes != result->schemes ||
        previous->activations != result->activations || previous->calibration != result->calibration ||
        previous->origin.fingerprint != result->origin.fingerprint || previous->metric != result->metric) {
      return Error{
          ErrorKind::usage,
          "the saved sweep is of other layers, schemes or samples, or with another metric or calibration"};
    }
    result->cells = previous->cells;
    result->left = previous->left;
  }
  Sweep sweep(executor, simulation, samples, options, job);
  HALFSTEP_CHECK(sweep.run(*result));
  return std::shared_ptr<const Sensitivity>(std::move(result));
}

} // namespace halfstep
