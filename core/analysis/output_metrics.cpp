// The figures of evaluation.h: what one sample's outputs say, and what they say together.
#include "core/analysis/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>
#include <unordered_map>

namespace halfstep {

namespace {

struct NamedMetric {
  OutputMetric metric;
  std::string_view name;
  bool larger;
};
constexpr std::array<NamedMetric, 11> kMetrics = {
    {{OutputMetric::kl, "kl", false},
     {OutputMetric::sqnr, "sqnr", true},
     {OutputMetric::relativeError, "relative-error", false},
     {OutputMetric::mse, "mse", false},
     {OutputMetric::cosine, "cosine", true},
     {OutputMetric::top1, "top1", true},
     {OutputMetric::top5, "top5", true},
     {OutputMetric::accuracy, "accuracy", true},
     {OutputMetric::floatAccuracy, "float-accuracy", true},
     {OutputMetric::perplexity, "perplexity", false},
     {OutputMetric::floatPerplexity, "float-perplexity", false}}};
constexpr int kDraws = 1000;

bool isFloating(ElementType type) {
  return type == ElementType::float32 || type == ElementType::float16 || type == ElementType::bfloat16 ||
         type == ElementType::float64;
}

const NamedMetric& factsOf(OutputMetric metric) {
  return *std::find_if(kMetrics.begin(), kMetrics.end(), [&](const auto& m) { return m.metric == metric; });
}

/// ln of the distribution that a row holds.
std::vector<double> logDistribution(std::span<const float> row, OutputKind kind) {
  std::vector<double> logs(row.begin(), row.end());
  if (kind == OutputKind::probabilities) {
    constexpr double kLeast = 1e-30; // a probability that underflowed to 0
    for (double& value : logs) {
      value = std::log(std::max(value, kLeast));
    }
    return logs;
  }
  const double largest = *std::max_element(logs.begin(), logs.end());
  double sum = 0.0;
  for (const double value : logs) {
    sum += std::exp(value - largest);
  }
  const double shift = largest + std::log(sum);
  for (double& value : logs) {
    value -= shift;
  }
  return logs;
}

/// How many entries of `row` are larger than entry `index`, of equals those before it.
std::size_t rankIn(std::span<const float> row, std::size_t index) {
  std::size_t rank = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    rank += row[i] > row[index] || (row[i] == row[index] && i < index) ? 1 : 0;
  }
  return rank;
}

void compareRow(std::span<const float> y, std::span<const float> z, OutputKind kind, std::int64_t target,
                OutputFigures& figures) {
  const std::vector<double> p = logDistribution(y, kind);
  const std::vector<double> q = logDistribution(z, kind);
  double divergence = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    divergence += std::exp(p[i]) * (p[i] - q[i]);
  }
  figures.divergence += std::max(divergence, 0.0);
  const auto best = static_cast<std::size_t>(std::max_element(y.begin(), y.end()) - y.begin());
  const std::size_t rank = rankIn(z, best);
  ++figures.rows;
  figures.sameTop1 += rank == 0 ? 1 : 0;
  figures.top1InTop5 += rank < 5 ? 1 : 0;
  if (target >= 0 && target < static_cast<std::int64_t>(p.size())) {
    const auto wanted = static_cast<std::size_t>(target);
    ++figures.labelled;
    figures.rightFloat += best == wanted ? 1 : 0;
    figures.rightQuantized += rankIn(z, wanted) == 0 ? 1 : 0;
    figures.surpriseFloat -= p[wanted];
    figures.surpriseQuantized -= q[wanted];
  }
}

OutputSums sumsOf(std::span<const float> y, std::span<const float> z) {
  OutputSums sums;
  sums.count = static_cast<std::int64_t>(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double a = y[i];
    const double b = z[i];
    const double error = b - a;
    sums.signal += a * a;
    sums.decoded += b * b;
    sums.products += a * b;
    sums.noise += error * error;
    sums.largest = std::max(sums.largest, std::abs(error));
  }
  return sums;
}

} // namespace

