#include "core/quant/scheme_grammar.h"
#include "plugins/exporters/results_hdf5/result_groups.h"
#include "plugins/shared/hdf5/activation_group.h"

#include <array>
#include <cmath>

namespace halfstep::hdf5 {

namespace {

/// Estimates as three arrays of one shape.
struct EstimateArrays {
  std::vector<double> value, low, high;

  void add(const Estimate& estimate) {
    value.push_back(estimate.value);
    low.push_back(estimate.low);
    high.push_back(estimate.high);
  }
  /// NAME, NAME_low and NAME_high.
  herr_t write(hid_t group, const std::string& name, const std::vector<hsize_t>& shape,
               const char* unit) const {
    return worstOf({writeArray(group, name.c_str(), value, shape, unit),
                    writeArray(group, (name + "_low").c_str(), low, shape, unit),
                    writeArray(group, (name + "_high").c_str(), high, shape, unit)});
  }
};

herr_t writeOrigin(hid_t group, const SampleOrigin& origin, std::size_t samples) {
  return worstOf({writeText(group, "data", origin.description),
                  writeNumber(group, "synthetic", std::int64_t{origin.synthetic}),
                  writeNumber(group, "fingerprint", origin.fingerprint),
                  writeNumber(group, "sample_count", static_cast<std::int64_t>(samples))});
}

std::string unitOf(OutputMetric metric) {
  switch (metric) {
  case OutputMetric::kl:
    return "nat";
  case OutputMetric::sqnr:
    return "dB";
  case OutputMetric::mse:
    return "output squared";
  default:
    return "1";
  }
}

/// The metric of every sample by itself; NaN where it does not apply.
std::vector<double> perSample(OutputMetric metric, const std::vector<OutputFigures>& samples) {
  std::vector<double> values;
  for (std::uint32_t i = 0; i < samples.size(); ++i) {
    values.push_back(metricOf(metric, samples, std::array{i}));
  }
  return values;
}

} // namespace

herr_t writeCalibration(hid_t file, const Calibration& calibration) {
  const Handle group = makeGroup(file, "calibration");
  const Handle values = group.isValid() ? makeGroup(group.id(), "values") : Handle();
  if (!values.isValid()) {
    return -1;
  }
  herr_t worst = worstOf({writeOrigin(group.id(), calibration.origin, calibration.sampleNames.size()),
                          writeTexts(group.id(), "samples", calibration.sampleNames)});
  for (std::size_t i = 0; i < calibration.values.size() && worst >= 0; ++i) {
    worst = writeStatistics(values.id(), groupName(i), calibration.values[i]);
  }
  return worst;
}

herr_t writeEvaluation(hid_t file, const Evaluation& evaluation, std::uint64_t seed) {
  const Handle group = makeGroup(file, "evaluation");
  const Handle samples = group.isValid() ? makeGroup(group.id(), "per_sample") : Handle();
  if (!samples.isValid()) {
    return -1;
  }
  herr_t worst = worstOf({writeOrigin(group.id(), evaluation.origin, evaluation.samples.size()),
                          writeText(group.id(), "metric", std::string(metricName(evaluation.standard))),
                          writeTexts(group.id(), "samples", evaluation.sampleNames)});
  for (const OutputMetric metric : kOutputMetrics) {
    const Estimate estimate = estimateOf(metric, evaluation.samples, seed);
    if (std::isnan(estimate.value)) {
      continue;
    }
    const std::string name(metricName(metric));
    worst = worstOf({worst,
                     writeAttribute(group.id(), name.c_str(),
                                    std::vector<double>{estimate.value, estimate.low, estimate.high}),
                     writeDataset(samples.id(), name.c_str(), perSample(metric, evaluation.samples),
                                  unitOf(metric).c_str())});
  }
  std::vector<std::string> layers;
  std::vector<std::string> reasons;
  for (const auto& [layer, why] : evaluation.left) {
    layers.push_back(layer);
    reasons.push_back(why);
  }
  return worstOf({worst, writeTexts(group.id(), "left_layers", layers),
                  writeTexts(group.id(), "left_reasons", reasons)});
}

herr_t writeErrors(hid_t file, const LayerErrors& errors, std::uint64_t seed) {
  const Handle group = makeGroup(file, "layer_errors");
  if (!group.isValid()) {
    return -1;
  }
  const std::vector<hsize_t> each = {errors.layers.size(), errors.samples};
  herr_t worst =
      worstOf({writeOrigin(group.id(), errors.origin, errors.samples),
               writeTexts(group.id(), "layers", errors.layers), writeTexts(group.id(), "left", errors.left)});
  for (const auto& [name, member] :
       {std::pair("isolated", &LayerError::isolated), std::pair("accumulated", &LayerError::accumulated)}) {
    EstimateArrays estimates;
    std::vector<double> single;
    for (const LayerError& error : errors.errors) {
      const std::vector<OutputSums>& samples = error.*member;
      estimates.add(LayerErrors::sqnrEstimate(samples, seed));
      for (std::size_t i = 0; i < errors.samples; ++i) {
        single.push_back(i < samples.size() ? LayerErrors::sqnrDb({samples[i]}) : std::nan(""));
      }
    }
    worst =
        worstOf({worst, estimates.write(group.id(), name, {errors.layers.size()}, "dB"),
                 writeArray(group.id(), (std::string(name) + "_per_sample").c_str(), single, each, "dB")});
  }
  return worst;
}

herr_t writeSensitivity(hid_t file, const Sensitivity& sweep) {
  const Handle group = makeGroup(file, "sensitivity");
  if (!group.isValid()) {
    return -1;
  }
  EstimateArrays estimates;
  std::vector<double> single;
  for (std::size_t layer = 0; layer < sweep.layers.size(); ++layer) {
    for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
      estimates.add(sweep.estimate(layer, scheme));
      std::vector<double> values = perSample(sweep.metric, sweep.cell(layer, scheme).samples);
      values.resize(sweep.samples, std::nan(""));
      single.insert(single.end(), values.begin(), values.end());
    }
  }
  std::vector<std::string> schemes;
  for (const std::string& scheme : sweep.candidateNames()) {
    schemes.push_back(scheme);
  }
  const std::string unit = unitOf(sweep.metric);
  const std::vector<hsize_t> shape = {sweep.layers.size(), sweep.schemes.size()};
  return worstOf(
      {writeOrigin(group.id(), sweep.origin, sweep.samples),
       writeText(group.id(), "metric", std::string(metricName(sweep.metric))),
       writeNumber(group.id(), "seed", sweep.seed), writeNumber(group.id(), "progress", sweep.progress()),
       writeTexts(group.id(), "layers", sweep.layers), writeTexts(group.id(), "left", sweep.left),
       writeTexts(group.id(), "schemes", schemes), estimates.write(group.id(), "values", shape, unit.c_str()),
       writeArray(group.id(), "per_sample", single,
                  {sweep.layers.size(), sweep.schemes.size(), sweep.samples}, unit.c_str())});
}

