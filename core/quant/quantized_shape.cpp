// What a scheme makes of the values' shape: shapeOf and transferFunction of distribution.h.
#include "core/kernels/quantize.h"
#include "core/kernels/rounding.h"
#include "core/quant/distribution.h"
#include "core/quant/format_grids.h"
#include "core/quant/pieces.h"
#include "core/quant/sample_runs.h"
#include "core/tensor/float_formats.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfstep {

namespace {

constexpr std::size_t kErrorBins = 128;
constexpr std::size_t kMaxLevels = 256;
/// Above so many values the histograms are of a sample.
constexpr std::size_t kSampleLimit = std::size_t{1} << 17;

/// x + kShift has a unit in the last place of 1, for |x| below kExactBelow.
constexpr float kShift = 12582912.0f; // 1.5·2^23
constexpr float kExactBelow = 4194304.0f;

/// x̂ of some values of one row, whether each was clipped, and the step of the grid around it.
struct Decoded {
  std::vector<float> values;
  std::vector<float> steps; ///< 0 where the value was clipped or is not finite
};

void decodeIntegers(std::span<const float> values, const kernels::IntegerGrids& grids, Decoded& out) {
  const bool stochastic = grids.rounding == kernels::Rounding::stochastic;
  const bool even = grids.rounding == kernels::Rounding::even;
  for (std::size_t i = 0; i < values.size();) {
    const std::size_t segment = i / grids.segmentLength;
    const std::size_t end = std::min(values.size(), (segment + 1) * grids.segmentLength);
    const float scale = grids.scales[segment];
    const auto lowest = static_cast<float>(grids.lowestCode - grids.zeroPoints[segment]);
    const auto highest = static_cast<float>(grids.highestCode - grids.zeroPoints[segment]);
    for (; i < end; ++i) {
      const float quotient = values[i] / scale;
      float code = 0.0f;
      if (even && std::abs(quotient) < kExactBelow) { // the sum has no bits left for a fraction
        code = (quotient + kShift) - kShift;
      } else {
        const float threshold =
            stochastic ? kernels::stochasticThreshold(grids.seed, grids.firstIndex + i) : 0.0f;
        code = kernels::rounded(quotient, grids.rounding, threshold);
      }
      const float kept = std::isnan(code) ? 0.0f : std::clamp(code, lowest, highest);
      out.values[i] = scale * kept;
      out.steps[i] = kept == code ? scale : 0.0f;
    }
  }
}

void decodeFloats(std::span<const float> values, const kernels::FloatGrids& grids, Decoded& out) {
  const kernels::FloatFormat& format = grids.format;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float scale = grids.scales[i / grids.segmentLength];
    const float quotient = values[i] / scale;
    const float magnitude = kernels::roundedMagnitude(quotient, format);
    const bool inside = magnitude <= format.largest;
    const float kept = inside || !format.saturating ? magnitude : format.largest;
    out.values[i] = scale * std::copysign(kept, quotient);
    const int exponent =
        magnitude > 0.0f ? std::max(std::ilogb(magnitude), format.minExponent) : format.minExponent;
    out.steps[i] = inside ? scale * std::ldexp(1.0f, exponent - format.mantissaBits) : 0.0f;
  }
}

Decoded decodedOf(std::span<const float> values, const QuantizationParameters& parameters,
                  const RowPiece& piece, std::uint64_t seed) {
  Decoded out{std::vector<float>(values.size()), std::vector<float>(values.size())};
  if (parameters.scheme.format == NumberFormat::fp32) {
    out.values.assign(values.begin(), values.end());
  } else if (formatFacts(parameters.scheme.format).family == FormatFamily::integer) {
    decodeIntegers(values, integerGrids(parameters, piece.channel, piece.first, seed), out);
  } else {
    decodeFloats(values, floatGrids(parameters, piece.channel, piece.first), out);
  }
  return out;
}

/// Counts values into a histogram's bins.
class Counter {
public:
  explicit Counter(Histogram& histogram)
      : m_counts(histogram.counts)
      , m_lo(histogram.lo)
      , m_perUnit(histogram.hi > histogram.lo
                      ? static_cast<double>(histogram.counts.size()) / (histogram.hi - histogram.lo)
                      : 0.0)
      , m_last(static_cast<double>(histogram.counts.size() - 1)) {}

