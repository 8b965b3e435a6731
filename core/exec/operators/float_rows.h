// Rows of floats through the functions of float_functions.h, eight at a time where the machine can: the same
// operations in the same order on every machine, so the same results. Source: see there.
#pragma once

#include <cstddef>

namespace halfstep {

/// `in` and `out` may be the same.
void exponentials(const float* in, float* out, std::size_t count);
void logistics(const float* in, float* out, std::size_t count);
void hyperbolicTangents(const float* in, float* out, std::size_t count);
/// exp(x − most).
void shiftedExponentials(const float* in, float most, float* out, std::size_t count);

} // namespace halfstep
