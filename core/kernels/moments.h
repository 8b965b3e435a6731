// Count, mean and central moments up to the fourth, merged without cancellation.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace halfstep::kernels {

/// Σ(x − mean)^p for p = 2, 3, 4 over the finite values. Merging follows Pébay, "Formulas for Robust,
/// One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical Moments" (Sandia
/// SAND2008-6212, 2.1, 3.1).
struct MomentPartials {
  std::int64_t finite = 0;
  std::int64_t nan = 0;
  std::int64_t infinite = 0;
  std::int64_t zeros = 0;
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  double mean = 0.0;
  double m2 = 0.0;
  double m3 = 0.0;
  double m4 = 0.0;

  void merge(const MomentPartials& other);
};

/// Values are taken in blocks of `kMomentBlock`, each around its own mean, and merged in order, so that the
/// result does not depend on how the caller cuts the values at multiples of it. Counts, min and max are
/// exact; the moments agree between targets within 1e-6 of Σ|x − mean|^p.
inline constexpr std::size_t kMomentBlock = 1024;
MomentPartials moments(std::span<const float> values);

namespace scalar {
MomentPartials moments(std::span<const float> values);
/// One block, in double precision, whatever it holds.
MomentPartials blockMoments(std::span<const float> block);
} // namespace scalar

} // namespace halfstep::kernels
