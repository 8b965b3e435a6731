#include "core/analysis/latency.h"

#include "core/analysis/layer_primitive.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace halfstep {

namespace {

constexpr int kTurn = 10; // runs of a type before the next one's turn
constexpr int kFewestRuns = 3;
constexpr int kConversions = 9;

Result<double> secondsOf(const std::function<void()>& work, const Clock& clock) {
  const double start = clock();
  HALFSTEP_CHECK(callPrepared(work));
  return clock() - start;
}

/// Something that is run again and again, in turns with others.
struct Runner {
  std::function<Result<double>()> run; ///< the seconds of one run
  std::vector<double> seconds;
  double spent = 0.0;
};

/// Up to kTurn runs, and if it `refills`, one before them that fills the caches with its own again. Whether
/// there is more to do.
Result<bool> takeTurn(Runner& runner, bool refills, double share, const LatencyOptions& options,
                      const JobContext& job) {
  const auto wanted = static_cast<std::size_t>(std::max(1, options.runs));
  const std::size_t least = std::min<std::size_t>(wanted, kFewestRuns);
  const auto isDone = [&] {
    const std::size_t runs = runner.seconds.size();
    return runs >= wanted || (runs >= least && runner.spent > share);
  };
  if (isDone()) {
    return false;
  }
  if (refills) {
    HALFSTEP_TRY(const double refill, runner.run());
    runner.spent += refill;
  }
  for (int i = 0; i < kTurn && !isDone(); ++i) {
    HALFSTEP_CHECK(job.checkpoint());
    HALFSTEP_TRY(const double once, runner.run());
    runner.seconds.push_back(once);
    runner.spent += once;
  }
  return !isDone();
}

/// All of them, until each has its runs or its share of the seconds.
Result<void> runInTurns(const std::vector<Runner*>& runners, const LatencyOptions& options,
                        const JobContext& job) {
  const double share = options.seconds / static_cast<double>(std::max<std::size_t>(1, runners.size()));
  for (bool more = true; more;) {
    more = false;
    for (Runner* const runner : runners) {
      HALFSTEP_TRY(const bool unfinished, takeTurn(*runner, runners.size() > 1, share, options, job));
      more = more || unfinished;
    }
  }
  return {};
}

/// A layer in one type while it is measured.
struct Candidate {
  LatencyType type;
  PreparedLayer prepared;
  Runner runner;
};

Result<double> medianOf(const std::function<void()>& conversion, const LatencyOptions& options) {
  if (!conversion) {
    return 0.0;
  }
  std::vector<double> seconds;
  for (int i = 0; i < std::min(kConversions, options.runs); ++i) {
    HALFSTEP_TRY(const double once, secondsOf(conversion, options.clock));
    seconds.push_back(once);
  }
  return timingOf(std::move(seconds)).median;
}

class LayerMeasurement {
public:
  LayerMeasurement(const LayerShape& shape, const LatencyOptions& options, const JobContext& job)
      : m_options(options)
      , m_job(job) {
    m_result.shape = shape;
  }

