// What the operators on quantized tensors share: scales and zero points per tensor, per axis or per block,
// exact integer products, and the windows of convolution and pooling.
#pragma once

#include "core/exec/operator_call.h"

#include <cstdint>
#include <span>
#include <vector>

namespace halfstep {

/// Which scale (and zero point) each element of a tensor has.
class Scaling {
public:
  /// One scale for all; one for each index along `axis`; or, with `block` > 0, one for each `block` elements
  /// along `axis`. Error: the scale's shape does not fit.
  static Result<Scaling> create(const Shape& shape, const Shape& scale, std::int64_t axis,
                                std::int64_t block);

  std::size_t index(std::size_t element) const;
  /// The end of the run of elements from `element` on that certainly share its scale.
  std::size_t runEnd(std::size_t element) const;

private:
  bool m_single = true;
  std::size_t m_count = 0;
  std::size_t m_length = 1; ///< of the axis
  std::size_t m_inner = 1;  ///< elements after the axis
  std::size_t m_block = 0;
};

/// Scale, zero point (undefined: 0) and where they apply.
struct QuantParameters {
  Tensor scale;
  Tensor zeroPoint;
  std::int64_t axis = 1;
  std::int64_t block = 0;
};

/// The parameters in inputs `scaleAt` and `scaleAt` + 1.
Result<QuantParameters> quantParameters(const OpCall& call, std::size_t scaleAt);

/// (x − zero point) · scale.
Result<std::vector<float>> dequantized(const Tensor& x, const QuantParameters& parameters);

/// round(x / scale) + zero point, to nearest even and saturating, as elements of `type`. `saturate` is for
/// the 8-bit floating-point types, which otherwise overflow to infinity or NaN.
Result<Tensor> quantized(std::span<const float> x, const Shape& shape, const QuantParameters& parameters,
                         ElementType type, bool saturate = true);

/// round(value) + zero point, saturating, for one element of an integer type.
std::int64_t requantized(float value, std::int64_t zeroPoint, ElementType type);
/// A tensor of an integer type of at most 32 bits from its values, which must fit.
Result<Tensor> packedIntegers(const Shape& shape, ElementType type, std::span<const std::int32_t> values);

struct DynamicQuantization {
  Tensor values; ///< uint8
  float scale = 1;
  std::uint8_t zeroPoint = 0;
};
/// DynamicQuantizeLinear's: the range of `x`, widened to hold 0, on uint8.
Result<DynamicQuantization> dynamicallyQuantized(const Tensor& x);

/// A matrix product of 8-bit integers, with the shape and the column count of the result.
struct IntegerProduct {
  Shape shape;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<std::int64_t> values;
};
/// (a − aZero) · (b − bZero) by the rules of MatMul. Zero points: undefined for 0, one, one for each row of a
/// or column of b.
Result<IntegerProduct> integerProduct(const Tensor& a, const Tensor& aZero, const Tensor& b,
                                      const Tensor& bZero);

/// The windows of a convolution or pooling over the spatial axes.
struct ProductWindows {
  std::vector<std::int64_t> in, out, kernel, stride, dilation, before, after;

  std::size_t positions() const;
  std::size_t elements() const;
  /// The offset in the input of kernel element `element` at output `position`, or −1 in the padding.
  std::int64_t offset(std::size_t position, std::size_t element) const;
};
/// From the attributes strides, dilations, pads, auto_pad and ceil_mode. Errors: none, negative or absurd
/// ones; a kernel larger than the input.
Result<ProductWindows> windowsOf(const OpCall& call, std::vector<std::int64_t> in,
                                 std::vector<std::int64_t> kernel);

OpResult matMulInteger(const OpCall& call);
OpResult qLinearMatMul(const OpCall& call);
OpResult convInteger(const OpCall& call);
OpResult qLinearConv(const OpCall& call);
OpResult quantizeLinear(const OpCall& call);
OpResult dequantizeLinear(const OpCall& call);

} // namespace halfstep
