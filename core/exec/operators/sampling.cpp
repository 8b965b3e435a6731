// GridSample, AffineGrid, RoiAlign and MaxRoiPool. Formulas: ONNX Operators.md; the regions' sampling points
// are those of Detectron2's ROIAlign, which ONNX took over.
#include "core/exec/operators/sampling.h"

#include "core/exec/operators/results.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

enum class Padding { zeros, border, reflection };

struct GridSettings {
  int taps = 2; ///< 1 nearest, 2 linear, 4 cubic
  Padding padding = Padding::zeros;
  bool alignCorners = false;
};

/// `x` thrown back at the borders `low` and `high` until it lies between them.
double reflected(double x, double low, double high) {
  const double range = high - low;
  if (!(range > 0)) {
    return low;
  }
  const double distance = x < low ? low - x : x - high;
  if (distance <= 0) {
    return x;
  }
  const double rest = std::fmod(distance, range);
  const bool even = std::fmod(std::floor(distance / range), 2.0) == 0;
  return (x < low) == even ? low + rest : high - rest;
}

double padded(double x, std::int64_t length, const GridSettings& settings) {
  const auto last = static_cast<double>(length - 1);
  if (settings.padding == Padding::border) {
    return std::clamp(x, 0.0, last);
  }
  if (settings.padding == Padding::reflection) {
    return settings.alignCorners ? reflected(x, 0, last) : reflected(x, -0.5, last + 0.5);
  }
  return x;
}

/// The weight of the element that lies `distance` away, for cubic convolution with a = −0.75.
double cubicWeight(double distance) {
  constexpr double kA = -0.75;
  const double x = std::abs(distance);
  if (x <= 1) {
    return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  }
  return x < 2 ? ((kA * x - 5 * kA) * x + 8 * kA) * x - 4 * kA : 0;
}

struct Sample {
  std::size_t offset;
  double weight;
};

/// The elements of one channel that the point `at` (innermost axis first) is made of.
std::vector<Sample> samplesAt(std::span<const double> at, std::span<const std::int64_t> lengths,
                              const GridSettings& settings) {
  std::vector<Sample> samples{{0, 1.0}};
  const std::size_t rank = lengths.size();
  for (std::size_t axis = 0; axis < rank; ++axis) { // outermost first
    const auto length = static_cast<double>(lengths[axis]);
    const double g = at[rank - 1 - axis];
    double x = settings.alignCorners ? (g + 1) / 2 * (length - 1) : ((g + 1) * length - 1) / 2;
    x = settings.taps == 1 ? std::nearbyint(x) : x;
    // Cubic weights are of the point as it is: only the elements are looked for inside, as in PyTorch.
    const bool stays = settings.taps == 4 && settings.padding == Padding::border;
    const double inside = stays ? x : padded(x, lengths[axis], settings);
    // Not a number, or so far away that nothing else matters: outside.
    x = std::abs(x) < 1e15 ? inside : -1e9;
    const double base = settings.taps == 1 ? std::nearbyint(x) : std::floor(x);
    std::vector<Sample> next;
    for (int tap = 0; tap < settings.taps; ++tap) {
      const double place = base + tap - (settings.taps == 4 ? 1 : 0);
      const double weight =
          settings.taps == 1 ? 1 : (settings.taps == 2 ? 1 - std::abs(place - x) : cubicWeight(place - x));
      const double index = std::trunc(padded(place, lengths[axis], settings));
      if (weight == 0 || index < 0 || index >= length) {
        continue;
      }
      for (const Sample& sample : samples) {
        next.push_back(
            {sample.offset * static_cast<std::size_t>(lengths[axis]) + static_cast<std::size_t>(index),
             sample.weight * weight});
      }
    }
    samples = std::move(next);
  }
  return samples;
}

Result<GridSettings> gridSettings(const OpCall& call) {
  GridSettings settings;
  const std::string mode = call.text("mode", call.version() < 20 ? "bilinear" : "linear");
  if (mode == "nearest") {
    settings.taps = 1;
  } else if (mode == "bicubic" || mode == "cubic") {
    settings.taps = 4;
  } else if (mode != "bilinear" && mode != "linear") {
    return call.unsupported("the mode " + mode + " is not known");
  }
  const std::string padding = call.text("padding_mode", "zeros");
  if (padding == "border") {
    settings.padding = Padding::border;
  } else if (padding == "reflection") {
    settings.padding = Padding::reflection;
  } else if (padding != "zeros") {
    return call.unsupported("the padding mode " + padding + " is not known");
  }
  settings.alignCorners = call.integer("align_corners", 0) != 0;
  return settings;
}

} // namespace

