// The figures of evaluation.h: what one sample's outputs say, and what they say together.
#include "core/analysis/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

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

const NamedMetric& factsOf(OutputMetric metric) {
  return *std::find_if(kMetrics.begin(), kMetrics.end(), [&](const auto& m) { return m.metric == metric; });
}

/// ln of the distribution that a row holds, into `logs`.
void logDistribution(std::span<const float> row, OutputKind kind, std::span<double> logs) {
  if (kind == OutputKind::probabilities) {
    constexpr double kLeast = 1e-30; // a probability that underflowed to 0
    for (std::size_t i = 0; i < row.size(); ++i) {
      logs[i] = std::log(std::max(static_cast<double>(row[i]), kLeast));
    }
    return;
  }
  const auto largest = static_cast<double>(*std::max_element(row.begin(), row.end()));
  double sum = 0.0;
  for (const float value : row) {
    sum += std::exp(static_cast<double>(value) - largest);
  }
  const double shift = largest + std::log(sum);
  for (std::size_t i = 0; i < row.size(); ++i) {
    logs[i] = static_cast<double>(row[i]) - shift;
  }
}

/// How many entries of `row` are larger than entry `index`, of equals those before it.
std::size_t rankIn(std::span<const float> row, std::size_t index) {
  std::size_t rank = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    rank += row[i] > row[index] || (row[i] == row[index] && i < index) ? 1 : 0;
  }
  return rank;
}

/// A row of the float output (its logarithms `p` and largest entry) beside the quantized one.
void compareRow(std::span<const double> p, std::size_t best, std::span<const float> z,
                std::span<const double> q, std::int64_t target, OutputFigures& figures) {
  double divergence = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    divergence += std::exp(p[i]) * (p[i] - q[i]);
  }
  figures.divergence += std::max(divergence, 0.0);
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

} // namespace

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

Result<OutputReference> OutputReference::of(std::span<const OutputRole> roles,
                                            const std::map<std::string, Value>& outputs,
                                            std::vector<std::int64_t> targets) {
  OutputReference made;
  made.m_targets = std::move(targets);
  HALFSTEP_TRY(made.m_outputs, floatOutputs(roles, outputs));
  const auto found = std::find_if(made.m_outputs.begin(), made.m_outputs.end(),
                                  [](const FloatOutput& one) { return one.holdsDistributions(); });
  made.m_distribution = static_cast<std::size_t>(found - made.m_outputs.begin());
  if (found == made.m_outputs.end()) {
    return made;
  }
  const std::size_t classes = found->layout.classes;
  std::vector<float> moved;
  const std::span<const float> rows = distributionRows(found->layout, found->values, moved);
  made.m_logs.resize(rows.size());
  for (std::size_t at = 0; at < rows.size(); at += classes) {
    const auto row = rows.subspan(at, classes);
    logDistribution(row, found->kind, std::span(made.m_logs).subspan(at, classes));
    made.m_best.push_back(static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  return made;
}

std::vector<std::string> OutputReference::outputNames() const {
  std::vector<std::string> names;
  for (const FloatOutput& output : m_outputs) {
    names.push_back(output.name);
  }
  return names;
}

Result<OutputFigures> OutputReference::compare(const std::map<std::string, Value>& quantized) const {
  OutputFigures figures;
  for (std::size_t i = 0; i < m_outputs.size(); ++i) {
    const FloatOutput& output = m_outputs[i];
    const auto found = quantized.find(output.name);
    if (found == quantized.end() || !found->second.isTensor()) {
      return Error{ErrorKind::failed, "the quantized network does not make its output " + output.name};
    }
    const Tensor& tensor = found->second.tensor();
    if (tensor.shape() != output.shape) {
      return Error{ErrorKind::failed, "the quantized network's output " + output.name + " has shape " +
                                          shapeText(tensor.shape()) + " instead of " +
                                          shapeText(output.shape)};
    }
    HALFSTEP_TRY(const std::vector<float> values, toFloats(tensor, {}));
    figures.outputs.push_back(sumsOf(output.values, values));
    if (i != m_distribution) {
      continue;
    }
    const std::size_t classes = output.layout.classes;
    std::vector<float> moved;
    const std::span<const float> rows = distributionRows(output.layout, values, moved);
    std::vector<double> logs(classes);
    for (std::size_t row = 0; row < m_best.size(); ++row) {
      const auto z = rows.subspan(row * classes, classes);
      logDistribution(z, output.kind, logs);
      compareRow(std::span(m_logs).subspan(row * classes, classes), m_best[row], z, logs,
                 row < m_targets.size() ? m_targets[row] : -1, figures);
    }
  }
  return figures;
}

Result<OutputFigures> compareOutputs(std::span<const OutputRole> roles,
                                     const std::map<std::string, Value>& reference,
                                     const std::map<std::string, Value>& quantized,
                                     std::span<const std::int64_t> targets) {
  HALFSTEP_TRY(
      const OutputReference made,
      OutputReference::of(roles, reference, std::vector<std::int64_t>(targets.begin(), targets.end())));
  return made.compare(quantized);
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
  const bool sequences = all.rows > static_cast<std::int64_t>(count); // tokens, not one class per sample
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
    return sequences ? std::exp(ratio(all.surpriseQuantized, labelled)) : std::nan("");
  case OutputMetric::floatPerplexity:
    return sequences ? std::exp(ratio(all.surpriseFloat, labelled)) : std::nan("");
  }
  return std::nan("");
}

Estimate withInterval(double value, std::vector<double> draws) {
  std::erase_if(draws, [](double draw) { return std::isnan(draw); });
  if (draws.empty()) {
    return {value, std::nan(""), std::nan("")};
  }
  std::sort(draws.begin(), draws.end());
  const auto at = [&](double share) {
    return draws[static_cast<std::size_t>(std::lround(share * static_cast<double>(draws.size() - 1)))];
  };
  return {value, at(0.025), at(0.975)};
}

Estimate estimateOf(OutputMetric metric, std::span<const OutputFigures> samples, std::uint64_t seed) {
  std::vector<double> draws;
  std::mt19937_64 random(seed);
  std::vector<std::uint32_t> picks(samples.size());
  for (int draw = 0; draw < kBootstrapDraws && samples.size() >= 2; ++draw) {
    for (std::uint32_t& pick : picks) { // the standard's distributions differ between libraries
      pick = static_cast<std::uint32_t>(random() % samples.size());
    }
    draws.push_back(metricOf(metric, samples, picks));
  }
  return withInterval(metricOf(metric, samples), std::move(draws));
}

} // namespace halfstep