  void add(float value) {
    const double place = (static_cast<double>(value) - m_lo) * m_perUnit;
    ++m_counts[static_cast<std::size_t>(std::clamp(place, 0.0, m_last))];
  }

private:
  std::span<std::int64_t> m_counts;
  double m_lo;
  double m_perUnit;
  double m_last;
};

Histogram histogramOver(double lo, double hi, std::size_t bins) {
  Histogram histogram{lo, hi, {}, {}, {}};
  histogram.counts.resize(bins);
  return histogram;
}

void merge(Histogram& into, const Histogram& from) {
  for (std::size_t bin = 0; bin < into.counts.size(); ++bin) {
    into.counts[bin] += from.counts[bin];
  }
}

/// What a share of the runs gives.
struct Part {
  Histogram dequantized;
  Histogram roundingError;
  std::vector<std::int64_t> levelCounts;
};

void merge(Part& into, const Part& from) {
  merge(into.dequantized, from.dequantized);
  merge(into.roundingError, from.roundingError);
  for (std::size_t level = 0; level < into.levelCounts.size(); ++level) {
    into.levelCounts[level] += from.levelCounts[level];
  }
}

void addRun(Part& part, std::span<const float> values, const Decoded& decoded) {
  Counter dequantized(part.dequantized);
  Counter roundingError(part.roundingError);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && std::isfinite(decoded.values[i])) {
      dequantized.add(decoded.values[i]);
    }
    if (decoded.steps[i] != 0.0f) {
      roundingError.add((decoded.values[i] - values[i]) / decoded.steps[i]);
    }
  }
}

/// The decoded value of every code, ascending.
std::vector<float> levelsOf(const QuantizationParameters& parameters, std::size_t segment) {
  const NumberFormat format = parameters.scheme.format;
  const FormatFacts& facts = formatFacts(format);
  std::vector<float> levels;
  if (facts.bits > 8) {
    return levels;
  }
  const float scale = parameters.scales[segment];
  if (facts.family == FormatFamily::integer) {
    const CodeLimits limits = codeLimits(format, parameters.scheme.codeRange);
    for (int code = limits.lowest; code <= limits.highest; ++code) {
      levels.push_back(scale * static_cast<float>(code - parameters.zeroPoints[segment]));
    }
  } else {
    for (int code = 0; code < static_cast<int>(kMaxLevels); ++code) {
      const auto bits = static_cast<std::uint8_t>(code);
      const float value =
          format == NumberFormat::fp8e4m3 ? floatFromFloat8e4m3fn(bits) : floatFromFloat8e5m2(bits);
      if (std::isfinite(value) && code != 0x80) { // −0 is the level of +0
        levels.push_back(scale * value);
      }
    }
  }
  std::sort(levels.begin(), levels.end());
  return levels;
}

/// The place of a decoded value among the ascending `levels`.
std::size_t levelOf(float decoded, std::span<const float> levels, float scale, bool integers) {
  if (integers) { // equal steps
    const float place = std::nearbyint((decoded - levels.front()) / std::abs(scale));
    return static_cast<std::size_t>(std::clamp(place, 0.0f, static_cast<float>(levels.size() - 1)));
  }
  const auto place = std::lower_bound(levels.begin(), levels.end(), decoded);
  return std::min(static_cast<std::size_t>(place - levels.begin()), levels.size() - 1);
}

/// Whose levels to count.
struct LevelCount {
  std::span<const float> levels;
  float scale = 1.0f;
  bool integers = true;
};

void countLevels(std::span<const float> values, const Decoded& decoded, const LevelCount& what,
                 std::vector<std::int64_t>& counts) {
  counts.resize(what.levels.size());
  for (std::size_t i = 0; i < values.size() && !counts.empty(); ++i) {
    if (std::isfinite(values[i])) {
      ++counts[levelOf(decoded.values[i], what.levels, what.scale, what.integers)];
    }
  }
}

/// The values of the chosen segment, where it is not the whole tensor.
RowPiece segmentPiece(const Segmentation& segmentation, std::size_t segment) {
  const std::size_t first = segment % segmentation.segmentsPerChannel * segmentation.segmentLength;
  return {segment / segmentation.segmentsPerChannel, first,
          std::min(segmentation.segmentLength, segmentation.valuesPerChannel - first)};
}

