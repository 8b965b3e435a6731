#include "core/analysis/forecast_check.h"

#include "core/analysis/random_stream.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <vector>

namespace halfstep {

namespace {

double largestMagnitude(const Tensor& tensor) {
  double largest = 0.0;
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    if (const double magnitude = std::abs(tensor.valueAt(i)); std::isfinite(magnitude)) {
      largest = std::max(largest, magnitude);
    }
  }
  return largest;
}

/// max |z − y| over max |y|, of every floating-point output; 0 for outputs that are all 0 in both.
double largestRelative(std::span<const OutputRole> roles, const std::map<std::string, Value>& forecast,
                       const OutputFigures& figures) {
  double largest = 0.0;
  std::size_t next = 0;
  for (const OutputRole& role : roles) {
    const auto found = forecast.find(role.name);
    if (found == forecast.end() || !found->second.isTensor() ||
        !isFloatingPoint(found->second.tensor().type()) || next >= figures.outputs.size()) {
      continue;
    }
    const OutputSums& sums = figures.outputs[next++];
    if (sums.largest > 0.0) {
      largest = std::max(largest, sums.largest / largestMagnitude(found->second.tensor()));
    }
  }
  return largest;
}

/// Inputs of float32 with every value changed by up to 2^-20 of it; others as they are.
Result<std::map<std::string, Value>> shaken(const std::map<std::string, Value>& inputs,
                                            RandomStream& random) {
  std::map<std::string, Value> changed = inputs;
  for (auto& [name, value] : changed) {
    if (!value.isTensor() || value.tensor().type() != ElementType::float32) {
      continue;
    }
    const Tensor& tensor = value.tensor();
    std::vector<float> values(tensor.count());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(tensor.valueAt(i) * (1.0 + 0x1.0p-20 * (2.0 * random.unit() - 1.0)));
    }
    const auto bytes = std::as_bytes(std::span(values));
    HALFSTEP_TRY(Tensor made,
                 Tensor::own(ElementType::float32, tensor.shape(), {bytes.begin(), bytes.end()}));
    value = Value(std::move(made));
  }
  return changed;
}

/// ForecastCheck::ownNoise.
Result<double> ownNoise(const Executor& written, std::span<const OutputRole> roles,
                        const SampleSource& samples, std::size_t count, const JobContext& job) {
  RandomStream random(job.seed());
  double signal = 0.0;
  double noise = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    HALFSTEP_CHECK(job.checkpoint());
    job.reportProgress(static_cast<double>(i) / static_cast<double>(count), samples.name(i));
    HALFSTEP_TRY(const auto inputs, samples.inputs(i));
    HALFSTEP_TRY(const auto changed, shaken(inputs, random));
    HALFSTEP_TRY(const auto first, written.run(inputs, job));
    HALFSTEP_TRY(const auto second, written.run(changed, job));
    HALFSTEP_TRY(const OutputFigures figures, compareOutputs(roles, first, second, {}));
    for (const OutputSums& sums : figures.outputs) {
      signal += sums.signal;
      noise += sums.noise;
    }
  }
  return signal > 0.0 ? 10.0 * std::log10(signal / noise) : NAN;
}

} // namespace

Result<ForecastCheck> checkForecast(const Executor& original, const Simulation& simulation, const Plan& plan,
                                    const Executor& written, const SampleSource& samples, std::size_t count,
                                    const JobContext& job) {
  HALFSTEP_TRY(const SimulatedPlan simulated, simulatePlan(simulation, plan, job.part(0.0, 0.1)));
  const std::vector<OutputRole> roles = outputRoles(original.model());
  ForecastCheck check;
  check.origin = samples.origin();
  check.samples = count > 0 ? std::min(count, samples.count()) : samples.count();
  double signal = 0.0;
  double noise = 0.0;
  std::int64_t rows = 0;
  std::int64_t same = 0;
  const JobContext running = job.part(0.1, 0.7);
  for (std::size_t i = 0; i < check.samples; ++i) {
    running.reportProgress(static_cast<double>(i) / static_cast<double>(check.samples), samples.name(i));
    HALFSTEP_TRY(const auto inputs, samples.inputs(i));
    HALFSTEP_TRY(const auto forecast, original.run(inputs, running, simulated.options));
    HALFSTEP_TRY(const auto outputs, written.run(inputs, running));
    HALFSTEP_TRY(const OutputFigures figures, compareOutputs(roles, forecast, outputs, {}));
    for (const OutputSums& sums : figures.outputs) {
      signal += sums.signal;
      noise += sums.noise;
    }
    check.largestRelative = std::max(check.largestRelative, largestRelative(roles, forecast, figures));
    rows += figures.rows;
    same += figures.sameTop1;
  }
  check.sqnr = signal > 0.0 ? 10.0 * std::log10(signal / noise) : NAN;
  check.top1 = rows > 0 ? static_cast<double>(same) / static_cast<double>(rows) : NAN;
  check.ownNoise = NAN;
  if (check.sqnr < kGoodAgreement) {
    HALFSTEP_TRY(check.ownNoise, ownNoise(written, roles, samples, check.samples, job.part(0.7, 1.0)));
  }
  return check;
}

} // namespace halfstep
