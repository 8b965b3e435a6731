#include "core/exec/operators/float_rows.h"

#include "core/exec/operators/float_functions.h"

// The function that fits the machine is chosen when the library is loaded, which the sanitizers do not
// survive.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HALFSTEP_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define HALFSTEP_WIDE
#endif

namespace halfstep {

HALFSTEP_WIDE void exponentials(const float* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fastExp(in[i]);
  }
}

HALFSTEP_WIDE void logistics(const float* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fastSigmoid(in[i]);
  }
}

HALFSTEP_WIDE void hyperbolicTangents(const float* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fastTanh(in[i]);
  }
}

HALFSTEP_WIDE void shiftedExponentials(const float* in, float most, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fastExp(in[i] - most);
  }
}

namespace {

/// The code of a number between the limits, which count from the zero point. Rounding by adding a number so
/// large (1.5 · 2^23) that the sum has no fraction.
struct Rounding {
  float least, most;
  int zero;

  explicit Rounding(const CodeRange& range)
      : least(static_cast<float>(range.least - range.zero))
      , most(static_cast<float>(range.most - range.zero))
      , zero(range.zero) {}

  std::uint8_t operator()(float value) const {
    constexpr float kRounder = 12582912.0f;
    const float above = value > least ? value : least; // NaN as well
    const float within = above < most ? above : most;
    return static_cast<std::uint8_t>(static_cast<int>(within + kRounder - kRounder) + zero);
  }
};

} // namespace

HALFSTEP_WIDE void requantizedSums(const std::int32_t* sums, const std::int32_t* bias, const float* factors,
                                   const CodeRange& range, std::uint8_t* __restrict out, std::size_t count) {
  const Rounding code(range);
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = code(static_cast<float>(sums[i] + bias[i]) * factors[i]);
  }
}

HALFSTEP_WIDE void quantizedBytes(const float* x, float scale, const CodeRange& range,
                                  std::uint8_t* __restrict out, std::size_t count) {
  const Rounding code(range);
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = code(x[i] / scale);
  }
}

HALFSTEP_WIDE void addProducts(std::int32_t* __restrict sums, const std::int32_t* factors,
                               const std::int32_t* by, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] += factors[i] * by[i];
  }
}

HALFSTEP_WIDE void addMultiples(std::int32_t* __restrict sums, const std::int32_t* factors, std::int32_t by,
                                std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] += factors[i] * by;
  }
}

} // namespace halfstep
