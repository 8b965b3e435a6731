#include "core/kernels/int4_matvec.h"

namespace halfstep::kernels::scalar {

void int4Matvec(const Int4Matrix& weights, std::span<const float> x, std::span<float> y) {
  const std::size_t count = weights.rows == 0 ? 0 : y.size() / weights.rows;
  for (std::size_t m = 0; m < count; ++m) {
    for (std::size_t n = 0; n < weights.rows; ++n) {
      double sum = 0.0;
      for (std::size_t k = 0; k < weights.columns; ++k) {
        const std::size_t group = n * weights.groups() + k / weights.groupSize;
        const int byte = weights.codes[n * weights.rowBytes() + k / 2];
        const int code = k % 2 == 0 ? byte & 15 : byte >> 4;
        sum += static_cast<double>(x[m * weights.columns + k]) * static_cast<double>(weights.scales[group]) *
               (code - weights.zeros[group]);
      }
      y[m * weights.rows + n] = static_cast<float>(sum);
    }
  }
}

} // namespace halfstep::kernels::scalar
