#include "plugins/exporters/onnx_model/product_node.h"

#include <algorithm>

namespace halfstep::onnx_export {

std::string obstacleToProduct(const ExportInput& input, std::size_t index,
                              const std::vector<LayerUse>& uses) {
  const Layer& layer = input.model->layers[index];
  if (!layer.domain.empty() || (layer.op != "MatMul" && layer.op != "Gemm" && layer.op != "Conv")) {
    return layer.op + " has no such form";
  }
  if (layer.weight.type() != ElementType::float32) {
    return "its weight is " + std::string(elementTypeName(layer.weight.type())) + ", not float32";
  }
  if (layer.op != "Conv" && layer.weight.shape().size() != 2) {
    return "its weight has " + std::to_string(layer.weight.shape().size()) + " dimensions, not 2";
  }
  const Granularity::Kind granularity = input.plan.forLayer(layer.name).weights.granularity.kind;
  for (const LayerUse& use : uses) {
    if (granularity != Granularity::Kind::tensor && use.channelAxes != layer.channelAxes) {
      return "its weight is shared by nodes that have their outputs along different axes of it";
    }
    if (use.appliedTo != 0) {
      return "its weight stands on the left";
    }
    if (use.node->opType != layer.op || use.node->inputs.size() < 2 ||
        use.node->inputs[1] != layer.weightName) {
      return "its weight is moved or retyped on its way";
    }
    if (use.node->opType == "Gemm" && gemmFacts(*use.node).transA) {
      return "its input is transposed (transA)";
    }
  }
  return {};
}

GemmFacts gemmFacts(const Node& node) {
  return {node.real("alpha", 1.0f), node.real("beta", 1.0f), node.integer("transA", 0) != 0,
          node.integer("transB", 0) != 0};
}

Replacement::Replacement(ModelEdit& edit, const NodePlace& place)
    : m_edit(edit)
    , m_place(place)
    , m_original(edit.node(place))
    , m_base(m_original.name().empty() ? m_original.output(0) : m_original.name()) {}

onnx::NodeProto& Replacement::add(const std::string& operation, const std::vector<std::string>& inputs,
                                  const std::string& domain, int outputs) {
  const std::string name = m_edit.unique(m_base + "_" + operation);
  std::vector<std::string> made;
  for (int i = 0; i < outputs; ++i) {
    made.push_back(m_edit.unique(name + "_Output"));
  }
  m_nodes.push_back(makeNode(operation, name, inputs, made, domain));
  return m_nodes.back();
}

std::string Replacement::constant(const std::string& what, onnx::TensorProto tensor) {
  tensor.set_name(m_edit.unique(m_base + "_" + what));
  std::string name = tensor.name();
  m_edit.addConstant(m_place, std::move(tensor));
  return name;
}

void Replacement::multiply(const std::string& what, float factor) {
  if (factor != 1.0f) {
    add("Mul", {result(), constant(what, floatTensor({}, {}, std::span(&factor, 1)))});
  }
}

void Replacement::finish() {
  m_nodes.back().set_output(0, m_original.output(0));
  if (!m_original.name().empty()) { // so that the layer is found again under its name
    const auto product = std::find_if(m_nodes.begin(), m_nodes.end(), [](const onnx::NodeProto& node) {
      return node.op_type() == "MatMulNBits" || node.op_type() == "MatMulInteger" ||
             node.op_type() == "ConvInteger";
    });
    product->set_name(m_original.name());
  }
  for (onnx::NodeProto& node : m_nodes) {
    m_edit.insertBefore(m_place, std::move(node));
  }
  m_edit.remove(m_place);
}

} // namespace halfstep::onnx_export
