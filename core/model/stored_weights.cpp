#include "core/model/stored_weights.h"

#include "core/model/stored_quantization.h"

#include <algorithm>

namespace halfstep {

namespace {

using AxisOrigins = std::vector<std::optional<std::vector<int>>>;

std::string inputAt(const Node& node, int index) {
  return index >= 0 && index < static_cast<int>(node.inputs.size())
             ? node.inputs[static_cast<std::size_t>(index)]
             : std::string();
}

/// The axes of the stored tensor behind `axes` at the use; nothing where one cannot be told.
std::optional<std::vector<int>> storedAxes(const std::vector<int>& axes, const AxisOrigins& origins) {
  std::vector<int> stored;
  for (const int axis : axes) {
    const auto& origin = origins[static_cast<std::size_t>(axis)];
    if (!origin) {
      return std::nullopt;
    }
    stored.insert(stored.end(), origin->begin(), origin->end());
  }
  std::sort(stored.begin(), stored.end());
  return stored;
}

/// The single stored axis behind `axis` of what a node saw; −1 where there is none.
int storedAxis(std::int64_t axis, const AxisOrigins& origins) {
  const auto rank = static_cast<std::int64_t>(origins.size());
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank) {
    return -1;
  }
  const auto& origin = origins[static_cast<std::size_t>(axis)];
  return origin && origin->size() == 1 ? origin->front() : -1;
}

bool isIdentity(const AxisOrigins& origins) {
  for (std::size_t axis = 0; axis < origins.size(); ++axis) {
    if (!origins[axis] ||
        (!origins[axis]->empty() && *origins[axis] != std::vector<int>{static_cast<int>(axis)})) {
      return false;
    }
  }
  return true;
}

/// Scales and zero points at two inputs of `node`. The zero points may be left out; not constant is an error.
struct Decoders {
  const Tensor* scales = nullptr;
  const Tensor* zeroPoints = nullptr;
};
Result<Decoders> decodersAt(const GraphScope& scope, const Node& node, int scale, int zeroPoint) {
  Decoders decoders;
  decoders.scales = constantTensor(scope, inputAt(node, scale));
  if (decoders.scales == nullptr) {
    return damaged("its scales are not constants of the file");
  }
  const std::string name = inputAt(node, zeroPoint);
  decoders.zeroPoints = constantTensor(scope, name);
  if (!name.empty() && decoders.zeroPoints == nullptr) {
    return damaged("its zero points are not constants of the file");
  }
  return decoders;
}

Result<StoredQuantization> behindDequantizeLinear(const TracedConstant& constant) {
  const Node& node = *constant.dequantize;
  HALFSTEP_TRY(const Decoders decoders, decodersAt(*constant.dequantizeScope, node, 1, 2));
  const std::int64_t blockSize = node.integer("block_size", 0);
  const int axis = storedAxis(node.integer("axis", 1), constant.dequantizeAxes);
  if (blockSize == 0 || decoders.scales->count() == 1) {
    return storedPerAxis(*constant.tensor, *decoders.scales, decoders.zeroPoints, axis, "DequantizeLinear");
  }
  if (!isIdentity(constant.dequantizeAxes)) {
    return Error{ErrorKind::unsupported, "its codes are moved before they are dequantized in blocks"};
  }
  return storedBlocked(*constant.tensor, *decoders.scales, decoders.zeroPoints, axis, blockSize,
                       "DequantizeLinear");
}

/// DynamicQuantizeLSTM: codes [directions, inputs, rows], scales [directions] or [directions, rows].
Result<StoredQuantization> lstmCodes(const Tensor& codes, const Decoders& decoders,
                                     const std::string& origin) {
  const Shape& shape = codes.shape();
  const bool perRow = shape.size() == 3 && decoders.scales->shape().size() == 2;
  return perRow ? storedBlocked(codes, *decoders.scales, decoders.zeroPoints, 1, shape[1], origin)
                : storedPerAxis(codes, *decoders.scales, decoders.zeroPoints, 0, origin);
}

Result<StoredQuantization> codesOfOperator(const GraphScope& scope, const Node& node, const WeightSlot& slot,
                                           const TracedConstant& constant,
                                           const std::vector<int>& channelAxes) {
  HALFSTEP_TRY(const Decoders decoders, decodersAt(scope, node, slot.scale, slot.zeroPoint));
  if (slot.channels == ChannelRule::directionsAndLast) {
    return lstmCodes(*constant.tensor, decoders, node.opType);
  }
  return storedPerAxis(*constant.tensor, *decoders.scales, decoders.zeroPoints,
                       channelAxes.size() == 1 ? channelAxes[0] : -1, node.opType);
}

/// The constant factor that is multiplied into an integer product after its Cast: ONNX Runtime's dynamic
/// quantization writes Mul(Cast(product), Mul(x_scale, w_scale)). Null where the graph looks different.
const Tensor* productScale(const GraphScope& scope, const Node& product) {
  if (product.outputs.empty()) {
    return nullptr;
  }
  for (const Node* cast : scope.consumers(product.outputs[0])) {
    if (cast->opType != "Cast" || cast->outputs.empty()) {
      continue;
    }
    for (const Node* multiply : scope.consumers(cast->outputs[0])) {
      if (multiply->opType != "Mul" || multiply->inputs.size() != 2) {
        continue;
      }
      const std::string& factor = multiply->inputs[multiply->inputs[0] == cast->outputs[0] ? 1 : 0];
      const Node* scales = scope.producer(factor);
      if (scales == nullptr || scales->opType != "Mul" || scales->inputs.size() != 2) {
        continue;
      }
      const Tensor* left = constantTensor(scope, scales->inputs[0]);
      const Tensor* right = constantTensor(scope, scales->inputs[1]);
      if ((left == nullptr) != (right == nullptr)) {
        return left != nullptr ? left : right;
      }
    }
  }
  return nullptr;
}

Result<StoredQuantization> codesOfProduct(const GraphScope& scope, const Node& node, const WeightSlot& slot,
                                          const TracedConstant& constant, const std::vector<int>& channelAxes,
                                          std::string& note) {
  const int axis = channelAxes.size() == 1 ? channelAxes[0] : -1;
  const std::string zeroName = inputAt(node, slot.zeroPoint);
  const Tensor* zeroPoints = constantTensor(scope, zeroName);
  const Tensor* scales = productScale(scope, node);
  if (scales != nullptr) {
    auto stored = storedPerAxis(*constant.tensor, *scales, zeroPoints, axis, node.opType);
    if (stored) {
      return stored;
    }
  }
  note = "the file does not say its scale in the usual way; shown as codes, with scale 1";
  const float one = 1.0f;
  const auto bytes = std::as_bytes(std::span(&one, 1));
  HALFSTEP_TRY(const Tensor unit, Tensor::own(ElementType::float32, {}, {bytes.begin(), bytes.end()}));
  if (zeroPoints != nullptr && zeroPoints->count() > 1) {
    const auto channels = static_cast<std::int64_t>(zeroPoints->count());
    std::vector<std::byte> repeated;
    for (std::int64_t i = 0; i < channels; ++i) {
      repeated.insert(repeated.end(), bytes.begin(), bytes.end());
    }
    HALFSTEP_TRY(const Tensor units, Tensor::own(ElementType::float32, {channels}, std::move(repeated)));
    return storedPerAxis(*constant.tensor, units, zeroPoints, axis, node.opType);
  }
  return storedPerAxis(*constant.tensor, unit, zeroPoints, axis, node.opType);
}

/// MatMulNBits sorts K by g_idx; only the identity (k / block size) can be shown in blocks.
Result<void> checkGroupIndex(const GraphScope& scope, const Node& node, std::int64_t blockSize) {
  const std::string name = inputAt(node, 4);
  if (name.empty()) {
    return {};
  }
  const Tensor* indices = constantTensor(scope, name);
  const auto values =
      indices == nullptr ? Result<std::vector<std::int64_t>>(damaged("")) : toIntegers(*indices);
  bool identity = values.has_value() && blockSize > 0;
  for (std::size_t k = 0; identity && k < values->size(); ++k) {
    identity = (*values)[k] == static_cast<std::int64_t>(k) / blockSize;
  }
  return identity ? Result<void>() : Error{ErrorKind::unsupported, "its groups are re-ordered (g_idx)"};
}

Result<StoredQuantization> packedCodes(const GraphScope& scope, const Node& node, const WeightSlot& slot,
                                       const TracedConstant& constant) {
  HALFSTEP_TRY(const Decoders decoders, decodersAt(scope, node, slot.scale, slot.zeroPoint));
  if (slot.decoding == SlotDecoding::matMulNBits) {
    const std::int64_t blockSize = node.integer("block_size", 0);
    HALFSTEP_CHECK(checkGroupIndex(scope, node, blockSize));
    return storedMatMulNBits(*constant.tensor, *decoders.scales, decoders.zeroPoints, node.integer("N", 0),
                             node.integer("K", 0), node.integer("bits", 4), blockSize);
  }
  const auto rank = static_cast<std::int64_t>(constant.tensor->shape().size());
  const std::int64_t axis = node.integer("quantize_axis", 1);
  const bool inside = axis >= -rank && axis < rank;
  return storedGatherBlocks(*constant.tensor, *decoders.scales, decoders.zeroPoints,
                            inside ? static_cast<int>(axis < 0 ? axis + rank : axis) : -1,
                            node.integer("bits", 4), node.integer("block_size", 128));
}

std::string noteOn(const Node& node, const TracedConstant& constant) {
  if (constant.fakeQuantized) {
    return "passes QuantizeLinear and DequantizeLinear in the file";
  }
  if (node.opType == "ConvTranspose" && node.integer("group", 1) > 1) {
    return "grouped: channel i stands for output channel i of every group";
  }
  return {};
}

} // namespace

