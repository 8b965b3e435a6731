// Gradients of Conv and ConvTranspose. Each is the other's way back to the input; the weights' gradient is
// oneDNN's backward convolution.
#include "core/exec/gradients/gradient_steps.h"
#include "core/exec/operators/onednn.h"
#include "core/exec/operators/windows.h"

#include <algorithm>
#include <numeric>

namespace halfstep {

namespace {

using Gradient = Result<InputGradients>;
using onednn::Dims;

/// A convolution: `large` is what the windows slide over, `small` what they make. ConvTranspose goes from
/// `small` to `large`.
struct Convolution {
  Tensor weights; ///< [channels of small, channels of large / groups, kernel…]
  Shape large;
  Shape small;
  std::int64_t groups = 1;
  Windows windows;
};

Result<Convolution> convolutionOf(const GradientCall& call, const Shape& large, const Shape& small) {
  Convolution made;
  HALFSTEP_TRY(made.weights, call.op.tensor(1));
  made.large = large;
  made.small = small;
  made.groups = call.op.integer("group", 1);
  const Shape& w = made.weights.shape();
  const std::vector<std::int64_t> spatial(large.begin() + 2, large.end());
  HALFSTEP_TRY(made.windows, windowsOf(call.op, {w.begin() + 2, w.end()}, spatial));
  return made;
}

Node nodeFor(const char* opType, const Convolution& of) {
  Node node;
  node.opType = opType;
  node.inputs = {"x", "w"};
  node.outputs = {"y"};
  node.attributes["group"] = of.groups;
  node.attributes["strides"] = of.windows.strides;
  node.attributes["dilations"] = of.windows.dilations;
  std::vector<std::int64_t> pads = of.windows.before;
  pads.insert(pads.end(), of.windows.after.begin(), of.windows.after.end());
  node.attributes["pads"] = std::move(pads);
  return node;
}

/// From the gradient at `small` to the one at `large`.
Result<Tensor> towardsLarge(const GradientCall& call, const Convolution& of, const Tensor& arriving) {
  Node node = nodeFor("ConvTranspose", of);
  std::vector<std::int64_t> rest; // positions at the end that no window reached
  for (std::size_t axis = 0; axis < of.windows.rank(); ++axis) {
    rest.push_back(of.large[axis + 2] + of.windows.before[axis] + of.windows.after[axis] -
                   (of.small[axis + 2] - 1) * of.windows.strides[axis] - of.windows.reach(axis));
  }
  node.attributes["output_padding"] = std::move(rest);
  const Value inputs[] = {arriving, of.weights};
  HALFSTEP_TRY(const std::vector<Value> made, runOperator(call, node, inputs));
  return made.front().tensor();
}

/// [M, C/groups, …] as [groups, M/groups, C/groups, …].
Dims groupedDims(const Convolution& of) {
  Dims dims = of.weights.shape();
  if (of.groups > 1) {
    dims[0] /= of.groups;
    dims.insert(dims.begin(), of.groups);
  }
  return dims;
}

Result<Tensor> weightGradient(const Convolution& of, const Tensor& large, const Tensor& small) {
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(of.weights.shape()));
  const Elements<float> x(large);
  const Elements<float> dy(small);
  HALFSTEP_CHECK(onednn::guarded([&] {
    Dims dilations = of.windows.dilations; // counted from 0
    std::transform(dilations.begin(), dilations.end(), dilations.begin(), [](auto d) { return d - 1; });
    const Dims dims = groupedDims(of);
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const dnnl::convolution_forward::desc forward(
        dnnl::prop_kind::forward_training, algorithm, onednn::any(of.large), onednn::any(dims),
        onednn::any(of.small), of.windows.strides, dilations, of.windows.before, of.windows.after);
    const dnnl::convolution_forward::primitive_desc hint(forward, onednn::engine());
    const dnnl::convolution_backward_weights::desc backward(
        algorithm, onednn::any(of.large), onednn::any(dims), onednn::any(of.small), of.windows.strides,
        dilations, of.windows.before, of.windows.after);
    const dnnl::convolution_backward_weights::primitive_desc description(backward, onednn::engine(), hint);
    const auto as = [](dnnl::memory given, const dnnl::memory::desc& wanted) {
      if (given.get_desc() == wanted) {
        return given;
      }
      dnnl::memory copy(wanted, onednn::engine());
      dnnl::reorder(given, copy).execute(onednn::stream(), given, copy);
      return copy;
    };
    const dnnl::memory source =
        as(onednn::memoryOf(onednn::plain(of.large), x.data()), description.src_desc());
    const dnnl::memory arriving =
        as(onednn::memoryOf(onednn::plain(of.small), dy.data()), description.diff_dst_desc());
    dnnl::memory plain = onednn::memoryOf(onednn::plain(dims), made.values.data());
    const bool direct = description.diff_weights_desc() == plain.get_desc();
    dnnl::memory result = direct ? plain : dnnl::memory(description.diff_weights_desc(), onednn::engine());
    dnnl::convolution_backward_weights(description)
        .execute(onednn::stream(),
                 {{DNNL_ARG_SRC, source}, {DNNL_ARG_DIFF_DST, arriving}, {DNNL_ARG_DIFF_WEIGHTS, result}});
    if (!direct) {
      dnnl::reorder(result, plain).execute(onednn::stream(), result, plain);
    }
    onednn::stream().wait();
  }));
  return made.finish();
}

/// Σ over everything but the channels.
Result<Tensor> biasGradient(const Tensor& arriving) {
  Shape shape(arriving.shape().size(), 1);
  shape[1] = arriving.shape()[1];
  HALFSTEP_TRY(const Tensor summed, summedTo(arriving, shape));
  return reshaped(summed, {shape[1]});
}

Result<void> checkRank(const GradientCall& call, const Tensor& tensor) {
  const std::size_t rank = tensor.shape().size();
  const bool empty = tensor.count() == 0;
  return rank >= 3 && rank <= 5 && !empty
             ? Result<void>()
             : call.op.unsupported("its gradient is not known for " + shapeText(tensor.shape()));
}

Gradient convolution(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor input, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  HALFSTEP_CHECK(checkRank(call, input));
  HALFSTEP_TRY(const Convolution of, convolutionOf(call, input.shape(), arriving.shape()));
  InputGradients made(3);
  if (call.wants(0)) {
    HALFSTEP_TRY(made[0], towardsLarge(call, of, arriving));
  }
  if (call.wants(1)) {
    HALFSTEP_TRY(made[1], weightGradient(of, input, arriving));
  }
  if (call.wants(2)) {
    HALFSTEP_TRY(made[2], biasGradient(arriving));
  }
  return made;
}

/// The padding of a ConvTranspose whose output's shape was given. Source: ONNX's ConvTranspose.
void padToShape(const GradientCall& call, Convolution& of) {
  const std::string automatic = call.op.text("auto_pad", "NOTSET");
  if (call.op.integers("output_shape").empty() && automatic != "SAME_UPPER" && automatic != "SAME_LOWER") {
    return;
  }
  const std::vector<std::int64_t> extra = call.op.integers("output_padding");
  for (std::size_t axis = 0; axis < of.windows.rank(); ++axis) {
    const std::int64_t reached = (of.small[axis + 2] - 1) * of.windows.strides[axis] + of.windows.reach(axis);
    const std::int64_t whole = reached + (axis < extra.size() ? extra[axis] : 0);
    const std::int64_t pad = std::max<std::int64_t>(0, whole - of.large[axis + 2]);
    of.windows.before[axis] = automatic == "SAME_UPPER" ? pad / 2 : pad - pad / 2;
    of.windows.after[axis] =
        std::max<std::int64_t>(0, reached - of.windows.before[axis] - of.large[axis + 2]);
  }
}

Gradient convolutionTranspose(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor input, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  HALFSTEP_CHECK(checkRank(call, input));
  HALFSTEP_TRY(Convolution of, convolutionOf(call, arriving.shape(), input.shape()));
  padToShape(call, of);
  InputGradients made(3);
  if (call.wants(0)) {
    const Value inputs[] = {arriving, of.weights};
    HALFSTEP_TRY(const std::vector<Value> back, runOperator(call, nodeFor("Conv", of), inputs));
    if (back.front().tensor().shape() != input.shape()) {
      return call.op.unsupported("its gradient is not known for this output_padding");
    }
    made[0] = back.front().tensor();
  }
  if (call.wants(1)) {
    HALFSTEP_TRY(made[1], weightGradient(of, arriving, input));
  }
  if (call.wants(2)) {
    HALFSTEP_TRY(made[2], biasGradient(arriving));
  }
  return made;
}

constexpr GradientEntry kConvolutionGradients[] = {
    {"", "Conv", convolution},
    {"", "ConvTranspose", convolutionTranspose},
};

} // namespace

std::span<const GradientEntry> convolutionGradients() {
  return kConvolutionGradients;
}

} // namespace halfstep
