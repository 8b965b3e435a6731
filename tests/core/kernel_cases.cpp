#include "tests/core/kernel_cases.h"

#include "core/kernels/deviations.h"
#include "core/kernels/errors.h"
#include "core/kernels/histogram.h"
#include "core/kernels/int4_matvec.h"
#include "core/kernels/moments.h"
#include "core/kernels/pack.h"
#include "core/kernels/quantize.h"
#include "core/kernels/select.h"
#include "core/kernels/shrink_errors.h"
#include "core/kernels/value_range.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace halfstep::test {

namespace {

using namespace halfstep::kernels;

bool twin(Variant variant) {
  return variant == Variant::scalarTwin;
}

KernelFigures runValueRange(std::span<const float> values, Variant variant) {
  const RangePartials range = twin(variant) ? scalar::valueRange(values) : valueRange(values);
  KernelFigures out;
  out.addExact(static_cast<double>(range.min));
  out.addExact(static_cast<double>(range.max));
  out.addExact(static_cast<double>(range.nonFinite));
  return out;
}

KernelFigures runMoments(std::span<const float> values, Variant variant) {
  const MomentPartials m = twin(variant) ? scalar::moments(values) : moments(values);
  const MomentPartials exact = scalar::moments(values);
  KernelFigures out;
  for (const std::int64_t count : {m.finite, m.nan, m.infinite, m.zeros}) {
    out.addExact(static_cast<double>(count));
  }
  out.addExact(static_cast<double>(m.min));
  out.addExact(static_cast<double>(m.max));
  const double magnitude =
      std::max(std::abs(static_cast<double>(exact.min)), std::abs(static_cast<double>(exact.max)));
  const double spread = std::sqrt(exact.m2 * exact.m4);
  out.add(m.mean, exact.finite > 0 ? magnitude : 0.0);
  out.add(m.m2, exact.m2);
  out.add(m.m3, spread);
  out.add(m.m4, exact.m4);
  return out;
}

template <bool kMagnitudes, bool kMoments>
KernelFigures runHistogram(std::span<const float> values, Variant variant) {
  constexpr std::size_t kBins = 61;
  std::vector<std::int64_t> counts(kBins);
  std::vector<BinMoments> moments(kMoments ? kBins : 0);
  const HistogramGrid grid{kMagnitudes ? 0.0f : -1.3f, 23.4f};
  const HistogramBins bins{counts, moments};
  if (kMagnitudes) {
    twin(variant) ? scalar::addMagnitudesToHistogram(values, grid, bins)
                  : addMagnitudesToHistogram(values, grid, bins);
  } else {
    twin(variant) ? scalar::addToHistogram(values, grid, bins) : addToHistogram(values, grid, bins);
  }
  KernelFigures out;
  for (const std::int64_t count : counts) {
    out.addExact(static_cast<double>(count));
  }
  for (const BinMoments& bin : moments) {
    out.add(bin.sum, std::abs(bin.sum));
    out.add(bin.squares, bin.squares);
  }
  return out;
}

constexpr std::array kScales = {0.011f, -0.0073f, 0.25f, 1.0f, 3.1e-3f, 0.5f, 0.02f};
constexpr std::array kZeroPoints = {3, -2, 0, -128, 100, 0, 7};

/// Grids with `segment` values each, whose scales and zero points repeat.
struct Grids {
  std::vector<float> scales;
  std::vector<std::int32_t> zeroPoints;
  IntegerGrids grids;

