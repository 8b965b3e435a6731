#include "core/exec/operator_families.h"

namespace halfstep {

std::span<const OperatorEntry> trainingOperators() {
  return {};
}

} // namespace halfstep
