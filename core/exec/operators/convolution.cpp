// Conv and ConvTranspose in float32, by oneDNN.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/blocked_tensor.h"
#include "core/exec/operators/windows.h"

namespace halfstep {

namespace {

using onednn::Dims;

struct Operands {
  OnednnInput input; ///< [N, C, spatial…]
  Tensor weights;    ///< Conv: [M, C/groups, kernel…]; ConvTranspose: [C, M/groups, kernel…]
  std::optional<Tensor> bias;
  std::int64_t groups = 1;
  std::vector<std::int64_t> spatial;
};

Result<Operands> operands(const OpCall& call, bool transpose) {
  Operands all;
  HALFSTEP_TRY(all.input, onednnInput(call, 0));
  HALFSTEP_TRY(all.weights, call.tensor(1));
  const Shape& x = all.input.shape;
  const Shape& w = all.weights.shape();
  all.groups = call.integer("group", 1);
  if (all.weights.type() != ElementType::float32) {
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

/// A primitive for one node and one input shape, with its weights as it wants them.
template <class Primitive>
struct Prepared {
  Shape inputShape;
  Tensor weightsTensor; ///< kept, so that its address tells whether the weights are still the same
  std::optional<Tensor> biasTensor;
  bool relu = false;
  typename Primitive::primitive_desc description;
  Primitive primitive;
  dnnl::memory weights;
  dnnl::memory bias;

  bool fits(const Operands& all, bool wantsRelu) const {
    const auto same = [](const Tensor& a, const Tensor& b) {
      return a.bytes().data() == b.bytes().data() && a.shape() == b.shape();
    };
    return inputShape == all.input.shape && relu == wantsRelu && same(weightsTensor, all.weights) &&
           biasTensor.has_value() == all.bias.has_value() && (!all.bias || same(*biasTensor, *all.bias));
  }
};

dnnl::primitive_attr attributesOf(bool relu) {
  dnnl::primitive_attr attributes;
  if (relu) {
    dnnl::post_ops after;
    after.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    attributes.set_post_ops(after);
  }
  return attributes;
}

/// What the primitive and its weights' memory are made from.
template <class Primitive>
struct Recipe {
  typename Primitive::desc description;
  dnnl::memory::desc weights; ///< of the weights as the model has them
  Shape shape;                ///< of the output
};

template <class Primitive>
std::shared_ptr<Prepared<Primitive>> prepared(const Operands& all, const Recipe<Primitive>& recipe,
                                              bool relu) {
  auto made = std::make_shared<Prepared<Primitive>>();
  made->inputShape = all.input.shape;
  made->weightsTensor = all.weights;
  made->biasTensor = all.bias;
  made->relu = relu;
  made->description =
      typename Primitive::primitive_desc(recipe.description, attributesOf(relu), onednn::engine());
  made->primitive = Primitive(made->description);
  dnnl::stream stream(onednn::engine());
  const Elements<float> values(all.weights);
  dnnl::memory given = onednn::memoryOf(recipe.weights, values.data());
  made->weights = dnnl::memory(made->description.weights_desc(), onednn::engine());
  dnnl::reorder(given, made->weights).execute(stream, given, made->weights);
  stream.wait();
  if (all.bias) {
    const Elements<float> bias(*all.bias);
    made->bias = dnnl::memory(made->description.bias_desc(), onednn::engine());
    std::memcpy(made->bias.get_data_handle(), bias.data(), bias.size() * sizeof(float));
  }
  return made;
}

/// Runs the primitive that `makeRecipe` describes, or the one kept from the last call.
template <class Primitive, class MakeRecipe>
OpResult execute(const OpCall& call, const Operands& all, const Shape& shape, const MakeRecipe& makeRecipe) {
  NodeMemory own;
  NodeMemory& memory = call.memory() != nullptr ? *call.memory() : own;
  const std::lock_guard lock(memory.mutex); // the primitive's scratchpad serves one call at a time
  std::optional<Value> result;
  HALFSTEP_CHECK(onednn::guarded([&] {
    auto kept = std::static_pointer_cast<Prepared<Primitive>>(memory.content);
    if (!kept || !kept->fits(all, call.endsInRelu())) {
      kept = prepared<Primitive>(all, makeRecipe(), call.endsInRelu());
      memory.content = kept;
    }
    dnnl::stream stream(onednn::engine());
    const dnnl::memory x = onednn::reordered(all.input.memory, kept->description.src_desc(), stream);
    dnnl::memory y(kept->description.dst_desc(), onednn::engine());
    std::unordered_map<int, dnnl::memory> arguments = {
        {DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, kept->weights}, {DNNL_ARG_DST, y}};
    if (all.bias) {
      arguments.insert({DNNL_ARG_BIAS, kept->bias});
    }
    kept->primitive.execute(stream, arguments);
    stream.wait();
    result = Value(std::make_shared<const BlockedTensor>(shape, y));
  }));
  return std::vector<Value>{std::move(*result)};
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
  Shape shape{all.input.shape[0], outputs};
  shape.insert(shape.end(), counts.begin(), counts.end());
  HALFSTEP_CHECK(elementCount(shape));
  if (isEmpty(shape) || isEmpty(all.input.shape)) {
    HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
    std::fill(made.values.begin(), made.values.end(), 0.0f);
    return std::vector<Value>{made.finish()};
  }
  Dims weightDims = all.weights.shape();
  if (all.groups > 1) {
    weightDims[0] /= all.groups;
    weightDims.insert(weightDims.begin(), all.groups);
  }
  return execute<dnnl::convolution_forward>(call, all, shape, [&] {
    using Convolution = dnnl::convolution_forward;
    const auto kind = dnnl::prop_kind::forward_inference;
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const Dims dilations = lessOne(windows.dilations);
    const dnnl::memory::desc x = onednn::any(all.input.shape);
    const dnnl::memory::desc w = onednn::any(weightDims);
    const dnnl::memory::desc y = onednn::any(shape);
    return Recipe<Convolution>{all.bias ? Convolution::desc(kind, algorithm, x, w, onednn::plain({outputs}),
                                                            y, windows.strides, dilations, windows.before,
                                                            windows.after)
                                        : Convolution::desc(kind, algorithm, x, w, y, windows.strides,
                                                            dilations, windows.before, windows.after),
                               onednn::plain(weightDims), shape};
  });
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
  Shape shape{all.input.shape[0], perGroup * all.groups};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  HALFSTEP_CHECK(elementCount(shape));
  if (isEmpty(shape) || isEmpty(all.input.shape)) {
    HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
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
  return execute<dnnl::deconvolution_forward>(call, all, shape, [&] {
    using Deconvolution = dnnl::deconvolution_forward;
    const auto kind = dnnl::prop_kind::forward_inference;
    const auto algorithm = dnnl::algorithm::deconvolution_direct;
    const Dims dilations = lessOne(windows.dilations);
    const dnnl::memory::desc x = onednn::any(all.input.shape);
    const dnnl::memory::desc w = onednn::any(dims);
    const dnnl::memory::desc y = onednn::any(shape);
    return Recipe<Deconvolution>{all.bias ? Deconvolution::desc(kind, algorithm, x, w,
                                                                onednn::plain({shape[1]}), y, windows.strides,
                                                                dilations, windows.before, windows.after)
                                          : Deconvolution::desc(kind, algorithm, x, w, y, windows.strides,
                                                                dilations, windows.before, windows.after),
                                 {dims, dnnl::memory::data_type::f32, strides},
                                 shape};
  });
}

constexpr OperatorEntry kEntries[] = {
    {"", "Conv", convolution, Widening::floats, 1, Activation::fusesRelu},
    {"", "ConvTranspose", convolutionTranspose, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> convolutionOperators() {
  return kEntries;
}

} // namespace halfstep
