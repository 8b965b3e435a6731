#include "core/exec/operators/blocked_operators.h"

#include "core/exec/operators/blocked_tensor.h"

namespace halfstep {

namespace {

const BlockedTensor* blockedInput(const OpCall& call, std::size_t index) {
  return index < call.inputCount() ? dynamic_cast<const BlockedTensor*>(call.inputs()[index].lazy())
                                   : nullptr;
}

/// Runs `work(stream)`, which returns the result's memory.
template <class Work>
OpResult blockedResult(const Shape& shape, const Work& work) {
  std::optional<Value> result;
  HALFSTEP_CHECK(onednn::guarded([&] {
    dnnl::stream stream(onednn::engine());
    dnnl::memory memory = work(stream);
    stream.wait();
    result = Value(std::make_shared<const BlockedTensor>(shape, std::move(memory)));
  }));
  return std::vector<Value>{std::move(*result)};
}

dnnl::algorithm algorithmOf(BlockedUnary function) {
  switch (function) {
  case BlockedUnary::relu:
  case BlockedUnary::leakyRelu:
    return dnnl::algorithm::eltwise_relu;
  case BlockedUnary::clip:
    return dnnl::algorithm::eltwise_clip;
  case BlockedUnary::sigmoid:
    return dnnl::algorithm::eltwise_logistic;
  case BlockedUnary::tanh:
    return dnnl::algorithm::eltwise_tanh;
  }
  return dnnl::algorithm::eltwise_relu;
}

} // namespace

std::optional<OpResult> blockedUnary(const OpCall& call, BlockedUnary function, float alpha, float beta) {
  const BlockedTensor* input = blockedInput(call, 0);
  if (input == nullptr) {
    return std::nullopt;
  }
  return blockedResult(input->shape(), [&](dnnl::stream& stream) {
    const dnnl::memory::desc layout = input->memory().get_desc();
    const dnnl::eltwise_forward::primitive_desc description(
        {dnnl::prop_kind::forward_inference, algorithmOf(function), layout, alpha, beta}, onednn::engine());
    dnnl::memory y(layout, onednn::engine());
    dnnl::eltwise_forward(description).execute(stream, {{DNNL_ARG_SRC, input->memory()}, {DNNL_ARG_DST, y}});
    return y;
  });
}

std::optional<OpResult> blockedBinary(const OpCall& call, BlockedBinary operation) {
  const BlockedTensor* a = blockedInput(call, 0);
  const BlockedTensor* b = blockedInput(call, 1);
  if ((a == nullptr && b == nullptr) || call.inputCount() != 2) {
    return std::nullopt;
  }
  const auto other = onednnInput(call, a == nullptr ? 0 : 1);
  const BlockedTensor& first = a == nullptr ? *b : *a;
  if (!other || other->shape != first.shape()) {
    return std::nullopt;
  }
  return blockedResult(first.shape(), [&](dnnl::stream& stream) {
    const dnnl::memory::desc layout = first.memory().get_desc();
    const dnnl::memory second = onednn::reordered(other->memory, layout, stream);
    const dnnl::memory& left = a == nullptr ? second : first.memory();
    const dnnl::memory& right = a == nullptr ? first.memory() : second;
    const auto algorithm = operation == BlockedBinary::add        ? dnnl::algorithm::binary_add
                           : operation == BlockedBinary::subtract ? dnnl::algorithm::binary_sub
                                                                  : dnnl::algorithm::binary_mul;
    dnnl::primitive_attr attributes;
    if (call.endsInRelu()) {
      dnnl::post_ops after;
      after.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
      attributes.set_post_ops(after);
    }
    const dnnl::binary::primitive_desc description({algorithm, layout, layout, layout}, attributes,
                                                   onednn::engine());
    dnnl::memory y(layout, onednn::engine());
    dnnl::binary(description)
        .execute(stream, {{DNNL_ARG_SRC_0, left}, {DNNL_ARG_SRC_1, right}, {DNNL_ARG_DST, y}});
    return y;
  });
}

std::optional<OpResult> blockedBatchNormalization(const OpCall& call) {
  const BlockedTensor* input = blockedInput(call, 0);
  if (input == nullptr || input->shape().size() < 2 || call.inputCount() != 5) {
    return std::nullopt;
  }
  const Shape perChannel{input->shape()[1]};
  std::vector<OnednnInput> parameters;
  for (std::size_t i = 1; i <= 4; ++i) {
    auto parameter = onednnInput(call, i);
    if (!parameter || parameter->shape != perChannel) {
      return std::nullopt;
    }
    parameters.push_back(std::move(*parameter));
  }
  return blockedResult(input->shape(), [&](dnnl::stream& stream) {
    using Normalization = dnnl::batch_normalization_forward;
    dnnl::normalization_flags flags = dnnl::normalization_flags::use_global_stats |
                                      dnnl::normalization_flags::use_scale |
                                      dnnl::normalization_flags::use_shift;
    if (call.endsInRelu()) {
      flags = flags | dnnl::normalization_flags::fuse_norm_relu;
    }
    const dnnl::memory::desc layout = input->memory().get_desc();
    const Normalization::primitive_desc description(
        {dnnl::prop_kind::forward_inference, layout, call.real("epsilon", 1e-5f), flags}, onednn::engine());
    dnnl::memory y(layout, onednn::engine());
    Normalization(description)
        .execute(stream, {{DNNL_ARG_SRC, input->memory()},
                          {DNNL_ARG_SCALE, parameters[0].memory},
                          {DNNL_ARG_SHIFT, parameters[1].memory},
                          {DNNL_ARG_MEAN, parameters[2].memory},
                          {DNNL_ARG_VARIANCE, parameters[3].memory},
                          {DNNL_ARG_DST, y}});
    return y;
  });
}

std::optional<OpResult> blockedPool(const OpCall& call, BlockedPool kind, const Windows& windows,
                                    const Shape& shape) {
  const BlockedTensor* input = blockedInput(call, 0);
  if (input == nullptr || std::any_of(shape.begin(), shape.end(), [](std::int64_t d) { return d == 0; })) {
    return std::nullopt;
  }
  const auto algorithm = kind == BlockedPool::max       ? dnnl::algorithm::pooling_max
                         : kind == BlockedPool::average ? dnnl::algorithm::pooling_avg_exclude_padding
                                                        : dnnl::algorithm::pooling_avg_include_padding;
  onednn::Dims dilations = windows.dilations;
  onednn::Dims after = windows.after;
  for (std::size_t axis = 0; axis < dilations.size(); ++axis) {
    --dilations[axis]; // oneDNN counts from 0
    // A window that hangs over (ceil_mode) is padding to oneDNN, which would count it in an average.
    const std::int64_t hangs = (shape[axis + 2] - 1) * windows.strides[axis] + windows.reach(axis) -
                               input->shape()[axis + 2] - windows.before[axis];
    if (hangs > after[axis] && kind == BlockedPool::averageWithPadding) {
      return std::nullopt;
    }
    after[axis] = hangs;
  }
  return blockedResult(shape, [&](dnnl::stream& stream) {
    using Pooling = dnnl::pooling_v2_forward;
    const Pooling::primitive_desc description(
        {dnnl::prop_kind::forward_inference, algorithm, input->memory().get_desc(), onednn::any(shape),
         windows.strides, windows.kernel, dilations, windows.before, after},
        onednn::engine());
    dnnl::memory y(description.dst_desc(), onednn::engine());
    Pooling(description).execute(stream, {{DNNL_ARG_SRC, input->memory()}, {DNNL_ARG_DST, y}});
    return y;
  });
}

} // namespace halfstep