OpResult gridSample(const OpCall& call) {
  constexpr std::size_t kMostAxes = 4; // 4^4 elements for each point
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const Tensor grid, call.tensor(1));
  HALFSTEP_TRY(const GridSettings settings, gridSettings(call));
  const std::size_t rank = x.shape().size();
  if (rank < 3 || rank > kMostAxes + 2 || grid.shape().size() != rank || x.shape()[0] != grid.shape()[0] ||
      grid.shape().back() != static_cast<std::int64_t>(rank) - 2) {
    return call.fail("a grid of " + shapeText(grid.shape()) + " does not fit " + shapeText(x.shape()));
  }
  const std::vector<std::int64_t> lengths(x.shape().begin() + 2, x.shape().end());
  Shape shape = grid.shape();
  shape.pop_back();
  shape.insert(shape.begin() + 1, x.shape()[1]);
  const std::size_t batches = dimensionOf(shape, 0);
  const std::size_t channels = dimensionOf(shape, 1);
  const std::size_t points = dimensionsProduct(shape, 2, rank);
  const std::size_t plane = dimensionsProduct(x.shape(), 2, rank);
  if (plane == 0 && points > 0) {
    return call.fail("an empty image cannot be sampled");
  }
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, x.type()));
    const Elements<T> source(x);
    parallelFor(batches * points, [&](std::size_t i) {
      std::vector<double> at(rank - 2);
      for (std::size_t axis = 0; axis < at.size(); ++axis) {
        at[axis] = grid.valueAt(i * at.size() + axis);
      }
      const std::vector<Sample> samples = samplesAt(at, lengths, settings);
      for (std::size_t channel = 0; channel < channels; ++channel) {
        const std::size_t row = i / points * channels + channel;
        double sum = 0;
        for (const Sample& sample : samples) {
          sum += sample.weight * static_cast<double>(source[row * plane + sample.offset]);
        }
        made.values[row * points + i % points] = saturated<T>(sum);
      }
    });
    return std::vector<Value>{made.finish()};
  });
}

OpResult affineGrid(const OpCall& call) {
  HALFSTEP_TRY(const Tensor theta, call.tensor(0));
  HALFSTEP_TRY(const std::vector<std::int64_t> size, call.integers(1));
  const bool aligned = call.integer("align_corners", 0) != 0;
  const std::size_t axes = size.size() < 2 ? 0 : size.size() - 2;
  if (axes < 2 || axes > 3) {
    return call.fail("the size must have 4 or 5 numbers");
  }
  const auto rows = static_cast<std::int64_t>(axes);
  if (theta.shape() != Shape{size[0], rows, rows + 1}) {
    return call.fail("theta of " + shapeText(theta.shape()) + " does not fit the size " + shapeText(size));
  }
  Shape shape{size[0]};
  shape.insert(shape.end(), size.begin() + 2, size.end());
  HALFSTEP_TRY(const std::size_t points, elementCount(shape));
  shape.push_back(rows);
  return dispatchNumbers(theta.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, theta.type()));
    const Elements<T> matrix(theta);
    const std::size_t plane = dimensionsProduct(size, 2, size.size());
    for (std::size_t i = 0; i < points; ++i) {
      double at[4] = {0, 0, 0, 0}; // x first
      std::size_t rest = i % plane;
      for (std::size_t axis = 0; axis < axes; ++axis) {
        const std::size_t length = dimensionOf(size, size.size() - 1 - axis);
        const auto step = static_cast<double>(rest % length);
        const auto steps = static_cast<double>(length);
        rest /= length;
        at[axis] = aligned ? (length > 1 ? -1 + 2 * step / (steps - 1) : 0) : -1 + (2 * step + 1) / steps;
      }
      at[axes] = 1;
      for (std::size_t row = 0; row < axes; ++row) {
        double sum = 0;
        for (std::size_t k = 0; k <= axes; ++k) {
          sum += static_cast<double>(matrix[(i / plane * axes + row) * (axes + 1) + k]) * at[k];
        }
        made.values[i * axes + row] = static_cast<T>(sum);
      }
    }
    return std::vector<Value>{made.finish()};
  });
}

namespace {

/// The four neighbours of a point and their weights; none where it lies outside by more than one element.
struct Corners {
  std::size_t offset[4] = {0, 0, 0, 0};
  double weight[4] = {0, 0, 0, 0};
};

Corners cornersAt(double y, double x, std::int64_t height, std::int64_t width) {
  Corners corners;
  if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 && x <= static_cast<double>(width))) {
    return corners;
  }
  y = std::clamp(y, 0.0, static_cast<double>(height - 1));
  x = std::clamp(x, 0.0, static_cast<double>(width - 1));
  const auto top = static_cast<std::int64_t>(y);
  const auto left = static_cast<std::int64_t>(x);
  const std::int64_t bottom = std::min(top + 1, height - 1);
  const std::int64_t right = std::min(left + 1, width - 1);
  const double fromTop = y - static_cast<double>(top);
  const double fromLeft = x - static_cast<double>(left);
  const std::int64_t offsets[4] = {top * width + left, top * width + right, bottom * width + left,
                                   bottom * width + right};
  const double weights[4] = {(1 - fromTop) * (1 - fromLeft), (1 - fromTop) * fromLeft,
                             fromTop * (1 - fromLeft), fromTop * fromLeft};
  for (int i = 0; i < 4; ++i) {
    corners.offset[i] = static_cast<std::size_t>(offsets[i]);
    corners.weight[i] = weights[i];
  }
  return corners;
}

