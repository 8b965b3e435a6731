#include "core/exec/operator_families.h"

namespace halfstep {

std::span<const OperatorEntry> textOperators() {
  return {};
}

} // namespace halfstep
