#include "core/analysis/layer_errors.h"
#include "core/model/subgraphs.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <unordered_set>

namespace halfstep {

namespace {

Result<OutputSums> compare(const Value& reference, const Value& quantized) {
  const Tensor& a = reference.tensor();
  const Tensor& b = quantized.tensor();
  if (a.shape() != b.shape()) {
    return Error{ErrorKind::failed, "a layer's output changes its shape when it is quantized"};
  }
  HALFSTEP_TRY(const std::vector<float> y, toFloats(a, {}));
  HALFSTEP_TRY(const std::vector<float> z, toFloats(b, {}));
  return sumsOf(y, z);
}

double ratioDb(double signal, double noise) {
  if (noise == 0.0) {
    return signal == 0.0 ? std::nan("") : INFINITY;
  }
  return 10.0 * std::log10(signal / noise);
}

/// A layer as this measurement sees it.
struct Watched {
  std::size_t layer = 0;
  std::string output;
  std::vector<std::string> inputs; ///< of the node, those that are not constants
  RunOptions alone;                ///< only this layer quantized
};

} // namespace

double LayerErrors::sqnrDb(const std::vector<OutputSums>& samples) {
  if (samples.empty()) {
    return std::nan("");
  }
  double signal = 0.0;
  double noise = 0.0;
  for (const OutputSums& one : samples) {
    signal += one.signal;
    noise += one.noise;
  }
  return ratioDb(signal, noise);
}

Estimate LayerErrors::sqnrEstimate(const std::vector<OutputSums>& samples, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> draws;
  for (int draw = 0; draw < kBootstrapDraws && samples.size() >= 2; ++draw) {
    double signal = 0.0;
    double noise = 0.0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const OutputSums& one = samples[random() % samples.size()];
      signal += one.signal;
      noise += one.noise;
    }
    draws.push_back(ratioDb(signal, noise));
  }
  return withInterval(sqnrDb(samples), std::move(draws));
}

namespace {

/// The values of the main graph that change with the inputs of a run; the others come from constants alone. A
/// node with subgraphs may use any value.
std::unordered_set<std::string> varyingValues(const Graph& graph) {
  std::unordered_set<std::string> varying;
  for (const ValueInfo& input : graph.inputs) {
    if (graph.constant(input.name) == nullptr) {
      varying.insert(input.name);
    }
  }
  for (bool grew = true; grew;) { // nodes may stand in any order
    grew = false;
    for (const Node& node : graph.nodes) {
      const bool varies = !subgraphsOf(node).empty() ||
                          std::any_of(node.inputs.begin(), node.inputs.end(),
                                      [&](const std::string& input) { return varying.count(input) > 0; });
      for (const std::string& output : node.outputs) {
        grew = (varies && varying.insert(output).second) || grew;
      }
    }
  }
  return varying;
}

} // namespace

Result<std::shared_ptr<const LayerErrors>>
measureLayerErrors(const Executor& executor, const Simulation& simulation, const Plan& plan,
                   const SampleSource& samples, const LayerErrorOptions& options, const JobContext& job) {
  const Model& model = executor.model();
  auto result = std::make_shared<LayerErrors>();
  result->origin = samples.origin();
  result->errors.resize(model.layers.size());
  result->left.resize(model.layers.size());
  std::unordered_set<std::string> made;
  for (const Node& node : model.graph.nodes) {
    made.insert(node.outputs.begin(), node.outputs.end());
  }
  // A weight that is reshaped on its way to the layer is no input of it: kept, it would hide the quantized
  // one.
  const std::unordered_set<std::string> varying = varyingValues(model.graph);
  std::vector<Watched> watched;
  RunOptions reference;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    result->layers.push_back(layer.name);
    const auto& uses = simulation.uses(i);
    if (layer.output.empty()) { // an LSTM of which only the last state is used
      result->left[i] = "its first output has no name: nothing uses it";
      continue;
    }
    if (!made.contains(layer.output) || uses.empty()) {
      result->left[i] = "its output lies inside a subgraph or function";
      continue;
    }
    Watched one{i, layer.output, {}, {}};
    HALFSTEP_TRY(const auto applied, simulation.apply(i, plan.forLayer(layer.name), one.alone, job));
    result->left[i] = applied.weights || applied.activations ? std::string() : applied.left;
    for (const std::string& input : uses.front().node->inputs) {
      if (varying.count(input) > 0) {
        one.inputs.push_back(input);
        reference.keep.push_back(input);
      }
    }
    one.alone.wanted = std::vector<std::string>{layer.output};
    reference.keep.push_back(layer.output);
    watched.push_back(std::move(one));
  }
  std::sort(reference.keep.begin(), reference.keep.end());
  reference.keep.erase(std::unique(reference.keep.begin(), reference.keep.end()), reference.keep.end());
  HALFSTEP_TRY(SimulatedPlan whole, simulatePlan(simulation, plan, job.part(0.0, 0.1)));
  for (const Watched& one : watched) {
    whole.options.keep.push_back(one.output);
  }
  const std::size_t count =
      options.samples > 0 ? std::min(options.samples, samples.count()) : samples.count();
  const JobContext running = job.part(0.1, 1.0);
  for (std::size_t i = 0; i < count; ++i) {
    running.reportProgress(static_cast<double>(i) / static_cast<double>(count), samples.name(i));
    HALFSTEP_TRY(const auto inputs, samples.inputs(i));
    HALFSTEP_TRY(const auto floats, executor.run(inputs, running, reference));
    HALFSTEP_TRY(const auto quantized, executor.run(inputs, running, whole.options));
    for (Watched& one : watched) {
      one.alone.known.clear();
      for (const std::string& input : one.inputs) {
        if (const auto value = floats.find(input); value != floats.end()) {
          one.alone.known.emplace(input, value->second);
        }
      }
      HALFSTEP_TRY(const auto alone, executor.run(inputs, running, one.alone));
      const Value& expected = floats.at(one.output);
      HALFSTEP_TRY(const OutputSums isolated, compare(expected, alone.at(one.output)));
      HALFSTEP_TRY(const OutputSums accumulated, compare(expected, quantized.at(one.output)));
      result->errors[one.layer].isolated.push_back(isolated);
      result->errors[one.layer].accumulated.push_back(accumulated);
    }
    ++result->samples;
    if (options.onSample) {
      options.onSample(*result);
    }
  }
  return std::shared_ptr<const LayerErrors>(std::move(result));
}

} // namespace halfstep
