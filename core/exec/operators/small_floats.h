// Floating-point types of 4 and 8 bits as codes: rounding to them, and packing codes into tensors. Sources:
// as in core/tensor/float_formats.h, and ONNX's Cast for what happens out of range.
#pragma once

#include "core/tensor/tensor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace halfstep {

/// A small floating-point format: its non-negative numbers in order of their codes, and its specials.
struct SmallFormat {
  std::vector<float> magnitudes; ///< the last one is what would follow the largest number
  std::uint8_t overflow;         ///< without saturation, sign to be added
  std::uint8_t nan;
  std::uint8_t sign;    ///< the bit of the sign
  bool unsignedSpecial; ///< one zero and one NaN only (the FNUZ kinds)
};

/// Null for other types, also for float8e8m0, whose codes are exponents.
const SmallFormat* smallFormatOf(ElementType type);

/// To nearest, ties to the even code. Out of range: the largest number where `saturate`, else infinity or
/// NaN.
std::uint8_t smallFloat(const SmallFormat& format, float value, bool saturate);

/// Which power of two a float8e8m0 becomes where the value lies between two.
enum class PowerRounding : std::uint8_t { up, down, nearest }; ///< nearest: 1.5 goes up

/// The exponent of a power of two, 2^−127 … 2^127. Outside, also for zero and what is negative: the nearer
/// end where `saturate`, else NaN.
std::uint8_t powerOfTwoCode(float value, bool saturate, PowerRounding rounding);

/// `codes` packed as elements of at most 8 bits.
Result<Tensor> packedCodes(const Shape& shape, ElementType type, std::span<const std::uint8_t> codes);

} // namespace halfstep
