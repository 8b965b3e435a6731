#include "core/exec/widening.h"

#include "core/exec/elements.h"
#include "core/tensor/float_formats.h"

namespace halfstep {

Result<Tensor> asFloat32(const Tensor& tensor) {
  if (tensor.type() == ElementType::float32) {
    return tensor;
  }
  HALFSTEP_TRY(NewTensor<float> made, newTensor<float>(tensor.shape()));
  HALFSTEP_CHECK(readAsFloat(tensor, 0, made.values));
  return made.finish();
}

Result<Tensor> narrowed(const Tensor& tensor, ElementType type) {
  const Elements<float> values(tensor);
  HALFSTEP_TRY(NewTensor<std::uint16_t> made, newTensor<std::uint16_t>(tensor.shape(), type));
  for (std::size_t i = 0; i < values.size(); ++i) {
    made.values[i] = type == ElementType::float16 ? halfFromFloat(values[i]) : bfloat16FromFloat(values[i]);
  }
  return made.finish();
}

Result<ElementType> widenInputs(std::vector<Value>& inputs) {
  ElementType narrow = ElementType::undefined;
  for (Value& input : inputs) {
    if (!input.isTensor() || input.lazy() != nullptr) { // lazy ones are float32 or integers
      continue;
    }
    const ElementType type = input.tensor().type();
    if (type == ElementType::float16 || type == ElementType::bfloat16) {
      narrow = narrow == ElementType::undefined ? type : narrow;
      HALFSTEP_TRY(input, asFloat32(input.tensor()));
    }
  }
  return narrow;
}

Result<void> narrowOutputs(std::vector<Value>& outputs, ElementType type) {
  for (Value& output : outputs) {
    if (type != ElementType::undefined && output.isTensor() &&
        output.tensor().type() == ElementType::float32) {
      HALFSTEP_TRY(output, narrowed(output.tensor(), type));
    }
  }
  return {};
}

} // namespace halfstep