struct Regions {
  Shape shape; ///< regions, channels, height, width
  std::int64_t height = 0;
  std::int64_t width = 0;
  double scale = 1;
  std::int64_t sampling = 0;
  bool halfPixel = false;
  bool maximum = false;
};

/// One region of one image, all channels.
template <class T>
Result<void> alignRegion(const Regions& regions, const double (&box)[4], const T* image, T* out) {
  constexpr double kMostSamples = 1 << 22;
  const double shift = regions.halfPixel ? 0.5 : 0;
  const double x0 = box[0] * regions.scale - shift;
  const double y0 = box[1] * regions.scale - shift;
  double width = box[2] * regions.scale - shift - x0;
  double height = box[3] * regions.scale - shift - y0;
  if (!regions.halfPixel) {
    width = std::max(width, 1.0);
    height = std::max(height, 1.0);
  }
  const auto rows = static_cast<double>(regions.shape[2]);
  const auto columns = static_cast<double>(regions.shape[3]);
  const auto sampling = static_cast<double>(regions.sampling);
  const double down = regions.sampling > 0 ? sampling : std::ceil(height / rows);
  const double across = regions.sampling > 0 ? sampling : std::ceil(width / columns);
  if (!(std::abs(down) <= kMostSamples && std::abs(across) <= kMostSamples &&
        down * across <= kMostSamples)) {
    return Error{ErrorKind::failed, "a region is too large"};
  }
  const auto countY = static_cast<std::int64_t>(std::max(down, 0.0));
  const auto countX = static_cast<std::int64_t>(std::max(across, 0.0));
  const double count = std::max(down * across, 1.0);
  const std::size_t plane = static_cast<std::size_t>(regions.height * regions.width);
  const std::size_t cells = dimensionsProduct(regions.shape, 2, 4);
  const std::size_t channels = dimensionOf(regions.shape, 1);
  std::vector<Corners> corners(static_cast<std::size_t>(countY * countX));
  for (std::size_t cell = 0; cell < cells; ++cell) {
    const auto row = static_cast<double>(cell / dimensionOf(regions.shape, 3));
    const auto column = static_cast<double>(cell % dimensionOf(regions.shape, 3));
    for (std::int64_t i = 0; i < countY * countX; ++i) {
      const double stepY = (static_cast<double>(i / countX) + 0.5) / down;
      const double stepX = (static_cast<double>(i % countX) + 0.5) / across;
      corners[static_cast<std::size_t>(i)] =
          cornersAt(y0 + (row + stepY) * height / rows, x0 + (column + stepX) * width / columns,
                    regions.height, regions.width);
    }
    for (std::size_t channel = 0; channel < channels; ++channel) {
      double sum = 0;
      double most = corners.empty() ? 0 : -std::numeric_limits<double>::infinity();
      for (const Corners& corner : corners) {
        for (int k = 0; k < 4; ++k) { // the maximum is over the weighted neighbours, as in the reference
          const double part =
              corner.weight[k] * static_cast<double>(image[channel * plane + corner.offset[k]]);
          sum += part;
          most = std::max(most, part);
        }
      }
      out[channel * cells + cell] = static_cast<T>(regions.maximum ? most : sum / count);
    }
  }
  return {};
}

/// What RoiAlign's attributes and the inputs' shapes say.
Result<Regions> regionsOf(const OpCall& call, const Tensor& x, std::int64_t count) {
  Regions regions;
  regions.shape = {count, 0, call.integer("output_height", 1), call.integer("output_width", 1)};
  if (x.shape().size() != 4 || regions.shape[2] < 1 || regions.shape[3] < 1) {
    return call.fail("it takes images of four dimensions and makes at least one element of each region");
  }
  regions.shape[1] = x.shape()[1];
  regions.height = x.shape()[2];
  regions.width = x.shape()[3];
  regions.scale = static_cast<double>(call.real("spatial_scale", 1.0f));
  regions.sampling = call.integer("sampling_ratio", 0);
  regions.halfPixel =
      call.version() >= 16 && call.text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  regions.maximum = call.text("mode", "avg") == "max";
  if (count > 0 && (regions.height == 0 || regions.width == 0)) {
    return call.fail("an empty image has no regions");
  }
  return regions;
}

} // namespace

