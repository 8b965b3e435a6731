#include "plugins/exporters/onnx_model/weight_codes.h"

#include <algorithm>
#include <array>

namespace halfstep::onnx_export {

namespace {

struct HeldFormat {
  NumberFormat format;
  ElementType type;
};
constexpr auto kFormats = std::to_array<HeldFormat>({
    {NumberFormat::int2, ElementType::int2},
    {NumberFormat::int3, ElementType::int4},
    {NumberFormat::int4, ElementType::int4},
    {NumberFormat::int5, ElementType::int8},
    {NumberFormat::int6, ElementType::int8},
    {NumberFormat::int7, ElementType::int8},
    {NumberFormat::int8, ElementType::int8},
    {NumberFormat::int16, ElementType::int16},
    {NumberFormat::uint2, ElementType::uint2},
    {NumberFormat::uint3, ElementType::uint4},
    {NumberFormat::uint4, ElementType::uint4},
    {NumberFormat::uint5, ElementType::uint8},
    {NumberFormat::uint6, ElementType::uint8},
    {NumberFormat::uint7, ElementType::uint8},
    {NumberFormat::uint8, ElementType::uint8},
    {NumberFormat::uint16, ElementType::uint16},
    {NumberFormat::fp16, ElementType::float16},
    {NumberFormat::bf16, ElementType::bfloat16},
    {NumberFormat::fp8e4m3, ElementType::float8e4m3fn},
    {NumberFormat::fp8e5m2, ElementType::float8e5m2},
});

/// The axes in `axes` that are longer than 1.
std::vector<int> longAxes(const Shape& shape, const std::vector<int>& axes) {
  std::vector<int> found;
  std::copy_if(axes.begin(), axes.end(), std::back_inserter(found),
               [&](int axis) { return shape[static_cast<std::size_t>(axis)] != 1; });
  return found;
}

std::int64_t product(const Shape& shape, const std::vector<int>& axes) {
  std::int64_t count = 1;
  for (const int axis : axes) {
    count *= shape[static_cast<std::size_t>(axis)];
  }
  return count;
}

/// Codes as [channels, values per channel], and the way back to the weight.
void layOutAsMatrix(CodeLayout& layout, const Shape& shape, const std::vector<int>& channels,
                    const std::vector<int>& values) {
  layout.isMatrix = true;
  layout.shape = {product(shape, channels), product(shape, values)};
  std::vector<int> order(channels);
  order.insert(order.end(), values.begin(), values.end());
  for (const int axis : order) {
    layout.reshaped.push_back(shape[static_cast<std::size_t>(axis)]);
  }
  for (std::size_t axis = 0; axis < order.size(); ++axis) {
    layout.permutation.push_back(std::find(order.begin(), order.end(), static_cast<int>(axis)) -
                                 order.begin());
  }
  if (std::is_sorted(order.begin(), order.end())) {
    layout.permutation.clear();
  }
}

} // namespace

ElementType elementTypeFor(NumberFormat format) {
  const auto* found = std::find_if(kFormats.begin(), kFormats.end(),
                                   [&](const HeldFormat& held) { return held.format == format; });
  return found == kFormats.end() ? ElementType::undefined : found->type;
}

bool isWidened(NumberFormat format) {
  return formatFacts(format).bits < elementBits(elementTypeFor(format));
}

std::int64_t opsetFor(ElementType type) {
  switch (type) {
  case ElementType::int2:
  case ElementType::uint2:
    return 25;
  case ElementType::int4:
  case ElementType::uint4:
  case ElementType::int16:
  case ElementType::uint16:
    return 21;
  case ElementType::float8e4m3fn:
  case ElementType::float8e5m2:
    return 19;
  case ElementType::bfloat16: // a Cast
    return 13;
  case ElementType::float16:
    return 6;
  default:
    return 10;
  }
}

CodeLayout codeLayout(const Shape& shape, const std::vector<int>& channelAxes, const Scheme& scheme) {
  CodeLayout layout;
  layout.shape = shape;
  layout.opset = opsetFor(elementTypeFor(scheme.format));
  std::vector<int> values;
  for (int axis = 0; axis < static_cast<int>(shape.size()); ++axis) {
    if (std::find(channelAxes.begin(), channelAxes.end(), axis) == channelAxes.end()) {
      values.push_back(axis);
    }
  }
  const std::vector<int> longChannels = longAxes(shape, channelAxes);
  const std::vector<int> longValues = longAxes(shape, values);
  const std::int64_t perChannel = product(shape, values);
  const std::int64_t channels = product(shape, channelAxes);
  if (formatFacts(scheme.format).family == FormatFamily::floating ||
      scheme.granularity.kind == Granularity::Kind::tensor) {
    return layout;
  }
  if (scheme.granularity.kind == Granularity::Kind::channel || scheme.granularity.groupSize >= perChannel) {
    if (channels == 1) {
      return layout;
    }
    layout.opset = std::max<std::int64_t>(layout.opset, 13);
    layout.scales = {channels};
    layout.axis = longChannels.empty() ? 0 : longChannels[0];
    if (longChannels.size() > 1) {
      layOutAsMatrix(layout, shape, channelAxes, values);
      layout.axis = 0;
    }
    return layout;
  }
  layout.opset = std::max<std::int64_t>(layout.opset, 21);
  layout.blockSize = scheme.granularity.groupSize;
  const std::int64_t blocks = (perChannel + layout.blockSize - 1) / layout.blockSize;
  if (longValues.size() == 1) {
    layout.axis = longValues[0];
    layout.scales = shape;
    layout.scales[static_cast<std::size_t>(layout.axis)] = blocks;
    return layout;
  }
  layOutAsMatrix(layout, shape, channelAxes, values);
  layout.axis = 1;
  layout.scales = {channels, blocks};
  return layout;
}

Result<WeightCodes> weightCodes(const Layer& layer, const Scheme& scheme, const JobContext& context) {
  HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, context));
  WeightCodes made;
  made.layout = codeLayout(layer.weight.shape(), layer.channelAxes, scheme);
  HALFSTEP_TRY(made.parameters, chooseParameters(*matrix, scheme, context));
  if (made.layout.isMatrix) {
    HALFSTEP_TRY(QuantizedValues values, quantizeValues(*matrix, made.parameters, context));
    made.codes = std::move(values.codes);
  } else {
    HALFSTEP_TRY(const auto bytes,
                 codesInWeightOrder(*matrix, made.parameters, sizeof(std::int32_t), context));
    made.codes.resize(bytes.size() / sizeof(std::int32_t));
    std::copy(bytes.begin(), bytes.end(), std::as_writable_bytes(std::span(made.codes)).begin());
  }
  made.scales = made.parameters.scales;
  made.zeroPoints = made.parameters.zeroPoints;
  // Scales are counted channel by channel, their blocks last; in the file they lie as the weight does.
  const CodeLayout& layout = made.layout;
  if (layout.blockSize > 0 && !layout.isMatrix) {
    const std::size_t blocks = made.parameters.segmentation.segmentsPerChannel;
    std::size_t inner = 1; // elements of the scales behind the blocks' axis
    for (std::size_t axis = static_cast<std::size_t>(layout.axis) + 1; axis < layout.scales.size(); ++axis) {
      inner *= static_cast<std::size_t>(layout.scales[axis]);
    }
    for (std::size_t i = 0; i < made.scales.size(); ++i) {
      const std::size_t channel = i / (blocks * inner) * inner + i % inner;
      const std::size_t from = channel * blocks + i / inner % blocks;
      made.scales[i] = made.parameters.scales[from];
      made.zeroPoints[i] = made.parameters.zeroPoints[from];
    }
  }
  return made;
}

} // namespace halfstep::onnx_export
