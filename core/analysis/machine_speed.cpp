#include "core/analysis/machine_speed.h"

#include "core/analysis/layer_primitive.h"
#include "core/exec/elements.h"
#include "core/kernels/value_range.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <cmath>
#include <fstream>

namespace halfstep {

namespace {

double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

LayerShape squareProduct(std::int64_t size) {
  LayerShape shape;
  shape.kind = LayerKind::product;
  shape.input = shape.weight = shape.output = {size, size};
  shape.rows = shape.depth = shape.columns = size;
  shape.macs = size * size * size;
  shape.parameters = size * size;
  return shape;
}

/// Of a square product; nothing where there is no kernel for the type.
Result<Timing> timeProduct(std::int64_t size, LatencyType type, int runs, const Clock& clock,
                           const JobContext& job) {
  const LayerShape shape = squareProduct(size);
  HALFSTEP_TRY(const LayerValues values, drawLayerValues(shape, 1));
  HALFSTEP_TRY(const PreparedLayer layer, prepareLayer(shape, type, values, 1.0f));
  std::vector<double> seconds;
  for (int i = 0; i <= runs; ++i) {
    HALFSTEP_CHECK(job.checkpoint());
    const double start = clock();
    HALFSTEP_CHECK(callPrepared(layer.run));
    if (i > 0) { // the first one warms up
      seconds.push_back(clock() - start);
    }
  }
  return timingOf(std::move(seconds));
}

Result<double> readBandwidth(const Clock& clock, const JobContext& job) {
  constexpr std::size_t kCount = std::size_t{24} << 20;
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  constexpr int kPasses = 12;
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>({static_cast<std::int64_t>(kCount)}));
  std::fill(made.values.begin(), made.values.end(), 1.0f);
  std::vector<float> largest(kCount / kPiece);
  double best = 0.0;
  for (int i = 0; i < kPasses; ++i) {
    HALFSTEP_CHECK(job.checkpoint());
    const double start = clock();
    parallelFor(largest.size(), [&](std::size_t piece) {
      largest[piece] = kernels::valueRange(made.values.subspan(piece * kPiece, kPiece)).max;
    });
    const double seconds = clock() - start;
    best = seconds > 0.0 ? std::max(best, static_cast<double>(kCount * sizeof(float)) / seconds) : best;
  }
  return best;
}

/// A loop over all threads that does nothing: waking them and waiting for the last.
Result<Timing> timeSharing(int runs, const Clock& clock, const JobContext& job) {
  std::vector<double> seconds;
  const auto threads = static_cast<std::size_t>(parallelThreads());
  for (int i = 0; i <= runs; ++i) {
    HALFSTEP_CHECK(job.checkpoint());
    const double start = clock();
    parallelFor(threads, [](std::size_t) {});
    if (i > 0) { // the first one starts the threads
      seconds.push_back(clock() - start);
    }
  }
  return timingOf(std::move(seconds));
}

} // namespace

Timing timingOf(std::vector<double> seconds) {
  if (seconds.empty()) {
    return {};
  }
  std::sort(seconds.begin(), seconds.end());
  return {quantile(seconds, 0.5), quantile(seconds, 0.25), quantile(seconds, 0.75), seconds.front(),
          static_cast<int>(seconds.size())};
}

std::string cpuName() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "this CPU";
}

Result<DeviceProfile> measureMachine(const Clock& clock, const JobContext& job) {
  constexpr std::int64_t kLarge = 1024;
  constexpr std::int64_t kTiny = 16;
  DeviceProfile profile;
  profile.name = cpuName();
  profile.source = "measured here on " + std::to_string(parallelThreads()) +
                   (parallelThreads() == 1 ? " thread" : " threads");
  for (const LatencyType type : {LatencyType::fp32, LatencyType::bf16, LatencyType::int8}) {
    const auto timing = timeProduct(kLarge, type, 10, clock, job);
    if (timing && timing->least > 0.0) {
      profile.peak[type] = 2.0 * static_cast<double>(kLarge * kLarge * kLarge) / timing->least;
    } else if (!timing && timing.error().kind != ErrorKind::unsupported) {
      return timing.error();
    }
  }
  HALFSTEP_TRY(const Timing tiny, timeProduct(kTiny, LatencyType::fp32, 200, clock, job));
  profile.overhead = tiny.median;
  HALFSTEP_TRY(const Timing empty, timeSharing(200, clock, job));
  profile.sharing = empty.median;
  HALFSTEP_TRY(profile.bandwidth, readBandwidth(clock, job));
  return profile;
}

} // namespace halfstep