  Grids(std::size_t count, std::size_t segment, Rounding rounding) {
    for (std::size_t i = 0; i <= count / segment; ++i) {
      scales.push_back(kScales[i % kScales.size()]);
      zeroPoints.push_back(kZeroPoints[i % kZeroPoints.size()]);
    }
    // The stochastic case crosses an index whose high half changes.
    grids = {
        scales, zeroPoints, segment, -128, 127, rounding, 0x1234567890abcdefu, (std::uint64_t{7} << 32) - 50};
  }
};

void addErrors(KernelFigures& out, const ErrorPartials& sums, const ErrorPartials& exact) {
  out.addExact(static_cast<double>(sums.count));
  out.addExact(static_cast<double>(sums.nonFinite));
  out.addExact(static_cast<double>(sums.clipped));
  out.addExact(static_cast<double>(sums.maxError));
  out.add(sums.squares, exact.squares);
  out.add(sums.decodedSquares, exact.decodedSquares);
  out.add(sums.products, exact.squares + exact.decodedSquares);
  out.add(sums.errors, std::sqrt(exact.squaredErrors * static_cast<double>(exact.count)));
  out.add(sums.squaredErrors, exact.squaredErrors);
  out.add(sums.squaredClipErrors, exact.squaredClipErrors);
}

template <std::size_t kSegment, Rounding kRounding>
KernelFigures runIntegerErrors(std::span<const float> values, Variant variant) {
  const Grids grids(values.size(), kSegment, kRounding);
  KernelFigures out;
  const ErrorPartials exact = scalar::integerErrors(values, grids.grids);
  addErrors(out, twin(variant) ? exact : integerErrors(values, grids.grids), exact);
  return out;
}

template <int kFormat>
KernelFigures runFloatErrors(std::span<const float> values, Variant variant) {
  constexpr std::array kFormats = {kHalf, kBfloat16, kFloat8e4m3fn, kFloat8e5m2};
  const Grids grids(values.size(), 37, Rounding::even);
  const std::vector<float> ones(grids.scales.size(), 1.0f);
  const FloatGrids floats{kFormats[kFormat].saturating ? grids.scales : ones, 37, kFormats[kFormat]};
  KernelFigures out;
  const ErrorPartials exact = scalar::floatErrors(values, floats);
  addErrors(out, twin(variant) ? exact : floatErrors(values, floats), exact);
  return out;
}

template <std::size_t kSegment, Rounding kRounding>
KernelFigures runQuantize(std::span<const float> values, Variant variant) {
  const Grids grids(values.size(), kSegment, kRounding);
  std::vector<std::int32_t> codes(values.size());
  twin(variant) ? scalar::quantize(values, grids.grids, codes) : quantize(values, grids.grids, codes);
  KernelFigures out;
  for (const std::int32_t code : codes) {
    out.addExact(code);
  }
  return out;
}

KernelFigures runDequantize(std::span<const float> values, Variant variant) {
  const Grids grids(values.size(), 37, Rounding::even);
  std::vector<std::int32_t> codes(values.size());
  scalar::quantize(values, grids.grids, codes);
  std::vector<float> decoded(values.size());
  twin(variant) ? scalar::dequantize(codes, grids.grids, decoded) : dequantize(codes, grids.grids, decoded);
  KernelFigures out;
  for (const float value : decoded) {
    out.addExact(static_cast<double>(value));
  }
  return out;
}

template <int kMapping>
KernelFigures runShrinkErrors(std::span<const float> values, Variant variant) {
  constexpr std::array kRules = {MappingRule{false, false, false, 7.0f, -7, 7, 0},
                                 MappingRule{true, false, true, 1.0f, 0, 255, 128},
                                 MappingRule{false, true, false, 128.0f, -128, 127, 0}};
  std::vector<float> factors;
  for (int percent = 100; percent >= 20; percent -= 3) {
    factors.push_back(static_cast<float>(percent) / 100.0f);
  }
  std::vector<double> errors(factors.size());
  const GridRange range{-1.1f, 1.4f, kMapping == 0};
  twin(variant) ? scalar::shrinkErrors(values, range, kRules[kMapping], factors, errors)
                : shrinkErrors(values, range, kRules[kMapping], factors, errors);
  KernelFigures out;
  double squares = 0.0;
  for (const float value : values) {
    squares += std::isfinite(value) ? static_cast<double>(value) * static_cast<double>(value) : 0.0;
  }
  for (const double error : errors) {
    out.add(error, error + std::sqrt(squares * error) + 1e-7 * squares);
  }
  return out;
}

KernelFigures runDeviations(std::span<const float> values, Variant variant) {
  const double sum =
      twin(variant) ? scalar::absoluteDeviations(values, 0.1f) : absoluteDeviations(values, 0.1f);
  KernelFigures out;
  out.add(sum, sum);
  return out;
}

KernelFigures runSelect(std::span<const float> values, Variant variant) {
  const auto finite = static_cast<std::size_t>(
      std::count_if(values.begin(), values.end(), [](float x) { return std::isfinite(x); }));
  KernelFigures out;
  for (const RankedBy key : {RankedBy::magnitude, RankedBy::value, RankedBy::negated}) {
    for (const std::size_t k : {std::size_t{1}, finite / 100 + 1, finite / 2 + 1}) {
      if (k <= finite) {
        out.addExact(static_cast<double>(twin(variant) ? scalar::kthLargest(values, k, key)
                                                       : kthLargest(values, k, key)));
      }
    }
  }
  return out;
}

KernelFigures runCollectBin(std::span<const float> values, Variant variant) {
  std::vector<float> keys;
  const HistogramGrid grid{0.0f, 11.0f};
  twin(variant) ? scalar::collectBin(values, RankedBy::magnitude, grid, 3, 40, keys)
                : collectBin(values, RankedBy::magnitude, grid, 3, 40, keys);
  KernelFigures out;
  out.addExact(static_cast<double>(keys.size()));
  for (const float key : keys) {
    out.addExact(static_cast<double>(key));
  }
  return out;
}

template <bool kUnpack>
KernelFigures runPack(std::span<const float> values, Variant variant) {
  const Grids grids(values.size(), 37, Rounding::even);
  std::vector<std::int32_t> codes(values.size());
  scalar::quantize(values, grids.grids, codes);
  KernelFigures out;
  for (int bits = 2; bits <= 8; ++bits) {
    std::vector<std::uint8_t> bytes(packedSize(codes.size(), bits));
    twin(variant) || kUnpack ? scalar::packCodes(codes, bits, bytes) : packCodes(codes, bits, bytes);
    for (const std::uint8_t byte : bytes) {
      out.addExact(byte);
    }
    if (kUnpack) {
      std::vector<std::int32_t> again(codes.size());
      twin(variant) ? scalar::unpackCodes(bytes, bits, bits % 2 == 0, again)
                    : unpackCodes(bytes, bits, bits % 2 == 0, again);
      for (const std::int32_t code : again) {
        out.addExact(code);
      }
    }
  }
  return out;
}

/// A matrix of codes, scales and zero points that depend on their place.
struct Int4Weights {
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
  std::vector<std::uint8_t> zeros;
  Int4Matrix matrix;

