#include "core/exec/operators/float_rows.h"

#include "core/exec/operators/float_functions.h"

#include <algorithm>
#include <cstring>
#include <limits>

// The function that fits the machine is chosen when the library is loaded, which the sanitizers do not
// survive.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HALFSTEP_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define HALFSTEP_WIDE
#endif

namespace halfstep {

namespace {

/// out[i] = function(in[i]), compiled for the same machine as its caller.
template <class F>
__attribute__((always_inline)) inline void eachOf(const float* in, float* out, std::size_t count,
                                                  F function) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = function(in[i]);
  }
}

} // namespace

HALFSTEP_WIDE void exponentials(const float* in, float* out, std::size_t count) {
  eachOf(in, out, count, fastExp);
}

HALFSTEP_WIDE void logistics(const float* in, float* out, std::size_t count) {
  eachOf(in, out, count, fastSigmoid);
}

HALFSTEP_WIDE void hyperbolicTangents(const float* in, float* out, std::size_t count) {
  eachOf(in, out, count, fastTanh);
}

HALFSTEP_WIDE void shiftedExponentials(const float* in, float most, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fastExp(in[i] - most);
  }
}

HALFSTEP_WIDE void errorFunctions(const float* in, float* out, std::size_t count) {
  eachOf(in, out, count, fastErf);
}

HALFSTEP_WIDE void normalGelus(const float* in, float* out, std::size_t count) {
  eachOf(in, out, count, fastGelu);
}

HALFSTEP_WIDE void tanhGelus(const float* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float x = in[i];
    out[i] = 0.5f * x * (1.0f + fastTanh(0.79788456f * (x + 0.044715f * x * x * x)));
  }
}

namespace {

using FourFloats = float __attribute__((vector_size(16)));
using FourDoubles = double __attribute__((vector_size(32)));
constexpr std::size_t kStep = 16; ///< elements at once: four sums of every fourth of four

} // namespace

// GCC does not reorder sums by itself, so these name the lanes. Loads are written out where they stand: a
// function of its own would not be compiled for the same machine.
#define HALFSTEP_LOAD(name, from)                                                                            \
  FourFloats name;                                                                                           \
  std::memcpy(&name, (from), sizeof(name))

HALFSTEP_WIDE double sumOf(const float* in, std::size_t count) {
  FourDoubles sums[4] = {};
  std::size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    HALFSTEP_LOAD(a, in + i);
    HALFSTEP_LOAD(b, in + i + 4);
    HALFSTEP_LOAD(c, in + i + 8);
    HALFSTEP_LOAD(d, in + i + 12);
    sums[0] += __builtin_convertvector(a, FourDoubles);
    sums[1] += __builtin_convertvector(b, FourDoubles);
    sums[2] += __builtin_convertvector(c, FourDoubles);
    sums[3] += __builtin_convertvector(d, FourDoubles);
  }
  const FourDoubles all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double total = (all[0] + all[1]) + (all[2] + all[3]);
  for (; i < count; ++i) {
    total += static_cast<double>(in[i]);
  }
  return total;
}

HALFSTEP_WIDE double squaredDistances(const float* in, double center, std::size_t count) {
  FourDoubles sums[4] = {};
  std::size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    HALFSTEP_LOAD(a, in + i);
    HALFSTEP_LOAD(b, in + i + 4);
    HALFSTEP_LOAD(c, in + i + 8);
    HALFSTEP_LOAD(d, in + i + 12);
    const FourDoubles distances[] = {
        __builtin_convertvector(a, FourDoubles) - center, __builtin_convertvector(b, FourDoubles) - center,
        __builtin_convertvector(c, FourDoubles) - center, __builtin_convertvector(d, FourDoubles) - center};
    sums[0] += distances[0] * distances[0];
    sums[1] += distances[1] * distances[1];
    sums[2] += distances[2] * distances[2];
    sums[3] += distances[3] * distances[3];
  }
  const FourDoubles all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double total = (all[0] + all[1]) + (all[2] + all[3]);
  for (; i < count; ++i) {
    const double x = static_cast<double>(in[i]) - center;
    total += x * x;
  }
  return total;
}

HALFSTEP_WIDE float largestOf(const float* in, std::size_t count) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  FourFloats most[4] = {{kNone, kNone, kNone, kNone},
                        {kNone, kNone, kNone, kNone},
                        {kNone, kNone, kNone, kNone},
                        {kNone, kNone, kNone, kNone}};
  std::size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    HALFSTEP_LOAD(a, in + i);
    HALFSTEP_LOAD(b, in + i + 4);
    HALFSTEP_LOAD(c, in + i + 8);
    HALFSTEP_LOAD(d, in + i + 12);
    most[0] = a > most[0] ? a : most[0];
    most[1] = b > most[1] ? b : most[1];
    most[2] = c > most[2] ? c : most[2];
    most[3] = d > most[3] ? d : most[3];
  }
  most[0] = most[1] > most[0] ? most[1] : most[0];
  most[2] = most[3] > most[2] ? most[3] : most[2];
  most[0] = most[2] > most[0] ? most[2] : most[0];
  float result = std::max(std::max(most[0][0], most[0][1]), std::max(most[0][2], most[0][3]));
  for (; i < count; ++i) {
    result = std::max(result, in[i]);
  }
  return result;
}

#undef HALFSTEP_LOAD

HALFSTEP_WIDE void normalizedBy(const float* in, double mean, double inverse, const float* scale,
                                const float* bias, float* out, std::size_t count) {
  if (bias == nullptr) {
    for (std::size_t i = 0; i < count; ++i) {
      out[i] =
          static_cast<float>((static_cast<double>(in[i]) - mean) * inverse * static_cast<double>(scale[i]));
    }
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    out[i] =
        static_cast<float>((static_cast<double>(in[i]) - mean) * inverse * static_cast<double>(scale[i]) +
                           static_cast<double>(bias[i]));
  }
}

HALFSTEP_WIDE void softmaxOf(const float* in, float* out, std::size_t count) {
  const float most = largestOf(in, count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fastExp(in[i] - most);
  }
  const double factor = 1.0 / sumOf(out, count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = static_cast<float>(static_cast<double>(out[i]) * factor);
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

HALFSTEP_WIDE void addSigned(std::int32_t* __restrict sums, const std::int8_t* codes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] += codes[i];
  }
}

HALFSTEP_WIDE void addUnsigned(std::int32_t* __restrict sums, const std::uint8_t* codes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] += codes[i];
  }
}

HALFSTEP_WIDE void lessHalf(const std::uint8_t* codes, std::int8_t* __restrict out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = static_cast<std::int8_t>(codes[i] ^ 0x80u);
  }
}

} // namespace halfstep
