// NonMaxSuppression.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/results.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

struct Box {
  float y0, x0, y1, x1;
};

/// Corners in order, from two opposite ones or from centre and size.
Box boxOf(const float* numbers, bool fromCenter) {
  if (fromCenter) { // x, y, width, height
    const float halfWidth = numbers[2] / 2;
    const float halfHeight = numbers[3] / 2;
    return {numbers[1] - halfHeight, numbers[0] - halfWidth, numbers[1] + halfHeight, numbers[0] + halfWidth};
  }
  return {std::min(numbers[0], numbers[2]), std::min(numbers[1], numbers[3]),
          std::max(numbers[0], numbers[2]), std::max(numbers[1], numbers[3])};
}

/// The area that both cover over the area that either covers.
bool overlaps(const Box& a, const Box& b, float threshold) {
  const float height = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  const float width = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  if (!(height > 0) || !(width > 0)) {
    return false;
  }
  const float areaA = (a.y1 - a.y0) * (a.x1 - a.x0);
  const float areaB = (b.y1 - b.y0) * (b.x1 - b.x0);
  const float both = height * width;
  const float either = areaA + areaB - both;
  return areaA > 0 && areaB > 0 && either > 0 && both / either > threshold;
}

/// The boxes of one class that are kept, best first.
Result<std::vector<std::size_t>> keptBoxes(const JobContext& job, std::span<const Box> boxes,
                                           const float* scores, std::vector<std::size_t> candidates,
                                           std::int64_t most, float threshold) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  std::vector<std::size_t> kept;
  for (const std::size_t candidate : candidates) {
    HALFSTEP_CHECK(job.checkpoint());
    if (static_cast<std::int64_t>(kept.size()) >= most) {
      break;
    }
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](std::size_t other) {
      return overlaps(boxes[candidate], boxes[other], threshold);
    });
    if (!covered) {
      kept.push_back(candidate);
    }
  }
  return kept;
}

/// Boxes [batches, boxes, 4] and scores [batches, classes, boxes]; gives rows of batch, class, box.
OpResult nonMaxSuppression(const OpCall& call) {
  HALFSTEP_TRY(const Tensor boxes, call.tensor(0));
  HALFSTEP_TRY(const Tensor scores, call.tensor(1));
  const Shape& shape = scores.shape();
  if (shape.size() != 3 || boxes.shape() != Shape{shape[0], shape[2], 4} ||
      boxes.type() != ElementType::float32 || scores.type() != ElementType::float32) {
    return call.fail("boxes of " + shapeText(boxes.shape()) + " do not fit scores of " + shapeText(shape));
  }
  double most = 0;
  double overlap = 0;
  double least = 0;
  for (std::size_t i = 2; i < 5; ++i) {
    if (call.has(i)) {
      HALFSTEP_TRY((i == 2 ? most : (i == 3 ? overlap : least)), call.scalar(i));
    }
  }
  const auto limit = saturated<std::int64_t>(most);
  const bool fromCenter = call.integer("center_point_box", 0) != 0;
  const std::size_t count = dimensionOf(shape, 2);
  const Elements<float> corners(boxes);
  const Elements<float> values(scores);
  std::vector<std::int64_t> chosen;
  for (std::size_t row = 0; scores.count() > 0 && row < dimensionsProduct(shape, 0, 2); ++row) {
    const std::size_t batch = row / dimensionOf(shape, 1);
    std::vector<Box> all(count);
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < count; ++i) {
      all[i] = boxOf(corners.data() + (batch * count + i) * 4, fromCenter);
      const float score = values[row * count + i];
      if (!std::isnan(score) && (!call.has(4) || score > static_cast<float>(least))) {
        candidates.push_back(i);
      }
    }
    HALFSTEP_TRY(const std::vector<std::size_t> kept,
                 keptBoxes(call.job(), all, values.data() + row * count, std::move(candidates), limit,
                           static_cast<float>(overlap)));
    for (const std::size_t box : kept) {
      chosen.insert(chosen.end(),
                    {static_cast<std::int64_t>(batch), static_cast<std::int64_t>(row % dimensionOf(shape, 1)),
                     static_cast<std::int64_t>(box)});
    }
  }
  return oneOutput(
      reshaped(integersTensor(chosen), {static_cast<std::int64_t>(chosen.size()) / 3, std::int64_t{3}}));
}

constexpr OperatorEntry kEntries[] = {
    {"", "NonMaxSuppression", nonMaxSuppression, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> detectionOperators() {
  return kEntries;
}

} // namespace halfstep
