// Col2Im and DeformConv: operators on the patches that a convolution looks at. Source: ONNX's operator
// specification (opsets 18 and 19).
#include "core/exec/operator_families.h"
#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/results.h"
#include "core/support/parallel.h"

namespace halfstep {

namespace {

/// Columns of patches, their size along each image axis checked against the image.
Result<ProductWindows> columnWindows(const OpCall& call, const Shape& columns) {
  HALFSTEP_TRY(const std::vector<std::int64_t> image, call.integers(1));
  HALFSTEP_TRY(const std::vector<std::int64_t> block, call.integers(2));
  HALFSTEP_CHECK(elementCount(image));
  HALFSTEP_CHECK(elementCount(block));
  HALFSTEP_TRY(ProductWindows made, windowsOf(call, image, block));
  HALFSTEP_CHECK(elementCount(made.out));
  const auto elements = static_cast<std::int64_t>(made.elements());
  if (columns.size() != 3 || elements == 0 || columns[1] % elements != 0 ||
      columns[2] != static_cast<std::int64_t>(made.positions())) {
    return call.fail("columns of " + shapeText(columns) + " do not fit an image of " + shapeText(image) +
                     " in blocks of " + shapeText(block));
  }
  return made;
}

/// Sums overlapping patches: the reverse of taking them.
OpResult columnsToImage(const OpCall& call) {
  HALFSTEP_TRY(const Tensor columns, call.tensor(0));
  HALFSTEP_TRY(const ProductWindows windows, columnWindows(call, columns.shape()));
  const std::size_t elements = windows.elements();
  const std::size_t positions = windows.positions();
  Shape shape{columns.shape()[0], columns.shape()[1] / static_cast<std::int64_t>(elements)};
  shape.insert(shape.end(), windows.in.begin(), windows.in.end());
  return dispatchNumbers(columns.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, columns.type()));
    std::fill(made.values.begin(), made.values.end(), T{0});
    const Elements<T> from(columns);
    const std::size_t planes = dimensionsProduct(shape, 0, 2);
    const std::size_t plane = dimensionsProduct(shape, 2, shape.size());
    for (std::size_t i = 0; planes > 0 && i < elements * positions; ++i) {
      const std::int64_t offset = windows.offset(i % positions, i / positions);
      for (std::size_t p = 0; offset >= 0 && p < planes; ++p) {
        T& sum = made.values[p * plane + static_cast<std::size_t>(offset)];
        const T part = from[p * elements * positions + i];
        if constexpr (std::is_integral_v<T>) { // wraps around
          sum = static_cast<T>(static_cast<std::uint64_t>(sum) + static_cast<std::uint64_t>(part));
        } else {
          sum += part;
        }
      }
    }
    return std::vector<Value>{made.finish()};
  });
}

/// The operands of a DeformConv: an input [N, C, height, width], weights [M, C/groups, kernel…], how far the
/// elements of each window are moved [N, groups·kernel·2, out…] and how much they count [N, groups·kernel,
/// out…].
struct Deformed {
  Tensor x, weights, offsets, bias, mask;
  std::size_t groups = 1, offsetGroups = 1;
  ProductWindows windows;
};

Result<Deformed> deformedOperands(const OpCall& call) {
  Deformed all;
  HALFSTEP_TRY(all.x, call.tensor(0));
  HALFSTEP_TRY(all.weights, call.tensor(1));
  HALFSTEP_TRY(all.offsets, call.tensor(2));
  HALFSTEP_TRY(all.bias, optionalTensor(call, 3));
  HALFSTEP_TRY(all.mask, optionalTensor(call, 4));
  const Shape& x = all.x.shape();
  const Shape& w = all.weights.shape();
  const std::int64_t groups = call.integer("group", 1);
  const std::int64_t offsetGroups = call.integer("offset_group", 1);
  const bool fits = x.size() == 4 && w.size() == 4 && groups >= 1 && offsetGroups >= 1 &&
                    x[1] % groups == 0 && x[1] % offsetGroups == 0 && w[0] % groups == 0 &&
                    w[1] == x[1] / groups && x[1] > 0;
  if (!fits) {
    return call.fail("weights " + shapeText(w) + " do not fit images of " + shapeText(x) +
                     "; it takes two spatial axes");
  }
  const std::vector<std::int64_t> spatial(x.begin() + 2, x.end());
  HALFSTEP_TRY(all.windows, windowsOf(call, spatial, {w.begin() + 2, w.end()}));
  const std::vector<std::int64_t>& counts = all.windows.out;
  all.groups = static_cast<std::size_t>(groups);
  all.offsetGroups = static_cast<std::size_t>(offsetGroups);
  const std::int64_t moved = offsetGroups * w[2] * w[3];
  const bool others = all.offsets.shape() == Shape{x[0], 2 * moved, counts[0], counts[1]} &&
                      (!call.has(4) || all.mask.shape() == Shape{x[0], moved, counts[0], counts[1]}) &&
                      (!call.has(3) || all.bias.shape() == Shape{w[0]});
  if (!others) {
    return call.fail("its offsets " + shapeText(all.offsets.shape()) + ", bias or mask do not fit");
  }
  for (const Tensor* tensor : {&all.weights, &all.offsets, &all.bias, &all.mask}) {
    if (tensor->type() != all.x.type() && tensor->type() != ElementType::undefined) {
      return call.fail("its inputs are of different types");
    }
  }
  return all;
}

