// Tensors of other element types than the values came in.
#pragma once

#include "core/tensor/tensor.h"

#include <span>

namespace halfstep {

/// `values`, row-major, as a tensor of `type`: floating-point types up to 64 bits rounded to nearest even,
/// integer types of 8 to 64 bits rounded to nearest even and saturated (NaN gives 0), booleans "not 0".
/// Errors: `unsupported` for other types; `failed` where count and shape do not agree. Any thread.
Result<Tensor> tensorOfReals(ElementType type, Shape shape, std::span<const double> values);

/// The same numbers as `type`: itself where it has that type already; integers and booleans to any type of
/// tensorOfReals, exactly (error `damagedFile` for one that `type` does not have); floating-point numbers to
/// floating-point types, rounded to nearest even. Errors: `unsupported` for the rest. Any thread.
Result<Tensor> convertTensor(const Tensor& tensor, ElementType type);

} // namespace halfstep
