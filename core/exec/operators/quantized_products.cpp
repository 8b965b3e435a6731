// Matrix products and convolutions of 8-bit integers: MatMulInteger, QLinearMatMul, ConvInteger, QLinearConv.
// Zero points are subtracted first, so the operands are within ±255 and sums of up to 2^15 products are exact
// in 32 bits; longer sums are added up in 64.
#include "core/exec/elements.h"
#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr std::size_t kExactSums = std::size_t{1} << 15;

/// out[n] = Σ_k a[k]·b[k][n], where b's rows are `columns` long.
void productRow(const std::int16_t* a, const std::int16_t* b, std::size_t depth, std::size_t columns,
                std::int64_t* out) {
  std::fill(out, out + columns, std::int64_t{0});
  std::vector<std::int32_t> sums(columns);
  for (std::size_t from = 0; from < depth; from += kExactSums) {
    std::fill(sums.begin(), sums.end(), 0);
    const std::size_t to = std::min(depth, from + kExactSums);
    for (std::size_t k = from; k < to; ++k) {
      const std::int32_t factor = a[k];
      if (factor == 0) {
        continue;
      }
      const std::int16_t* row = b + k * columns;
      for (std::size_t n = 0; n < columns; ++n) {
        sums[n] += factor * row[n];
      }
    }
    for (std::size_t n = 0; n < columns; ++n) {
      out[n] += sums[n];
    }
  }
}

Error notBytes(const Tensor& tensor) {
  return {ErrorKind::unsupported,
          "integer products take 8-bit integers, not " + std::string(elementTypeName(tensor.type()))};
}

bool isBytes(const Tensor& tensor) {
  return tensor.type() == ElementType::int8 || tensor.type() == ElementType::uint8;
}

/// The elements minus their zero points; zeroOf(i) is the index of element i's zero point.
template <class F>
Result<std::vector<std::int16_t>> centred(const Tensor& tensor, std::span<const std::int16_t> zeros,
                                          F zeroOf) {
  if (!isBytes(tensor)) {
    return notBytes(tensor);
  }
  std::vector<std::int16_t> values(tensor.count());
  const bool isUnsigned = tensor.type() == ElementType::uint8;
  const std::span<const std::byte> bytes = tensor.bytes();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int value = isUnsigned ? static_cast<int>(std::to_integer<std::uint8_t>(bytes[i]))
                                 : static_cast<int>(static_cast<std::int8_t>(bytes[i]));
    values[i] = static_cast<std::int16_t>(value - (zeros.size() == 1 ? zeros[0] : zeros[zeroOf(i)]));
  }
  return values;
}

/// Zero points as numbers; one 0 for none. Error: no 8-bit integers.
Result<std::vector<std::int16_t>> zeroPointsOf(const Tensor& tensor) {
  if (tensor.type() == ElementType::undefined) {
    return std::vector<std::int16_t>{0};
  }
  if (!isBytes(tensor)) {
    return notBytes(tensor);
  }
  HALFSTEP_TRY(const std::vector<std::int64_t> values, toIntegers(tensor));
  return std::vector<std::int16_t>(values.begin(), values.end());
}

Result<Tensor> asInt32(const Shape& shape, std::span<const std::int64_t> values) {
  HALFSTEP_TRY(const auto made, newTensor<std::int32_t>(shape));
  for (std::size_t i = 0; i < values.size(); ++i) {
    made.values[i] = static_cast<std::int32_t>(values[i]);
  }
  return made.finish();
}

} // namespace

