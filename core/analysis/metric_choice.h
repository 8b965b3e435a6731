// Which metric judges a network where nobody asked for one, and which outputs a metric sees. Values; any
// thread.
#pragma once

#include "core/analysis/evaluation.h"
#include "core/analysis/graph_reach.h"

#include <optional>
#include <string>
#include <vector>

namespace halfstep {

/// Whether a metric is of the distributions of one output (kl, top1, top5, accuracy, perplexity), and not of
/// all outputs' values.
bool isOfDistributions(OutputMetric metric);

struct MetricChoice {
  OutputMetric metric = OutputMetric::kl;
  std::vector<std::string> outputs; ///< names of those that it is of
  /// Why it is not the divergence, although an output holds distributions; empty otherwise.
  std::string note;
};

/// kl where one of the outputs holds distributions and these show everything: each other floating-point
/// output leads to them (hidden values, the state of a recurrent layer, keys and values) or follows from them
/// alone. Otherwise relativeError, the mean over all outputs: beside class scores, kl would find nothing
/// wrong with what makes the boxes. Told by the outputs of a run: what a file says of their shapes need not
/// be all.
MetricChoice standardMetric(const GraphReach& reach, const OutputReference& reference);

/// What is asked for, otherwise the standard one. The first sample is run for it. Errors (usage): a metric
/// that cannot apply, and why (no distributions, no labels, one row a sample for perplexity); no output whose
/// values can be compared.
Result<MetricChoice> chooseMetric(const Executor& executor, const SampleSource& samples,
                                  std::optional<OutputMetric> asked, const JobContext& job);

/// Why quantizing layer `index` cannot show in a metric of `outputs`; empty where it can.
std::string whyUnmeasured(const GraphReach& reach, std::size_t index,
                          const std::vector<std::string>& outputs);

} // namespace halfstep
