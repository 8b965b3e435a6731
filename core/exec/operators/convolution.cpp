// Conv and ConvTranspose in float32, by oneDNN.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/onednn.h"
#include "core/exec/operators/windows.h"

namespace halfstep {

namespace {

using onednn::Dims;

struct Operands {
  Tensor input;   ///< [N, C, spatial…]
  Tensor weights; ///< Conv: [M, C/groups, kernel…]; ConvTranspose: [C, M/groups, kernel…]
  std::optional<Tensor> bias;
  std::int64_t groups = 1;
  std::vector<std::int64_t> spatial;
};

Result<Operands> operands(const OpCall& call, bool transpose) {
  Operands all;
  HALFSTEP_TRY(all.input, call.tensor(0));
  HALFSTEP_TRY(all.weights, call.tensor(1));
  const Shape& x = all.input.shape();
  const Shape& w = all.weights.shape();
  all.groups = call.integer("group", 1);
  if (all.input.type() != ElementType::float32 || all.weights.type() != ElementType::float32) {
    return call.unsupported("it is supported for float32 and the 16-bit floats only");
  }
  if (x.size() < 3 || x.size() > 5 || w.size() != x.size()) {
    return call.fail("input " + shapeText(x) + " and weights " + shapeText(w) +
                     " do not have one to three spatial axes");
  }
  const bool fits = all.groups >= 1 && x[1] % all.groups == 0 && w[0] % all.groups == 0 &&
                    (transpose ? w[0] == x[1] : w[1] == x[1] / all.groups) && w[0] > 0 && w[1] > 0;
  if (!fits) {
    return call.fail("input " + shapeText(x) + " and weights " + shapeText(w) + " do not fit for " +
                     std::to_string(all.groups) + " groups");
  }
  if (call.has(2)) {
    HALFSTEP_TRY(Tensor bias, call.tensor(2));
    const std::int64_t outputs = transpose ? w[1] * all.groups : w[0];
    if (bias.type() != ElementType::float32 || bias.shape() != Shape{outputs}) {
      return call.fail("the bias " + shapeText(bias.shape()) + " is not one number per output channel");
    }
    all.bias = std::move(bias);
  }
  all.spatial.assign(x.begin() + 2, x.end());
  return all;
}

std::vector<std::int64_t> kernelOf(const Operands& all) {
  return {all.weights.shape().begin() + 2, all.weights.shape().end()};
}

/// oneDNN counts dilations from 0.
Dims lessOne(Dims values) {
  for (std::int64_t& value : values) {
    --value;
  }
  return values;
}

/// Runs a convolution or deconvolution primitive on plain memory, with whatever layouts it likes inside.
template <class Primitive>
void execute(const typename Primitive::primitive_desc& description, const dnnl::memory& input,
             const dnnl::memory& weights, const float* bias, const dnnl::memory& output) {
  dnnl::stream stream(onednn::engine());
  const dnnl::memory x = onednn::reordered(input, description.src_desc(), stream);
  const dnnl::memory w = onednn::reordered(weights, description.weights_desc(), stream);
  const bool direct = description.dst_desc() == output.get_desc();
  dnnl::memory y = direct ? output : dnnl::memory(description.dst_desc(), onednn::engine());
  std::unordered_map<int, dnnl::memory> arguments = {
      {DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}};
  if (bias != nullptr) {
    arguments.insert({DNNL_ARG_BIAS, onednn::memoryOf(description.bias_desc(), bias)});
  }
  Primitive(description).execute(stream, arguments);
  if (!direct) {
    dnnl::memory plain = output;
    dnnl::reorder(y, plain).execute(stream, y, plain);
  }
  stream.wait();
}

/// An output without elements, or one of an input without channels: nothing but the bias.
bool isEmpty(const Shape& shape) {
  return std::any_of(shape.begin(), shape.end(), [](std::int64_t d) { return d == 0; });
}

OpResult convolution(const OpCall& call) {
  HALFSTEP_TRY(const Operands all, operands(call, false));
  HALFSTEP_TRY(const Windows windows, windowsOf(call, kernelOf(all), all.spatial));
  HALFSTEP_TRY(const std::vector<std::int64_t> counts, positions(call, windows, all.spatial, false));
  const std::int64_t outputs = all.weights.shape()[0];
  Shape shape{all.input.shape()[0], outputs};
  shape.insert(shape.end(), counts.begin(), counts.end());
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
  if (isEmpty(shape) || isEmpty(all.input.shape())) {
    std::fill(made.values.begin(), made.values.end(), 0.0f);
    return std::vector<Value>{made.finish()};
  }
  Dims weightDims = all.weights.shape();
  if (all.groups > 1) {
    weightDims[0] /= all.groups;
    weightDims.insert(weightDims.begin(), all.groups);
  }
  const Elements<float> x(all.input);
  const Elements<float> w(all.weights);
  std::optional<Elements<float>> bias;
  if (all.bias) {
    bias.emplace(*all.bias);
  }
  HALFSTEP_CHECK(onednn::guarded([&] {
    using Convolution = dnnl::convolution_forward;
    const auto kind = dnnl::prop_kind::forward_inference;
    const auto algorithm = dnnl::algorithm::convolution_auto;
    const Dims dilations = lessOne(windows.dilations);
    const auto description =
        bias ? Convolution::desc(kind, algorithm, onednn::any(all.input.shape()), onednn::any(weightDims),
                                 onednn::plain({outputs}), onednn::any(shape), windows.strides, dilations,
                                 windows.before, windows.after)
             : Convolution::desc(kind, algorithm, onednn::any(all.input.shape()), onednn::any(weightDims),
                                 onednn::any(shape), windows.strides, dilations, windows.before,
                                 windows.after);
    execute<Convolution>(Convolution::primitive_desc(description, onednn::engine()),
                         onednn::memoryOf(onednn::plain(all.input.shape()), x.data()),
                         onednn::memoryOf(onednn::plain(weightDims), w.data()), bias ? bias->data() : nullptr,
                         onednn::memoryOf(onednn::plain(shape), made.values.data()));
  }));
  return std::vector<Value>{made.finish()};
}

/// The output's size, and where output_shape or auto_pad ask for it, the padding that gives it. Source:
/// ONNX's ConvTranspose.
Result<std::vector<std::int64_t>> transposedSizes(const OpCall& call, Windows& windows,
                                                  const std::vector<std::int64_t>& spatial) {
  HALFSTEP_TRY(const std::vector<std::int64_t> extra, perAxis(call, "output_padding", spatial.size(), 0, 0));
  std::vector<std::int64_t> wanted = call.integers("output_shape");
  if (wanted.size() > spatial.size()) { // some files list batch and channels too
    wanted.erase(wanted.begin(), wanted.end() - static_cast<std::ptrdiff_t>(spatial.size()));
  }
  const std::string automatic = call.text("auto_pad", "NOTSET");
  const bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
  if (!wanted.empty() && wanted.size() != spatial.size()) {
    return call.fail("its output_shape has too few axes");
  }
  std::vector<std::int64_t> sizes;
  for (std::size_t axis = 0; axis < spatial.size(); ++axis) {
    const std::int64_t whole =
        (spatial[axis] - 1) * windows.strides[axis] + extra[axis] + windows.reach(axis);
    if (!wanted.empty() || same) {
      const std::int64_t size = !wanted.empty() ? wanted[axis] : spatial[axis] * windows.strides[axis];
      const std::int64_t pad = std::max<std::int64_t>(0, whole - size);
      windows.before[axis] = automatic == "SAME_UPPER" ? pad / 2 : pad - pad / 2;
      windows.after[axis] = pad - windows.before[axis];
      sizes.push_back(size);
    } else {
      sizes.push_back(whole - windows.before[axis] - windows.after[axis]);
    }
    if (sizes.back() < 1 || sizes.back() > std::int64_t{1} << 31) {
      return call.fail("its output would have " + std::to_string(sizes.back()) + " elements on an axis");
    }
    // What oneDNN takes as the trailing padding: whatever makes its sizes agree.
    windows.after[axis] = (spatial[axis] - 1) * windows.strides[axis] + windows.reach(axis) -
                          windows.before[axis] - sizes.back();
  }
  return sizes;
}

OpResult convolutionTranspose(const OpCall& call) {
  HALFSTEP_TRY(const Operands all, operands(call, true));
  HALFSTEP_TRY(Windows windows, windowsOf(call, kernelOf(all), all.spatial));
  HALFSTEP_TRY(const std::vector<std::int64_t> sizes, transposedSizes(call, windows, all.spatial));
  const std::int64_t perGroup = all.weights.shape()[1];
  Shape shape{all.input.shape()[0], perGroup * all.groups};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
  if (isEmpty(shape) || isEmpty(all.input.shape())) {
    std::fill(made.values.begin(), made.values.end(), 0.0f);
    return std::vector<Value>{made.finish()};
  }
  // [C, M/g, k…] in memory is [g, M/g, C/g, k…] with the strides of its axes exchanged.
  const std::vector<std::int64_t> kernel = kernelOf(all);
  const std::int64_t inputs = all.weights.shape()[0] / all.groups;
  Dims dims{all.groups, perGroup, inputs};
  dims.insert(dims.end(), kernel.begin(), kernel.end());
  std::int64_t window = 1;
  Dims strides(kernel.size(), 1);
  for (std::size_t axis = kernel.size(); axis-- > 0;) {
    strides[axis] = window;
    window *= kernel[axis];
  }
  strides.insert(strides.begin(), {inputs * perGroup * window, window, perGroup * window});
  if (all.groups == 1) {
    dims.erase(dims.begin());
    strides.erase(strides.begin());
  }
  const Elements<float> x(all.input);
  const Elements<float> w(all.weights);
  std::optional<Elements<float>> bias;
  if (all.bias) {
    bias.emplace(*all.bias);
  }
  HALFSTEP_CHECK(onednn::guarded([&] {
    using Deconvolution = dnnl::deconvolution_forward;
    const auto kind = dnnl::prop_kind::forward_inference;
    const auto algorithm = dnnl::algorithm::deconvolution_direct;
    const Dims dilations = lessOne(windows.dilations);
    const auto description =
        bias ? Deconvolution::desc(kind, algorithm, onednn::any(all.input.shape()), onednn::any(dims),
                                   onednn::plain({shape[1]}), onednn::any(shape), windows.strides, dilations,
                                   windows.before, windows.after)
             : Deconvolution::desc(kind, algorithm, onednn::any(all.input.shape()), onednn::any(dims),
                                   onednn::any(shape), windows.strides, dilations, windows.before,
                                   windows.after);
    const dnnl::memory::desc weights(dims, dnnl::memory::data_type::f32, strides);
    execute<Deconvolution>(Deconvolution::primitive_desc(description, onednn::engine()),
                           onednn::memoryOf(onednn::plain(all.input.shape()), x.data()),
                           onednn::memoryOf(weights, w.data()), bias ? bias->data() : nullptr,
                           onednn::memoryOf(onednn::plain(shape), made.values.data()));
  }));
  return std::vector<Value>{made.finish()};
}

constexpr OperatorEntry kEntries[] = {
    {"", "Conv", convolution, Widening::floats},
    {"", "ConvTranspose", convolutionTranspose, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> convolutionOperators() {
  return kEntries;
}

} // namespace halfstep
