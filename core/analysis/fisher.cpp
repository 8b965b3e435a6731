#include "core/analysis/fisher.h"

#include "core/analysis/metric_choice.h"
#include "core/analysis/output_projections.h"
#include "core/exec/elements.h"
#include "core/exec/gradients/backward.h"
#include "core/support/parallel.h"
#include "core/support/thread_limit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <optional>

namespace halfstep {

namespace {

/// The values of the main graph that are the layer's decoded weight: itself, or what the DequantizeLinear
/// nodes behind its codes make. None: it lies elsewhere.
std::vector<std::string> weightValues(const Model& model, const Layer& layer) {
  const auto isWeight = [&](const std::string& name) {
    const Tensor* constant = model.graph.constant(name);
    return constant != nullptr && constant->bytes().data() == layer.weight.bytes().data();
  };
  std::vector<std::string> names;
  if (!layer.stored) {
    return isWeight(layer.weightName) ? std::vector<std::string>{layer.weightName} : names;
  }
  for (const Node& node : model.graph.nodes) {
    if (node.opType == "DequantizeLinear" && node.domain.empty() && !node.inputs.empty() &&
        !node.outputs.empty() && isWeight(node.inputs[0])) {
      names.push_back(node.outputs[0]);
    }
  }
  return names;
}

/// A layer while it is estimated.
struct Probed {
  std::size_t layer = 0;
  std::vector<std::string> values;
  std::vector<Tensor> quantized;           ///< by scheme; let go of once `changes` are known
  std::vector<std::vector<float>> changes; ///< by scheme: decoded minus float
  std::vector<double> sums;                ///< by scheme
};

/// Σ a·b in double, in an order that does not depend on the machine.
double dot(std::span<const float> a, std::span<const float> b) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  const std::size_t whole = a.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
    }
  }
  double total = 0.0;
  for (const double sum : sums) {
    total += sum;
  }
  for (std::size_t i = whole; i < a.size(); ++i) {
    total += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return total;
}

class Estimation {
public:
  Estimation(const Executor& executor, const Simulation& simulation, const SampleSource& samples,
             const FisherOptions& options)
      : m_executor(executor)
      , m_simulation(simulation)
      , m_samples(samples)
      , m_options(options)
      , m_roles(outputRoles(executor.model())) {}

  Result<void> run(FisherEstimate& result, const JobContext& job) {
    if (result.metric != OutputMetric::kl) {
      HALFSTEP_CHECK(findSignals(result.samples, job.part(0.0, 0.1)));
    }
    const std::size_t layers = result.layers.size();
    for (std::size_t first = 0; first < layers;) {
      const JobContext part = job.part(0.1 + 0.9 * share(first, layers), 1.0);
      std::size_t end = first;
      HALFSTEP_TRY(std::vector<Probed> group, nextGroup(result, end, part));
      const JobContext running = job.part(0.1 + 0.9 * share(first, layers), 0.1 + 0.9 * share(end, layers));
      HALFSTEP_CHECK(probe(result, group, running));
      for (const Probed& one : group) {
        for (std::size_t scheme = 0; scheme < result.schemes.size() && result.left[one.layer].empty();
             ++scheme) {
          const double rows = m_rows > 0 ? static_cast<double>(m_rows) : 1.0;
          result.values[one.layer * result.schemes.size() + scheme] = one.sums[scheme] / rows;
        }
      }
      first = end;
    }
    return {};
  }

private:
  static double share(std::size_t part, std::size_t whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 1.0;
  }

  Result<void> findSignals(std::size_t count, const JobContext& job) {
    for (std::size_t i = 0; i < count; ++i) {
      job.reportProgress(share(i, count), m_samples.name(i));
      HALFSTEP_TRY(const auto inputs, m_samples.inputs(i));
      HALFSTEP_TRY(const auto outputs, m_executor.run(inputs, job));
      for (const auto& [name, value] : outputs) {
        if (value.isTensor() && isQuantizable(value.tensor().type())) {
          HALFSTEP_TRY(const std::vector<float> values, toFloats(value.tensor(), job));
          m_signals[name] += dot(values, values);
        }
      }
    }
    return {};
  }