  Int4Weights(std::size_t rows, std::size_t columns, std::size_t groupSize) {
    matrix = {rows, columns, groupSize, {}, {}, {}};
    for (std::size_t i = 0; i < rows * matrix.rowBytes(); ++i) {
      codes.push_back(static_cast<std::uint8_t>((i * 2654435761u) >> 11));
    }
    for (std::size_t i = 0; i < rows * matrix.groups(); ++i) {
      scales.push_back(kScales[i % kScales.size()]);
      zeros.push_back(static_cast<std::uint8_t>(i * 5 % 16));
    }
    matrix.codes = codes;
    matrix.scales = scales;
    matrix.zeros = zeros;
  }
  int code(std::size_t n, std::size_t k) const {
    return codes[n * matrix.rowBytes() + k / 2] >> (k % 2 * 4) & 15;
  }
};

/// Σ|x|·|scale|·(…) of int4_matvec.h: what 2^-23 of is allowed; infinite where the row is not finite.
double int4Scale(const Int4Weights& weights, std::span<const float> x, std::size_t n) {
  const std::size_t columns = weights.matrix.columns;
  double sum = 0.0;
  for (std::size_t k = 0; k < columns; ++k) {
    const std::size_t group = n * weights.matrix.groups() + k / weights.matrix.groupSize;
    const int code = weights.code(n, k);
    const int zero = weights.zeros[group];
    sum += std::abs(static_cast<double>(x[k]) * static_cast<double>(weights.scales[group])) *
           (10.0 * (32 + code + zero) + (static_cast<double>(columns) / 32 + 8) * std::abs(code - zero));
  }
  return sum;
}

template <std::size_t kRows, std::size_t kGroup>
KernelFigures runInt4Matvec(std::span<const float> values, Variant variant) {
  constexpr std::size_t kOutputs = 5;
  const Int4Weights weights(kOutputs, values.size(), kGroup);
  std::vector<float> x;
  for (std::size_t m = 0; m < kRows; ++m) {
    for (const float value : values) { // sums stay within float32's range
      const bool huge = std::isfinite(value) && std::abs(value) > 1e9f;
      x.push_back((huge ? std::copysign(1e9f, value) : value) * static_cast<float>(m + 1));
    }
  }
  std::vector<float> y(kRows * kOutputs);
  twin(variant) ? scalar::int4Matvec(weights.matrix, x, y) : int4Matvec(weights.matrix, x, y);
  KernelFigures out;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::span<const float> row = std::span(x).subspan(i / kOutputs * values.size(), values.size());
    const double scale = int4Scale(weights, row, i % kOutputs);
    const bool finite = std::isfinite(y[i]);
    out.add(finite ? static_cast<double>(y[i]) : std::nan(""), std::isfinite(scale) ? scale : 0.0);
  }
  return out;
}

