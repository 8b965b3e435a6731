#include "core/analysis/output_projections.h"

#include "core/analysis/random_stream.h"
#include "core/exec/elements.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

Result<Tensor> tensorOf(const Shape& shape, std::span<const double> values) {
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
  std::transform(values.begin(), values.end(), made.values.begin(),
                 [](double v) { return static_cast<float>(v); });
  return made.finish();
}

double signOf(RandomStream& random) {
  return (random.next() >> 63) != 0 ? 1.0 : -1.0;
}

/// The distribution that a row of logits or logarithms stands for, or is.
std::vector<double> distributionOf(std::span<const float> row, OutputKind kind) {
  std::vector<double> p(row.begin(), row.end());
  if (kind == OutputKind::probabilities) {
    return p;
  }
  const double largest = *std::max_element(p.begin(), p.end());
  double sum = 0.0;
  for (double& value : p) {
    value = std::exp(value - largest);
    sum += value;
  }
  for (double& value : p) {
    value /= sum;
  }
  return p;
}

/// v = Aε, where A·Aᵀ is the second derivative of the divergence in what the output holds:
/// logits diag p − p·pᵀ (A = diag √p − p·√pᵀ), logarithms diag p, probabilities diag 1/p.
void applyRoot(std::span<const double> p, OutputKind kind, std::span<double> signs) {
  double mean = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double root = std::sqrt(p[i]);
    mean += root * signs[i];
    constexpr double kLeast = 1e-15; // a probability that underflowed: nothing comes of it
    signs[i] *= kind == OutputKind::probabilities ? (root > kLeast ? 1.0 / root : 0.0) : root;
  }
  for (std::size_t i = 0; i < p.size() && kind == OutputKind::logits; ++i) {
    signs[i] -= p[i] * mean;
  }
}

} // namespace

Result<OutputProjections> divergenceProjections(std::span<const OutputRole> roles,
                                                const std::map<std::string, Value>& outputs,
                                                std::size_t passes, std::uint64_t seed, std::size_t sample) {
  HALFSTEP_TRY(const std::vector<FloatOutput> all, floatOutputs(roles, outputs));
  const auto found =
      std::find_if(all.begin(), all.end(), [](const FloatOutput& one) { return one.holdsDistributions(); });
  if (found == all.end()) {
    return Error{ErrorKind::usage, "none of the outputs holds distributions"};
  }
  const DistributionLayout& layout = found->layout;
  const std::size_t classes = layout.classes;
  std::vector<float> moved;
  const std::span<const float> rows = distributionRows(layout, found->values, moved);
  const std::size_t count = rows.size();
  OutputProjections made;
  made.rows = static_cast<std::int64_t>(count / classes);
  made.exact = count <= passes;
  const std::size_t vectors = made.exact ? count : passes;
  for (std::size_t k = 0; k < vectors; ++k) {
    RandomStream random(seed, sample, k);
    std::vector<double> vector(count, 0.0);
    for (std::size_t i = 0; i < count; ++i) {
      vector[i] = made.exact ? (i == k ? 1.0 : 0.0) : signOf(random);
    }
    for (std::size_t row = 0; row < count; row += classes) {
      const std::vector<double> p = distributionOf(rows.subspan(row, classes), found->kind);
      applyRoot(p, found->kind, std::span(vector).subspan(row, classes));
    }
    std::vector<double> inOutputOrder(count);
    for (std::size_t i = 0; i < count; ++i) {
      inOutputOrder[layout.indexOf(i / classes, i % classes)] = vector[i];
    }
    OutputProjection one;
    HALFSTEP_TRY(one.seeds[found->name], tensorOf(found->shape, inOutputOrder));
    one.weight = 0.5 / (made.exact ? 1.0 : static_cast<double>(vectors));
    made.vectors.push_back(std::move(one));
  }
  return made;
}

Result<OutputProjections> valueProjections(std::span<const OutputRole> roles,
                                           const std::map<std::string, Value>& outputs,
                                           const std::map<std::string, double>& signalSums,
                                           std::size_t passes, std::uint64_t seed, std::size_t sample) {
  HALFSTEP_TRY(const std::vector<FloatOutput> all, floatOutputs(roles, outputs));
  std::size_t count = 0;
  for (const FloatOutput& output : all) {
    count += output.values.size();
  }
  OutputProjections made;
  made.exact = count <= passes;
  const std::size_t vectors = made.exact ? count : passes;
  for (std::size_t k = 0; k < vectors; ++k) {
    RandomStream random(seed, sample, k);
    OutputProjection one;
    std::size_t at = 0;
    for (const FloatOutput& output : all) {
      const auto signal = signalSums.find(output.name);
      const double scale = signal != signalSums.end() && signal->second > 0.0
                               ? 1.0 / std::sqrt(static_cast<double>(all.size()) * signal->second)
                               : 0.0;
      std::vector<double> vector(output.values.size());
      for (double& value : vector) {
        value = scale * (made.exact ? (at == k ? 1.0 : 0.0) : signOf(random));
        ++at;
      }
      HALFSTEP_TRY(one.seeds[output.name], tensorOf(output.shape, vector));
    }
    one.weight = made.exact ? 1.0 : 1.0 / static_cast<double>(vectors);
    made.vectors.push_back(std::move(one));
  }
  return made;
}

} // namespace halfstep
