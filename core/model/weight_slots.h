// Which inputs of which operators are weights: one table, which the layer finder reads. Sources: the ONNX
// operator specifications and ONNX Runtime's ContribOperators.md.
#pragma once

#include "core/model/graph.h"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace halfstep {

/// Which axes of a weight number the channels.
enum class ChannelRule : std::uint8_t {
  first,             ///< Conv, embeddings: axis 0
  second,            ///< ConvTranspose: axis 1
  last,              ///< the right side of a MatMul
  beforeLast,        ///< the left side of a MatMul
  gemmRight,         ///< input B of Gemm: by transB
  gemmLeft,          ///< input A of Gemm: by transA
  fusedRight,        ///< input B of FusedMatMul: by transB and transBatchB
  fusedLeft,         ///< input A of FusedMatMul: by transA and transBatchA
  gatherAxis,        ///< Gather: its axis
  directionsAndRows, ///< LSTM, GRU, RNN, and the experts of MoE: axes 0 and 1
  directionsAndLast, ///< DynamicQuantizeLSTM, whose weights are transposed: axes 0 and 2
};

/// How the codes of a weight that an operator takes quantized are decoded.
enum class SlotDecoding : std::uint8_t {
  none,           ///< a float weight, or one behind DequantizeLinear
  scaleInput,     ///< scale and zero point are inputs of the operator
  integerProduct, ///< ConvInteger, MatMulInteger: the scale is multiplied in later
  matMulNBits,    ///< com.microsoft MatMulNBits
  gatherBlocks,   ///< com.microsoft GatherBlockQuantized
};

/// One weight of an operator.
struct WeightSlot {
  std::string_view domain;
  std::string_view opType;
  int input;             ///< index of the weight among the node's inputs
  std::string_view role; ///< where the operator has several weights: "W", "R"; otherwise empty
  ChannelRule channels;
  int appliedTo; ///< index of the input that it is applied to; −1 if none
  SlotDecoding decoding = SlotDecoding::none;
  int scale = -1;       ///< index of the input that holds the scales
  int zeroPoint = -1;   ///< likewise
  bool ifAlone = false; ///< only where `appliedTo` is not a constant (the left side of a MatMul)
};

/// The slots of `node`'s operator, in the order of its inputs; empty for operators without weights.
std::span<const WeightSlot> weightSlots(const Node& node);

/// The channel axes of a weight with `rank` axes, ascending; empty where the rank does not fit the operator.
std::vector<int> channelAxesAt(ChannelRule rule, const Node& node, int rank);

} // namespace halfstep
