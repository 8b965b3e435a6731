// Number formats: what one stored value is. One table, which the grammar, the panels and the tests read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace halfstep {

enum class NumberFormat : std::uint8_t {
  fp32,
  fp16,
  bf16,
  fp8e4m3,
  fp8e5m2,
  int2,
  int3,
  int4,
  int5,
  int6,
  int7,
  int8,
  int16,
  uint2,
  uint3,
  uint4,
  uint5,
  uint6,
  uint7,
  uint8,
  uint16,
  fp4,
  nf4,
  mxfp4,
  mxfp6e2m3,
  mxfp6e3m2,
  mxfp8e4m3,
  mxfp8e5m2,
  mxint8,
  nvfp4,
  codebook1,
  codebook2,
  codebook3,
  codebook4,
  codebook5,
  codebook6,
  codebook7,
  codebook8,
  ternary,
  binary,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
};

enum class FormatFamily : std::uint8_t {
  floating,       ///< fp32, fp16, bf16: values are cast, there is no scale
  scaledFloating, ///< fp8: value / scale is cast
  integer,        ///< intN, uintN: code = round(value / scale) + zero point
  other,          ///< the formats of the method suite
};

struct FormatFacts {
  NumberFormat format;
  std::string_view name; ///< the grammar's token
  int bits;              ///< of one stored code
  FormatFamily family;
  bool isSigned;
  bool implemented;
  std::string_view explanation; ///< one sentence for tooltips
};

const FormatFacts& formatFacts(NumberFormat format);
/// Every format, in the grammar's order.
std::span<const FormatFacts> allFormats();
std::optional<NumberFormat> numberFormatFromName(std::string_view name);

} // namespace halfstep
