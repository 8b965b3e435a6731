#include "core/analysis/metric_choice.h"

#include "core/support/one_of.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

namespace halfstep {

namespace {

using Names = std::unordered_set<std::string>;

std::string listOf(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + name;
  }
  return list;
}

/// What an output of this graph shows of others.
class OutputFlow {
public:
  explicit OutputFlow(const GraphReach& reach)
      : m_reach(reach) {
    const auto& nodes = m_reach.model().graph.nodes;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const std::string& output : nodes[i].outputs) {
        m_maker.emplace(output, i);
      }
    }
  }

  /// Whether all that happens to output `other` happens to `judged` as well.
  bool shows(const std::string& judged, const std::string& other) const {
    return leadingTo(judged).contains(source(other)) || following(judged).contains(other);
  }

private:
  const Node* makerOf(const std::string& value) const {
    const auto found = m_maker.find(value);
    return found != m_maker.end() ? &m_reach.model().graph.nodes[found->second] : nullptr;
  }

  /// The value that was only moved to become this one.
  std::string source(std::string value) const {
    constexpr auto kMoving = std::to_array<std::string_view>(
        {"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"});
    for (const Node* node = makerOf(value);
         node != nullptr && isOneOf(kMoving, node->opType) && !node->inputs.empty(); node = makerOf(value)) {
      value = node->inputs[0];
    }
    return value;
  }

  /// `value` and all that it is made from; of operators that keep a state also that.
  Names leadingTo(const std::string& value) const {
    constexpr auto kRecurrent =
        std::to_array<std::string_view>({"LSTM", "GRU", "RNN", "DynamicQuantizeLSTM"});
    Names seen = {value};
    std::vector<std::string> pending = {value};
    while (!pending.empty()) {
      const auto maker = m_maker.find(pending.back());
      pending.pop_back();
      if (maker == m_maker.end()) {
        continue;
      }
      const Node& node = m_reach.model().graph.nodes[maker->second];
      if (isOneOf(kRecurrent, node.opType) || node.opType.find("Attention") != std::string::npos) {
        seen.insert(node.outputs.begin(), node.outputs.end());
      }
      for (const std::string& taken : m_reach.takenBy(maker->second)) {
        if (seen.insert(taken).second) {
          pending.push_back(taken);
        }
      }
    }
    return seen;
  }

  /// `value` and all that is made of it and constants alone.
  Names following(const std::string& value) const {
    Names seen = {value};
    const auto& nodes = m_reach.model().graph.nodes;
    for (bool grew = true; grew;) {
      grew = false;
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        const auto& taken = m_reach.takenBy(i);
        const bool follows =
            std::any_of(taken.begin(), taken.end(), [&](const auto& name) { return seen.contains(name); }) &&
            std::all_of(taken.begin(), taken.end(), [&](const auto& name) {
              return seen.contains(name) || m_reach.constants().contains(name);
            });
        for (const std::string& output : follows ? nodes[i].outputs : std::vector<std::string>()) {
          grew = seen.insert(output).second || grew;
        }
      }
    }
    return seen;
  }

  const GraphReach& m_reach;
  std::unordered_map<std::string, std::size_t> m_maker;
};

Result<OutputReference> firstReference(const Executor& executor, const SampleSource& samples,
                                       const JobContext& job) {
  HALFSTEP_TRY(const auto inputs, samples.inputs(0));
  HALFSTEP_TRY(const auto outputs, executor.run(inputs, job));
  return OutputReference::of(outputRoles(executor.model()), outputs, samples.targets(0));
}

bool hasLabels(const SampleSource& samples) {
  for (std::size_t i = 0; i < samples.count(); ++i) {
    const std::vector<std::int64_t> targets = samples.targets(i);
    if (std::any_of(targets.begin(), targets.end(), [](std::int64_t target) { return target >= 0; })) {
      return true;
    }
  }
  return false;
}

/// Why `metric` cannot tell anything of these samples; empty where it can.
std::string whyNot(OutputMetric metric, const OutputReference& reference, const SampleSource& samples) {
  if (metric == OutputMetric::floatAccuracy || metric == OutputMetric::floatPerplexity) {
    return "it is of the float network, and no layer changes it";
  }
  const FloatOutput* judged = reference.distribution();
  if (isOfDistributions(metric) && judged == nullptr) {
    return "none of the outputs (" + listOf(reference.outputNames()) +
           ") holds distributions over classes or tokens";
  }
  const bool takesLabels = metric == OutputMetric::accuracy || metric == OutputMetric::perplexity;
  if (takesLabels && !hasLabels(samples)) {
    return "the data has no labels";
  }
  if (metric == OutputMetric::perplexity && judged->values.size() / judged->layout.classes < 2) {
    return "it is of sequences, and a sample has one distribution";
  }
  return {};
}

} // namespace

bool isOfDistributions(OutputMetric metric) {
  switch (metric) {
  case OutputMetric::sqnr:
  case OutputMetric::relativeError:
  case OutputMetric::mse:
  case OutputMetric::cosine:
    return false;
  default:
    return true;
  }
}

MetricChoice standardMetric(const GraphReach& reach, const OutputReference& reference) {
  MetricChoice choice{OutputMetric::relativeError, reference.outputNames(), {}};
  const FloatOutput* judged = reference.distribution();
  if (judged == nullptr) {
    return choice;
  }
  const OutputFlow flow(reach);
  std::vector<std::string> unseen = choice.outputs;
  std::erase_if(unseen, [&](const std::string& other) { return flow.shows(judged->name, other); });
  if (unseen.empty()) {
    return {OutputMetric::kl, {judged->name}, {}};
  }
  choice.note = "the relative error of all outputs, because the distributions in " + judged->name +
                " do not show what happens to " + listOf(unseen);
  return choice;
}

Result<MetricChoice> chooseMetric(const Executor& executor, const SampleSource& samples,
                                  std::optional<OutputMetric> asked, const JobContext& job) {
  HALFSTEP_TRY(const OutputReference reference, firstReference(executor, samples, job));
  if (reference.outputNames().empty()) {
    return Error{ErrorKind::usage, "none of the network's outputs is a floating-point tensor to compare"};
  }
  if (!asked) {
    return standardMetric(GraphReach(executor.model()), reference);
  }
  if (const std::string why = whyNot(*asked, reference, samples); !why.empty()) {
    return Error{ErrorKind::usage,
                 "the metric " + std::string(metricName(*asked)) + " does not apply: " + why};
  }
  return MetricChoice{*asked,
                      isOfDistributions(*asked) ? std::vector{reference.distribution()->name}
                                                : reference.outputNames(),
                      {}};
}

std::string whyUnmeasured(const GraphReach& reach, std::size_t index,
                          const std::vector<std::string>& outputs) {
  const auto changed = reach.valuesChangedBy(index);
  if (std::any_of(outputs.begin(), outputs.end(),
                  [&](const std::string& output) { return changed.contains(output); })) {
    return {};
  }
  return outputs.size() == 1 ? "does not reach the measured output " + outputs.front()
                             : "does not reach any of the measured outputs";
}

} // namespace halfstep
