#include "plugins/exporters/onnx_model/runtime_lint.h"

#include "core/quant/scheme_grammar.h"
#include "core/support/one_of.h"
#include "plugins/shared/onnxruntime/integer_kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <unordered_map>

namespace halfstep::onnx_export {

namespace {

/// The graph that a node is in, with who makes and takes its values.
struct Wiring {
  std::unordered_map<std::string, const onnx::NodeProto*> producers;
  std::unordered_multimap<std::string, const onnx::NodeProto*> consumers;
  std::unordered_map<std::string, const onnx::TensorProto*> constants;
  std::set<std::string> outputs;

  explicit Wiring(const GraphPart& part) {
    for (const onnx::NodeProto& node : part.nodes()) {
      for (const std::string& output : node.output()) {
        producers.emplace(output, &node);
      }
      for (const std::string& input : node.input()) {
        consumers.emplace(input, &node);
      }
    }
    if (part.graph != nullptr) {
      for (const onnx::TensorProto& tensor : part.graph->initializer()) {
        constants.emplace(tensor.name(), &tensor);
      }
      for (const auto& output : part.graph->output()) {
        outputs.insert(output.name());
      }
    }
  }

  /// The DequantizeLinear that gives input `index` of `node`; null if none.
  const onnx::NodeProto* dequantize(const onnx::NodeProto& node, int index) const {
    if (index >= node.input_size()) {
      return nullptr;
    }
    const auto found = producers.find(node.input(index));
    return found != producers.end() && found->second->op_type() == "DequantizeLinear" ? found->second
                                                                                      : nullptr;
  }
  /// The DequantizeLinear whose values reach input `index` of `node` through a Transpose; null if none.
  const onnx::NodeProto* transposedDequantize(const onnx::NodeProto& node, int index) const {
    bool isTransposed = false;
    auto found = index < node.input_size() ? producers.find(node.input(index)) : producers.end();
    while (found != producers.end()) {
      const onnx::NodeProto& producer = *found->second;
      const std::string& op = producer.op_type();
      if (op == "DequantizeLinear") {
        return isTransposed ? &producer : nullptr;
      }
      if (op != "Transpose" && op != "Reshape" && op != "Cast") {
        return nullptr;
      }
      isTransposed = isTransposed || op == "Transpose";
      found = producers.find(producer.input(0));
    }
    return nullptr;
  }
  /// The element type of the codes that a QuantizeLinear gives or a DequantizeLinear takes.
  std::int32_t codeType(const onnx::NodeProto& node) const {
    for (const int index : {2, 0}) {
      const auto found = index < node.input_size() ? constants.find(node.input(index)) : constants.end();
      if (found != constants.end() && (index == 2 || node.op_type() == "DequantizeLinear")) {
        return found->second->data_type();
      }
    }
    return static_cast<std::int32_t>(ElementType::uint8);
  }
  std::vector<const onnx::NodeProto*> consumersOf(const std::string& value) const {
    std::vector<const onnx::NodeProto*> found;
    const auto [first, last] = consumers.equal_range(value);
    for (auto consumer = first; consumer != last; ++consumer) {
      found.push_back(consumer->second);
    }
    return found;
  }
};

constexpr auto kUint8 = static_cast<std::int32_t>(ElementType::uint8);
constexpr auto kInt8 = static_cast<std::int32_t>(ElementType::int8);

bool isFloat8(std::int32_t type) {
  return type == static_cast<std::int32_t>(ElementType::float8e4m3fn) ||
         type == static_cast<std::int32_t>(ElementType::float8e5m2);
}

bool hasTwoBits(std::int32_t type) {
  return type == static_cast<std::int32_t>(ElementType::uint2) ||
         type == static_cast<std::int32_t>(ElementType::int2);
}

/// Whether the zero point of a QuantizeLinear is its smallest code, so that it does what a Relu does.
bool impliesRelu(const onnx::NodeProto& quantize, const Wiring& wiring) {
  const auto zero =
      quantize.input_size() > 2 ? wiring.constants.find(quantize.input(2)) : wiring.constants.end();
  if (zero == wiring.constants.end() || zero->second->raw_data().size() != 1) {
    return false;
  }
  const auto code = static_cast<std::uint8_t>(zero->second->raw_data()[0]);
  return zero->second->data_type() == kUint8 ? code == 0 : code == 0x80;
}

/// ONNX Runtime moves a QuantizeLinear behind these in front of them. Source: its qdq_propagation.cc; seen
/// with MaxPool.
bool isPassedByQuantize(const onnx::NodeProto& node) {
  static constexpr auto kPassed =
      std::to_array<std::string_view>({"MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze"});
  return isOneOf(kPassed, node.op_type());
}

/// The nodes that take `value`, seen through the one operator that a QuantizeLinear is moved past, if it is
/// the only one there.
std::vector<const onnx::NodeProto*> encodersOf(const std::string& value, const Wiring& wiring) {
  auto consumers = wiring.consumersOf(value);
  for (int depth = 0; depth < 8 && consumers.size() == 1 && isPassedByQuantize(*consumers[0]) &&
                      !wiring.outputs.contains(consumers[0]->output(0));
       ++depth) {
    consumers = wiring.consumersOf(consumers[0]->output(0));
  }
  return consumers;
}

/// Why the codes of a product's result do not go on as codes; empty where they do.
std::string obstacleBehind(const onnx::NodeProto& node, const Wiring& wiring) {
  const std::string& value = node.output(0);
  if (wiring.outputs.contains(value)) {
    return "its output " + value + " is an output of the graph";
  }
  const auto consumers = wiring.consumersOf(value);
  if (consumers.size() == 1 && (consumers[0]->op_type() == "Relu" || consumers[0]->op_type() == "Clip")) {
    const onnx::NodeProto& bound = *consumers[0];
    for (const onnx::NodeProto* next : encodersOf(bound.output(0), wiring)) {
      if (next->op_type() != "QuantizeLinear") {
        return "the " + bound.op_type() + " behind it also goes to " + next->op_type() +
               ", which no QuantizeLinear precedes";
      }
      if (bound.op_type() == "Relu" && !impliesRelu(*next, wiring)) {
        return "the QuantizeLinear behind its Relu has a zero point above the smallest code, so the Relu "
               "stays";
      }
    }
    return wiring.outputs.contains(bound.output(0)) ? "its output is an output of the graph" : std::string();
  }
  for (const onnx::NodeProto* next : encodersOf(value, wiring)) {
    if (next->op_type() != "QuantizeLinear") {
      return "no QuantizeLinear follows it: its output goes to " + next->op_type();
    }
  }
  return {};
}

/// Whether two int8 codes are so large that the sum of their products with uint8 can leave 16 bits. CPUs with
/// AVX2 or AVX-512 and without VNNI add such pairs with saturation (the instruction vpmaddubsw).
bool pairsOverflow(std::span<const std::byte> codes) {
  constexpr int kLargestInput = 255;
  std::array<int, 2> largest = {0, 0};
  std::array<int, 2> smallest = {0, 0};
  for (const std::byte byte : codes) {
    const int code = static_cast<std::int8_t>(byte);
    largest[1] = std::max(largest[1], std::min(code, largest[0]));
    largest[0] = std::max(largest[0], code);
    smallest[1] = std::min(smallest[1], std::max(code, smallest[0]));
    smallest[0] = std::min(smallest[0], code);
  }
  return kLargestInput * (largest[0] + largest[1]) > std::numeric_limits<std::int16_t>::max() ||
         kLargestInput * (smallest[0] + smallest[1]) < std::numeric_limits<std::int16_t>::min();
}

class LayerLint {
public:
  LayerLint(const Layer& layer, const LayerPlan& plan, const OutsideData& outside,
            std::vector<ExportFinding>& findings)
      : m_layer(layer)
      , m_plan(plan)
      , m_outside(outside)
      , m_findings(findings) {}

