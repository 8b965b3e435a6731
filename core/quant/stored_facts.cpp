#include "core/quant/stored_facts.h"

#include "core/quant/pieces.h"
#include "core/support/units.h"

#include <algorithm>
#include <atomic>

namespace halfstep {

namespace {

struct Range {
  double lo = 0.0;
  double hi = 0.0;
};

Range rangeOf(std::span<const float> values) {
  const auto [lo, hi] = std::minmax_element(values.begin(), values.end());
  return values.empty() ? Range() : Range{static_cast<double>(*lo), static_cast<double>(*hi)};
}

std::string rangeText(double lo, double hi) {
  return lo == hi ? formatReal(lo) : formatReal(lo) + "…" + formatReal(hi);
}

std::string wholeText(double value) {
  return value == static_cast<double>(static_cast<std::int64_t>(value))
             ? formatCount(static_cast<std::int64_t>(value))
             : formatReal(value);
}

std::string wholeRangeText(double lo, double hi) {
  return lo == hi ? wholeText(lo) : wholeText(lo) + "…" + wholeText(hi);
}

} // namespace

Result<StoredFacts> storedFacts(const StoredQuantization& stored, const JobContext& context) {
  StoredFacts facts;
  facts.codeType = elementTypeName(stored.codes.type());
  const std::size_t count = stored.codes.count();
  std::vector<Range> ranges(pieceCount(count));
  std::atomic<bool> readable = true;
  HALFSTEP_CHECK(parallelTasks(ranges.size(), kPieceValues, context, [&](std::size_t piece) {
    const std::size_t first = piece * kPieceValues;
    std::vector<float> codes(std::min(kPieceValues, count - first));
    if (readAsFloat(stored.codes, first, codes)) {
      ranges[piece] = rangeOf(codes);
    } else {
      readable = false;
    }
  }));
  if (!readable) {
    return Error{ErrorKind::unsupported, "codes of type " + facts.codeType + " have no real values"};
  }
  for (std::size_t piece = 0; piece < ranges.size(); ++piece) {
    facts.lowestCode = piece == 0 ? ranges[0].lo : std::min(facts.lowestCode, ranges[piece].lo);
    facts.highestCode = piece == 0 ? ranges[0].hi : std::max(facts.highestCode, ranges[piece].hi);
  }
  HALFSTEP_TRY(std::vector<float> scales, toFloats(stored.scales, context));
  facts.scales = scales.size();
  const Range scaleRange = rangeOf(scales);
  facts.smallestScale = scaleRange.lo;
  facts.largestScale = scaleRange.hi;
  facts.scaleValues = std::move(scales);
  if (stored.zeroPoints) {
    HALFSTEP_TRY(std::vector<float> zeroPoints, toFloats(*stored.zeroPoints, context));
    const Range zeroPointRange = rangeOf(zeroPoints);
    facts.smallestZeroPoint = zeroPointRange.lo;
    facts.largestZeroPoint = zeroPointRange.hi;
    facts.zeroPointValues = std::move(zeroPoints);
  }
  return facts;
}

std::optional<std::size_t> StoredFacts::scaleOf(std::size_t channel, std::size_t channels) const {
  if (scaleValues.size() == 1) {
    return 0;
  }
  return scaleValues.size() == channels ? std::optional(channel) : std::nullopt;
}

std::string storedText(const StoredFacts& facts) {
  const std::string scales =
      facts.scales == 1 ? "scale" : formatCount(static_cast<std::int64_t>(facts.scales)) + " scales";
  const bool oneZeroPoint = facts.smallestZeroPoint == facts.largestZeroPoint;
  return facts.codeType + " codes " + wholeRangeText(facts.lowestCode, facts.highestCode) + ", " + scales +
         " " + rangeText(facts.smallestScale, facts.largestScale) +
         (oneZeroPoint ? ", zero point " : ", zero points ") +
         wholeRangeText(facts.smallestZeroPoint, facts.largestZeroPoint);
}

} // namespace halfstep