  /// Layers from `at` on whose changes fit into the budget together, at least one; `at` becomes the next.
  Result<std::vector<Probed>> nextGroup(FisherEstimate& result, std::size_t& at, const JobContext& job) {
    const Model& model = m_executor.model();
    std::vector<Probed> group;
    std::size_t bytes = 0;
    for (; at < model.layers.size(); ++at) {
      if (!result.left[at].empty()) {
        continue;
      }
      const Layer& layer = model.layers[at];
      const std::size_t own = 4 * layer.parameters() * result.schemes.size();
      if (!group.empty() && bytes + own > m_options.memoryBudget) {
        break;
      }
      HALFSTEP_CHECK(job.checkpoint());
      Probed one;
      one.layer = at;
      one.values = weightValues(model, layer);
      if (one.values.empty()) {
        result.left[at] = layer.stored && layer.stored->origin != "DequantizeLinear"
                              ? layer.stored->origin + " computes with the codes of the file"
                              : "its weight is no value of the main graph";
        continue;
      }
      for (const Scheme& scheme : result.schemes) {
        RunOptions options;
        LayerPlan plan;
        plan.weights = scheme;
        HALFSTEP_TRY(const Simulation::Applied applied, m_simulation.apply(at, plan, options, job));
        if (!applied.left.empty()) {
          result.left[at] = applied.left;
          break;
        }
        const auto made = options.constants.find(layer.weight.bytes().data());
        one.quantized.push_back(made != options.constants.end() ? made->second : Tensor()); // fp32: no change
      }
      if (!result.left[at].empty()) {
        continue;
      }
      one.sums.assign(result.schemes.size(), 0.0);
      bytes += own;
      group.push_back(std::move(one));
    }
    return group;
  }

  /// Decoded minus float, once the float values are at hand.
  static Result<void> findChanges(Probed& one, const Tensor& weight, const JobContext& job) {
    HALFSTEP_TRY(const std::vector<float> values, toFloats(weight, job));
    for (Tensor& tensor : one.quantized) {
      std::vector<float> change(values.size(), 0.0f);
      if (tensor.count() == values.size() && tensor.type() != ElementType::undefined) {
        HALFSTEP_TRY(change, toFloats(tensor, job));
        std::transform(change.begin(), change.end(), values.begin(), change.begin(), std::minus<>());
      }
      one.changes.push_back(std::move(change));
      tensor = Tensor();
    }
    return {};
  }

  Result<void> probe(FisherEstimate& result, std::vector<Probed>& group, const JobContext& job) {
    std::vector<std::string> wanted;
    for (const Probed& one : group) {
      wanted.insert(wanted.end(), one.values.begin(), one.values.end());
    }
    m_rows = 0;
    for (std::size_t i = 0; i < result.samples && !group.empty(); ++i) {
      job.reportProgress(share(i, result.samples), m_samples.name(i));
      HALFSTEP_TRY(const auto inputs, m_samples.inputs(i));
      HALFSTEP_TRY(const ForwardPass pass, ForwardPass::run(m_executor, inputs, wanted, job));
      if (i == 0) {
        for (Probed& one : group) {
          HALFSTEP_CHECK(findChanges(one, pass.values().at(one.values.front()).tensor(), job));
        }
      }
      HALFSTEP_TRY(
          const OutputProjections projections,
          result.metric == OutputMetric::kl
              ? divergenceProjections(m_roles, pass.values(), m_options.passes, job.seed(), i)
              : valueProjections(m_roles, pass.values(), m_signals, m_options.passes, job.seed(), i));
      m_rows += projections.rows;
      result.exact = result.exact && projections.exact;
      const std::span<const OutputProjection> vectors = projections.vectors;
      const std::size_t together = passesTogether(group);
      for (std::size_t first = 0; first < vectors.size(); first += together) {
        const auto part = vectors.subspan(first, std::min(together, vectors.size() - first));
        HALFSTEP_CHECK(job.checkpoint());
        HALFSTEP_TRY(const std::vector<Gradients> gradients, passesBack(pass, part, job));
        for (std::size_t k = 0; k < part.size(); ++k) {
          add(result, group, gradients[k], part[k].weight);
        }
      }
    }
    return {};
  }

  /// How many ways back may hold their gradients at once.
  std::size_t passesTogether(const std::vector<Probed>& group) const {
    std::size_t bytes = 1;
    for (const Probed& one : group) {
      bytes += one.changes.empty() ? 0 : 4 * one.changes.front().size() * one.values.size();
    }
    return std::max<std::size_t>(1, m_options.memoryBudget / bytes);
  }

