#include "core/exec/operator_families.h"

namespace halfstep {

std::span<const OperatorEntry> normalizationOperators() {
  return {};
}

} // namespace halfstep
