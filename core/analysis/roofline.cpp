#include "core/analysis/roofline.h"

#include <algorithm>

namespace halfstep {

std::string_view latencyTypeName(LatencyType type) {
  switch (type) {
  case LatencyType::fp32:
    return "fp32";
  case LatencyType::bf16:
    return "bf16";
  case LatencyType::int8:
    return "int8";
  case LatencyType::int4:
    return "int4";
  }
  return "";
}

Result<LatencyType> parseLatencyType(std::string_view name) {
  for (const LatencyType type : kLatencyTypes) {
    if (latencyTypeName(type) == name) {
      return type;
    }
  }
  return Error{ErrorKind::usage,
               "there is no type \"" + std::string(name) + "\"; there are: fp32, bf16, int8, int4"};
}

double weightBytes(LatencyType type, std::int64_t parameters, std::int64_t channels) {
  const auto count = static_cast<double>(parameters);
  switch (type) {
  case LatencyType::fp32:
    return 4.0 * count;
  case LatencyType::bf16:
    return 2.0 * count;
  case LatencyType::int8:
    return count + 4.0 * static_cast<double>(channels);
  case LatencyType::int4: {
    const std::int64_t depth = channels > 0 ? parameters / channels : 0;
    const std::int64_t groups = channels * ((depth + kInt4Group - 1) / kInt4Group);
    return 0.5 * count + 5.0 * static_cast<double>(groups);
  }
  }
  return 0.0;
}

namespace {

std::int64_t channelsOf(const LayerShape& shape) {
  switch (shape.kind) {
  case LayerKind::convolution:
    return shape.weight[0];
  case LayerKind::transposedConvolution:
    return shape.weight[1] * shape.windows.groups;
  case LayerKind::product:
    return shape.columns;
  case LayerKind::recurrence:
    return shape.recurrence.directions * shape.recurrence.gates() * shape.recurrence.hidden;
  case LayerKind::other:
    break;
  }
  return 1;
}

double valueBytes(LatencyType type) {
  return type == LatencyType::bf16 ? 2.0 : (type == LatencyType::int8 ? 1.0 : 4.0);
}

} // namespace

double movedBytes(const LayerShape& shape, LatencyType type) {
  const auto values = static_cast<double>(shape.inputElements() + shape.outputElements());
  return weightBytes(type, shape.parameters, channelsOf(shape)) + values * valueBytes(type);
}

RooflineLimit RooflineEstimate::limit() const {
  if (overhead > std::max(compute, memory)) {
    return RooflineLimit::overhead;
  }
  return memory > compute ? RooflineLimit::memory : RooflineLimit::compute;
}

std::optional<RooflineEstimate> rooflineEstimate(const LayerShape& shape, const DeviceProfile& profile,
                                                 LatencyType type) {
  auto peak = profile.peak.find(type);
  if (peak == profile.peak.end() && type == LatencyType::int4) {
    peak = profile.peak.find(LatencyType::fp32);
  }
  if (shape.kind == LayerKind::other || peak == profile.peak.end()) {
    return std::nullopt;
  }
  return RooflineEstimate{2.0 * static_cast<double>(shape.macs) / peak->second,
                          movedBytes(shape, type) / profile.bandwidth, profile.overhead};
}

double memoryToLoad(const Model& model, LatencyType type) {
  double bytes = 0.0;
  std::int64_t ofLayers = 0;
  for (const Layer& layer : model.layers) {
    const auto parameters = static_cast<std::int64_t>(layer.parameters());
    std::int64_t channels = 1;
    for (const int axis : layer.channelAxes) {
      channels *= layer.weight.shape()[static_cast<std::size_t>(axis)];
    }
    bytes += weightBytes(type, parameters, channels);
    ofLayers += parameters;
  }
  return bytes + 4.0 * static_cast<double>(std::max<std::int64_t>(0, model.parameters - ofLayers));
}

} // namespace halfstep