  /// Side by side, each on one thread: so they wait for each other once, and not after every node, and do not
  /// depend on the number of threads.
  static Result<std::vector<Gradients>>
  passesBack(const ForwardPass& pass, std::span<const OutputProjection> vectors, const JobContext& job) {
    std::vector<std::optional<Result<Gradients>>> made(vectors.size());
    const JobContext inner(job.stopToken()); // giving way is for the thread that runs the job
    const auto one = [&](std::size_t k) {
      try {
        made[k] = pass.backward(vectors[k].seeds, inner);
      } catch (const std::bad_alloc&) {
        made[k] = Error{ErrorKind::failed, "there is not enough memory for the gradients"};
      }
    };
    if (vectors.size() == 1) {
      one(0);
    } else {
      parallelFor(vectors.size(), [&](std::size_t k) {
        const OneThread alone(true);
        one(k);
      });
    }
    std::vector<Gradients> gradients;
    for (auto& result : made) {
      HALFSTEP_TRY(Gradients done, std::move(*result));
      gradients.push_back(std::move(done));
    }
    return gradients;
  }

  static void add(FisherEstimate& result, std::vector<Probed>& group, const Gradients& gradients,
                  double weight) {
    for (Probed& one : group) {
      for (const std::string& name : one.values) {
        if (const auto& gradient = gradients.at(name); !gradient && result.left[one.layer].empty()) {
          result.left[one.layer] = gradient.error().message();
        }
      }
    }
    std::size_t elements = 0;
    for (const Probed& one : group) {
      elements += one.changes.empty() ? 0 : one.changes.front().size() * one.changes.size();
    }
    const OneThread few(elements < std::size_t{1} << 18);
    parallelFor(group.size(), [&](std::size_t i) {
      Probed& one = group[i];
      for (std::size_t scheme = 0; scheme < one.sums.size() && result.left[one.layer].empty(); ++scheme) {
        double product = 0.0;
        for (const std::string& name : one.values) { // one weight decoded in several places
          const Elements<float> gradient(*gradients.at(name));
          const std::vector<float>& change = one.changes[scheme];
          product += gradient.size() == change.size() ? dot(gradient.span(), change) : std::nan("");
        }
        one.sums[scheme] += weight * product * product;
      }
    });
  }

  const Executor& m_executor;
  const Simulation& m_simulation;
  const SampleSource& m_samples;
  const FisherOptions& m_options;
  std::vector<OutputRole> m_roles;
  std::map<std::string, double> m_signals; ///< Σ z² of the outputs over all samples
  std::int64_t m_rows = 0;                 ///< of distributions in all samples
};

} // namespace

Result<std::shared_ptr<const FisherEstimate>>
estimateFisher(const Executor& executor, const Simulation& simulation, const SampleSource& samples,
               const FisherOptions& options, const JobContext& job) {
  const Model& model = executor.model();
  auto result = std::make_shared<FisherEstimate>();
  result->origin = samples.origin();
  result->samples = options.samples > 0 ? std::min(options.samples, samples.count()) : samples.count();
  result->seed = job.seed();
  result->exact = true;
  result->schemes = options.schemes;
  for (const Layer& layer : model.layers) {
    result->layers.push_back(layer.name);
  }
  result->left.resize(result->layers.size());
  result->values.assign(result->layers.size() * result->schemes.size(), std::nan(""));
  if (result->samples == 0 || options.passes == 0) {
    return Error{ErrorKind::usage, "there is no sample to estimate on"};
  }
  HALFSTEP_TRY(const MetricChoice choice, chooseMetric(executor, samples, options.beside, job));
  result->metric = isOfDistributions(choice.metric) ? OutputMetric::kl : OutputMetric::relativeError;
  const GraphReach reach(model);
  for (std::size_t layer = 0; layer < result->left.size(); ++layer) {
    result->left[layer] = whyUnmeasured(reach, layer, choice.outputs);
  }
  Estimation estimation(executor, simulation, samples, options);
  HALFSTEP_CHECK(estimation.run(*result, job));
  return std::shared_ptr<const FisherEstimate>(std::move(result));
}

} // namespace halfstep
