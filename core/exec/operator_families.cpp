#include "core/exec/operator_families.h"

#include <map>
#include <vector>

namespace halfstep {

namespace {

using Key = std::pair<std::string_view, std::string_view>;

std::map<Key, std::vector<const OperatorEntry*>> indexed() {
  std::map<Key, std::vector<const OperatorEntry*>> index;
  for (const auto& family : operatorFamilies()) {
    for (const OperatorEntry& entry : family) {
      index[{entry.domain, entry.opType}].push_back(&entry);
    }
  }
  return index;
}

} // namespace

std::vector<std::span<const OperatorEntry>> operatorFamilies() {
  return {attentionOperators(),     castingOperators(),   contribOperators(),    controlFlowOperators(),
          convolutionOperators(),   detectionOperators(), einsumOperators(),     elementwiseOperators(),
          experimentalOperators(),  functionOperators(),  fusedOperators(),      gatherScatterOperators(),
          linearAlgebraOperators(), lossesOperators(),    matmulOperators(),     movementOperators(),
          normalizationOperators(), patchOperators(),     poolingOperators(),    quantizationOperators(),
          randomOperators(),        recurrentOperators(), reductionsOperators(), renamedOperators(),
          resizeOperators(),        rotaryOperators(),    shapeOperators(),      signalOperators(),
          textOperators(),          trainingOperators()};
}

const OperatorEntry* findOperator(std::string_view domain, std::string_view opType, std::int64_t version) {
  static const auto index = indexed();
  const auto found = index.find({domain == "ai.onnx" ? std::string_view() : domain, opType});
  if (found == index.end()) {
    return nullptr;
  }
  const OperatorEntry* best = nullptr;
  for (const OperatorEntry* entry : found->second) {
    if (entry->sinceVersion <= version && (best == nullptr || entry->sinceVersion > best->sinceVersion)) {
      best = entry;
    }
  }
  return best;
}

} // namespace halfstep
