// A layer's weights as codes for DequantizeLinear: which element type and which of its forms (one scale, one
// per index of an axis, blocks) holds what a scheme gives, with the numbers that `quantize --dump` writes.
#pragma once

#include "core/model/model.h"
#include "core/quant/quantizer.h"
#include "core/support/job_context.h"

#include <cstdint>
#include <string>
#include <vector>

namespace halfstep::onnx_export {

/// The element type that holds the codes of `format` (int3 and int5…int7 in the next larger type); undefined
/// for formats that ONNX does not have.
ElementType elementTypeFor(NumberFormat format);
/// Whether that type has more codes than the format.
bool isWidened(NumberFormat format);
/// The smallest version of ONNX's operators whose QuantizeLinear and DequantizeLinear know `type`.
std::int64_t opsetFor(ElementType type);

/// A layout that DequantizeLinear can express, told from shape, channel axes and granularity alone.
struct CodeLayout {
  Shape shape;                ///< of the codes: the weight's own, or [channels, values per channel]
  Shape scales;               ///< shape of the scales
  int axis = -1;              ///< of the codes; −1: one scale
  std::int64_t blockSize = 0; ///< along `axis`; 0: one scale per index
  bool isMatrix = false;      ///< codes are rows of channels, to be reshaped and transposed to the weight
  Shape reshaped;             ///< then: what the matrix is reshaped to …
  std::vector<std::int64_t> permutation; ///< … and transposed by; empty where it is not needed
  std::int64_t opset = 10;               ///< smallest for this form and type
};
/// Source: ONNX DequantizeLinear. Groups and channels that no axis of the weight stands for (groups across
/// several axes, several channel axes) become a matrix.
CodeLayout codeLayout(const Shape& shape, const std::vector<int>& channelAxes, const Scheme& scheme);

struct WeightCodes {
  CodeLayout layout;
  std::vector<std::int32_t> codes;      ///< row-major in layout.shape
  std::vector<float> scales;            ///< row-major in layout.scales
  std::vector<std::int32_t> zeroPoints; ///< likewise
  QuantizationParameters parameters;
};
/// Quantizes. Peak memory 20 bytes a value. Errors: those of chooseParameters; cancelled.
Result<WeightCodes> weightCodes(const Layer& layer, const Scheme& scheme, const JobContext& context);

} // namespace halfstep::onnx_export
