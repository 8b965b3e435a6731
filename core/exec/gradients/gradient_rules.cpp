#include "core/exec/gradients/gradient_rules.h"

#include <map>

namespace halfstep {

namespace {

using Index = std::map<std::pair<std::string_view, std::string_view>, GradientRule>;

Index indexed() {
  Index index;
  for (const auto& family : {arithmeticGradients(), convolutionGradients(), functionGradients(),
                             movementGradients(), normalizationGradients(), poolingGradients(),
                             productGradients(), recurrentGradients(), reductionGradients()}) {
    for (const GradientEntry& entry : family) {
      index.emplace(std::pair(entry.domain, entry.opType), entry.rule);
    }
  }
  return index;
}

} // namespace

Result<Tensor> GradientCall::first() const {
  if (!arrives(0)) {
    return op.unsupported("only the gradient of its first output is known");
  }
  return *arriving[0];
}

Result<Tensor> GradientCall::result() const {
  if (outputs.empty() || !outputs[0].isTensor()) {
    return op.fail("it made no tensor");
  }
  return outputs[0].tensor();
}

GradientRule findGradientRule(std::string_view domain, std::string_view opType) {
  static const Index index = indexed();
  const auto found = index.find({domain == "ai.onnx" ? std::string_view() : domain, opType});
  return found != index.end() ? found->second : nullptr;
}

} // namespace halfstep