  /// Whether a product of integers that was visited may overflow on CPUs without VNNI.
  bool mayOverflow() const { return m_mayOverflow; }

  void visit(const onnx::NodeProto& node, const Wiring& wiring) {
    const std::string& op = node.op_type();
    if (const onnx::NodeProto* codes = wiring.transposedDequantize(node, 1);
        codes != nullptr && hasTwoBits(wiring.codeType(*codes))) {
      say("keeps ONNX Runtime from loading the model",
          "it moves the Transpose of the weight in front of DequantizeLinear and has none of 2-bit codes; "
          "load "
          "with graph_optimization_level ORT_DISABLE_ALL, or take 3 bits and more");
      return;
    }
    if (op != "Conv" && op != "MatMul" && op != "Gemm") {
      say("is computed in float", op == "ConvTranspose"
                                      ? onnxruntime::kNoTransposedConvolution
                                      : "ONNX Runtime has no integer " + op + " for these pairs");
      return;
    }
    const onnx::NodeProto* input = wiring.dequantize(node, 0);
    const onnx::NodeProto* weight = wiring.dequantize(node, 1);
    if (input == nullptr || weight == nullptr) {
      oneSided(op, input, weight);
      return;
    }
    const std::int32_t inputType = wiring.codeType(*input);
    const std::int32_t weightType = wiring.codeType(*weight);
    if (isFloat8(inputType) || isFloat8(weightType)) {
      say("keeps ONNX Runtime from loading the model",
          "it takes pairs of fp8 for integers when it makes integer products of them; load with "
          "graph_optimization_level ORT_ENABLE_BASIC");
      return;
    }
    if (std::string why = onnxruntime::obstacleToProduct(static_cast<ElementType>(inputType),
                                                         static_cast<ElementType>(weightType));
        !why.empty()) {
      say("is computed in float", std::move(why));
      return;
    }
    if (const std::string why = aboutBias(node, wiring); !why.empty()) {
      say("is computed in float", why);
      return;
    }
    visitBeta(node);
    const auto codes = wiring.constants.find(weight->input(0));
    if (weightType == kInt8 && codes != wiring.constants.end()) { // int8 inputs become uint8 when it loads
      m_mayOverflow = m_mayOverflow || pairsOverflow(m_outside.bytesOf(*codes->second));
    }
    const std::string behind = obstacleBehind(node, wiring);
    if (op == "Conv" && !behind.empty()) {
      say("is computed in float", behind);
    } else if (!behind.empty()) {
      say("computes in int8 and gives float", behind);
    }
  }

private:
  void say(std::string what, std::string why) {
    m_findings.push_back({m_layer.name, std::move(what), std::move(why)});
  }

