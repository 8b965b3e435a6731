// Moving elements without looking at them: the common step of Transpose, Slice, Gather, Pad, Concat, … for
// every element type, strings and packed ones included.
#pragma once

#include "core/tensor/tensor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace halfstep {

/// The strides, in elements, of a row-major tensor.
std::vector<std::int64_t> rowMajorStrides(const Shape& shape);

/// A tensor of `shape` whose block i (of `block` consecutive elements) is block `from[i]` of `source`, or
/// zeros (empty strings) where that is negative. `from` has count/block entries. Errors: the sizes do not
/// agree; a block that the source does not have; too large for this machine.
Result<Tensor> rearranged(const Tensor& source, const Shape& shape, std::size_t block,
                          std::span<const std::int64_t> from);

/// out[i0, i1, …] = source[offset + Σ i·strides]: any view of a tensor made dense. Strides may be 0
/// (broadcast) or negative (reversed). Errors as above.
Result<Tensor> densified(const Tensor& source, const Shape& shape, std::span<const std::int64_t> strides,
                         std::int64_t offset = 0);

/// `tensor` with its axes in the order `permutation`.
Result<Tensor> transposed(const Tensor& tensor, std::span<const std::size_t> permutation);

/// The parts of `tensors`, which must agree in type and all dimensions but `axis`, one after the other.
Result<Tensor> concatenated(std::span<const Tensor> tensors, std::size_t axis);

/// `tensor`'s indices first…first+count−1 along `axis`.
Result<Tensor> sliced(const Tensor& tensor, std::size_t axis, std::int64_t first, std::int64_t count);

/// `tensor` as `shape` by the rules of multidirectional broadcasting. Error: it does not fit.
Result<Tensor> broadcasted(const Tensor& tensor, const Shape& shape);

/// The shape that two shapes broadcast to. Error: they do not fit.
Result<Shape> broadcastShape(const Shape& a, const Shape& b);

/// The strides with which a tensor of `shape` is read when it is broadcast to `to`: 0 along repeated axes.
std::vector<std::int64_t> broadcastStrides(const Shape& shape, const Shape& to);

} // namespace halfstep