  Result<LayerLatency> run() {
    HALFSTEP_CHECK(prepareAll());
    for (Candidate& candidate : m_candidates) {
      for (int i = 0; i < m_options.warmUp; ++i) {
        HALFSTEP_CHECK(m_job.checkpoint());
        HALFSTEP_CHECK(callPrepared(candidate.prepared.run));
      }
    }
    std::vector<Runner*> runners;
    for (Candidate& candidate : m_candidates) {
      candidate.runner.run = [&] { return secondsOf(candidate.prepared.run, m_options.clock); };
      runners.push_back(&candidate.runner);
    }
    HALFSTEP_CHECK(runInTurns(runners, m_options, m_job));
    for (Candidate& candidate : m_candidates) {
      LayerTiming& timing = m_result.types[candidate.type];
      timing.alone = timingOf(std::move(candidate.runner.seconds));
      HALFSTEP_TRY(const double in, medianOf(candidate.prepared.convertInput, m_options));
      HALFSTEP_TRY(const double out, medianOf(candidate.prepared.convertOutput, m_options));
      timing.around = in + out;
    }
    return std::move(m_result);
  }

private:
  Result<void> prepareAll() {
    std::vector<LatencyType> types = m_options.types;
    if (std::find(types.begin(), types.end(), LatencyType::fp32) == types.end()) {
      types.push_back(LatencyType::fp32);
    }
    std::sort(types.begin(), types.end()); // fp32 first: its output sets int8's scale
    types.erase(std::unique(types.begin(), types.end()), types.end());
    if (m_result.shape.kind == LayerKind::other) {
      for (const LatencyType type : types) {
        m_result.types[type].left = m_result.shape.left;
      }
      return {};
    }
    HALFSTEP_TRY(const LayerValues values, drawLayerValues(m_result.shape, m_options.seed));
    float magnitude = 1.0f;
    for (const LatencyType type : types) {
      auto prepared = prepareLayer(m_result.shape, type, values, magnitude);
      if (!prepared) {
        m_result.types[type].left = prepared.error().what;
        continue;
      }
      if (type == LatencyType::fp32) {
        HALFSTEP_CHECK(callPrepared(prepared->run));
        magnitude = 0.0f;
        for (const float value : prepared->output()) {
          magnitude = std::max(magnitude, std::abs(value));
        }
      }
      m_result.types[type].implementation = prepared->implementation;
      m_candidates.push_back({type, std::move(*prepared), {}});
    }
    return {};
  }

  const LatencyOptions& m_options;
  const JobContext& m_job;
  LayerLatency m_result;
  std::vector<Candidate> m_candidates;
};

/// What the layer `shape` has of its recurrent node's times.
LayerLatency shareOf(const LayerLatency& node, const LayerShape& shape) {
  const double share = static_cast<double>(shape.macs) / static_cast<double>(shape.recurrence.macs());
  LayerLatency layer = node;
  layer.shape = shape;
  for (auto& [type, timing] : layer.types) {
    for (double* const seconds : {&timing.alone.median, &timing.alone.lowerQuartile,
                                  &timing.alone.upperQuartile, &timing.alone.least, &timing.around}) {
      *seconds *= share;
    }
  }
  return layer;
}

/// The whole network in one type while it is measured.
struct NetworkRuns {
  LatencyType type;
  Executor executor;
  Runner runner;
};

/// An executor of the network in each type asked for, warm; without the types that none of its nodes runs in.
Result<std::vector<NetworkRuns>> preparedNetworks(const Executor& executor,
                                                  const std::map<std::string, Value>& inputs,
                                                  const LatencyOptions& options, const JobContext& job) {
  constexpr std::array kComputeTypes = {std::pair(LatencyType::fp32, ComputeType::fp32),
                                        std::pair(LatencyType::bf16, ComputeType::bf16),
                                        std::pair(LatencyType::int8, ComputeType::int8)};
  std::vector<NetworkRuns> networks;
  for (const auto& [type, computeType] : kComputeTypes) {
    const bool isWide = type == LatencyType::fp32;
    if (!isWide && std::find(options.types.begin(), options.types.end(), type) == options.types.end()) {
      continue;
    }
    HALFSTEP_TRY(Executor own, isWide ? Result<Executor>(executor) : executor.inComputeType(computeType));
    // The first run builds primitives, the second one uses them.
    bool runs = true;
    for (int i = 0; runs && i < std::clamp(options.warmUp, isWide ? 0 : 1, 2); ++i) {
      const auto done = own.run(inputs, job);
      if (!done && (isWide || done.error().kind == ErrorKind::cancelled)) {
        return done.error();
      }
      runs = done.has_value(); // what oneDNN refuses in a narrow type keeps nobody from float32's time
    }
    if (isWide || (runs && own.lowPrecisionNodes() > 0)) {
      networks.push_back({type, std::move(own), {}});
    }
  }
  return networks;
}

Result<void> measureNetwork(const Executor& executor, const std::map<std::string, Value>& inputs,
                            const LatencyOptions& options, const JobContext& job, Latency& latency) {
  HALFSTEP_TRY(std::vector<NetworkRuns> networks, preparedNetworks(executor, inputs, options, job));
  std::vector<Runner*> runners;
  for (NetworkRuns& network : networks) {
    network.runner.run = [&]() -> Result<double> {
      const double start = options.clock();
      HALFSTEP_CHECK(network.executor.run(inputs, job));
      return options.clock() - start;
    };
    runners.push_back(&network.runner);
  }
  HALFSTEP_CHECK(runInTurns(runners, options, job));
  for (NetworkRuns& network : networks) {
    const Timing timing = timingOf(std::move(network.runner.seconds));
    if (network.type == LatencyType::fp32) {
      latency.network = timing;
    } else {
      latency.narrowNetworks[network.type] = {timing, network.executor.lowPrecisionNodes()};
    }
  }
  return {};
}

} // namespace

