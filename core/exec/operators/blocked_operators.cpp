#include "core/exec/operators/blocked_operators.h"

#include "core/exec/operators/blocked_tensor.h"

#include <algorithm>
#include <iterator>

namespace halfstep {

namespace {

const BlockedTensor* blockedInput(const OpCall& call, std::size_t index) {
  return index < call.inputCount() ? dynamic_cast<const BlockedTensor*>(call.inputs()[index].lazy())
                                   : nullptr;
}

/// Elements from which on a pass over them is worth two threads.
constexpr std::size_t kWorthSharing = std::size_t{1} << 15;

using Inputs = std::vector<dnnl::memory>;

/// A primitive with what it was made for. A node's attributes stay the same, so its inputs tell.
struct Kept {
  Inputs inputs; ///< their layouts; the last ones that had them, so that they need not be compared again
  bool relu = false;
  Shape shape;
  onednn::Execution execution;
  dnnl::memory::desc layout; ///< of the result
  dnnl::memory result;       ///< of the last call
  onednn::Reordering reorder;

  bool fits(const OpCall& call, const Shape& wanted, const Inputs& given) {
    const auto same = [](const dnnl::memory& a, const dnnl::memory& b) {
      return a.get() == b.get() || a.get_desc() == b.get_desc();
    };
    if (relu != call.endsInRelu() || shape != wanted ||
        !std::equal(inputs.begin(), inputs.end(), given.begin(), given.end(), same)) {
      return false;
    }
    inputs = given;
    return true;
  }
};

struct Made {
  dnnl::primitive primitive;
  dnnl::memory::desc layout;
};

/// Runs the primitive that `make()` gives, or the one kept from the last call with `inputs` of the same
/// layouts, with what `setArguments(kept)` sets; the result is set already.
template <class Make, class SetArguments>
OpResult blockedResult(const OpCall& call, const Shape& shape, const Inputs& inputs, const Make& make,
                       const SetArguments& setArguments) {
  NodeMemory own;
  NodeMemory& memory = call.memory() != nullptr ? *call.memory() : own;
  const std::lock_guard lock(memory.mutex);
  Value result;
  HALFSTEP_CHECK(onednn::guarded([&] {
    auto kept = std::static_pointer_cast<Kept>(memory.content);
    std::size_t count = 1;
    for (const std::int64_t size : shape) {
      count *= static_cast<std::size_t>(size);
    }
    const OneThread few(count < kWorthSharing);
    if (!kept || !kept->fits(call, shape, inputs)) {
      Made made = make();
      kept = std::make_shared<Kept>(
          Kept{inputs, call.endsInRelu(), shape, onednn::Execution(made.primitive), made.layout, {}, {}});
      memory.content = kept;
    }
    onednn::OwnedMemory y = onednn::newMemory(kept->layout, kept->result);
    kept->execution.set(DNNL_ARG_DST, y.memory);
    setArguments(*kept);
    kept->execution();
    result = Value(std::make_shared<const BlockedTensor>(shape, std::move(y)));
  }));
  return std::vector<Value>{std::move(result)};
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
  return blockedResult(
      call, input->shape(), {input->memory()},
      [&] {
        const dnnl::memory::desc layout = input->memory().get_desc();
        const dnnl::eltwise_forward::primitive_desc description(
            {dnnl::prop_kind::forward_inference, algorithmOf(function), layout, alpha, beta},
            onednn::engine());
        return Made{dnnl::eltwise_forward(description), layout};
      },
      [&](Kept& kept) { kept.execution.set(DNNL_ARG_SRC, input->memory()); });
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
  std::shared_ptr<std::byte> owner;
  return blockedResult(
      call, first.shape(), {first.memory()},
      [&] {
        const dnnl::memory::desc layout = first.memory().get_desc();
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
        return Made{dnnl::binary(description), layout};
      },
      [&](Kept& kept) {
        const dnnl::memory second = kept.reorder(other->memory, kept.layout, owner);
        kept.execution.set(DNNL_ARG_SRC_0, a == nullptr ? second : first.memory());
        kept.execution.set(DNNL_ARG_SRC_1, a == nullptr ? first.memory() : second);
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
  return blockedResult(
      call, input->shape(), {input->memory()},
      [&] {
        const dnnl::memory::desc layout = input->memory().get_desc();
        using Normalization = dnnl::batch_normalization_forward;
        dnnl::normalization_flags flags = dnnl::normalization_flags::use_global_stats |
                                          dnnl::normalization_flags::use_scale |
                                          dnnl::normalization_flags::use_shift;
        if (call.endsInRelu()) {
          flags = flags | dnnl::normalization_flags::fuse_norm_relu;
        }
        const Normalization::primitive_desc description(
            {dnnl::prop_kind::forward_inference, layout, call.real("epsilon", 1e-5f), flags},
            onednn::engine());
        return Made{Normalization(description), layout};
      },
      [&](Kept& kept) {
        kept.execution.set(DNNL_ARG_SRC, input->memory());
        kept.execution.set(DNNL_ARG_SCALE, parameters[0].memory);
        kept.execution.set(DNNL_ARG_SHIFT, parameters[1].memory);
        kept.execution.set(DNNL_ARG_MEAN, parameters[2].memory);
        kept.execution.set(DNNL_ARG_VARIANCE, parameters[3].memory);
      });
}

std::optional<OpResult> blockedInstanceNormalization(const OpCall& call) {
  const BlockedTensor* input = blockedInput(call, 0);
  if (input == nullptr || input->shape().size() < 3 || input->shape()[0] != 1 || call.inputCount() != 3) {
    return std::nullopt;
  }
  std::vector<OnednnInput> parameters;
  for (std::size_t i = 1; i <= 2; ++i) {
    auto parameter = onednnInput(call, i);
    if (!parameter || parameter->shape != Shape{input->shape()[1]}) {
      return std::nullopt;
    }
    parameters.push_back(std::move(*parameter));
  }
  return blockedResult(
      call, input->shape(), {input->memory()},
      [&] {
        const dnnl::memory::desc layout = input->memory().get_desc();
        using Normalization = dnnl::batch_normalization_forward;
        dnnl::normalization_flags flags =
            dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
        if (call.endsInRelu()) {
          flags = flags | dnnl::normalization_flags::fuse_norm_relu;
        }
        const Normalization::primitive_desc description(
            {dnnl::prop_kind::forward_inference, layout, call.real("epsilon", 1e-5f), flags},
            onednn::engine());
        return Made{Normalization(description), layout};
      },
      [&](Kept& kept) {
        kept.execution.set(DNNL_ARG_SRC, input->memory());
        kept.execution.set(DNNL_ARG_SCALE, parameters[0].memory);
        kept.execution.set(DNNL_ARG_SHIFT, parameters[1].memory);
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
  return blockedResult(
      call, shape, {input->memory()},
      [&] {
        const dnnl::memory::desc layout = input->memory().get_desc();
        using Pooling = dnnl::pooling_v2_forward;
        const Pooling::primitive_desc description({dnnl::prop_kind::forward_inference, algorithm, layout,
                                                   onednn::any(shape), windows.strides, windows.kernel,
                                                   dilations, windows.before, after},
                                                  onednn::engine());
        return Made{Pooling(description), description.dst_desc()};
      },
      [&](Kept& kept) { kept.execution.set(DNNL_ARG_SRC, input->memory()); });
}

std::optional<OpResult> blockedConcat(const OpCall& call) {
  constexpr std::int64_t kBlock = 16; // channels; parts of other sizes would straddle the blocks
  Inputs inputs;
  Shape shape;
  for (std::size_t i = 0; i < call.inputCount(); ++i) {
    const BlockedTensor* part = blockedInput(call, i);
    if (part == nullptr || part->shape().size() < 3 || part->shape()[1] % kBlock != 0) {
      return std::nullopt;
    }
    if (i == 0) {
      shape = part->shape();
    } else {
      shape[1] += part->shape()[1];
      Shape like = part->shape();
      like[1] = shape[1];
      if (like != shape) {
        return std::nullopt;
      }
    }
    inputs.push_back(part->memory());
  }
  if (inputs.empty() || call.integer("axis", 0) != 1) {
    return std::nullopt;
  }
  return blockedResult(
      call, shape, inputs,
      [&] {
        std::vector<dnnl::memory::desc> layouts;
        std::transform(inputs.begin(), inputs.end(), std::back_inserter(layouts),
                       [](const dnnl::memory& memory) { return memory.get_desc(); });
        const dnnl::concat::primitive_desc description(1, layouts, onednn::engine());
        return Made{dnnl::concat(description), description.dst_desc()};
      },
      [&](Kept& kept) {
        for (std::size_t i = 0; i < inputs.size(); ++i) {
          kept.execution.set(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), inputs[i]);
        }
      });
}

namespace {

/// The layouts in which convolutions of images leave their results.
std::optional<dnnl::memory::format_tag> usualTag(const dnnl::memory::desc& layout) {
  using Tag = dnnl::memory::format_tag;
  if (layout.data.format_kind != dnnl_blocked || layout.data.ndims != 4) {
    return std::nullopt;
  }
  const auto& blocking = layout.data.format_desc.blocking;
  if (blocking.inner_nblks == 0) {
    return blocking.strides[1] == 1 ? std::optional(Tag::nhwc) : std::nullopt;
  }
  if (blocking.inner_nblks != 1 || blocking.inner_idxs[0] != 1) {
    return std::nullopt;
  }
  switch (blocking.inner_blks[0]) {
  case 8:
    return Tag::nChw8c;
  case 16:
    return Tag::nChw16c;
  default:
    return std::nullopt;
  }
}

} // namespace

std::optional<OpResult> blockedPart(const OpCall& call, const Shape& first, const Shape& shape) {
  const BlockedTensor* input = blockedInput(call, 0);
  if (input == nullptr || shape[1] != input->shape()[1] ||
      std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size == 0; })) {
    return std::nullopt;
  }
  const dnnl::memory::desc layout = input->memory().get_desc();
  const auto tag = usualTag(layout);
  if (!tag || layout.data.offset0 != 0 ||
      (*tag != dnnl::memory::format_tag::nhwc &&
       shape[1] % layout.data.format_desc.blocking.inner_blks[0] != 0)) {
    return std::nullopt;
  }
  return blockedResult(
      call, shape, {input->memory()},
      [&] {
        const dnnl::memory::desc result(shape, dnnl::memory::data_type::f32, *tag);
        const dnnl::reorder::primitive_desc description(onednn::engine(), layout.submemory_desc(shape, first),
                                                        onednn::engine(), result);
        return Made{dnnl::reorder(description), result};
      },
      [&](Kept& kept) {
        kept.execution.set(DNNL_ARG_FROM, dnnl::memory(layout.submemory_desc(shape, first), onednn::engine(),
                                                       input->memory().get_data_handle()));
      });
}

} // namespace halfstep