// What the benchmarks time. Results go where the optimiser cannot drop them.
volatile double g_sink = 0.0;

template <class Result>
void keep(Result value) {
  g_sink = static_cast<double>(value);
}

constexpr float kScale = 0.01f;
constexpr std::int32_t kZeroPoint = 0;

IntegerGrids oneGrid(std::span<const float> values) {
  return {{&kScale, 1}, {&kZeroPoint, 1}, values.size(), -127, 127};
}

std::vector<std::int32_t>& codeBuffer(std::size_t count) {
  static thread_local std::vector<std::int32_t> codes;
  if (codes.size() < count) {
    codes.assign(count, 5);
  }
  return codes;
}

void workHistogram(std::span<const float> values) {
  static thread_local std::vector<std::int64_t> counts(2048);
  addToHistogram(values, {-2.0f, 512.0f}, {counts, {}});
}

void workHistogramMoments(std::span<const float> values) {
  static thread_local std::vector<std::int64_t> counts(2048);
  static thread_local std::vector<BinMoments> moments(2048);
  addToHistogram(values, {-2.0f, 512.0f}, {counts, moments});
}

void workQuantize(std::span<const float> values) {
  quantize(values, oneGrid(values), std::span(codeBuffer(values.size())).first(values.size()));
}

void workDequantize(std::span<const float> values) {
  static thread_local std::vector<float> decoded;
  decoded.resize(values.size());
  dequantize(std::span(codeBuffer(values.size())).first(values.size()), oneGrid(values), decoded);
}

void workFloatErrors(std::span<const float> values) {
  keep(floatErrors(values, {{&kScale, 1}, values.size(), kFloat8e4m3fn}).squaredErrors);
}

void workShrinkErrors(std::span<const float> values) {
  constexpr std::array kFactors = {1.0f, 0.95f, 0.9f, 0.85f, 0.8f, 0.75f, 0.7f, 0.65f};
  std::array<double, kFactors.size()> errors;
  shrinkErrors(values, {-1.0f, 1.0f}, {false, false, false, 7.0f, -7, 7, 0}, kFactors, errors);
  keep(errors[0]);
}

void workCollectBin(std::span<const float> values) {
  std::vector<float> keys;
  collectBin(values, RankedBy::magnitude, {0.0f, 1024.0f}, 1000, 2048, keys);
  keep(keys.size());
}

template <bool kUnpack>
void workPack(std::span<const float> values) {
  static thread_local std::vector<std::uint8_t> bytes;
  bytes.resize(packedSize(values.size(), 4));
  const std::span<std::int32_t> codes = std::span(codeBuffer(values.size())).first(values.size());
  kUnpack ? unpackCodes(bytes, 4, true, codes) : packCodes(codes, 4, bytes);
}

void workInt4Matvec(std::span<const float> values) {
  static const Int4Weights weights(256, 4096, 64);
  static thread_local std::vector<float> y(256);
  int4Matvec(weights.matrix, values.first(4096), y);
  keep(y[0]);
}