double Latency::total(LatencyType type) const {
  double sum = 0.0;
  for (const LayerLatency& layer : layers) {
    auto timing = layer.types.find(type);
    if (timing == layer.types.end() || !timing->second.measured()) {
      timing = layer.types.find(LatencyType::fp32);
    }
    if (timing != layer.types.end() && timing->second.measured()) {
      sum += static_cast<double>(layer.shape.calls) * timing->second.alone.median;
    }
  }
  return sum;
}

std::optional<double> Latency::networkIn(LatencyType type) const {
  const double layersInFloat = total(LatencyType::fp32);
  if (!network || !isComplete() || network->median <= layersInFloat) {
    return std::nullopt;
  }
  return network->median - layersInFloat + total(type);
}

std::vector<std::string> Latency::unmeasured() const {
  std::vector<std::string> names;
  for (const LayerLatency& layer : layers) {
    const auto isMeasured = [](const auto& type) { return type.second.measured(); };
    if (layer.shape.calls > 0 && std::none_of(layer.types.begin(), layer.types.end(), isMeasured)) {
      names.push_back(layer.shape.name);
    }
  }
  return names;
}

Result<Latency> measureLatency(const std::vector<LayerShape>& shapes, const LatencyOptions& options,
                               const JobContext& job) {
  Latency latency;
  latency.layerCount = shapes.size();
  latency.threads = parallelThreads();
  latency.vnni = hasVnni();
  job.reportProgress(0.0, "this machine");
  HALFSTEP_TRY(latency.machine, measureMachine(options.clock, job));
  std::map<std::string, LayerLatency> nodes; // recurrent ones, which several layers share
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    HALFSTEP_CHECK(job.checkpoint());
    job.reportProgress(static_cast<double>(i) / static_cast<double>(shapes.size()), shapes[i].name);
    const auto measure = [&](const LayerShape& shape) -> Result<LayerLatency> {
      HALFSTEP_TRY(LayerLatency layer, LayerMeasurement(shape, options, job).run());
      for (auto& [type, timing] : layer.types) {
        timing.reason =
            slowReason(layer.shape, type, timing, layer.types.at(LatencyType::fp32), latency.machine);
      }
      return layer;
    };
    if (shapes[i].kind == LayerKind::recurrence) {
      auto node = nodes.find(shapes[i].recurrence.first);
      if (node == nodes.end()) {
        HALFSTEP_TRY(LayerLatency whole, measure(shapes[i].measuredAs()));
        node = nodes.emplace(shapes[i].recurrence.first, std::move(whole)).first;
      }
      latency.layers.push_back(shareOf(node->second, shapes[i]));
    } else {
      HALFSTEP_TRY(LayerLatency layer, measure(shapes[i]));
      latency.layers.push_back(std::move(layer));
    }
    if (options.onLayer) {
      options.onLayer(latency);
    }
  }
  job.reportProgress(1.0);
  return latency;
}

Result<Latency> measureLatency(const Executor& executor, const std::map<std::string, Value>& inputs,
                               const LatencyOptions& options, const JobContext& job) {
  HALFSTEP_TRY(const std::vector<LayerShape> shapes, findLayerShapes(executor, inputs, job));
  HALFSTEP_TRY(Latency latency, measureLatency(shapes, options, job.part(0.0, 0.9)));
  HALFSTEP_CHECK(measureNetwork(executor, inputs, options, job.part(0.9, 1.0), latency));
  return latency;
}

} // namespace halfstep
