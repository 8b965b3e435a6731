// A matrix of 4-bit codes times few rows of float32: the weight-only product of small batches, whose speed is
// that of reading the codes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace halfstep::kernels {

/// Weights quantized in groups along their columns: real = scale·(code − zero). Refers to memory of others.
struct Int4Matrix {
  std::size_t rows = 0;                ///< N, outputs
  std::size_t columns = 0;             ///< K, inputs
  std::size_t groupSize = 64;          ///< 32, 64 or 128 columns share a scale; the last group may be short
  std::span<const std::uint8_t> codes; ///< [N, ceil(K/2)]: two a byte, the even column in the low four bits
  std::span<const float> scales;       ///< [N, ceil(K/groupSize)], finite
  std::span<const std::uint8_t> zeros; ///< the same shape; 0…15

  std::size_t groups() const { return (columns + groupSize - 1) / groupSize; }
  std::size_t rowBytes() const { return (columns + 1) / 2; }
};

inline constexpr std::size_t kMostMatvecRows = 8;

/// y[m, n] = Σ_k x[m, k]·scale[n, g]·(code[n, k] − zero[n, g]), g = k / groupSize.
/// `x`: [m, K] float32, m = 1…8; `y`: [m, N]. Spare bits of the last byte of a row are ignored.
/// Every y is within 2^-23·Σ_k |x|·|scale|·(10·(32 + code + zero) + (K/32 + 8)·|code − zero|) of the exact
/// sum: codes enter as 16 + code, a fused multiply-add for each of a lane's eight columns and for their zero
/// point, and the lanes' partial sums add up over at most K/32 blocks and a horizontal sum; each rounds once
/// (2^-24). A row of x that holds a NaN or an infinity gives results that are not finite, and so may sums
/// beyond float32's range; denormals are kept. Runs on parallelThreads() threads; no result depends on their
/// number.
void int4Matvec(const Int4Matrix& weights, std::span<const float> x, std::span<float> y);

namespace scalar {
/// In double precision, in the order of k.
void int4Matvec(const Int4Matrix& weights, std::span<const float> x, std::span<float> y);
} // namespace scalar

} // namespace halfstep::kernels
