// Numbers in JSON files.
#pragma once

#include <nlohmann/json.hpp>

#include <cmath>

namespace halfstep {

/// A number for JSON: null where it is not finite, which JSON cannot say.
inline nlohmann::ordered_json jsonNumber(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

} // namespace halfstep
