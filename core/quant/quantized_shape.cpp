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
constexpr std::size_t kSampleLimit = std::size_t{1} << 18;

/// x̂ of some values of one row, whether each was clipped, and the step of the grid around it.
struct Decoded {
  std::vector<float> values;
  std::vector<float> steps; ///< 0 where the value was clipped or is not finite
};

void decodeIntegers(std::span<const float> values, const kernels::IntegerGrids& grids, Decoded& out) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t segment = i / grids.segmentLength;
    const float scale = grids.scales[segment];
    const auto lowest = static_cast<float>(grids.lowestCode - grids.zeroPoints[segment]);
    const auto highest = static_cast<float>(grids.highestCode - grids.zeroPoints[segment]);
    const float threshold = grids.rounding == kernels::Rounding::stochastic
                                ? kernels::stochasticThreshold(grids.seed, grids.firstIndex + i)
                                : 0.0f;
    const float code = kernels::rounded(values[i] / scale, grids.rounding, threshold);
    const float kept = std::isnan(code) ? 0.0f : std::clamp(code, lowest, highest);
    out.values[i] = scale * kept;
    out.steps[i] = kept == code ? scale : 0.0f;
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

void addValue(Histogram& histogram, float value) {
  const double place = (static_cast<double>(value) - histogram.lo) / (histogram.hi - histogram.lo) *
                       static_cast<double>(histogram.counts.size());
  const auto last = static_cast<double>(histogram.counts.size() - 1);
  const auto bin = histogram.hi > histogram.lo ? static_cast<std::size_t>(std::clamp(place, 0.0, last)) : 0;
  ++histogram.counts[bin];
  histogram.sums[bin] += static_cast<double>(value);
  histogram.squares[bin] += static_cast<double>(value) * static_cast<double>(value);
}

Histogram histogramOver(double lo, double hi, std::size_t bins) {
  Histogram histogram{lo, hi, {}, {}, {}};
  histogram.counts.resize(bins);
  histogram.sums.resize(bins);
  histogram.squares.resize(bins);
  return histogram;
}

void merge(Histogram& into, const Histogram& from) {
  for (std::size_t bin = 0; bin < into.counts.size(); ++bin) {
    into.counts[bin] += from.counts[bin];
    into.sums[bin] += from.sums[bin];
    into.squares[bin] += from.squares[bin];
  }
}

/// The two histograms of a share of the runs.
struct Histograms {
  Histogram dequantized;
  Histogram roundingError;
};

void addRun(Histograms& histograms, std::span<const float> values, const Decoded& decoded) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && std::isfinite(decoded.values[i])) {
      addValue(histograms.dequantized, decoded.values[i]);
    }
    if (decoded.steps[i] != 0.0f) {
      addValue(histograms.roundingError, (decoded.values[i] - values[i]) / decoded.steps[i]);
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

void countLevels(std::span<const float> decoded, std::span<const float> levels,
                 std::span<std::int64_t> counts) {
  for (const float value : decoded) {
    const auto place = std::lower_bound(levels.begin(), levels.end(), value);
    if (place != levels.end() && *place == value) {
      ++counts[static_cast<std::size_t>(place - levels.begin())];
    }
  }
}

/// Counts of the chosen segment's levels over all its finite values, or, above the limit, over an evenly
/// spaced sample, scaled up.
std::vector<std::int64_t> levelCountsOf(const WeightMatrix& matrix, const QuantizationParameters& parameters,
                                        std::size_t segment, std::span<const float> levels,
                                        std::uint64_t seed) {
  const Segmentation& segmentation = parameters.segmentation;
  const std::size_t length = std::min(segmentation.segmentLength, matrix.valuesPerChannel());
  std::vector<RowPiece> runs;
  std::size_t whole = matrix.count();
  if (segmentation.kind == Granularity::Kind::tensor) {
    runs = sampleRuns(segmentation, kSampleLimit);
  } else {
    const std::size_t first = segment % segmentation.segmentsPerChannel * length;
    runs = {{segment / segmentation.segmentsPerChannel, first,
             std::min(length, matrix.valuesPerChannel() - first)}};
    whole = runs.front().count;
  }
  std::vector<std::int64_t> counts(levels.size());
  std::size_t seen = 0;
  for (const RowPiece& run : runs) {
    std::vector<float> values;
    for (const float value : matrix.row(run.channel).subspan(run.first, run.count)) {
      values.push_back(value);
    }
    std::vector<float> decoded = decodedOf(values, parameters, run, seed).values;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        decoded[i] = std::numeric_limits<float>::quiet_NaN();
      }
    }
    countLevels(decoded, levels, counts);
    seen += run.count;
  }
  if (seen < whole) {
    for (std::int64_t& count : counts) {
      count =
          std::llround(static_cast<double>(count) * static_cast<double>(whole) / static_cast<double>(seen));
    }
  }
  return counts;
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
  const auto emptyHistograms = [&] {
    return Histograms{histogramOver(profile.moments.min, profile.moments.max, static_cast<std::size_t>(bins)),
                      histogramOver(-1.0, 1.0, kErrorBins)};
  };
  constexpr std::size_t kRunsPerTask = 8;
  std::vector<Histograms> parts((runs.size() + kRunsPerTask - 1) / kRunsPerTask);
  HALFSTEP_CHECK(parallelTasks(parts.size(), kRunsPerTask * kRunValues, context, [&](std::size_t task) {
    parts[task] = emptyHistograms();
    for (std::size_t i = task * kRunsPerTask; i < std::min(runs.size(), (task + 1) * kRunsPerTask); ++i) {
      const std::span<const float> values = matrix.row(runs[i].channel).subspan(runs[i].first, runs[i].count);
      addRun(parts[task], values, decodedOf(values, parameters, runs[i], context.seed()));
    }
  }));
  Histograms total = emptyHistograms();
  for (const Histograms& part : parts) {
    merge(total.dequantized, part.dequantized);
    merge(total.roundingError, part.roundingError);
  }
  QuantizedShape shape{std::move(total.dequantized), std::move(total.roundingError), {}, {}, 0};
  for (const RowPiece& run : runs) {
    shape.sampled += run.count;
  }
  if (!identity && !runs.empty()) {
    shape.levels = levelsOf(parameters, segment);
    shape.levelCounts = levelCountsOf(matrix, parameters, segment, shape.levels, context.seed());
  }
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