/// Between the four neighbours; what lies outside counts as 0.
template <class T>
double between(const T* plane, const std::vector<std::int64_t>& sizes, double y, double x) {
  if (!(y > -1 && x > -1 && y < static_cast<double>(sizes[0]) && x < static_cast<double>(sizes[1]))) {
    return 0;
  }
  const auto top = static_cast<std::int64_t>(std::floor(y));
  const auto left = static_cast<std::int64_t>(std::floor(x));
  const double down = y - static_cast<double>(top);
  const double across = x - static_cast<double>(left);
  const auto at = [&](std::int64_t row, std::int64_t column) {
    const bool inside = row >= 0 && row < sizes[0] && column >= 0 && column < sizes[1];
    return inside ? static_cast<double>(plane[row * sizes[1] + column]) : 0.0;
  };
  return (1 - down) * ((1 - across) * at(top, left) + across * at(top, left + 1)) +
         down * ((1 - across) * at(top + 1, left) + across * at(top + 1, left + 1));
}

/// The moved patch of all channels at one position of one image, [C, kernel].
template <class T>
void takePatch(const Deformed& all, const Elements<T>& x, const Elements<T>& offsets, const Elements<T>& mask,
               std::size_t image, std::size_t position, std::vector<double>& patch) {
  const ProductWindows& windows = all.windows;
  const std::size_t elements = windows.elements();
  const std::size_t positions = windows.positions();
  const std::size_t channels = dimensionOf(all.x.shape(), 1);
  const std::size_t plane = dimensionsProduct(windows.in, 0, 2);
  const auto row = static_cast<std::int64_t>(position) / windows.out[1];
  const auto column = static_cast<std::int64_t>(position) % windows.out[1];
  for (std::size_t i = 0; i < channels * elements; ++i) {
    const std::size_t channel = i / elements;
    const auto element = static_cast<std::int64_t>(i % elements);
    const std::size_t moved =
        (image * all.offsetGroups + channel / (channels / all.offsetGroups)) * elements + i % elements;
    const std::int64_t y =
        row * windows.stride[0] - windows.before[0] + element / windows.kernel[1] * windows.dilation[0];
    const std::int64_t left =
        column * windows.stride[1] - windows.before[1] + element % windows.kernel[1] * windows.dilation[1];
    const double value = between(
        x.data() + (image * channels + channel) * plane, windows.in,
        static_cast<double>(y) + static_cast<double>(offsets[2 * moved * positions + position]),
        static_cast<double>(left) + static_cast<double>(offsets[(2 * moved + 1) * positions + position]));
    patch[i] = value * (mask.size() == 0 ? 1.0 : static_cast<double>(mask[moved * positions + position]));
  }
}

template <class T>
Result<Tensor> deformed(const Deformed& all) {
  const Elements<T> x(all.x);
  const Elements<T> w(all.weights);
  const Elements<T> offsets(all.offsets);
  const Elements<T> bias(all.bias.type() == ElementType::undefined ? Tensor() : all.bias);
  const Elements<T> mask(all.mask.type() == ElementType::undefined ? Tensor() : all.mask);
  const bool hasBias = all.bias.type() != ElementType::undefined;
  const std::size_t outputs = dimensionOf(all.weights.shape(), 0);
  const std::size_t channels = dimensionOf(all.x.shape(), 1);
  const std::size_t depth = channels / all.groups * all.windows.elements();
  const std::size_t positions = all.windows.positions();
  HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>({all.x.shape()[0], all.weights.shape()[0],
                                                      all.windows.out[0], all.windows.out[1]}));
  parallelFor(made.values.empty() ? 0 : dimensionOf(all.x.shape(), 0) * positions, [&](std::size_t i) {
    std::vector<double> patch(channels * all.windows.elements());
    takePatch(all, x, offsets, mask, i / positions, i % positions, patch);
    for (std::size_t m = 0; m < outputs; ++m) {
      double sum = hasBias ? static_cast<double>(bias[m]) : 0.0;
      const double* from = patch.data() + m / (outputs / all.groups) * depth;
      for (std::size_t k = 0; k < depth; ++k) {
        sum += from[k] * static_cast<double>(w[m * depth + k]);
      }
      made.values[(i / positions * outputs + m) * positions + i % positions] = static_cast<T>(sum);
    }
  });
  return made.finish();
}

OpResult deformableConvolution(const OpCall& call) {
  HALFSTEP_TRY(const Deformed all, deformedOperands(call));
  return oneOutput(all.x.type() == ElementType::float64 ? deformed<double>(all)
                   : all.x.type() == ElementType::float32
                       ? deformed<float>(all)
                       : Result<Tensor>(call.fail("it takes floating-point numbers")));
}

constexpr OperatorEntry kEntries[] = {
    {"", "Col2Im", columnsToImage, Widening::floats},
    {"", "DeformConv", deformableConvolution, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> patchOperators() {
  return kEntries;
}

} // namespace halfstep
