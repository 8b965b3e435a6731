#include "core/model/weight_slots.h"

#include <algorithm>
#include <array>

namespace halfstep {

namespace {

using C = ChannelRule;
using D = SlotDecoding;

constexpr std::string_view kOnnx = "";
constexpr std::string_view kMicrosoft = "com.microsoft";

// Sorted by domain and operator where it is searched; several rows of one operator stand together.
constexpr auto kSlots = std::to_array<WeightSlot>({
    {kOnnx, "Conv", 1, "", C::first, 0},
    {kOnnx, "ConvInteger", 1, "", C::first, 0, D::integerProduct, -1, 3},
    {kOnnx, "ConvTranspose", 1, "", C::second, 0},
    {kOnnx, "DeformConv", 1, "", C::first, 0},
    {kOnnx, "GRU", 1, "W", C::directionsAndRows, 0},
    {kOnnx, "GRU", 2, "R", C::directionsAndRows, 0},
    {kOnnx, "Gather", 0, "", C::gatherAxis, 1},
    {kOnnx, "Gemm", 1, "", C::gemmRight, 0},
    {kOnnx, "Gemm", 0, "", C::gemmLeft, 1, D::none, -1, -1, true},
    {kOnnx, "LSTM", 1, "W", C::directionsAndRows, 0},
    {kOnnx, "LSTM", 2, "R", C::directionsAndRows, 0},
    {kOnnx, "MatMul", 1, "", C::last, 0},
    {kOnnx, "MatMul", 0, "", C::beforeLast, 1, D::none, -1, -1, true},
    {kOnnx, "MatMulInteger", 1, "", C::last, 0, D::integerProduct, -1, 3},
    {kOnnx, "MatMulInteger", 0, "", C::beforeLast, 1, D::integerProduct, -1, 2, true},
    {kOnnx, "QLinearConv", 3, "", C::first, 0, D::scaleInput, 4, 5},
    {kOnnx, "QLinearMatMul", 3, "", C::last, 0, D::scaleInput, 4, 5},
    {kOnnx, "QLinearMatMul", 0, "", C::beforeLast, 3, D::scaleInput, 1, 2, true},
    {kOnnx, "RNN", 1, "W", C::directionsAndRows, 0},
    {kOnnx, "RNN", 2, "R", C::directionsAndRows, 0},
    {kMicrosoft, "Attention", 1, "", C::last, 0},
    {kMicrosoft, "AttnLSTM", 1, "W", C::directionsAndRows, 0},
    {kMicrosoft, "AttnLSTM", 2, "R", C::directionsAndRows, 0},
    {kMicrosoft, "DecoderAttention", 2, "q_weight", C::last, 0},
    {kMicrosoft, "DecoderAttention", 3, "kv_weight", C::last, 1},
    {kMicrosoft, "DynamicQuantizeLSTM", 1, "W", C::directionsAndLast, 0, D::scaleInput, 8, 9},
    {kMicrosoft, "DynamicQuantizeLSTM", 2, "R", C::directionsAndLast, 0, D::scaleInput, 10, 11},
    {kMicrosoft, "DynamicQuantizeMatMul", 1, "", C::last, 0, D::scaleInput, 2, 3},
    {kMicrosoft, "EmbedLayerNormalization", 2, "word_embedding", C::first, 0},
    {kMicrosoft, "EmbedLayerNormalization", 3, "position_embedding", C::first, -1},
    {kMicrosoft, "EmbedLayerNormalization", 4, "segment_embedding", C::first, 1},
    {kMicrosoft, "FusedConv", 1, "", C::first, 0},
    {kMicrosoft, "FusedGemm", 1, "", C::gemmRight, 0},
    {kMicrosoft, "FusedGemm", 0, "", C::gemmLeft, 1, D::none, -1, -1, true},
    {kMicrosoft, "FusedMatMul", 1, "", C::fusedRight, 0},
    {kMicrosoft, "FusedMatMul", 0, "", C::fusedLeft, 1, D::none, -1, -1, true},
    {kMicrosoft, "FusedMatMulActivation", 1, "", C::fusedRight, 0},
    {kMicrosoft, "GatherBlockQuantized", 0, "", C::gatherAxis, 1, D::gatherBlocks, 2, 3},
    {kMicrosoft, "GemmFastGelu", 1, "", C::last, 0},
    {kMicrosoft, "LongformerAttention", 1, "weight", C::last, 0},
    {kMicrosoft, "LongformerAttention", 4, "global_weight", C::last, 0},
    {kMicrosoft, "MatMulInteger16", 1, "", C::last, 0, D::integerProduct},
    {kMicrosoft, "MatMulIntegerToFloat", 1, "", C::last, 0, D::scaleInput, 3, 5},
    {kMicrosoft, "MatMulNBits", 1, "", C::first, 0, D::matMulNBits, 2, 3},
    {kMicrosoft, "MoE", 2, "fc1", C::directionsAndRows, 0},
    {kMicrosoft, "MoE", 4, "fc2", C::directionsAndRows, -1},
    {kMicrosoft, "MoE", 6, "fc3", C::directionsAndRows, 0},
    {kMicrosoft, "NhwcConv", 1, "", C::first, 0},
    {kMicrosoft, "NhwcFusedConv", 1, "", C::first, 0},
    {kMicrosoft, "PackedAttention", 1, "", C::last, 0},
    {kMicrosoft, "QAttention", 1, "", C::last, 0, D::scaleInput, 4, 7},
    {kMicrosoft, "QEmbedLayerNormalization", 2, "word_embedding", C::first, 0, D::scaleInput, 8, 13},
    {kMicrosoft, "QEmbedLayerNormalization", 3, "position_embedding", C::first, -1, D::scaleInput, 9, 14},
    {kMicrosoft, "QEmbedLayerNormalization", 4, "segment_embedding", C::first, 1, D::scaleInput, 10, 15},
    {kMicrosoft, "QGemm", 3, "", C::gemmRight, 0, D::scaleInput, 4, 5},
    {kMicrosoft, "QLinearConv", 3, "", C::first, 0, D::scaleInput, 4, 5},
    {kMicrosoft, "TransposeMatMul", 1, "", C::fusedRight, 0},
    {kMicrosoft, "TransposeMatMul", 0, "", C::fusedLeft, 1, D::none, -1, -1, true},
});

struct ByOperator {
  bool operator()(const WeightSlot& slot, const Node& node) const {
    return std::pair(slot.domain, slot.opType) <
           std::pair(std::string_view(node.domain), std::string_view(node.opType));
  }
  bool operator()(const Node& node, const WeightSlot& slot) const {
    return std::pair(std::string_view(node.domain), std::string_view(node.opType)) <
           std::pair(slot.domain, slot.opType);
  }
};

static_assert(std::is_sorted(kSlots.begin(), kSlots.end(), [](const WeightSlot& a, const WeightSlot& b) {
  return std::pair(a.domain, a.opType) < std::pair(b.domain, b.opType);
}));

} // namespace

std::span<const WeightSlot> weightSlots(const Node& node) {
  const auto [first, last] = std::equal_range(kSlots.begin(), kSlots.end(), node, ByOperator());
  return {first, last};
}

std::vector<int> channelAxesAt(ChannelRule rule, const Node& node, int rank) {
  const auto within = [&](int axis) {
    return axis >= 0 && axis < rank ? std::vector<int>{axis} : std::vector<int>{};
  };
  const auto flag = [&](std::string_view attribute) { return node.integer(attribute, 0) != 0; };
  switch (rule) {
  case ChannelRule::first:
    return within(0);
  case ChannelRule::second:
    return within(1);
  case ChannelRule::last:
    return within(rank - 1);
  case ChannelRule::beforeLast:
    return within(rank - 2);
  case ChannelRule::gemmRight:
    return within(flag("transB") ? 0 : 1);
  case ChannelRule::gemmLeft:
    return within(flag("transA") ? 1 : 0);
  case ChannelRule::fusedRight: // transBatchB: the batch axes stand between K (or N) and the last axis
    return within(!flag("transB") ? rank - 1 : (flag("transBatchB") ? 0 : rank - 2));
  case ChannelRule::fusedLeft:
    return within(flag("transA") ? rank - 1 : (flag("transBatchA") ? 0 : rank - 2));
  case ChannelRule::gatherAxis: {
    const std::int64_t axis = node.integer(node.opType == "Gather" ? "axis" : "gather_axis", 0);
    return axis < -rank || axis >= rank ? std::vector<int>{}
                                        : within(static_cast<int>(axis < 0 ? axis + rank : axis));
  }
  case ChannelRule::directionsAndRows:
    return rank == 3 ? std::vector<int>{0, 1} : std::vector<int>{};
  case ChannelRule::directionsAndLast:
    return rank == 3 ? std::vector<int>{0, 2} : std::vector<int>{};
  }
  return {};
}

} // namespace halfstep
