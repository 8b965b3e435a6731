// oneDNN as the operators use it: one engine of this CPU, float32 memory, its exceptions as errors.
#pragma once

#include "core/exec/elements.h"
#include "core/support/mapped_pages.h"
#include "core/support/result.h"
#include "core/support/thread_limit.h"
#include "core/tensor/tensor.h"

#include <oneapi/dnnl/dnnl.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace halfstep::onednn {

using Dims = std::vector<std::int64_t>;

/// The CPU. Shared by all threads; a stream is made for every call.
inline const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

/// Of the calling thread: making one takes longer than a small operator.
inline dnnl::stream& stream() {
  static thread_local dnnl::stream own(engine());
  return own;
}

/// Memory of this layout from where the executor's values come from; `owner` keeps it. May throw
/// std::bad_alloc.
struct OwnedMemory {
  dnnl::memory memory;
  std::shared_ptr<std::byte> owner;
};
inline OwnedMemory newMemory(const dnnl::memory::desc& description) {
  auto owner = allocateBytes(description.get_size());
  if (!owner) {
    throw std::bad_alloc();
  }
  return {dnnl::memory(description, engine(), owner->get()), std::move(*owner)};
}

/// The same; where it comes to lie where `last`, of the same layout, did, it is that object again: to make
/// one takes several heap calls and a pass over the layout's padding. (Primitives leave zeros in the
/// padding.)
inline OwnedMemory newMemory(const dnnl::memory::desc& description, dnnl::memory& last) {
  auto owner = allocateBytes(description.get_size());
  if (!owner) {
    throw std::bad_alloc();
  }
  if (!last || last.get_data_handle() != owner->get()) {
    last = dnnl::memory(description, engine(), owner->get());
  }
  return {last, std::move(*owner)};
}

/// A primitive with its arguments: a call names only those that have changed. For one thread at a time.
class Execution {
public:
  Execution() = default;
  explicit Execution(dnnl::primitive primitive)
      : m_primitive(std::move(primitive)) {}

  void set(int argument, const dnnl::memory& memory) {
    for (std::size_t i = 0; i < m_arguments.size(); ++i) {
      if (m_arguments[i].arg == argument) {
        if (m_arguments[i].memory != memory.get()) {
          m_memories[i] = memory;
          m_arguments[i].memory = memory.get();
        }
        return;
      }
    }
    m_memories.push_back(memory);
    m_arguments.push_back({argument, memory.get()});
  }

  /// Where the data of an argument that was set lie now; its layout has no padding.
  void setData(int argument, const void* data) {
    for (std::size_t i = 0; i < m_arguments.size(); ++i) {
      if (m_arguments[i].arg == argument) {
        m_memories[i].set_data_handle(const_cast<void*>(data));
      }
    }
  }

  void operator()() const {
    dnnl::error::wrap_c_api(dnnl_primitive_execute(m_primitive.get(), stream().get(),
                                                   static_cast<int>(m_arguments.size()), m_arguments.data()),
                            "a primitive fails");
  }

private:
  dnnl::primitive m_primitive;
  std::vector<dnnl::memory> m_memories;
  std::vector<dnnl_exec_arg_t> m_arguments; ///< of m_memories
};

/// Runs `work`, which calls oneDNN.
template <class Work>
Result<void> guarded(const Work& work) {
  try {
    work();
    return {};
  } catch (const dnnl::error& error) {
    return Error{ErrorKind::failed, std::string("oneDNN refuses it: ") + error.what()};
  } catch (const std::bad_alloc&) {
    return Error{ErrorKind::failed, "there is not enough memory"};
  }
}

/// Row-major float32 of these dimensions.
inline dnnl::memory::desc plain(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t axis = dims.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * std::max<std::int64_t>(dims[axis], 1);
  }
  return {dims, dnnl::memory::data_type::f32, strides};
}

/// The same layout for numbers of another type.
inline dnnl::memory::desc withType(dnnl::memory::desc layout, dnnl::memory::data_type type) {
  layout.data.data_type = static_cast<dnnl_data_type_t>(type);
  return layout;
}

/// Whatever layout the primitive likes best.
inline dnnl::memory::desc any(const Dims& dims, dnnl::memory::data_type type = dnnl::memory::data_type::f32) {
  return {dims, type, dnnl::memory::format_tag::any};
}

/// Whether a description's implementation is no code of this CPU's own: a hundred times slower.
template <class Description>
bool isReferenceCode(const Description& description) {
  return std::string_view(description.impl_info_str()).find("ref") != std::string_view::npos;
}

inline dnnl::memory memoryOf(const dnnl::memory::desc& description, const float* data) {
  return {description, engine(), const_cast<float*>(data)};
}

/// Says that a primitive has `weights` in a layout of its own and will not read these again.
inline void doneWith(const Tensor& weights) {
  constexpr std::size_t kWorthIt = std::size_t{1} << 16; // bytes
  if (weights.bytes().size() >= kWorthIt) {
    releaseMappedPages(weights.bytes());
  }
}

/// out = alpha · a · b, row-major: a is [rows, depth], b [depth, columns], or [columns, depth] where
/// `transposed`. Errors: oneDNN's.
inline Result<void> product(std::int64_t rows, std::int64_t columns, std::int64_t depth, float alpha,
                            const float* a, const float* b, bool transposed, float* out) {
  if (rows * columns == 0) {
    return {};
  }
  if (depth == 0) {
    std::fill(out, out + rows * columns, 0.0f);
    return {};
  }
  return guarded([&] {
    dnnl::error::wrap_c_api(
        static_cast<dnnl_status_t>(dnnl::sgemm('N', transposed ? 'T' : 'N', rows, columns, depth, alpha, a,
                                               depth, b, transposed ? depth : columns, 0.0f, out, columns)),
        "the product of two matrices");
  });
}

/// Brings memory into another layout, the same at every call; keeps the primitive for the next time.
class Reordering {
public:
  Reordering() = default;
  /// Multiplies by `factor` on the way (to integers, rounded and clipped).
  explicit Reordering(float factor)
      : m_factor(factor) {}

  /// `source` in the layout `wanted`: itself, or a copy that `owner` keeps.
  dnnl::memory operator()(const dnnl::memory& source, const dnnl::memory::desc& wanted,
                          std::shared_ptr<std::byte>& owner) {
    if (m_asItIs.get(true) == source.get(true)) {
      return source;
    }
    const dnnl::memory::desc layout = source.get_desc();
    if (layout == wanted) {
      m_asItIs = source;
      return source;
    }
    if (!m_made || m_from != layout) {
      dnnl::primitive_attr attributes;
      if (m_factor != 1.0f) {
        attributes.set_output_scales(0, {m_factor});
      }
      m_execution = Execution(
          dnnl::reorder(dnnl::reorder::primitive_desc(engine(), layout, engine(), wanted, attributes)));
      m_from = layout;
      m_made = true;
    }
    OwnedMemory copy = newMemory(wanted, m_copy);
    m_execution.set(DNNL_ARG_FROM, source);
    m_execution.set(DNNL_ARG_TO, copy.memory);
    m_execution();
    owner = std::move(copy.owner);
    return copy.memory;
  }

private:
  float m_factor = 1.0f;
  dnnl::memory m_asItIs; ///< the last one that had the layout, so that it need not be compared again
  dnnl::memory::desc m_from;
  Execution m_execution;
  bool m_made = false;
  dnnl::memory m_copy;
};

} // namespace halfstep::onednn