Result<IntegerProduct> integerProduct(const Tensor& a, const Tensor& aZero, const Tensor& b,
                                      const Tensor& bZero) {
  const Error unfit{ErrorKind::failed,
                    "cannot multiply " + shapeText(a.shape()) + " and " + shapeText(b.shape())};
  Shape left = a.shape();
  Shape right = b.shape();
  if (left.empty() || right.empty()) {
    return unfit;
  }
  const bool vectorLeft = left.size() == 1;
  const bool vectorRight = right.size() == 1;
  if (vectorLeft) {
    left.insert(left.begin(), 1);
  }
  if (vectorRight) {
    right.push_back(1);
  }
  const std::size_t rows = dimensionOf(left, left.size() - 2);
  const std::size_t depth = dimensionOf(left, left.size() - 1);
  const std::size_t columns = dimensionOf(right, right.size() - 1);
  if (depth != dimensionOf(right, right.size() - 2)) {
    return unfit;
  }
  const Shape leftBatch(left.begin(), left.end() - 2);
  const Shape rightBatch(right.begin(), right.end() - 2);
  HALFSTEP_TRY(const std::vector<std::int16_t> aZeros, zeroPointsOf(aZero));
  HALFSTEP_TRY(const std::vector<std::int16_t> bZeros, zeroPointsOf(bZero));
  const std::size_t aRows = dimensionsProduct(left, 0, left.size() - 1);
  const std::size_t bColumns = dimensionsProduct(right, 0, right.size() - 2) * columns;
  if ((aZeros.size() != 1 && aZeros.size() != rows && aZeros.size() != aRows) ||
      (bZeros.size() != 1 && bZeros.size() != columns && bZeros.size() != bColumns)) {
    return Error{ErrorKind::failed, "the zero points do not fit the factors"};
  }
  HALFSTEP_TRY(const std::vector<std::int16_t> x,
               centred(a, aZeros, [&](std::size_t i) { return i / depth % aZeros.size(); }));
  HALFSTEP_TRY(const std::vector<std::int16_t> y, centred(b, bZeros, [&](std::size_t i) {
                 return (i / (depth * columns) * columns + i % columns) % bZeros.size();
               }));
  HALFSTEP_TRY(const Shape batch, broadcastShape(leftBatch, rightBatch));
  IntegerProduct product{batch, rows, columns, {}};
  if (!vectorLeft) {
    product.shape.push_back(static_cast<std::int64_t>(rows));
  }
  if (!vectorRight) {
    product.shape.push_back(static_cast<std::int64_t>(columns));
  }
  HALFSTEP_TRY(const std::size_t count, elementCount(product.shape));
  HALFSTEP_TRY(const auto room, allocateBytes(count * sizeof(std::int64_t)));
  product.values.resize(count);
  if (count == 0) {
    return product;
  }
  const std::vector<std::int64_t> leftStrides = broadcastStrides(leftBatch, batch);
  const std::vector<std::int64_t> rightStrides = broadcastStrides(rightBatch, batch);
  parallelFor(count / columns, [&](std::size_t i) {
    std::size_t rest = i / rows;
    std::size_t leftAt = 0;
    std::size_t rightAt = 0;
    for (std::size_t axis = batch.size(); axis-- > 0;) {
      const std::size_t index = rest % dimensionOf(batch, axis);
      rest /= dimensionOf(batch, axis);
      leftAt += index * static_cast<std::size_t>(leftStrides[axis]);
      rightAt += index * static_cast<std::size_t>(rightStrides[axis]);
    }
    productRow(x.data() + (leftAt * rows + i % rows) * depth, y.data() + rightAt * depth * columns, depth,
               columns, product.values.data() + i * columns);
  });
  return product;
}

OpResult matMulInteger(const OpCall& call) {
  HALFSTEP_TRY(const Tensor a, call.tensor(0));
  HALFSTEP_TRY(const Tensor b, call.tensor(1));
  HALFSTEP_TRY(const Tensor aZero, optionalTensor(call, 2));
  HALFSTEP_TRY(const Tensor bZero, optionalTensor(call, 3));
  HALFSTEP_TRY(const IntegerProduct product, integerProduct(a, aZero, b, bZero));
  return oneOutput(asInt32(product.shape, product.values));
}

