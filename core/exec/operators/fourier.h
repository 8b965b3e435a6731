// Discrete Fourier transforms of any length. Internal to core/exec/operators.
#pragma once

#include <complex>
#include <cstddef>
#include <vector>

namespace halfstep {

/// Σ x[n]·exp(∓2πi·k·n/N) for one N. Prepared once; run() may be called from any thread.
class FourierTransform {
public:
  using Complex = std::complex<double>;

  /// More would need gigabytes.
  static constexpr std::size_t kLongest = std::size_t{1} << 24;

  /// `length` from 1 to kLongest.
  FourierTransform(std::size_t length, bool inverse);

  std::size_t length() const { return m_length; }
  /// Replaces `values`, of that length. The inverse is divided by the length.
  void run(std::vector<Complex>& values) const;

private:
  std::size_t m_length;
  bool m_inverse;
  std::vector<Complex> m_roots;  ///< for lengths that are powers of two
  std::vector<Complex> m_chirp;  ///< empty for those; see run()
  std::vector<Complex> m_filter; ///< the transformed conjugate of the chirp
};

} // namespace halfstep
