#include "core/analysis/calibration.h"

#include "core/analysis/graph_reach.h"
#include "core/support/hash.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <unordered_map>

namespace halfstep {

namespace {

std::string sampleError(const SampleSource& samples, std::size_t index) {
  return "sample " + std::to_string(index) + " (" + samples.name(index) + ")";
}

/// Share of the counts whose bins lie wholly outside lo…hi.
double shareOutside(const ActivationStatistics& statistics, double lo, double hi) {
  const auto counts = statistics.histogram.counts();
  const double width = statistics.histogram.width();
  std::int64_t outside = 0;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    const double left = (static_cast<double>(k) - BinaryHistogram::kBinsPerSide) * width;
    outside += left + width < lo || left > hi ? counts[k] : 0;
  }
  return statistics.moments.finite > 0
             ? static_cast<double>(outside) / static_cast<double>(statistics.moments.finite)
             : 0.0;
}

/// Half the sum of the differences of the relative frequencies, bins 64 times as wide as the finer ones.
double histogramDistance(const ActivationStatistics& a, const ActivationStatistics& b) {
  BinaryHistogram first = a.histogram;
  BinaryHistogram second = b.histogram;
  constexpr std::size_t kTogether = 64;
  const auto counted = [&](const BinaryHistogram& own, const BinaryHistogram& other) {
    BinaryHistogram onGrid =
        BinaryHistogram::of(other.exponent(), std::vector<std::int64_t>(other.counts().size()));
    onGrid.merge(own); // brings both to the wider grid
    return onGrid;
  };
  if (first.empty() || second.empty()) {
    return first.empty() == second.empty() ? 0.0 : 1.0;
  }
  first = counted(a.histogram, b.histogram);
  second = counted(b.histogram, a.histogram);
  double distance = 0.0;
  const auto n = static_cast<double>(a.moments.finite);
  const auto m = static_cast<double>(b.moments.finite);
  for (std::size_t k = 0; k < first.counts().size(); k += kTogether) {
    double p = 0.0;
    double q = 0.0;
    for (std::size_t i = k; i < k + kTogether; ++i) {
      p += static_cast<double>(first.counts()[i]);
      q += static_cast<double>(second.counts()[i]);
    }
    distance += std::abs(p / n - q / m);
  }
  const double zeros = std::abs(static_cast<double>(a.zeros()) / n - static_cast<double>(b.zeros()) / m);
  return 0.5 * (distance + zeros);
}

} // namespace

const ActivationStatistics* Calibration::find(std::string_view value) const {
  const auto found =
      std::find_if(values.begin(), values.end(), [&](const auto& one) { return one.name == value; });
  return found != values.end() ? &*found : nullptr;
}

Result<std::string> rangesFingerprint(const Calibration& calibration, const JobContext& job) {
  std::string all;
  for (const ActivationStatistics& value : calibration.values) {
    HALFSTEP_CHECK(job.checkpoint());
    std::vector<std::byte> bytes;
    const auto add = [&](const auto& numbers) {
      const auto own = std::as_bytes(std::span(numbers));
      bytes.insert(bytes.end(), own.begin(), own.end());
    };
    add(value.name);
    add(std::array{value.moments.min, value.moments.max, value.movingAverage.lo, value.movingAverage.hi});
    add(std::array{value.moments.finite, value.moments.zeros, std::int64_t{value.histogram.exponent()}});
    add(value.histogram.counts());
    HALFSTEP_TRY(const std::string one, sha256(bytes, job));
    all += one;
  }
  constexpr std::size_t kDigits = 16;
  HALFSTEP_TRY(const std::string hash, sha256(std::as_bytes(std::span(all)), job));
  return hash.substr(0, kDigits);
}

Result<std::shared_ptr<const Calibration>> calibrate(const Executor& executor, const SampleSource& samples,
                                                     const CalibrationOptions& options,
                                                     const JobContext& job) {
  const GraphReach reach(executor.model());
  const auto axes = channelAxes(executor.model());
  const std::size_t count =
      options.samples > 0 ? std::min(options.samples, samples.count()) : samples.count();
  auto calibration = std::make_shared<Calibration>();
  calibration->origin = samples.origin();
  std::unordered_map<std::string, std::size_t> indices;
  for (std::size_t i = 0; i < count; ++i) {
    job.reportProgress(static_cast<double>(i) / static_cast<double>(count), samples.name(i));
    auto inputs = samples.inputs(i);
    if (!inputs) {
      return inputs.error();
    }
    RunOptions run;
    run.tap = [&](const std::string& name, Value& value) -> Result<void> {
      if (!value.isTensor() || reach.constants().contains(name)) {
        return {};
      }
      const Tensor& tensor = value.tensor();
      if (!isQuantizable(tensor.type())) {
        return {};
      }
      const auto [found, isNew] = indices.emplace(name, calibration->values.size());
      if (isNew) {
        calibration->values.emplace_back();
        calibration->values.back().name = name;
      }
      const auto axis = axes.find(name);
      return calibration->values[found->second].observe(tensor, static_cast<std::uint32_t>(i),
                                                        axis != axes.end() ? std::optional(axis->second)
                                                                           : std::nullopt);
    };
    if (auto done = executor.run(*inputs, job, run); !done) {
      if (done.error().kind != ErrorKind::cancelled) {
        done.error().what = sampleError(samples, i) + ": " + done.error().what;
      }
      return done.error();
    }
    calibration->sampleNames.push_back(samples.name(i));
    if (options.onSample) {
      options.onSample(*calibration);
    }
  }
  return std::shared_ptr<const Calibration>(std::move(calibration));
}

std::vector<Drift> driftBetween(const Calibration& first, const Calibration& second) {
  std::vector<Drift> drifts;
  for (const ActivationStatistics& a : first.values) {
    const ActivationStatistics* b = second.find(a.name);
    if (b == nullptr || a.moments.finite == 0 || b->moments.finite == 0) {
      continue;
    }
    Drift drift;
    drift.value = a.name;
    drift.meanShift = a.std() > 0.0 ? (b->moments.mean - a.moments.mean) / a.std() : 0.0;
    drift.outside = shareOutside(*b, a.moments.min, a.moments.max);
    drift.distance = histogramDistance(a, *b);
    drifts.push_back(std::move(drift));
  }
  std::stable_sort(drifts.begin(), drifts.end(),
                   [](const Drift& a, const Drift& b) { return a.distance > b.distance; });
  return drifts;
}

double growthInLastHalf(const ActivationStatistics& statistics) {
  const std::size_t half = statistics.samples.size() / 2;
  if (half == 0) {
    return 1.0;
  }
  float lo = INFINITY;
  float hi = -INFINITY;
  for (std::size_t i = 0; i < half; ++i) {
    lo = std::min(lo, statistics.samples[i].min);
    hi = std::max(hi, statistics.samples[i].max);
  }
  const double before = static_cast<double>(hi) - lo;
  const double after = static_cast<double>(statistics.moments.max) - statistics.moments.min;
  return after > 0.0 ? (after - before) / after : 0.0;
}

} // namespace halfstep