herr_t writeLatency(hid_t file, const Latency& latency) {
  constexpr double kMilli = 1e3;
  const Handle group = makeGroup(file, "latency");
  if (!group.isValid()) {
    return -1;
  }
  std::vector<std::string> types;
  std::vector<double> totals;
  for (const LatencyType type : kLatencyTypes) {
    types.emplace_back(latencyTypeName(type));
    totals.push_back(latency.total(type) * kMilli);
  }
  std::vector<std::string> layers;
  std::vector<std::int64_t> calls;
  std::vector<double> median, lower, upper, around;
  for (const LayerLatency& layer : latency.layers) {
    layers.push_back(layer.shape.name);
    calls.push_back(layer.shape.calls);
    for (const LatencyType type : kLatencyTypes) {
      const auto found = layer.types.find(type);
      const bool known = found != layer.types.end() && found->second.measured();
      const auto add = [&](std::vector<double>& to, double seconds) {
        to.push_back(known ? seconds * kMilli : std::nan(""));
      };
      const LayerTiming timing = known ? found->second : LayerTiming{};
      add(median, timing.alone.median);
      add(lower, timing.alone.lowerQuartile);
      add(upper, timing.alone.upperQuartile);
      add(around, timing.around);
    }
  }
  const std::vector<hsize_t> shape = {layers.size(), types.size()};
  herr_t narrow = 0;
  for (const auto& [type, network] : latency.narrowNetworks) {
    const std::string name = "network_" + std::string(latencyTypeName(type)) + "_ms";
    narrow = worstOf({narrow, writeNumber(group.id(), name.c_str(), network.timing.median * kMilli)});
  }
  return worstOf({narrow, writeText(group.id(), "device", latency.machine.name),
                  writeNumber(group.id(), "threads", std::int64_t{latency.threads}),
                  writeNumber(group.id(), "vnni", std::int64_t{latency.vnni}),
                  writeNumber(group.id(), "network_fp32_ms",
                              latency.network ? latency.network->median * kMilli : std::nan("")),
                  writeTexts(group.id(), "layers", layers), writeTexts(group.id(), "types", types),
                  writeDataset(group.id(), "calls", calls, "calls in one run"),
                  writeDataset(group.id(), "total", totals, "ms"),
                  writeArray(group.id(), "median", median, shape, "ms"),
                  writeArray(group.id(), "lower_quartile", lower, shape, "ms"),
                  writeArray(group.id(), "upper_quartile", upper, shape, "ms"),
                  writeArray(group.id(), "around", around, shape, "ms")});
}

} // namespace halfstep::hdf5