OutputKind outputKind(const Model& model, const ValueInfo& output) {
  std::unordered_map<std::string, const Node*> producers;
  for (const Node& node : model.graph.nodes) {
    for (const std::string& name : node.outputs) {
      producers[name] = &node;
    }
  }
  const Node* node = producers.contains(output.name) ? producers[output.name] : nullptr;
  // Operators that only move values do not change what they are.
  constexpr std::array<std::string_view, 5> kMoving = {"Reshape", "Squeeze", "Flatten", "Identity", "Cast"};
  while (node != nullptr && !node->inputs.empty() &&
         std::find(kMoving.begin(), kMoving.end(), node->opType) != kMoving.end() &&
         producers.contains(node->inputs[0])) {
    node = producers[node->inputs[0]];
  }
  const std::string op = node != nullptr ? node->opType : std::string();
  if (op == "Softmax") {
    return OutputKind::probabilities;
  }
  if (op == "LogSoftmax") {
    return OutputKind::logProbabilities;
  }
  constexpr std::array<std::string_view, 8> kScores = {
      "Gemm", "MatMul", "Add", "Conv", "FullyConnected", "AveragePool", "GlobalAveragePool", "ReduceMean"};
  const bool isScore = std::find(kScores.begin(), kScores.end(), op) != kScores.end() ||
                       op == "DequantizeLinear"; // of a product in integers
  const std::size_t rank = output.shape.size();
  const std::int64_t classes = rank > 0 ? output.shape.back().value : -1;
  const bool takesTokens =
      std::any_of(model.graph.inputs.begin(), model.graph.inputs.end(),
                  [](const auto& i) { return i.type == ElementType::int64 || i.type == ElementType::int32; });
  constexpr std::int64_t kLeastVocabulary = 16;
  if (isScore && ((rank == 2 && (classes >= 2 || !output.hasShape)) ||
                  (rank == 3 && takesTokens && classes >= kLeastVocabulary))) {
    return OutputKind::logits;
  }
  return OutputKind::values;
}

OutputMetric standardMetric(const Model& model) {
  const auto& outputs = model.graph.outputs;
  return std::any_of(outputs.begin(), outputs.end(),
                     [&](const auto& output) { return outputKind(model, output) != OutputKind::values; })
             ? OutputMetric::kl
             : OutputMetric::relativeError;
}

std::vector<OutputRole> outputRoles(const Model& model) {
  std::vector<OutputRole> roles;
  for (const ValueInfo& output : model.graph.outputs) {
    roles.push_back({output.name, outputKind(model, output)});
  }
  return roles;
}

Result<OutputFigures> compareOutputs(std::span<const OutputRole> roles,
                                     const std::map<std::string, Value>& reference,
                                     const std::map<std::string, Value>& quantized,
                                     std::span<const std::int64_t> targets) {
  OutputFigures figures;
  for (const OutputRole& output : roles) {
    const auto a = reference.find(output.name);
    const auto b = quantized.find(output.name);
    if (a == reference.end() || b == quantized.end() || !a->second.isTensor() || !b->second.isTensor() ||
        !isFloating(a->second.tensor().type())) {
      continue;
    }
    const Tensor& first = a->second.tensor();
    const Tensor& second = b->second.tensor();
    if (first.shape() != second.shape()) {
      return Error{ErrorKind::failed, "the quantized network's output " + output.name + " has shape " +
                                          shapeText(second.shape()) + " instead of " +
                                          shapeText(first.shape())};
    }
    HALFSTEP_TRY(const std::vector<float> y, toFloats(first, {}));
    HALFSTEP_TRY(const std::vector<float> z, toFloats(second, {}));
    figures.outputs.push_back(sumsOf(y, z));
    const OutputKind kind = output.kind;
    if (kind == OutputKind::values || figures.rows > 0 || first.shape().empty() || first.shape().back() < 2) {
      continue;
    }
    const auto classes = static_cast<std::size_t>(first.shape().back());
    for (std::size_t row = 0; (row + 1) * classes <= y.size(); ++row) {
      compareRow(std::span(y).subspan(row * classes, classes), std::span(z).subspan(row * classes, classes),
                 kind, row < targets.size() ? targets[row] : -1, figures);
    }
  }
  return figures;
}

std::string_view metricName(OutputMetric metric) {
  return factsOf(metric).name;
}

std::optional<OutputMetric> metricFromName(std::string_view name) {
  const auto found =
      std::find_if(kMetrics.begin(), kMetrics.end(), [&](const auto& m) { return m.name == name; });
  return found != kMetrics.end() ? std::optional(found->metric) : std::nullopt;
}