  void oneSided(const std::string& op, const onnx::NodeProto* input, const onnx::NodeProto* weight) {
    const Granularity& granularity = m_plan.weights.granularity;
    const bool isBlocked = granularity.kind == Granularity::Kind::group && granularity.groupSize >= 16 &&
                           std::has_single_bit(static_cast<unsigned>(granularity.groupSize));
    if (input == nullptr && weight != nullptr && op == "MatMul" && isBlocked) {
      const int bits = formatFacts(m_plan.weights.format).bits;
      if (!isInteger(elementTypeFor(m_plan.weights.format)) || bits > 8) {
        say("is computed in float",
            "MatMulNBits, which ONNX Runtime makes of weights in groups, has integers of "
            "2, 4 and 8 bits");
      }
      return; // or becomes MatMulNBits, which is what weights in groups are for
    }
    say("is computed in float", input == nullptr
                                    ? "its input has no pair of QuantizeLinear and DequantizeLinear"
                                    : "its weight is no constant of codes behind DequantizeLinear");
  }

  /// Runtimes differ in this: said, but no reason to look no further.
  void visitBeta(const onnx::NodeProto& node) {
    if (node.op_type() == "Gemm" && findAttribute(node, "beta") == nullptr) {
      m_findings.push_back(onnxruntime::missingBeta(m_layer.name));
    }
  }

