// oneDNN as the operators use it: one engine of this CPU, float32 memory, its exceptions as errors.
#pragma once

#include "core/support/result.h"
#include "core/tensor/tensor.h"

#include <oneapi/dnnl/dnnl.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace halfstep::onednn {

using Dims = std::vector<std::int64_t>;

/// The CPU. Shared by all threads; a stream is made for every call.
inline const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

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

/// Whatever layout the primitive likes best.
inline dnnl::memory::desc any(const Dims& dims) {
  return {dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

inline dnnl::memory memoryOf(const dnnl::memory::desc& description, const float* data) {
  return {description, engine(), const_cast<float*>(data)};
}

/// `source` in the layout `wanted`: itself, or a copy.
inline dnnl::memory reordered(dnnl::memory source, const dnnl::memory::desc& wanted, dnnl::stream& stream) {
  if (source.get_desc() == wanted) {
    return source;
  }
  dnnl::memory copy(wanted, engine());
  dnnl::reorder(source, copy).execute(stream, source, copy);
  return copy;
}

} // namespace halfstep::onednn
