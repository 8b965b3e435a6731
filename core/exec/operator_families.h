// The operators that the executor knows, family by family. The first entry of this list that fits a node's
// domain, type and version runs it.
#pragma once

#include "core/exec/operator_call.h"

#include <vector>

namespace halfstep {

std::span<const OperatorEntry> attentionOperators();
std::span<const OperatorEntry> castingOperators();
std::span<const OperatorEntry> contribOperators();
std::span<const OperatorEntry> controlFlowOperators();
std::span<const OperatorEntry> convolutionOperators();
std::span<const OperatorEntry> detectionOperators();
std::span<const OperatorEntry> einsumOperators();
std::span<const OperatorEntry> elementwiseOperators();
std::span<const OperatorEntry> experimentalOperators();
std::span<const OperatorEntry> functionOperators();
std::span<const OperatorEntry> fusedOperators();
std::span<const OperatorEntry> gatherScatterOperators();
std::span<const OperatorEntry> linearAlgebraOperators();
std::span<const OperatorEntry> lossesOperators();
std::span<const OperatorEntry> matmulOperators();
std::span<const OperatorEntry> movementOperators();
std::span<const OperatorEntry> normalizationOperators();
std::span<const OperatorEntry> patchOperators();
std::span<const OperatorEntry> poolingOperators();
std::span<const OperatorEntry> quantizationOperators();
std::span<const OperatorEntry> randomOperators();
std::span<const OperatorEntry> recurrentOperators();
std::span<const OperatorEntry> reductionsOperators();
std::span<const OperatorEntry> renamedOperators();
std::span<const OperatorEntry> resizeOperators();
std::span<const OperatorEntry> rotaryOperators();
std::span<const OperatorEntry> shapeOperators();
std::span<const OperatorEntry> signalOperators();
std::span<const OperatorEntry> textOperators();
std::span<const OperatorEntry> trainingOperators();

/// All of the above.
std::vector<std::span<const OperatorEntry>> operatorFamilies();

/// The implementation of an operator at a version of its operator set; null if there is none.
const OperatorEntry* findOperator(std::string_view domain, std::string_view opType, std::int64_t version);

} // namespace halfstep
