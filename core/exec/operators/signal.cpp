#include "core/exec/operator_families.h"

namespace halfstep {

std::span<const OperatorEntry> signalOperators() {
  return {};
}

} // namespace halfstep
