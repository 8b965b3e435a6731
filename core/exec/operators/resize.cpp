// Resize, Upsample and CenterCropPad: their attributes and inputs in all versions. The resizing itself is in
// resizing.cpp.
#include "core/exec/operator_families.h"
#include "core/exec/operators/resizing.h"
#include "core/exec/operators/results.h"
#include "core/exec/operators/sampling.h"
#include "core/exec/rearrange.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfstep {

namespace {

using namespace resizing;

/// The modes and what belongs to them. Before opset 11 there were no coordinate transformations.
Result<Settings> settingsOf(const OpCall& call, bool upsample) {
  Settings settings;
  const std::string mode = call.text("mode", "nearest");
  if (mode == "linear" || mode == "bilinear") {
    settings.mode = Mode::linear;
  } else if (mode == "cubic") {
    settings.mode = Mode::cubic;
  } else if (mode != "nearest") {
    return call.unsupported("the mode " + mode + " is not known");
  }
  if (upsample || call.version() < 11) {
    return settings;
  }
  static const std::pair<std::string_view, Coordinates> kCoordinates[] = {
      {"half_pixel", Coordinates::halfPixel},
      {"half_pixel_symmetric", Coordinates::halfPixelSymmetric},
      {"pytorch_half_pixel", Coordinates::pytorchHalfPixel},
      {"align_corners", Coordinates::alignCorners},
      {"asymmetric", Coordinates::asymmetric},
      {"tf_crop_and_resize", Coordinates::tfCropAndResize},
      {"tf_half_pixel_for_nn", Coordinates::tfHalfPixelForNn},
  };
  static const std::pair<std::string_view, Nearest> kNearest[] = {
      {"round_prefer_floor", Nearest::roundPreferFloor},
      {"round_prefer_ceil", Nearest::roundPreferCeil},
      {"floor", Nearest::floor},
      {"ceil", Nearest::ceil},
  };
  const std::string coordinates = call.text("coordinate_transformation_mode", "half_pixel");
  const std::string nearest = call.text("nearest_mode", "round_prefer_floor");
  const auto* way = std::find_if(std::begin(kCoordinates), std::end(kCoordinates),
                                 [&](const auto& entry) { return entry.first == coordinates; });
  const auto* rounding = std::find_if(std::begin(kNearest), std::end(kNearest),
                                      [&](const auto& entry) { return entry.first == nearest; });
  if (way == std::end(kCoordinates) || rounding == std::end(kNearest)) {
    return call.unsupported("the mode " + coordinates + " or " + nearest + " is not known");
  }
  settings.coordinates = way->second;
  settings.nearest = rounding->second;
  settings.cubicA = static_cast<double>(call.real("cubic_coeff_a", -0.75f));
  settings.excludeOutside = call.integer("exclude_outside", 0) != 0;
  settings.antialias = call.integer("antialias", 0) != 0 && settings.mode != Mode::nearest;
  settings.extrapolation = static_cast<double>(call.real("extrapolation_value", 0.0f));
  return settings;
}

std::vector<Axis> unchangedAxes(const Tensor& x) {
  std::vector<Axis> axes;
  for (const std::int64_t length : x.shape()) {
    axes.push_back({length, length, 1, 0, 1});
  }
  return axes;
}

/// Sets an axis' length from a factor: rounded down in single precision, as runtimes do.
Result<void> scaleAxis(const OpCall& call, Axis& axis, double scale, bool cropped) {
  if (!(scale > 0) || !std::isfinite(scale)) {
    return call.fail("an axis cannot be scaled by " + std::to_string(scale));
  }
  float length = static_cast<float>(axis.in) * static_cast<float>(scale);
  if (cropped) {
    length *= static_cast<float>(axis.roiEnd - axis.roiStart);
  }
  if (!(length >= 0) || length > 1e12f) {
    return call.fail("an axis of " + std::to_string(axis.in) + " is scaled to " + std::to_string(length));
  }
  axis.scale = scale;
  axis.out = static_cast<std::int64_t>(std::floor(length));
  return {};
}

Result<void> scaleAxes(const OpCall& call, const Tensor& scales, std::span<const std::size_t> which,
                       bool cropped, std::vector<Axis>& axes) {
  if (scales.count() != which.size()) {
    return call.fail("there are " + std::to_string(scales.count()) + " scales for " +
                     std::to_string(which.size()) + " axes");
  }
  for (std::size_t i = 0; i < which.size(); ++i) {
    HALFSTEP_CHECK(scaleAxis(call, axes[which[i]], scales.valueAt(i), cropped));
  }
  return {};
}

/// Sets the axes' lengths from `sizes`, or from the one scale that keeps the ratio of the sides.
Result<void> sizeAxes(const OpCall& call, std::span<const std::int64_t> sizes,
                      std::span<const std::size_t> which, std::vector<Axis>& axes) {
  if (sizes.size() != which.size()) {
    return call.fail("there are " + std::to_string(sizes.size()) + " sizes for " +
                     std::to_string(which.size()) + " axes");
  }
  const std::string policy = call.text("keep_aspect_ratio_policy", "stretch");
  double common = policy == "not_larger" ? std::numeric_limits<double>::infinity() : 0;
  for (std::size_t i = 0; i < which.size(); ++i) {
    Axis& axis = axes[which[i]];
    if (sizes[i] < 0 || (axis.in == 0 && sizes[i] > 0)) {
      return call.fail("an axis of " + std::to_string(axis.in) + " cannot get the size " +
                       std::to_string(sizes[i]));
    }
    axis.out = sizes[i];
    axis.scale = axis.in == 0 ? 1 : static_cast<double>(sizes[i]) / static_cast<double>(axis.in);
    common = policy == "not_larger" ? std::min(common, axis.scale) : std::max(common, axis.scale);
  }
  if (policy == "stretch") {
    return {};
  }
  for (const std::size_t i : which) {
    const double length = std::floor(common * static_cast<double>(axes[i].in) + 0.5);
    if (!(length < 1e12)) {
      return call.fail("the sizes make an axis too long");
    }
    axes[i].scale = common;
    axes[i].out = static_cast<std::int64_t>(length);
  }
  return {};
}

/// The axes that `axes` names, all of them without it.
Result<std::vector<std::size_t>> namedAxes(const OpCall& call, std::size_t rank) {
  std::vector<std::size_t> which;
  if (!call.hasAttribute("axes")) {
    for (std::size_t axis = 0; axis < rank; ++axis) {
      which.push_back(axis);
    }
    return which;
  }
  for (const std::int64_t given : call.integers("axes")) {
    HALFSTEP_TRY(const std::size_t axis, normalizedAxis(given, rank));
    if (std::find(which.begin(), which.end(), axis) != which.end()) {
      return call.fail("axis " + std::to_string(given) + " is named twice");
    }
    which.push_back(axis);
  }
  return which;
}

OpResult resize(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const Settings settings, settingsOf(call, false));
  HALFSTEP_TRY(const std::vector<std::size_t> which, namedAxes(call, x.shape().size()));
  std::vector<Axis> axes = unchangedAxes(x);
  const bool old = call.version() < 11; // X and scales only
  const bool crop = settings.coordinates == Coordinates::tfCropAndResize;
  if (crop) {
    HALFSTEP_TRY(const Tensor roi, call.tensor(1));
    if (roi.count() != 2 * which.size()) {
      return call.fail("roi has " + std::to_string(roi.count()) + " numbers, expected " +
                       std::to_string(2 * which.size()));
    }
    for (std::size_t i = 0; i < which.size(); ++i) {
      axes[which[i]].roiStart = roi.valueAt(i);
      axes[which[i]].roiEnd = roi.valueAt(i + which.size());
    }
  }
  const std::size_t scalesAt = old ? 1 : 2;
  bool hasScales = false;
  if (call.has(scalesAt)) {
    HALFSTEP_TRY(const Tensor scales, call.tensor(scalesAt));
    hasScales = scales.count() > 0 || which.empty();
    if (hasScales) {
      HALFSTEP_CHECK(scaleAxes(call, scales, which, crop, axes));
    }
  }
  if (!hasScales) {
    if (old || !call.has(3)) {
      return call.fail("it has neither scales nor sizes");
    }
    HALFSTEP_TRY(const std::vector<std::int64_t> sizes, call.integers(3));
    HALFSTEP_CHECK(sizeAxes(call, sizes, which, axes));
  }
  return resizedTensor(call, x, axes, settings);
}

