// How much memory a value takes, in whatever layout an operator left it.
#pragma once

#include "core/exec/value.h"

#include <cstdint>

namespace halfstep {

/// The bytes of the elements of `value`: as they lie, with the padding of oneDNN's layouts, without the
/// row-major copy that a lazy tensor makes when it is asked for one. Of a sequence those of its items; 0 for
/// nothing. What strings take beyond their characters is left out. Any thread.
std::int64_t bytesOf(const Value& value);

} // namespace halfstep