OpResult qLinearMatMul(const OpCall& call) {
  HALFSTEP_TRY(const Tensor a, call.tensor(0));
  HALFSTEP_TRY(const QuantParameters aParameters, quantParameters(call, 1));
  HALFSTEP_TRY(const Tensor b, call.tensor(3));
  HALFSTEP_TRY(const QuantParameters bParameters, quantParameters(call, 4));
  HALFSTEP_TRY(const QuantParameters yParameters, quantParameters(call, 6));
  HALFSTEP_TRY(const IntegerProduct product,
               integerProduct(a, aParameters.zeroPoint, b, bParameters.zeroPoint));
  HALFSTEP_TRY(const std::vector<float> aScales, toFloats(aParameters.scale, call.job()));
  HALFSTEP_TRY(const std::vector<float> bScales, toFloats(bParameters.scale, call.job()));
  HALFSTEP_TRY(const std::vector<float> yScales, toFloats(yParameters.scale, call.job()));
  HALFSTEP_TRY(const std::vector<std::int16_t> yZeros, zeroPointsOf(yParameters.zeroPoint));
  if ((aScales.size() != 1 && aScales.size() != product.rows) ||
      (bScales.size() != 1 && bScales.size() != product.columns) || yScales.size() != 1 ||
      yZeros.size() != 1) {
    return call.fail("its scales do not fit the factors");
  }
  const ElementType type =
      yParameters.zeroPoint.type() != ElementType::undefined ? yParameters.zeroPoint.type() : a.type();
  std::vector<std::int32_t> values(product.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float factor = aScales[i / product.columns % product.rows % aScales.size()] *
                         bScales[i % product.columns % bScales.size()] / yScales[0];
    values[i] = static_cast<std::int32_t>(
        requantized(static_cast<float>(product.values[i]) * factor, yZeros[0], type));
  }
  return oneOutput(packedIntegers(product.shape, type, values));
}

std::size_t ProductWindows::positions() const {
  return dimensionsProduct(out, 0, out.size());
}

std::size_t ProductWindows::elements() const {
  return dimensionsProduct(kernel, 0, kernel.size());
}

std::int64_t ProductWindows::offset(std::size_t position, std::size_t element) const {
  std::int64_t offset = 0;
  std::int64_t stride_ = 1;
  for (std::size_t axis = in.size(); axis-- > 0;) {
    const auto at = static_cast<std::int64_t>(position % dimensionOf(out, axis));
    const auto tap = static_cast<std::int64_t>(element % dimensionOf(kernel, axis));
    position /= dimensionOf(out, axis);
    element /= dimensionOf(kernel, axis);
    const std::int64_t index = at * stride[axis] + tap * dilation[axis] - before[axis];
    if (index < 0 || index >= in[axis]) {
      return -1;
    }
    offset += index * stride_;
    stride_ *= in[axis];
  }
  return offset;
}

namespace {

/// Sets the padding and the output length of one axis.
bool placeWindows(ProductWindows& windows, std::size_t axis, const std::string& autoPad, bool ceiling) {
  const std::int64_t in = windows.in[axis];
  const std::int64_t step = windows.stride[axis];
  const std::int64_t reach = (windows.kernel[axis] - 1) * windows.dilation[axis] + 1;
  if (autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER") {
    windows.out[axis] = (in + step - 1) / step;
    const std::int64_t total = std::max<std::int64_t>((windows.out[axis] - 1) * step + reach - in, 0);
    windows.before[axis] = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
    windows.after[axis] = total - windows.before[axis];
    return in > 0;
  }
  const std::int64_t room = in + windows.before[axis] + windows.after[axis] - reach;
  if (room < 0) {
    return false;
  }
  windows.out[axis] = room / step + 1;
  if (ceiling && room % step != 0 && windows.out[axis] * step < in + windows.before[axis]) {
    ++windows.out[axis]; // a last window that begins inside the input
  }
  return true;
}

} // namespace

Result<ProductWindows> windowsOf(const OpCall& call, std::vector<std::int64_t> in,
                                 std::vector<std::int64_t> kernel) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 24; // products of two of them are far from overflow
  const std::size_t rank = in.size();
  const auto listed = [&](std::string_view name, std::size_t count, std::int64_t fallback) {
    std::vector<std::int64_t> values = call.integers(name);
    return values.empty() ? std::vector<std::int64_t>(count, fallback) : values;
  };
  ProductWindows windows;
  const std::vector<std::int64_t> pads = listed("pads", 2 * rank, 0);
  windows.in = std::move(in);
  windows.kernel = std::move(kernel);
  windows.stride = listed("strides", rank, 1);
  windows.dilation = listed("dilations", rank, 1);
  windows.out.resize(rank);
  if (windows.kernel.size() != rank || windows.stride.size() != rank || windows.dilation.size() != rank ||
      pads.size() != 2 * rank) {
    return call.fail("its attributes are not of " + std::to_string(rank) + " dimensions");
  }
  const auto within = [](const std::vector<std::int64_t>& values, std::int64_t least) {
    return std::all_of(values.begin(), values.end(),
                       [&](std::int64_t value) { return value >= least && value <= kLargest; });
  };
  if (!within(windows.kernel, 1) || !within(windows.stride, 1) || !within(windows.dilation, 1) ||
      !within(pads, 0)) {
    return call.fail("its kernel, strides, dilations or pads make no sense");
  }
  std::int64_t elements = 1;
  for (const std::int64_t length : windows.kernel) {
    elements = std::min(elements * length, kLargest * kLargest / length);
  }
  if (elements > kLargest * 16) {
    return call.fail("a kernel of " + shapeText(windows.kernel) + " is too large");
  }
  const std::string autoPad = call.text("auto_pad", "NOTSET");
  const bool given = autoPad == "NOTSET" || autoPad.empty();
  for (std::size_t axis = 0; axis < rank; ++axis) {
    windows.before.push_back(given ? pads[axis] : 0);
    windows.after.push_back(given ? pads[axis + rank] : 0);
    if (!placeWindows(windows, axis, autoPad, call.integer("ceil_mode", 0) != 0)) {
      return call.fail("a kernel of " + shapeText(windows.kernel) + " does not fit " + shapeText(windows.in));
    }
  }
  return windows;
}

