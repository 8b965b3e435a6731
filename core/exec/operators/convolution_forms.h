// The ways in which a convolution may be put to oneDNN beside the plain one, where they give it code that is
// faster. Internal to the operators.
#pragma once

#include "core/exec/operators/onednn.h"
#include "core/exec/operators/windows.h"

#include <memory>
#include <span>
#include <vector>

namespace halfstep {

/// How a convolution is put to oneDNN; or how it may be, where there is code for it.
struct Form {
  std::int64_t side = 1;  ///< sideBySide()
  bool surrounds = false; ///< zeros around the input are made first, and the primitive has no padding
  dnnl::memory::data_type input = dnnl::memory::data_type::f32;
  dnnl::memory::data_type weights = dnnl::memory::data_type::f32;
};

/// How many neighbouring positions of a row are worth computing as channels of their own, for weights of
/// `shape` in `groups` and a result of `output`; 1: none. oneDNN computes 16 channels at once, so with three
/// most of the work would be for nothing. Weights [side·M, C, kh, kw + side − 1], those of one position
/// shifted against those of the last, and a stride of `side` give [N, side·M, H, W/side]; with the channels
/// last these are the same numbers in the same order.
std::int64_t sideBySide(const Shape& weights, std::int64_t groups, const Windows& windows,
                        const Shape& output);

/// Weights [M, C, kh, kw] = `shape` as sideBySide() says.
std::vector<float> spreadWeights(std::span<const float> weights, const Shape& shape, std::int64_t side);

/// An input within zeros, for a primitive without padding.
class Surround {
public:
  Surround() = default;
  Surround(const dnnl::memory::desc& whole, const dnnl::memory::desc& inside)
      : m_whole(whole)
      , m_inside(inside) {}

  bool isWanted() const { return !m_whole.is_zero(); }
  /// A copy of `source` with zeros around it, which `owner` keeps. Keeps the primitive for the next time. May
  /// throw dnnl::error, std::bad_alloc.
  dnnl::memory operator()(const dnnl::memory& source, std::shared_ptr<std::byte>& owner);

private:
  dnnl::memory::desc m_whole;
  dnnl::memory::desc m_inside;
  dnnl::memory::desc m_from;
  onednn::Execution m_fill;
};

} // namespace halfstep