OpResult roiAlign(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const Tensor boxes, call.tensor(1));
  HALFSTEP_TRY(const std::vector<std::int64_t> batches, call.integers(2));
  const auto count = static_cast<std::int64_t>(batches.size());
  HALFSTEP_TRY(const Regions regions, regionsOf(call, x, count));
  if (boxes.shape() != Shape{count, 4}) {
    return call.fail("there are " + std::to_string(count) + " indices for boxes of " +
                     shapeText(boxes.shape()));
  }
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(regions.shape, x.type()));
    const Elements<T> source(x);
    const std::size_t image = dimensionsProduct(x.shape(), 1, 4);
    const std::size_t cells = dimensionsProduct(regions.shape, 1, 4);
    for (std::size_t i = 0; i < batches.size(); ++i) {
      HALFSTEP_CHECK(call.job().checkpoint());
      if (batches[i] < 0 || batches[i] >= x.shape()[0]) {
        return call.fail("a region is of image " + std::to_string(batches[i]));
      }
      const double box[4] = {boxes.valueAt(i * 4), boxes.valueAt(i * 4 + 1), boxes.valueAt(i * 4 + 2),
                             boxes.valueAt(i * 4 + 3)};
      HALFSTEP_CHECK(alignRegion(regions, box, source.data() + static_cast<std::size_t>(batches[i]) * image,
                                 made.values.data() + i * cells));
    }
    return std::vector<Value>{made.finish()};
  });
}

OpResult maxRoiPool(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const Tensor boxes, call.tensor(1));
  const std::vector<std::int64_t> pooled = call.integers("pooled_shape");
  const auto scale = static_cast<double>(call.real("spatial_scale", 1.0f));
  if (x.shape().size() != 4 || boxes.shape().size() != 2 || boxes.shape()[1] != 5 || pooled.size() != 2 ||
      pooled[0] < 1 || pooled[1] < 1) {
    return call.fail("it takes images of four dimensions, regions of five numbers and a pooled shape");
  }
  const Shape shape{boxes.shape()[0], x.shape()[1], pooled[0], pooled[1]};
  const double height = static_cast<double>(x.shape()[2]);
  const double width = static_cast<double>(x.shape()[3]);
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, x.type()));
    const Elements<T> source(x);
    for (std::size_t i = 0; i < made.values.size(); ++i) {
      const std::size_t column = i % dimensionOf(shape, 3);
      const std::size_t row = i / dimensionOf(shape, 3) % dimensionOf(shape, 2);
      const std::size_t channel = i / dimensionsProduct(shape, 2, 4) % dimensionOf(shape, 1);
      const std::size_t region = i / dimensionsProduct(shape, 1, 4);
      const double batch = boxes.valueAt(region * 5);
      double box[4];
      for (std::size_t k = 0; k < 4; ++k) {
        box[k] = std::round(boxes.valueAt(region * 5 + 1 + k) * scale);
      }
      if (!(batch >= 0 && batch < static_cast<double>(x.shape()[0])) ||
          !std::all_of(std::begin(box), std::end(box), [](double v) { return std::abs(v) < 1e12; })) {
        return call.fail("region " + std::to_string(region) + " lies nowhere");
      }
      const double binX = std::max(box[2] - box[0] + 1, 1.0) / static_cast<double>(pooled[1]);
      const double binY = std::max(box[3] - box[1] + 1, 1.0) / static_cast<double>(pooled[0]);
      const auto from = [](double start, double bin, std::size_t at, double length) {
        return static_cast<std::size_t>(
            std::clamp(std::floor(static_cast<double>(at) * bin) + start, 0.0, length));
      };
      const auto to = [](double start, double bin, std::size_t at, double length) {
        return static_cast<std::size_t>(
            std::clamp(std::ceil(static_cast<double>(at + 1) * bin) + start, 0.0, length));
      };
      const std::size_t plane = (static_cast<std::size_t>(batch) * dimensionOf(shape, 1) + channel) *
                                dimensionsProduct(x.shape(), 2, 4);
      bool any = false;
      T most{0}; // of an empty cell
      for (std::size_t y = from(box[1], binY, row, height); y < to(box[1], binY, row, height); ++y) {
        for (std::size_t at = from(box[0], binX, column, width); at < to(box[0], binX, column, width); ++at) {
          const T value = source[plane + y * dimensionOf(x.shape(), 3) + at];
          most = any ? std::max(most, value) : value;
          any = true;
        }
      }
      made.values[i] = most;
    }
    return std::vector<Value>{made.finish()};
  });
}

} // namespace halfstep
