// Resizing a tensor whose axes each have a length, a scale and a region: the part of Resize and Upsample that
// comes after their attributes and inputs are read.
#pragma once

#include "core/exec/operator_call.h"

#include <vector>

namespace halfstep::resizing {

enum class Mode { nearest, linear, cubic };
enum class Coordinates {
  halfPixel,
  halfPixelSymmetric,
  pytorchHalfPixel,
  alignCorners,
  asymmetric,
  tfCropAndResize,
  tfHalfPixelForNn,
};
enum class Nearest { roundPreferFloor, roundPreferCeil, floor, ceil, simple };

struct Settings {
  Mode mode = Mode::nearest;
  Coordinates coordinates = Coordinates::asymmetric;
  Nearest nearest = Nearest::simple;
  double cubicA = -0.75;
  bool excludeOutside = false;
  bool antialias = false;
  double extrapolation = 0;
};

/// How one axis is resized.
struct Axis {
  std::int64_t in = 0;
  std::int64_t out = 0;
  double scale = 1;
  double roiStart = 0;
  double roiEnd = 1;
};

/// `x` resized along all its axes. Errors: something from nothing; scales or regions that make no sense.
OpResult resizedTensor(const OpCall& call, const Tensor& x, const std::vector<Axis>& axes,
                       const Settings& settings);

} // namespace halfstep::resizing
