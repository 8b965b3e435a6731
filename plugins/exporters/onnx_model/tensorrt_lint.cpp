#include "plugins/exporters/onnx_model/tensorrt_lint.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

namespace halfstep::onnx_export {

namespace {

using Constants = std::unordered_map<std::string, const onnx::TensorProto*>;

constexpr auto kTypes =
    std::to_array<ElementType>({ElementType::int8, ElementType::int4, ElementType::float8e4m3fn});

/// Operators with one obstacle: how many, and the first.
struct Found {
  int count = 0;
  std::string first;
  std::set<std::string> words; ///< of the kinds

  void add(const onnx::NodeProto& node, const std::string& word) {
    first = count++ == 0 ? (node.name().empty() ? node.output(0) : node.name()) : first;
    words.insert(word);
  }
};

void addConstants(const GraphPart& part, Constants& constants) {
  if (part.graph != nullptr) {
    for (const onnx::TensorProto& tensor : part.graph->initializer()) {
      constants.emplace(tensor.name(), &tensor);
    }
    return;
  }
  for (const onnx::NodeProto& node : part.function->node()) {
    const onnx::AttributeProto* value = node.op_type() == "Constant" ? findAttribute(node, "value") : nullptr;
    if (value != nullptr && node.output_size() == 1) {
      constants.emplace(node.output(0), &value->t());
    }
  }
}

/// The element type of the codes that an operator gives or takes; undefined where the file does not tell.
ElementType codeType(const onnx::NodeProto& node, const Constants& constants) {
  for (const int index : {2, 0}) {
    const auto found = index < node.input_size() ? constants.find(node.input(index)) : constants.end();
    if (found != constants.end() && (index == 2 || node.op_type() == "DequantizeLinear")) {
      return static_cast<ElementType>(found->second->data_type());
    }
  }
  return ElementType::undefined;
}

bool hasOtherZeroPoint(const onnx::NodeProto& node, const Constants& constants) {
  const auto zero = node.input_size() > 2 ? constants.find(node.input(2)) : constants.end();
  if (zero == constants.end()) {
    return false;
  }
  const std::string& bytes = zero->second->raw_data();
  return std::any_of(bytes.begin(), bytes.end(), [](char byte) { return byte != 0; });
}

} // namespace

std::vector<ExportFinding> lintForTensorRt(FormModel& form) {
  Constants constants;
  for (const GraphPart& part : form.edit.parts()) {
    addConstants(part, constants);
  }
  Found zeros;
  Found types;
  Found biases;
  for (const GraphPart& part : form.edit.parts()) {
    for (const onnx::NodeProto& node : part.nodes()) {
      if (node.op_type() != "QuantizeLinear" && node.op_type() != "DequantizeLinear") {
        continue;
      }
      const ElementType type = codeType(node, constants);
      if (type == ElementType::int32) {
        biases.add(node, "int32");
      } else if (type != ElementType::undefined &&
                 std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
        types.add(node, std::string(elementTypeName(type)));
      }
      if (hasOtherZeroPoint(node, constants)) {
        zeros.add(node, "");
      }
    }
  }
  std::vector<ExportFinding> findings;
  const auto say = [&](const Found& found, const std::string& what) {
    if (found.count > 0) {
      findings.push_back(
          {"*", "is not for TensorRT",
           what + " (" + std::to_string(found.count) + " operators, the first " + found.first + ")"});
    }
  };
  say(zeros, "zero points other than 0, where TensorRT takes symmetric codes only");
  std::string names;
  for (const std::string& word : types.words) {
    names += (names.empty() ? "" : ", ") + word;
  }
  say(types, "codes of " + names + ", where TensorRT has int8, int4 and fp8e4m3");
  say(biases, "biases as int32, where TensorRT wants them in float");
  return findings;
}

} // namespace halfstep::onnx_export