namespace {

struct Convolution {
  Shape shape;
  std::size_t channels = 0; ///< of the result
  std::vector<std::int64_t> values;
};

/// What a convolution reads: operands without zero points, and where.
struct ConvolutionInput {
  std::vector<std::int16_t> x;
  std::vector<std::int16_t> w;
  ProductWindows windows;
  std::size_t plane = 0;   ///< spatial elements of one input channel
  std::size_t inputs = 0;  ///< channels of one group
  std::size_t outputs = 0; ///< channels of one group
};

/// The results at positions from…to−1 of one image and group: x's windows as columns of a matrix.
void convolveTile(const ConvolutionInput& input, const std::int16_t* x, const std::int16_t* w,
                  std::size_t from, std::size_t to, std::int64_t* out) {
  const std::size_t elements = input.windows.elements();
  const std::size_t depth = input.inputs * elements;
  const std::size_t width = to - from;
  const std::size_t positions = input.windows.positions();
  std::vector<std::int16_t> columns(depth * width);
  for (std::size_t element = 0; element < elements; ++element) {
    for (std::size_t p = 0; p < width; ++p) {
      const std::int64_t offset = input.windows.offset(from + p, element);
      for (std::size_t channel = 0; channel < input.inputs && offset >= 0; ++channel) {
        columns[(channel * elements + element) * width + p] =
            x[channel * input.plane + static_cast<std::size_t>(offset)];
      }
    }
  }
  for (std::size_t channel = 0; channel < input.outputs; ++channel) {
    productRow(w + channel * depth, columns.data(), depth, width, out + channel * positions + from);
  }
}

/// (x − xZero) convolved with (w − wZero), which may be one for each output channel.
Result<Convolution> integerConvolution(const OpCall& call, const Tensor& x, const Tensor& xZero,
                                       const Tensor& w, const Tensor& wZero) {
  const std::size_t rank = x.shape().size();
  const std::int64_t group = call.integer("group", 1);
  if (rank < 3 || w.shape().size() != rank || group < 1 || group > std::max<std::int64_t>(w.shape()[0], 1) ||
      w.shape()[0] % group != 0 || w.shape()[1] > x.shape()[1] || w.shape()[1] * group != x.shape()[1]) {
    return call.fail("weights of " + shapeText(w.shape()) + " in " + std::to_string(group) +
                     " groups do not fit " + shapeText(x.shape()));
  }
  ConvolutionInput input;
  HALFSTEP_TRY(input.windows, windowsOf(call, {x.shape().begin() + 2, x.shape().end()},
                                        {w.shape().begin() + 2, w.shape().end()}));
  Convolution result;
  result.shape = {x.shape()[0], w.shape()[0]};
  result.shape.insert(result.shape.end(), input.windows.out.begin(), input.windows.out.end());
  result.channels = dimensionOf(w.shape(), 0);
  HALFSTEP_TRY(const std::size_t count, elementCount(result.shape));
  HALFSTEP_TRY(const auto room, allocateBytes(count * sizeof(std::int64_t)));
  HALFSTEP_TRY(const std::vector<std::int16_t> xZeros, zeroPointsOf(xZero));
  HALFSTEP_TRY(const std::vector<std::int16_t> wZeros, zeroPointsOf(wZero));
  if (xZeros.size() != 1 || (wZeros.size() != 1 && wZeros.size() != result.channels)) {
    return call.fail("its zero points do not fit");
  }
  const std::size_t perChannel = std::max<std::size_t>(dimensionsProduct(w.shape(), 1, rank), 1);
  HALFSTEP_TRY(input.x, centred(x, xZeros, [](std::size_t) { return std::size_t{0}; }));
  HALFSTEP_TRY(input.w, centred(w, wZeros, [&](std::size_t i) { return i / perChannel; }));
  result.values.resize(count);
  if (count == 0 || x.count() == 0 || w.count() == 0) { // sums of nothing
    return result;
  }
  const auto groups = static_cast<std::size_t>(group);
  const std::size_t positions = input.windows.positions();
  input.plane = dimensionsProduct(x.shape(), 2, rank);
  input.inputs = dimensionOf(w.shape(), 1);
  input.outputs = result.channels / groups;
  const std::size_t depth = std::max<std::size_t>(input.inputs * input.windows.elements(), 1);
  const std::size_t tile = std::clamp<std::size_t>((std::size_t{1} << 20) / depth, 16, 256);
  const std::size_t tiles = (positions + tile - 1) / tile;
  parallelFor(dimensionOf(x.shape(), 0) * groups * tiles, [&](std::size_t i) {
    const std::size_t part = i / tiles; // image and group
    const std::size_t first = i % tiles * tile;
    convolveTile(input, input.x.data() + part * input.inputs * input.plane,
                 input.w.data() + part % groups * input.outputs * input.inputs * input.windows.elements(),
                 first, std::min(positions, first + tile),
                 result.values.data() + part * input.outputs * positions);
  });
  return result;
}

} // namespace