  static std::string aboutBias(const onnx::NodeProto& node, const Wiring& wiring) {
    const onnx::AttributeProto* beta = node.op_type() == "Gemm" ? findAttribute(node, "beta") : nullptr;
    if (beta != nullptr && beta->f() != 1.0f) {
      return onnxruntime::kBetaIsNotOne;
    }
    if (node.input_size() <= 2 || node.input(2).empty()) {
      return {};
    }
    const onnx::NodeProto* bias = wiring.dequantize(node, 2);
    if (bias == nullptr || wiring.codeType(*bias) != static_cast<std::int32_t>(ElementType::int32)) {
      return "its bias " + node.input(2) + " is not int32 behind DequantizeLinear";
    }
    return {};
  }

  const Layer& m_layer;
  const LayerPlan& m_plan;
  const OutsideData& m_outside;
  std::vector<ExportFinding>& m_findings;
  bool m_mayOverflow = false;
};

/// Operators that work on codes directly where the parameters before and behind are the same.
bool movesCodes(const std::string& op) {
  static constexpr auto kMoving =
      std::to_array<std::string_view>({"Concat", "Expand", "Flatten", "Gather", "MaxPool", "Reshape", "Slice",
                                       "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"});
  return isOneOf(kMoving, op);
}

std::string zeroPoint(const onnx::NodeProto& node) {
  return node.input_size() > 2 ? node.input(2) : std::string();
}

/// Codes that are decoded and encoded again with other parameters on their way through an operator.
void lintMoves(const GraphPart& part, const Wiring& wiring, std::vector<ExportFinding>& findings) {
  for (const onnx::NodeProto& node : part.nodes()) {
    if (!movesCodes(node.op_type()) || node.output_size() == 0) {
      continue;
    }
    for (const onnx::NodeProto* next : wiring.consumersOf(node.output(0))) {
      for (int i = 0; next->op_type() == "QuantizeLinear" && i < node.input_size(); ++i) {
        const onnx::NodeProto* before = wiring.dequantize(node, i);
        if (before != nullptr &&
            (before->input(1) != next->input(1) || zeroPoint(*before) != zeroPoint(*next))) {
          findings.push_back({node.name().empty() ? node.output(0) : node.name(), "is computed in float",
                              "its input has the scale " + before->input(1) + ", its output " +
                                  next->input(1) + ": " + node.op_type() +
                                  " works on codes only where they are one"});
        }
      }
    }
  }
}

} // namespace

LayerNodes layerNodes(FormModel& form) {
  LayerNodes nodes(form.uses.size());
  for (std::size_t i = 0; i < form.uses.size(); ++i) {
    for (const LayerUse& use : form.uses[i]) {
      if (const auto place = form.edit.placeOf(use.node)) {
        nodes[i].push_back(&form.edit.node(*place));
      }
    }
  }
  return nodes;
}

std::vector<ExportFinding> lintQdq(FormModel& form, const Model& model, const LayerNodes& nodes) {
  std::vector<ExportFinding> findings;
  std::vector<Wiring> wirings;
  std::unordered_map<const onnx::NodeProto*, std::size_t> partOf;
  for (std::size_t i = 0; i < form.edit.parts().size(); ++i) {
    const GraphPart& part = form.edit.parts()[i];
    wirings.emplace_back(part);
    for (const onnx::NodeProto& node : part.nodes()) {
      partOf.emplace(&node, i);
    }
  }
  std::vector<std::string> overflowing;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerPlan& plan = form.plan.of(model.layers[i]);
    if (plan == LayerPlan{}) {
      continue;
    }
    LayerLint lint(model.layers[i], plan, form.edit.outside(), findings);
    for (const onnx::NodeProto* node : nodes[i]) {
      lint.visit(*node, wirings[partOf.at(node)]);
    }
    if (lint.mayOverflow()) {
      overflowing.push_back(model.layers[i].name);
    }
  }
  if (!overflowing.empty()) {
    findings.push_back(onnxruntime::overflow(overflowing, "int7 or uint8"));
  }
  for (std::size_t i = 0; i < wirings.size(); ++i) {
    lintMoves(form.edit.parts()[i], wirings[i], findings);
  }
  return findings;
}

} // namespace halfstep::onnx_export
