#include "core/exec/operator_families.h"

namespace halfstep {

std::span<const OperatorEntry> recurrentOperators() {
  return {};
}

} // namespace halfstep