/// Counts of a sample as counts of the whole.
void scaleUp(std::vector<std::int64_t>& counts, std::size_t sampled, std::size_t whole) {
  for (std::int64_t& count : counts) {
    count =
        std::llround(static_cast<double>(count) * static_cast<double>(whole) / static_cast<double>(sampled));
  }
}

} // namespace

Result<QuantizedShape> shapeOf(const WeightMatrix& matrix, const WeightProfile& profile,
                               const QuantizationParameters& parameters, std::size_t segment, int bins,
                               const JobContext& context) {
  const bool identity = parameters.scheme.format == NumberFormat::fp32;
  const std::size_t segments = identity ? 1 : parameters.scales.size();
  if (bins < 1 || (segment >= segments && segments > 0)) {
    return Error{ErrorKind::usage, "segment " + std::to_string(segment) + " of " + std::to_string(segments) +
                                       " with " + std::to_string(bins) + " bins does not exist"};
  }
  const std::vector<RowPiece> runs = sampleRuns(parameters.segmentation, kSampleLimit);
  QuantizedShape shape;
  if (!identity && !runs.empty()) {
    shape.levels = levelsOf(parameters, segment);
  }
  const bool wholeTensor = parameters.segmentation.kind == Granularity::Kind::tensor;
  const LevelCount counted{shape.levels, identity || runs.empty() ? 1.0f : parameters.scales[segment],
                           formatFacts(parameters.scheme.format).family == FormatFamily::integer};
  const auto emptyPart = [&] {
    return Part{histogramOver(profile.moments.min, profile.moments.max, static_cast<std::size_t>(bins)),
                histogramOver(-1.0, 1.0, kErrorBins), std::vector<std::int64_t>(shape.levels.size())};
  };
  constexpr std::size_t kRunsPerTask = 8;
  std::vector<Part> parts((runs.size() + kRunsPerTask - 1) / kRunsPerTask);
  HALFSTEP_CHECK(parallelTasks(parts.size(), kRunsPerTask * kRunValues, context, [&](std::size_t task) {
    parts[task] = emptyPart();
    for (std::size_t i = task * kRunsPerTask; i < std::min(runs.size(), (task + 1) * kRunsPerTask); ++i) {
      const std::span<const float> values = matrix.row(runs[i].channel).subspan(runs[i].first, runs[i].count);
      const Decoded decoded = decodedOf(values, parameters, runs[i], context.seed());
      addRun(parts[task], values, decoded);
      if (wholeTensor) {
        countLevels(values, decoded, counted, parts[task].levelCounts);
      }
    }
  }));
  Part total = emptyPart();
  for (const Part& part : parts) {
    merge(total, part);
  }
  for (const RowPiece& run : runs) {
    shape.sampled += run.count;
  }
  if (wholeTensor && shape.sampled < matrix.count()) {
    scaleUp(total.levelCounts, shape.sampled, matrix.count());
  } else if (!wholeTensor && !shape.levels.empty()) {
    const RowPiece piece = segmentPiece(parameters.segmentation, segment);
    const std::span<const float> values = matrix.row(piece.channel).subspan(piece.first, piece.count);
    countLevels(values, decodedOf(values, parameters, piece, context.seed()), counted, total.levelCounts);
  }
  shape.dequantized = std::move(total.dequantized);
  shape.roundingError = std::move(total.roundingError);
  shape.levelCounts = std::move(total.levelCounts);
  return shape;
}

std::vector<float> transferFunction(const QuantizationParameters& parameters, std::size_t segment, float lo,
                                    float hi, int points) {
  std::vector<float> values;
  for (int i = 0; i < points; ++i) {
    const double share = points > 1 ? static_cast<double>(i) / (points - 1) : 0.0;
    values.push_back(static_cast<float>(static_cast<double>(lo) + (static_cast<double>(hi) - lo) * share));
  }
  const bool identity = parameters.scheme.format == NumberFormat::fp32;
  if (values.empty() || identity || segment >= parameters.scales.size()) {
    return values;
  }
  // The segment by itself, as a tensor with one scale.
  QuantizationParameters single;
  single.scheme = parameters.scheme;
  single.segmentation = {1, values.size(), Granularity::Kind::tensor, values.size(), 1};
  single.scales = {parameters.scales[segment]};
  single.zeroPoints = {parameters.zeroPoints[segment]};
  return decodedOf(values, single, {0, 0, values.size()}, 0).values;
}

} // namespace halfstep