constexpr double kSums = 1e-6;
constexpr std::array kCases = {
    KernelCase{"value_range", "", runValueRange, 0.0,
               [](std::span<const float> v) { keep(valueRange(v).max); }},
    KernelCase{"moments", "", runMoments, kSums, [](std::span<const float> v) { keep(moments(v).m4); }},
    KernelCase{"histogram", "values", runHistogram<false, false>, 0.0, workHistogram},
    KernelCase{"histogram", "magnitudes", runHistogram<true, false>, 0.0},
    KernelCase{"histogram_moments", "values", runHistogram<false, true>, 1e-12, workHistogramMoments},
    KernelCase{"histogram_moments", "magnitudes", runHistogram<true, true>, 1e-12},
    KernelCase{"quantize", "even, one segment", runQuantize<1 << 20, Rounding::even>, 0.0, workQuantize},
    KernelCase{"quantize", "even, 37", runQuantize<37, Rounding::even>, 0.0},
    KernelCase{"quantize", "away, 64", runQuantize<64, Rounding::away>, 0.0},
    KernelCase{"quantize", "zero, 3", runQuantize<3, Rounding::zero>, 0.0},
    KernelCase{"quantize", "up, 1000", runQuantize<1000, Rounding::up>, 0.0},
    KernelCase{"quantize", "stochastic, 64", runQuantize<64, Rounding::stochastic>, 0.0},
    KernelCase{"dequantize", "", runDequantize, 0.0, workDequantize},
    KernelCase{"integer_errors", "even, one segment", runIntegerErrors<1 << 20, Rounding::even>, kSums,
               [](std::span<const float> v) { keep(integerErrors(v, oneGrid(v)).squaredErrors); }},
    KernelCase{"integer_errors", "even, 64", runIntegerErrors<64, Rounding::even>, kSums},
    KernelCase{"integer_errors", "even, 37", runIntegerErrors<37, Rounding::even>, kSums},
    KernelCase{"integer_errors", "away, 3000", runIntegerErrors<3000, Rounding::away>, kSums},
    KernelCase{"integer_errors", "zero, 48", runIntegerErrors<48, Rounding::zero>, kSums},
    KernelCase{"integer_errors", "up, 5", runIntegerErrors<5, Rounding::up>, kSums},
    KernelCase{"integer_errors", "stochastic, 64", runIntegerErrors<64, Rounding::stochastic>, kSums},
    KernelCase{"float_errors", "fp16", runFloatErrors<0>, kSums},
    KernelCase{"float_errors", "bf16", runFloatErrors<1>, kSums},
    KernelCase{"float_errors", "fp8e4m3", runFloatErrors<2>, kSums, workFloatErrors},
    KernelCase{"float_errors", "fp8e5m2", runFloatErrors<3>, kSums},
    KernelCase{"shrink_errors", "int4 absmax", runShrinkErrors<0>, kSums, workShrinkErrors},
    KernelCase{"shrink_errors", "uint8 asymmetric", runShrinkErrors<1>, kSums},
    KernelCase{"shrink_errors", "int8 power of two", runShrinkErrors<2>, kSums},
    KernelCase{"absolute_deviations", "", runDeviations, kSums,
               [](std::span<const float> v) { keep(absoluteDeviations(v, 0.1f)); }},
    KernelCase{
        "kth_largest", "", runSelect, 0.0,
        [](std::span<const float> v) { keep(kthLargest(v, v.size() / 1000 + 1, RankedBy::magnitude)); }},
    KernelCase{"collect_bin", "", runCollectBin, 0.0, workCollectBin},
    KernelCase{"pack_codes", "", runPack<false>, 0.0, workPack<false>},
    KernelCase{"unpack_codes", "", runPack<true>, 0.0, workPack<true>},
    KernelCase{"int4_matvec", "1 row, 64", runInt4Matvec<1, 64>, 0x1p-23, workInt4Matvec},
    KernelCase{"int4_matvec", "3 rows, 32", runInt4Matvec<3, 32>, 0x1p-23},
    KernelCase{"int4_matvec", "8 rows, 128", runInt4Matvec<8, 128>, 0x1p-23},
};

} // namespace

std::span<const KernelCase> kernelCases() {
  return kCases;
}

} // namespace halfstep::test
