// What quantization does to a network's output: float and quantized outputs compared sample by sample, and
// the figures that follow, with confidence intervals by bootstrap over the samples.
#pragma once

#include "core/analysis/output_roles.h"
#include "core/analysis/samples.h"
#include "core/analysis/simulation.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace halfstep {

/// One output in one sample.
struct OutputSums {
  double signal = 0.0;   ///< Σ y² of the float output
  double noise = 0.0;    ///< Σ (ŷ − y)²
  double decoded = 0.0;  ///< Σ ŷ²
  double products = 0.0; ///< Σ y·ŷ
  double largest = 0.0;  ///< max |ŷ − y|
  std::int64_t count = 0;
  bool operator==(const OutputSums&) const = default;
};

/// `y`: the float values; `z`: as many quantized ones.
OutputSums sumsOf(std::span<const float> y, std::span<const float> z);

/// One sample.
struct OutputFigures {
  std::vector<OutputSums> outputs; ///< of every floating-point output, in the graph's order
  /// Of the distributions in the first output that holds some; all 0 where there is none.
  std::int64_t rows = 0;
  double divergence = 0.0; ///< Σ over rows of KL(softmax y ‖ softmax ŷ), in nats
  std::int64_t sameTop1 = 0;
  std::int64_t top1InTop5 = 0; ///< rows whose float class is among the five largest of the quantized output
  std::int64_t labelled = 0;   ///< rows with a target
  std::int64_t rightFloat = 0;
  std::int64_t rightQuantized = 0;
  double surpriseFloat = 0.0; ///< Σ over labelled rows of −ln p(target)
  double surpriseQuantized = 0.0;
  bool operator==(const OutputFigures&) const = default;
};

/// One sample's float outputs, made ready to be compared with many quantized ones. Immutable; any thread.
class OutputReference {
public:
  /// `targets` as SampleSource::targets. Outputs that are no floating-point tensors are left out.
  static Result<OutputReference> of(std::span<const OutputRole> roles,
                                    const std::map<std::string, Value>& outputs,
                                    std::vector<std::int64_t> targets);
  /// Errors: outputs whose shapes differ.
  Result<OutputFigures> compare(const std::map<std::string, Value>& quantized) const;
  /// The first output that holds distributions; null where none does.
  const FloatOutput* distribution() const {
    return m_distribution < m_outputs.size() ? &m_outputs[m_distribution] : nullptr;
  }
  /// Of every floating-point output, in the graph's order.
  std::vector<std::string> outputNames() const;

private:
  std::vector<FloatOutput> m_outputs;
  std::size_t m_distribution = 0;  ///< index of the output that holds distributions; beyond the end for none
  std::vector<double> m_logs;      ///< of the distributions, row by row
  std::vector<std::size_t> m_best; ///< the largest entry of every row
  std::vector<std::int64_t> m_targets;
};

/// Compares one sample's outputs once.
Result<OutputFigures> compareOutputs(std::span<const OutputRole> roles,
                                     const std::map<std::string, Value>& reference,
                                     const std::map<std::string, Value>& quantized,
                                     std::span<const std::int64_t> targets);

enum class OutputMetric : std::uint8_t {
  kl,            ///< mean KL divergence of the rows, nats
  sqnr,          ///< −10·log10 of the outputs' mean relative error, dB
  relativeError, ///< Σ noise / Σ signal, the mean over the outputs
  mse,           ///< Σ noise / Σ count
  cosine,        ///< of all outputs together
  top1,          ///< share of rows with the same class
  top5,          ///< share of rows whose class is among the quantized output's first five
  accuracy,      ///< of the quantized network, share of labelled rows
  floatAccuracy, ///< of the float network
  perplexity,    ///< exp of the mean surprise of the quantized network, where a sample has several rows
  floatPerplexity,
};
/// In the order in which they are shown.
inline constexpr std::array kOutputMetrics = {OutputMetric::kl,
                                              OutputMetric::sqnr,
                                              OutputMetric::relativeError,
                                              OutputMetric::mse,
                                              OutputMetric::cosine,
                                              OutputMetric::top1,
                                              OutputMetric::top5,
                                              OutputMetric::floatAccuracy,
                                              OutputMetric::accuracy,
                                              OutputMetric::floatPerplexity,
                                              OutputMetric::perplexity};
std::string_view metricName(OutputMetric metric);
std::optional<OutputMetric> metricFromName(std::string_view name);
/// Whether a larger figure is a smaller damage.
bool isBetterWhenLarger(OutputMetric metric);

/// The figure over the samples that `picks` names (all where empty). NaN where it does not apply.
double metricOf(OutputMetric metric, std::span<const OutputFigures> samples,
                std::span<const std::uint32_t> picks = {});

inline constexpr int kBootstrapDraws = 1000;

/// A figure with the interval that holds it with 95 % confidence: percentile bootstrap over the samples,
/// kBootstrapDraws draws. Source: Efron, "Bootstrap methods", 1979. One sample has no interval: low = high =
/// NaN.
struct Estimate {
  double value = 0.0;
  double low = 0.0;
  double high = 0.0;
};
Estimate withInterval(double value,
                      std::vector<double> draws); ///< `draws`: the bootstrap's; NaNs are left out
Estimate estimateOf(OutputMetric metric, std::span<const OutputFigures> samples, std::uint64_t seed);

/// How many numbers of all samples were NaN or infinite.
struct NotFinite {
  std::int64_t inputs = 0;
  std::int64_t floatOutputs = 0;
  std::int64_t quantizedOutputs = 0;
  std::vector<std::string> samples; ///< that have some
  bool operator==(const NotFinite&) const = default;
};
/// In the floating-point tensors among `values`.
std::int64_t notFiniteIn(const std::map<std::string, Value>& values);

/// Immutable once made; shared.
struct Evaluation {
  SampleOrigin origin;
  OutputMetric standard = OutputMetric::kl; ///< that of metric_choice.h
  std::vector<std::string> sampleNames;
  std::vector<OutputFigures> samples;
  NotFinite notFinite;
  std::vector<std::pair<std::string, std::string>> left; ///< layers that stay in float, and why
};

struct EvaluationOptions {
  std::size_t samples = 0; ///< the first so many; 0 for all
  std::function<void(const Evaluation&)> onSample;
};

/// Runs the float and the quantized network on every sample.
Result<std::shared_ptr<const Evaluation>> evaluate(const Executor& executor, const Simulation& simulation,
                                                   const Plan& plan, const SampleSource& samples,
                                                   const EvaluationOptions& options, const JobContext& job);

} // namespace halfstep