OpResult convInteger(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const Tensor w, call.tensor(1));
  HALFSTEP_TRY(const Tensor xZero, optionalTensor(call, 2));
  HALFSTEP_TRY(const Tensor wZero, optionalTensor(call, 3));
  HALFSTEP_TRY(const Convolution result, integerConvolution(call, x, xZero, w, wZero));
  return oneOutput(asInt32(result.shape, result.values));
}

OpResult qLinearConv(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const QuantParameters xParameters, quantParameters(call, 1));
  HALFSTEP_TRY(const Tensor w, call.tensor(3));
  HALFSTEP_TRY(const QuantParameters wParameters, quantParameters(call, 4));
  HALFSTEP_TRY(const QuantParameters yParameters, quantParameters(call, 6));
  HALFSTEP_TRY(const Convolution result,
               integerConvolution(call, x, xParameters.zeroPoint, w, wParameters.zeroPoint));
  HALFSTEP_TRY(const std::vector<float> xScales, toFloats(xParameters.scale, call.job()));
  HALFSTEP_TRY(const std::vector<float> wScales, toFloats(wParameters.scale, call.job()));
  HALFSTEP_TRY(const std::vector<float> yScales, toFloats(yParameters.scale, call.job()));
  HALFSTEP_TRY(const std::vector<std::int16_t> yZeros, zeroPointsOf(yParameters.zeroPoint));
  std::vector<std::int64_t> bias(result.channels, 0);
  if (call.has(8)) {
    HALFSTEP_TRY(bias, call.integers(8));
  }
  if (xScales.size() != 1 || (wScales.size() != 1 && wScales.size() != result.channels) ||
      yScales.size() != 1 || yZeros.size() != 1 || bias.size() != result.channels) {
    return call.fail("its scales or bias do not fit");
  }
  const ElementType type =
      yParameters.zeroPoint.type() != ElementType::undefined ? yParameters.zeroPoint.type() : x.type();
  const std::size_t positions = dimensionsProduct(result.shape, 2, result.shape.size());
  std::vector<std::int32_t> values(result.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t channel = i / positions % result.channels;
    const float factor = xScales[0] * wScales[wScales.size() == 1 ? 0 : channel] / yScales[0];
    const auto sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(result.values[i]) +
                                               static_cast<std::uint64_t>(bias[channel]));
    values[i] = static_cast<std::int32_t>(requantized(static_cast<float>(sum) * factor, yZeros[0], type));
  }
  return oneOutput(packedIntegers(result.shape, type, values));
}

} // namespace halfstep
