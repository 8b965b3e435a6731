#include "app/cli/run_inputs.h"

#include "core/io/npy_file.h"
#include "core/tensor/conversion.h"

#include <algorithm>
#include <cmath>

namespace halfstep::cli {

namespace {

Error wrong(const ValueInfo& input, const Tensor& tensor, const std::string& more) {
  std::string declared(elementTypeName(input.type));
  if (input.hasShape) {
    declared += " " + dimensionsText(input);
  }
  return Error{ErrorKind::usage, "the input " + input.name + " is " + declared + ", and " +
                                     std::string(elementTypeName(tensor.type())) + " " +
                                     shapeText(tensor.shape()) + " was given" + more};
}

bool hasShapeOf(const ValueInfo& input, const Shape& shape) {
  return !input.hasShape || std::equal(input.shape.begin(), input.shape.end(), shape.begin(), shape.end(),
                                       [](const Dimension& dimension, std::int64_t length) {
                                         return dimension.value < 0 || dimension.value == length;
                                       });
}

/// Whether a finite value became infinite.
bool overflowed(const Tensor& from, const Tensor& to) {
  for (std::size_t i = 0; i < from.count(); ++i) {
    if (std::isfinite(from.valueAt(i)) && !std::isfinite(to.valueAt(i))) {
      return true;
    }
  }
  return false;
}

Result<Tensor> fitted(const ValueInfo& input, Tensor tensor) {
  if (!hasShapeOf(input, tensor.shape())) {
    return wrong(input, tensor, "");
  }
  if (input.type == ElementType::undefined || input.type == tensor.type()) {
    return tensor;
  }
  const bool bothReal = isFloatingPoint(input.type) && isFloatingPoint(tensor.type());
  const bool bothWhole = isInteger(input.type) && isInteger(tensor.type());
  if (!bothReal && !bothWhole) {
    return wrong(input, tensor, "");
  }
  auto converted = convertTensor(tensor, input.type);
  if (!converted || (bothReal && overflowed(tensor, *converted))) {
    return wrong(input, tensor, " with values that this type does not have");
  }
  return converted;
}

} // namespace

Result<std::map<std::string, Value>> readInputs(const std::vector<std::string>& given, const Model& model) {
  std::map<std::string, Value> inputs;
  for (const std::string& pair : given) {
    const std::size_t equals = pair.rfind('=');
    if (equals == std::string::npos) {
      return Error{ErrorKind::usage, "--input " + pair + ": expected NAME=FILE.npy"};
    }
    const std::string name = pair.substr(0, equals);
    const auto& known = model.graph.inputs;
    const auto input =
        std::find_if(known.begin(), known.end(), [&](const ValueInfo& one) { return one.name == name; });
    if (input == known.end() && !model.graph.initializers.contains(name)) {
      return Error{ErrorKind::usage, "the model has no input " + name, {}, model.path.string()};
    }
    HALFSTEP_TRY(Tensor tensor, readNpy(pair.substr(equals + 1)));
    if (input != known.end() && input->container.empty()) {
      auto checked = fitted(*input, std::move(tensor));
      if (!checked) {
        checked.error().file = pair.substr(equals + 1);
        return checked.error();
      }
      tensor = std::move(*checked);
    }
    inputs[name] = std::move(tensor);
  }
  return inputs;
}

} // namespace halfstep::cli
