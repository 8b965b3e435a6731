// A float32 tensor in the layout that a oneDNN primitive left it in, for the next primitive. Internal to the
// operators.
#pragma once

#include "core/exec/elements.h"
#include "core/exec/operator_call.h"
#include "core/exec/operators/onednn.h"

namespace halfstep {

class BlockedTensor : public LazyTensor {
public:
  BlockedTensor(Shape shape, onednn::OwnedMemory memory)
      : LazyTensor(std::move(shape))
      , m_memory(std::move(memory.memory))
      , m_owner(std::move(memory.owner)) {}

  const dnnl::memory& memory() const { return m_memory; }

protected:
  Tensor makePlain() const override {
    auto made = newTensor<float>(shape());
    if (!made) {
      throw std::bad_alloc(); // the executor turns it into an error
    }
    dnnl::memory source = m_memory;
    dnnl::memory target = onednn::memoryOf(onednn::plain(shape()), made->values.data());
    if (source.get_desc() == target.get_desc()) { // it is row-major already
      return Tensor::share(ElementType::float32, shape(), m_owner, {m_owner.get(), made->values.size_bytes()})
          .value();
    }
    const OneThread few(made->values.size() < kWorthSharing);
    dnnl::reorder(source, target).execute(onednn::stream(), source, target);
    return made->finish();
  }

private:
  /// Elements from which on copying them is worth two threads.
  static constexpr std::size_t kWorthSharing = std::size_t{1} << 15;

  dnnl::memory m_memory;
  std::shared_ptr<std::byte> m_owner;
};

/// The shape of a tensor without making it plain.
inline const Shape& shapeOf(const Value& tensor) {
  return tensor.lazy() != nullptr ? tensor.lazy()->shape() : tensor.tensor().shape();
}

/// Input `index` of a call as oneDNN memory: as another primitive left it, or plain. Keeps it alive.
struct OnednnInput {
  dnnl::memory memory;
  Shape shape;
  std::shared_ptr<const Elements<float>> plain;
};

/// Errors: not float32; more dimensions than oneDNN knows. `value` must be a tensor.
inline Result<OnednnInput> onednnInput(const Value& value) {
  if (const auto* blocked = dynamic_cast<const BlockedTensor*>(value.lazy())) {
    return OnednnInput{blocked->memory(), blocked->shape(), nullptr};
  }
  const Tensor& tensor = value.tensor();
  if (tensor.type() != ElementType::float32) {
    return Error{ErrorKind::unsupported, "it is supported for float32 and the 16-bit floats only"};
  }
  if (tensor.shape().size() > DNNL_MAX_NDIMS) {
    return Error{ErrorKind::unsupported, "it is supported for up to " + std::to_string(DNNL_MAX_NDIMS) +
                                             " dimensions, not for " + shapeText(tensor.shape())};
  }
  auto elements = std::make_shared<const Elements<float>>(tensor);
  const bool usable = tensor.count() > 0 && !tensor.shape().empty();
  dnnl::memory memory =
      usable ? onednn::memoryOf(onednn::plain(tensor.shape()), elements->data()) : dnnl::memory();
  return OnednnInput{std::move(memory), tensor.shape(), std::move(elements)};
}

/// Errors: left out; those above.
inline Result<OnednnInput> onednnInput(const OpCall& call, std::size_t index) {
  if (!call.has(index) || !call.inputs()[index].isTensor()) {
    HALFSTEP_CHECK(call.tensor(index));
  }
  return onednnInput(call.inputs()[index]);
}

/// The shape of input `index` without making it plain. Error: left out, or no tensor.
inline Result<Shape> shapeOfInput(const OpCall& call, std::size_t index) {
  if (!call.has(index) || !call.inputs()[index].isTensor()) {
    HALFSTEP_CHECK(call.tensor(index));
  }
  return shapeOf(call.inputs()[index]);
}

} // namespace halfstep