Result<std::optional<FoundWeight>> weightOf(const GraphScope& scope, const Node& node, const WeightSlot& slot,
                                            const TracedConstant& constant) {
  FoundWeight found;
  found.note = noteOn(node, constant);
  found.channelAxes = channelAxesOf(node, slot, constant);
  if (found.channelAxes.empty()) {
    found.note += std::string(found.note.empty() ? "" : "; ") + "its channels cannot be told apart";
  }
  const bool isFloat = isQuantizable(constant.tensor->type());
  if (constant.dequantize != nullptr) {
    HALFSTEP_TRY(found.stored, behindDequantizeLinear(constant));
    return std::optional(std::move(found));
  }
  if (isFloat) {
    // An operator for codes that is given floats is not valid; its weight is shown all the same.
    return std::optional(std::move(found));
  }
  switch (slot.decoding) {
  case SlotDecoding::none:
    return std::optional<FoundWeight>();
  case SlotDecoding::scaleInput: {
    HALFSTEP_TRY(found.stored, codesOfOperator(scope, node, slot, constant, found.channelAxes));
    break;
  }
  case SlotDecoding::integerProduct: {
    HALFSTEP_TRY(found.stored, codesOfProduct(scope, node, slot, constant, found.channelAxes, found.note));
    break;
  }
  case SlotDecoding::matMulNBits:
  case SlotDecoding::gatherBlocks: {
    HALFSTEP_TRY(found.stored, packedCodes(scope, node, slot, constant));
    break;
  }
  }
  return std::optional(std::move(found));
}

std::vector<int> channelAxesOf(const Node& node, const WeightSlot& slot, const TracedConstant& constant) {
  const int rank = static_cast<int>(constant.shape.size());
  return storedAxes(channelAxesAt(slot.channels, node, rank), constant.axes).value_or(std::vector<int>());
}

} // namespace halfstep
