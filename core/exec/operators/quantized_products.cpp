// Matrix products and convolutions of 8-bit integers: MatMulInteger, QLinearMatMul, ConvInteger, QLinearConv.
// Zero points are subtracted first, so the operands are within ±255 and sums of up to 2^15 products are exact
// in 32 bits; longer sums are added up in 64.
#include "core/exec/elements.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/operators/float_rows.h"
#include "core/exec/operators/integer_primitives.h"
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

/// Two matrices of a product, and their zero points: one, one per row (column), or one per row (column) of
/// all batches.
struct MatrixPair {
  const Tensor& a;
  const Tensor& b;
  std::span<const std::int16_t> aZeros, bZeros;
  std::size_t rows, columns, depth;
};

/// The product of matrix `left` of a and `right` of b by oneDNN. False: it cannot.
bool byteProduct(const MatrixPair& of, std::size_t left, std::size_t right, std::span<std::int64_t> out) {
  const std::byte* a = of.a.bytes().data() + left * of.rows * of.depth;
  const std::byte* b = of.b.bytes().data() + right * of.depth * of.columns;
  const bool aSigned = of.a.type() == ElementType::int8;
  const bool bSigned = of.b.type() == ElementType::int8;
  std::vector<std::int32_t> products(out.size());
  if (!multiplyBytes(a, aSigned, b, bSigned, of.rows, of.columns, of.depth, products.data())) {
    return false;
  }
  const auto number = [](std::byte code, bool isSigned) {
    return isSigned ? static_cast<int>(static_cast<std::int8_t>(code)) : std::to_integer<int>(code);
  };
  std::vector<std::int32_t> columnSums(of.columns, 0); // the depth of what oneDNN takes leaves room
  for (std::size_t k = 0; k < of.depth; ++k) {
    const std::byte* row = b + k * of.columns;
    bSigned ? addSigned(columnSums.data(), reinterpret_cast<const std::int8_t*>(row), of.columns)
            : addUnsigned(columnSums.data(), reinterpret_cast<const std::uint8_t*>(row), of.columns);
  }
  // (a − s)·(b − t) = a·b − s·Σb − t·Σa + depth·s·t
  for (std::size_t m = 0; m < of.rows; ++m) {
    const std::int64_t s = of.aZeros[(left * of.rows + m) % of.aZeros.size()];
    std::int64_t rowSum = -static_cast<std::int64_t>(of.depth) * s;
    for (std::size_t k = 0; k < of.depth; ++k) {
      rowSum += number(a[m * of.depth + k], aSigned);
    }
    for (std::size_t n = 0; n < of.columns; ++n) {
      const std::int64_t t = of.bZeros[(right * of.columns + n) % of.bZeros.size()];
      out[m * of.columns + n] = products[m * of.columns + n] - s * columnSums[n] - t * rowSum;
    }
  }
  return true;
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
  if (!isBytes(a) || !isBytes(b)) {
    return notBytes(isBytes(a) ? b : a);
  }
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
  /// Which matrices of a and b make matrix `index` of the product.
  const auto matricesAt = [&](std::size_t index) {
    std::pair<std::size_t, std::size_t> at{0, 0};
    for (std::size_t axis = batch.size(); axis-- > 0;) {
      const std::size_t along = index % dimensionOf(batch, axis);
      index /= dimensionOf(batch, axis);
      at.first += along * static_cast<std::size_t>(leftStrides[axis]);
      at.second += along * static_cast<std::size_t>(rightStrides[axis]);
    }
    return at;
  };
  const MatrixPair pair{a, b, aZeros, bZeros, rows, columns, depth};
  bool isDone = true;
  for (std::size_t i = 0; isDone && i < count / (rows * columns); ++i) {
    const auto [leftAt, rightAt] = matricesAt(i);
    isDone = byteProduct(pair, leftAt, rightAt,
                         std::span(product.values).subspan(i * rows * columns, rows * columns));
  }
  if (isDone) {
    return product;
  }
  HALFSTEP_TRY(const std::vector<std::int16_t> x,
               centred(a, aZeros, [&](std::size_t i) { return i / depth % aZeros.size(); }));
  HALFSTEP_TRY(const std::vector<std::int16_t> y, centred(b, bZeros, [&](std::size_t i) {
                 return (i / (depth * columns) * columns + i % columns) % bZeros.size();
               }));
  parallelFor(count / columns, [&](std::size_t i) {
    const auto [leftAt, rightAt] = matricesAt(i / rows);
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

/// The convolution that a node asks for: (x − xZero) with (w − wZero), which may be one for each output
/// channel.
Result<IntegerConvolution> convolutionOf(const OpCall& call, const Tensor& xZero, const Tensor& w,
                                         const Tensor& wZero) {
  IntegerConvolution made;
  made.x = call.input(0);
  if (const ChannelsLastCodes* codes = channelsLastCodesOf(made.x)) {
    made.inputShape = codes->shape();
    made.type = codes->type();
  } else {
    HALFSTEP_TRY(const Tensor x, call.tensor(0));
    if (!isBytes(x)) {
      return notBytes(x);
    }
    made.inputShape = x.shape();
    made.type = x.type();
  }
  const Shape& x = made.inputShape;
  const std::size_t rank = x.size();
  const std::int64_t group = call.integer("group", 1);
  if (rank < 3 || w.shape().size() != rank || group < 1 || group > std::max<std::int64_t>(w.shape()[0], 1) ||
      w.shape()[0] % group != 0 || w.shape()[1] > x[1] || w.shape()[1] * group != x[1]) {
    return call.fail("weights of " + shapeText(w.shape()) + " in " + std::to_string(group) +
                     " groups do not fit " + shapeText(x));
  }
  if (!isBytes(w)) {
    return notBytes(w);
  }
  made.w = w;
  made.groups = static_cast<std::size_t>(group);
  HALFSTEP_TRY(made.windows,
               windowsOf(call, {x.begin() + 2, x.end()}, {w.shape().begin() + 2, w.shape().end()}));
  made.shape = {x[0], w.shape()[0]};
  made.shape.insert(made.shape.end(), made.windows.out.begin(), made.windows.out.end());
  HALFSTEP_TRY(const std::vector<std::int16_t> xZeros, zeroPointsOf(xZero));
  HALFSTEP_TRY(made.wZeros, zeroPointsOf(wZero));
  if (xZeros.size() != 1 || (made.wZeros.size() != 1 && made.wZeros.size() != dimensionOf(w.shape(), 0))) {
    return call.fail("its zero points do not fit");
  }
  made.xZero = xZeros[0];
  return made;
}

/// By its definition, in ONNX's order.
Result<std::vector<std::int64_t>> plainSums(const IntegerConvolution& of) {
  const Shape& w = of.w.shape();
  ConvolutionInput input;
  input.windows = of.windows;
  HALFSTEP_TRY(const std::size_t count, elementCount(of.shape));
  HALFSTEP_TRY(const auto room, allocateBytes(count * sizeof(std::int64_t)));
  const std::vector<std::int16_t> xZeros{static_cast<std::int16_t>(of.xZero)};
  const std::size_t perChannel = std::max<std::size_t>(dimensionsProduct(w, 1, w.size()), 1);
  HALFSTEP_TRY(input.x, centred(of.x.tensor(), xZeros, [](std::size_t) { return std::size_t{0}; }));
  HALFSTEP_TRY(input.w, centred(of.w, of.wZeros, [&](std::size_t i) { return i / perChannel; }));
  std::vector<std::int64_t> values(count);
  if (count == 0 || of.x.tensor().count() == 0 || of.w.count() == 0) { // sums of nothing
    return values;
  }
  const std::size_t positions = input.windows.positions();
  input.plane = dimensionsProduct(of.inputShape, 2, w.size());
  input.inputs = dimensionOf(w, 1);
  input.outputs = dimensionOf(w, 0) / of.groups;
  const std::size_t depth = std::max<std::size_t>(input.inputs * input.windows.elements(), 1);
  const std::size_t tile = std::clamp<std::size_t>((std::size_t{1} << 20) / depth, 16, 256);
  const std::size_t tiles = (positions + tile - 1) / tile;
  parallelFor(dimensionOf(of.inputShape, 0) * of.groups * tiles, [&](std::size_t i) {
    const std::size_t part = i / tiles; // image and group
    const std::size_t first = i % tiles * tile;
    convolveTile(input, input.x.data() + part * input.inputs * input.plane,
                 input.w.data() + part % of.groups * input.outputs * depth, first,
                 std::min(positions, first + tile), values.data() + part * input.outputs * positions);
  });
  return values;
}

/// What turns the sums of QLinearConv into codes.
struct Rescaling {
  std::vector<float> factors;     ///< one per output channel
  std::vector<std::int64_t> bias; ///< likewise
  std::int16_t zero = 0;
  ElementType type = ElementType::uint8;
};

Result<Rescaling> rescalingOf(const OpCall& call, ElementType inputType, std::size_t channels) {
  HALFSTEP_TRY(const std::vector<float> xScales, floatsAt(call, 1, 0));
  HALFSTEP_TRY(const std::vector<float> wScales, floatsAt(call, 4, 0));
  HALFSTEP_TRY(const std::vector<float> yScales, floatsAt(call, 6, 0));
  HALFSTEP_TRY(const Tensor yZero, optionalTensor(call, 7));
  HALFSTEP_TRY(const std::vector<std::int16_t> yZeros, zeroPointsOf(yZero));
  Rescaling made;
  made.bias.assign(channels, 0);
  if (call.has(8)) {
    HALFSTEP_TRY(made.bias, call.integers(8));
  }
  if (xScales.size() != 1 || (wScales.size() != 1 && wScales.size() != channels) || yScales.size() != 1 ||
      yZeros.size() != 1 || made.bias.size() != channels) {
    return call.fail("its scales or bias do not fit");
  }
  for (std::size_t channel = 0; channel < channels; ++channel) {
    made.factors.push_back(xScales[0] * wScales[wScales.size() == 1 ? 0 : channel] / yScales[0]);
  }
  made.zero = yZeros[0];
  made.type = yZero.type() != ElementType::undefined ? yZero.type() : inputType;
  return made;
}

/// The codes of sums with the channels last, if bias and sum certainly fit in 32 bits together.
Result<std::optional<Value>> channelsLastCodes(const Rescaling& rescaling, const Shape& shape,
                                               const ChannelsLastSums& sums) {
  constexpr std::int64_t kMostBias = std::int64_t{1} << 30; // the sums are below 2^25
  const std::size_t channels = rescaling.factors.size();
  std::vector<std::int32_t> bias;
  for (const std::int64_t value : rescaling.bias) {
    if (value > kMostBias || value < -kMostBias) {
      return std::optional<Value>();
    }
    bias.push_back(static_cast<std::int32_t>(value));
  }
  const bool isSigned = rescaling.type == ElementType::int8;
  const CodeRange range{isSigned ? -128 : 0, isSigned ? 127 : 255, rescaling.zero};
  HALFSTEP_TRY(const auto codes, newTensor<std::uint8_t>({static_cast<std::int64_t>(sums.values.size())}));
  forRows(sums.values.size() / channels, channels, [&](std::size_t row) {
    requantizedSums(sums.values.data() + row * channels, bias.data(), rescaling.factors.data(), range,
                    codes.values.data() + row * channels, channels);
  });
  return std::optional<Value>(
      Value(std::make_shared<const ChannelsLastCodes>(shape, rescaling.type, codes.finish())));
}

} // namespace

OpResult convInteger(const OpCall& call) {
  HALFSTEP_TRY(const Tensor w, call.tensor(1));
  HALFSTEP_TRY(const Tensor xZero, optionalTensor(call, 2));
  HALFSTEP_TRY(const Tensor wZero, optionalTensor(call, 3));
  HALFSTEP_TRY(const IntegerConvolution convolution, convolutionOf(call, xZero, w, wZero));
  HALFSTEP_TRY(const auto sums, channelsLastSums(call, convolution));
  if (sums) {
    return oneOutput(channelsFirst<std::int32_t>(convolution.shape, ElementType::int32, sums->values));
  }
  HALFSTEP_TRY(const std::vector<std::int64_t> values, plainSums(convolution));
  return oneOutput(asInt32(convolution.shape, values));
}

OpResult qLinearConv(const OpCall& call) {
  HALFSTEP_TRY(const Tensor xZero, optionalTensor(call, 2));
  HALFSTEP_TRY(const Tensor w, call.tensor(3));
  HALFSTEP_TRY(const Tensor wZero, optionalTensor(call, 5));
  HALFSTEP_TRY(const IntegerConvolution convolution, convolutionOf(call, xZero, w, wZero));
  const Shape& shape = convolution.shape;
  HALFSTEP_TRY(const Rescaling rescaling, rescalingOf(call, convolution.type, dimensionOf(shape, 1)));
  HALFSTEP_TRY(const auto sums, channelsLastSums(call, convolution));
  if (sums) {
    HALFSTEP_TRY(std::optional<Value> codes, channelsLastCodes(rescaling, shape, *sums));
    if (codes) {
      return std::vector<Value>{std::move(*codes)};
    }
  }
  HALFSTEP_TRY(const std::vector<std::int64_t> products, plainSums(convolution));
  const std::size_t positions = dimensionsProduct(shape, 2, shape.size());
  std::vector<std::int32_t> values(products.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t channel = i / positions % rescaling.factors.size();
    const auto sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(products[i]) +
                                               static_cast<std::uint64_t>(rescaling.bias[channel]));
    values[i] = static_cast<std::int32_t>(
        requantized(static_cast<float>(sum) * rescaling.factors[channel], rescaling.zero, rescaling.type));
  }
  return oneOutput(packedIntegers(shape, rescaling.type, values));
}

} // namespace halfstep