bool isBetterWhenLarger(OutputMetric metric) {
  return factsOf(metric).larger;
}

double metricOf(OutputMetric metric, std::span<const OutputFigures> samples,
                std::span<const std::uint32_t> picks) {
  OutputFigures all;
  const std::size_t count = picks.empty() ? samples.size() : picks.size();
  for (std::size_t i = 0; i < count; ++i) {
    const OutputFigures& one = samples[picks.empty() ? i : picks[i]];
    all.outputs.resize(std::max(all.outputs.size(), one.outputs.size()));
    for (std::size_t k = 0; k < one.outputs.size(); ++k) {
      all.outputs[k].signal += one.outputs[k].signal;
      all.outputs[k].noise += one.outputs[k].noise;
      all.outputs[k].decoded += one.outputs[k].decoded;
      all.outputs[k].products += one.outputs[k].products;
      all.outputs[k].count += one.outputs[k].count;
    }
    all.rows += one.rows;
    all.divergence += one.divergence;
    all.sameTop1 += one.sameTop1;
    all.top1InTop5 += one.top1InTop5;
    all.labelled += one.labelled;
    all.rightFloat += one.rightFloat;
    all.rightQuantized += one.rightQuantized;
    all.surpriseFloat += one.surpriseFloat;
    all.surpriseQuantized += one.surpriseQuantized;
  }
  const auto ratio = [](double part, double whole) { return whole > 0.0 ? part / whole : std::nan(""); };
  double relative = 0.0;
  OutputSums together;
  for (const OutputSums& output : all.outputs) {
    relative += output.signal > 0.0 ? output.noise / output.signal : (output.noise > 0.0 ? INFINITY : 0.0);
    together.noise += output.noise;
    together.signal += output.signal;
    together.decoded += output.decoded;
    together.products += output.products;
    together.count += output.count;
  }
  relative = ratio(relative, static_cast<double>(all.outputs.size()));
  const auto rows = static_cast<double>(all.rows);
  const auto labelled = static_cast<double>(all.labelled);
  switch (metric) {
  case OutputMetric::kl:
    return ratio(all.divergence, rows);
  case OutputMetric::sqnr:
    return -10.0 * std::log10(relative);
  case OutputMetric::relativeError:
    return relative;
  case OutputMetric::mse:
    return ratio(together.noise, static_cast<double>(together.count));
  case OutputMetric::cosine:
    return ratio(together.products, std::sqrt(together.signal * together.decoded));
  case OutputMetric::top1:
    return ratio(static_cast<double>(all.sameTop1), rows);
  case OutputMetric::top5:
    return ratio(static_cast<double>(all.top1InTop5), rows);
  case OutputMetric::accuracy:
    return ratio(static_cast<double>(all.rightQuantized), labelled);
  case OutputMetric::floatAccuracy:
    return ratio(static_cast<double>(all.rightFloat), labelled);
  case OutputMetric::perplexity:
    return std::exp(ratio(all.surpriseQuantized, labelled));
  case OutputMetric::floatPerplexity:
    return std::exp(ratio(all.surpriseFloat, labelled));
  }
  return std::nan("");
}

Estimate estimateOf(OutputMetric metric, std::span<const OutputFigures> samples, std::uint64_t seed) {
  Estimate estimate{metricOf(metric, samples), std::nan(""), std::nan("")};
  if (samples.size() < 2) {
    return estimate;
  }
  std::mt19937_64 random(seed);
  std::vector<double> draws;
  std::vector<std::uint32_t> picks(samples.size());
  for (int draw = 0; draw < kDraws; ++draw) {
    for (std::uint32_t& pick : picks) { // the standard's distributions differ between libraries
      pick = static_cast<std::uint32_t>(random() % samples.size());
    }
    if (const double value = metricOf(metric, samples, picks); !std::isnan(value)) {
      draws.push_back(value);
    }
  }
  if (!draws.empty()) {
    std::sort(draws.begin(), draws.end());
    const auto at = [&](double share) {
      return draws[static_cast<std::size_t>(std::lround(share * static_cast<double>(draws.size() - 1)))];
    };
    estimate.low = at(0.025);
    estimate.high = at(0.975);
  }
  return estimate;
}

} // namespace halfstep