/// Scales are an input from opset 9 on, an attribute before, and two attributes in opset 1.
OpResult upsample(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const Settings settings, settingsOf(call, true));
  std::vector<Axis> axes = unchangedAxes(x);
  if (call.has(1)) {
    HALFSTEP_TRY(const Tensor scales, call.tensor(1));
    HALFSTEP_TRY(const std::vector<std::size_t> which, namedAxes(call, axes.size()));
    HALFSTEP_CHECK(scaleAxes(call, scales, which, false, axes));
    return resizedTensor(call, x, axes, settings);
  }
  std::vector<float> scales = call.reals("scales");
  if (scales.empty() && axes.size() == 4) {
    scales = {1, 1, call.real("height_scale", 1), call.real("width_scale", 1)};
  }
  if (scales.size() != axes.size()) {
    return call.fail("it has no scale for each axis");
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    HALFSTEP_CHECK(scaleAxis(call, axes[i], static_cast<double>(scales[i]), false));
  }
  return resizedTensor(call, x, axes, settings);
}

/// The middle of `x` with zeros around it where it is too short.
OpResult centerCropPad(const OpCall& call) {
  HALFSTEP_TRY(Tensor x, call.tensor(0));
  HALFSTEP_TRY(const std::vector<std::int64_t> lengths, call.integers(1));
  HALFSTEP_TRY(const std::vector<std::size_t> which, namedAxes(call, x.shape().size()));
  if (lengths.size() != which.size()) {
    return call.fail("there are " + std::to_string(lengths.size()) + " lengths for " +
                     std::to_string(which.size()) + " axes");
  }
  for (std::size_t i = 0; i < which.size(); ++i) {
    Shape shape = x.shape();
    const std::int64_t old = shape[which[i]];
    shape[which[i]] = lengths[i];
    HALFSTEP_TRY(const std::size_t total, elementCount(shape));
    const std::size_t block = dimensionsProduct(shape, which[i] + 1, shape.size());
    if (total == 0 || x.count() == 0) {
      HALFSTEP_TRY(const auto zeros, newTensor<std::int64_t>(shape));
      std::fill(zeros.values.begin(), zeros.values.end(), -1);
      HALFSTEP_TRY(x, rearranged(x, shape, 1, zeros.values));
      continue;
    }
    const std::int64_t shift = lengths[i] < old ? (old - lengths[i]) / 2 : -((lengths[i] - old) / 2);
    HALFSTEP_TRY(const auto from, newTensor<std::int64_t>({static_cast<std::int64_t>(total / block)}));
    for (std::size_t k = 0; k < from.values.size(); ++k) {
      const auto row = static_cast<std::int64_t>(k) / lengths[i];
      const std::int64_t at = static_cast<std::int64_t>(k) % lengths[i] + shift;
      from.values[k] = at < 0 || at >= old ? -1 : row * old + at;
    }
    HALFSTEP_TRY(x, rearranged(x, shape, block, from.values));
  }
  return std::vector<Value>{x};
}

constexpr Widening kFloats = Widening::floats;

constexpr OperatorEntry kEntries[] = {
    {"", "AffineGrid", affineGrid, kFloats}, {"", "CenterCropPad", centerCropPad},
    {"", "GridSample", gridSample, kFloats}, {"", "MaxRoiPool", maxRoiPool, kFloats},
    {"", "Resize", resize, kFloats},         {"", "RoiAlign", roiAlign, kFloats},
    {"", "Upsample", upsample, kFloats},
};

} // namespace

std::span<const OperatorEntry> resizeOperators() {
  return kEntries;
}

} // namespace halfstep
