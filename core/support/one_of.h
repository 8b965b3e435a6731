// Whether a name is one of a few.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace halfstep {

template <std::size_t N>
constexpr bool isOneOf(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace halfstep
