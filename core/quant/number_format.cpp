#include "core/quant/number_format.h"

#include <algorithm>
#include <array>

namespace halfstep {

namespace {

using enum NumberFormat;
using enum FormatFamily;

constexpr std::array kFormats = {
    FormatFacts{fp32, "fp32", 32, floating, true, true,
                "IEEE 754 single precision: the layer is left alone."},
    FormatFacts{fp16, "fp16", 16, floating, true, true,
                "IEEE 754 half precision: 5 exponent, 10 mantissa bits; largest 65504."},
    FormatFacts{bf16, "bf16", 16, floating, true, true,
                "bfloat16: the upper half of a float32; 8 exponent, 7 mantissa bits."},
    FormatFacts{
        fp8e4m3, "fp8e4m3", 8, scaledFloating, true, true,
        "8-bit float with 4 exponent and 3 mantissa bits; largest 448; scaled so that the range fits."},
    FormatFacts{
        fp8e5m2, "fp8e5m2", 8, scaledFloating, true, true,
        "8-bit float with 5 exponent and 2 mantissa bits; largest 57344; scaled so that the range fits."},
    FormatFacts{int2, "int2", 2, integer, true, true, "Signed 2-bit integer codes, −2 to 1."},
    FormatFacts{int3, "int3", 3, integer, true, true, "Signed 3-bit integer codes, −4 to 3."},
    FormatFacts{int4, "int4", 4, integer, true, true, "Signed 4-bit integer codes, −8 to 7."},
    FormatFacts{int5, "int5", 5, integer, true, true, "Signed 5-bit integer codes, −16 to 15."},
    FormatFacts{int6, "int6", 6, integer, true, true, "Signed 6-bit integer codes, −32 to 31."},
    FormatFacts{int7, "int7", 7, integer, true, true, "Signed 7-bit integer codes, −64 to 63."},
    FormatFacts{int8, "int8", 8, integer, true, true, "Signed 8-bit integer codes, −128 to 127."},
    FormatFacts{int16, "int16", 16, integer, true, true, "Signed 16-bit integer codes, −32768 to 32767."},
    FormatFacts{uint2, "uint2", 2, integer, false, true, "Unsigned 2-bit integer codes, 0 to 3."},
    FormatFacts{uint3, "uint3", 3, integer, false, true, "Unsigned 3-bit integer codes, 0 to 7."},
    FormatFacts{uint4, "uint4", 4, integer, false, true, "Unsigned 4-bit integer codes, 0 to 15."},
    FormatFacts{uint5, "uint5", 5, integer, false, true, "Unsigned 5-bit integer codes, 0 to 31."},
    FormatFacts{uint6, "uint6", 6, integer, false, true, "Unsigned 6-bit integer codes, 0 to 63."},
    FormatFacts{uint7, "uint7", 7, integer, false, true, "Unsigned 7-bit integer codes, 0 to 127."},
    FormatFacts{uint8, "uint8", 8, integer, false, true, "Unsigned 8-bit integer codes, 0 to 255."},
    FormatFacts{uint16, "uint16", 16, integer, false, true, "Unsigned 16-bit integer codes, 0 to 65535."},
    FormatFacts{fp4, "fp4", 4, other, true, false, "4-bit float (E2M1)."},
    FormatFacts{nf4, "nf4", 4, other, true, false,
                "NormalFloat: 16 levels at the quantiles of a normal distribution."},
    FormatFacts{mxfp4, "mxfp4", 4, other, true, false,
                "OCP microscaling: blocks of 32 E2M1 values share a power-of-two scale."},
    FormatFacts{mxfp6e2m3, "mxfp6e2m3", 6, other, true, false, "OCP microscaling with 6-bit E2M3 elements."},
    FormatFacts{mxfp6e3m2, "mxfp6e3m2", 6, other, true, false, "OCP microscaling with 6-bit E3M2 elements."},
    FormatFacts{mxfp8e4m3, "mxfp8e4m3", 8, other, true, false, "OCP microscaling with E4M3 elements."},
    FormatFacts{mxfp8e5m2, "mxfp8e5m2", 8, other, true, false, "OCP microscaling with E5M2 elements."},
    FormatFacts{mxint8, "mxint8", 8, other, true, false, "OCP microscaling with 8-bit integer elements."},
    FormatFacts{nvfp4, "nvfp4", 4, other, true, false, "Blocks of 16 E2M1 values with an E4M3 scale."},
    FormatFacts{codebook1, "codebook1", 1, other, true, false, "A table of 2 values found by k-means."},
    FormatFacts{codebook2, "codebook2", 2, other, true, false, "A table of 4 values found by k-means."},
    FormatFacts{codebook3, "codebook3", 3, other, true, false, "A table of 8 values found by k-means."},
    FormatFacts{codebook4, "codebook4", 4, other, true, false, "A table of 16 values found by k-means."},
    FormatFacts{codebook5, "codebook5", 5, other, true, false, "A table of 32 values found by k-means."},
    FormatFacts{codebook6, "codebook6", 6, other, true, false, "A table of 64 values found by k-means."},
    FormatFacts{codebook7, "codebook7", 7, other, true, false, "A table of 128 values found by k-means."},
    FormatFacts{codebook8, "codebook8", 8, other, true, false, "A table of 256 values found by k-means."},
    FormatFacts{ternary, "ternary", 2, other, true, false, "Codes −1, 0 and 1."},
    FormatFacts{binary, "binary", 1, other, true, false, "Codes −1 and 1."},
    FormatFacts{q4_0, "q4_0", 4, other, true, false, "ggml block format Q4_0."},
    FormatFacts{q4_1, "q4_1", 4, other, true, false, "ggml block format Q4_1."},
    FormatFacts{q5_0, "q5_0", 5, other, true, false, "ggml block format Q5_0."},
    FormatFacts{q5_1, "q5_1", 5, other, true, false, "ggml block format Q5_1."},
    FormatFacts{q8_0, "q8_0", 8, other, true, false, "ggml block format Q8_0."},
    FormatFacts{q2_k, "q2_k", 2, other, true, false, "ggml super-block format Q2_K."},
    FormatFacts{q3_k, "q3_k", 3, other, true, false, "ggml super-block format Q3_K."},
    FormatFacts{q4_k, "q4_k", 4, other, true, false, "ggml super-block format Q4_K."},
    FormatFacts{q5_k, "q5_k", 5, other, true, false, "ggml super-block format Q5_K."},
    FormatFacts{q6_k, "q6_k", 6, other, true, false, "ggml super-block format Q6_K."},
    FormatFacts{iq4_nl, "iq4_nl", 4, other, true, false, "ggml non-linear 4-bit format IQ4_NL."},
};

constexpr bool inEnumOrder() {
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    if (static_cast<std::size_t>(kFormats[i].format) != i) {
      return false;
    }
  }
  return true;
}
static_assert(inEnumOrder());

} // namespace

const FormatFacts& formatFacts(NumberFormat format) {
  return kFormats.at(static_cast<std::size_t>(format));
}

std::span<const FormatFacts> allFormats() {
  return kFormats;
}

std::optional<NumberFormat> numberFormatFromName(std::string_view name) {
  const auto found = std::find_if(kFormats.begin(), kFormats.end(),
                                  [&](const FormatFacts& facts) { return facts.name == name; });
  return found == kFormats.end() ? std::nullopt : std::optional(found->format);
}

} // namespace halfstep
