// Rows of floats through the functions of float_functions.h, eight or sixteen at a time where the machine
// can: the same operations in the same order on every machine, so the same results. Source: see there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace halfstep {

/// `in` and `out` may be the same.
void exponentials(const float* in, float* out, std::size_t count);
void logistics(const float* in, float* out, std::size_t count);
void hyperbolicTangents(const float* in, float* out, std::size_t count);
void errorFunctions(const float* in, float* out, std::size_t count);
/// Gelu, and its approximation by tanh.
void normalGelus(const float* in, float* out, std::size_t count);
void tanhGelus(const float* in, float* out, std::size_t count);
/// exp(x − most).
void shiftedExponentials(const float* in, float most, float* out, std::size_t count);

/// Sums in double, of every sixteenth element each, added up at the end.
double sumOf(const float* in, std::size_t count);
/// Σ (x − center)².
double squaredDistances(const float* in, double center, std::size_t count);
/// The largest; −∞ of none. NaN counts for nothing.
float largestOf(const float* in, std::size_t count);
/// out = (x − mean)·inverse·scale + bias in double, rounded at the end; `bias` may be null.
void normalizedBy(const float* in, double mean, double inverse, const float* scale, const float* bias,
                  float* out, std::size_t count);
/// exp(x − the largest) / their sum. `in` and `out` may be the same.
void softmaxOf(const float* in, float* out, std::size_t count);

/// The codes of an 8-bit integer type.
struct CodeRange {
  int least = 0;
  int most = 255;
  int zero = 0; ///< point
};

/// out = round((sums + bias)·factors) + zero point, to nearest even and saturating, NaN as the least code;
/// int8 codes as their bytes. sums + bias must fit in 32 bits. Equal to requantized() for every input.
void requantizedSums(const std::int32_t* sums, const std::int32_t* bias, const float* factors,
                     const CodeRange& range, std::uint8_t* __restrict out, std::size_t count);

/// out = round(x / scale) + zero point in the same way.
void quantizedBytes(const float* x, float scale, const CodeRange& range, std::uint8_t* __restrict out,
                    std::size_t count);

/// sums += factors · by; nothing may leave 32 bits.
void addProducts(std::int32_t* __restrict sums, const std::int32_t* factors, const std::int32_t* by,
                 std::size_t count);
void addMultiples(std::int32_t* __restrict sums, const std::int32_t* factors, std::int32_t by,
                  std::size_t count);
/// sums += codes, those of int8 or of uint8.
void addSigned(std::int32_t* __restrict sums, const std::int8_t* codes, std::size_t count);
void addUnsigned(std::int32_t* __restrict sums, const std::uint8_t* codes, std::size_t count);
/// out = codes − 128.
void lessHalf(const std::uint8_t* codes, std::int8_t* __restrict out, std::size_t count);

} // namespace halfstep
