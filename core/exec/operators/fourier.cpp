#include "core/exec/operators/fourier.h"

#include <bit>
#include <cstdint>
#include <numbers>
#include <utility>

namespace halfstep {

namespace {

using Complex = FourierTransform::Complex;

/// exp(−2πi·k/n) for k < n/2.
std::vector<Complex> rootsOfUnity(std::size_t n) {
  std::vector<Complex> roots(n / 2);
  for (std::size_t k = 0; k < roots.size(); ++k) {
    roots[k] = std::polar(1.0, -2.0 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
  }
  return roots;
}

/// Cooley and Tukey's transform in place; `values` has twice as many elements as `roots`, or one.
void transformPowerOfTwo(std::vector<Complex>& values, const std::vector<Complex>& roots) {
  const std::size_t n = values.size();
  for (std::size_t i = 1, reversed = 0; i < n; ++i) {
    std::size_t bit = n >> 1;
    for (; (reversed & bit) != 0; bit >>= 1) {
      reversed ^= bit;
    }
    reversed ^= bit;
    if (i < reversed) {
      std::swap(values[i], values[reversed]);
    }
  }
  for (std::size_t half = 1; half < n; half *= 2) {
    const std::size_t stride = n / (2 * half);
    for (std::size_t block = 0; block < n; block += 2 * half) {
      for (std::size_t k = 0; k < half; ++k) {
        const Complex low = values[block + k];
        const Complex high = values[block + k + half] * roots[k * stride];
        values[block + k] = low + high;
        values[block + k + half] = low - high;
      }
    }
  }
}

void conjugate(std::vector<Complex>& values) {
  for (Complex& value : values) {
    value = std::conj(value);
  }
}

} // namespace

FourierTransform::FourierTransform(std::size_t length, bool inverse)
    : m_length(length)
    , m_inverse(inverse) {
  if (std::has_single_bit(length)) {
    m_roots = rootsOfUnity(length);
    return;
  }
  // Bluestein: k·n = (k² + n² − (k − n)²) / 2 makes of it a convolution with a chirp exp(−πi·k²/N), which
  // transforms of a power of two compute.
  m_chirp.resize(length);
  for (std::size_t k = 0; k < length; ++k) {
    const std::uint64_t turn = static_cast<std::uint64_t>(k) * k % (2 * length); // no large angles
    m_chirp[k] = std::polar(1.0, -std::numbers::pi * static_cast<double>(turn) / static_cast<double>(length));
  }
  const std::size_t padded = std::bit_ceil(2 * length - 1);
  m_roots = rootsOfUnity(padded);
  m_filter.resize(padded);
  m_filter[0] = std::conj(m_chirp[0]);
  for (std::size_t k = 1; k < length; ++k) {
    m_filter[k] = m_filter[padded - k] = std::conj(m_chirp[k]);
  }
  transformPowerOfTwo(m_filter, m_roots);
}

void FourierTransform::run(std::vector<Complex>& values) const {
  if (m_inverse) { // the conjugate of the transform of the conjugate
    conjugate(values);
  }
  if (m_chirp.empty()) {
    transformPowerOfTwo(values, m_roots);
  } else {
    std::vector<Complex> work(m_filter.size());
    for (std::size_t k = 0; k < m_length; ++k) {
      work[k] = values[k] * m_chirp[k];
    }
    transformPowerOfTwo(work, m_roots);
    for (std::size_t k = 0; k < work.size(); ++k) {
      work[k] = std::conj(work[k] * m_filter[k]);
    }
    transformPowerOfTwo(work, m_roots); // of the conjugate: the inverse, conjugated and not yet divided
    for (std::size_t k = 0; k < m_length; ++k) {
      values[k] = std::conj(work[k]) / static_cast<double>(work.size()) * m_chirp[k];
    }
  }
  if (m_inverse) {
    conjugate(values);
    for (Complex& value : values) {
      value /= static_cast<double>(m_length);
    }
  }
}

} // namespace halfstep
