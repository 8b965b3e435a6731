// Pseudo-random numbers that are the same on every machine: SplitMix64 (Steele, Lea and Flood, 2014).
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace halfstep {

/// A value; one thread at a time.
class RandomStream {
public:
  explicit RandomStream(std::uint64_t seed)
      : m_state(seed) {}
  /// A stream of its own for every triple.
  RandomStream(std::uint64_t seed, std::uint64_t first, std::uint64_t second)
      : m_state(mixed(mixed(mixed(seed) + first) + second)) {}

  std::uint64_t next() {
    m_state += kStep;
    return finished(m_state);
  }
  /// Uniform in 0…bound − 1; `bound` in 1…2^53. The bias is below bound / 2^53.
  std::uint64_t below(std::uint64_t bound) {
    const auto number = static_cast<std::uint64_t>((unit() - 0x1.0p-53) * static_cast<double>(bound));
    return number < bound ? number : bound - 1;
  }
  /// Uniform in (0, 1].
  double unit() { return (static_cast<double>(next() >> 11) + 1.0) * 0x1.0p-53; }
  /// Standard normal (Box and Muller, 1958).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(unit()));
    return radius * std::cos(2.0 * std::numbers::pi * unit());
  }

private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;
  static std::uint64_t finished(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  static std::uint64_t mixed(std::uint64_t value) { return finished(value + kStep); }

  std::uint64_t m_state;
};

} // namespace halfstep
