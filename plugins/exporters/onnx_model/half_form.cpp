#include "plugins/exporters/onnx_model/half_form.h"

#include "core/model/subgraphs.h"
#include "core/tensor/conversion.h"
#include "plugins/exporters/onnx_model/value_types.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace halfstep::onnx_export {

namespace {

constexpr double kLargestHalf = 65504.0;

/// Operators that stay float32: without float16 in ONNX Runtime or in ONNX's specification, or of indices and
/// coordinates that float16 is too coarse for. Source: the block list of onnxconverter-common's float16.
const std::set<std::string>& keptOperators() {
  static const std::set<std::string> kKept = {"Affine",
                                              "Bernoulli",
                                              "BlackmanWindow",
                                              "ConvInteger",
                                              "MatMulInteger",
                                              "QLinearConv",
                                              "QLinearMatMul",
                                              "Crop",
                                              "CumSum",
                                              "DFT",
                                              "DequantizeLinear",
                                              "Det",
                                              "DynamicQuantizeLinear",
                                              "EyeLike",
                                              "GridSample",
                                              "HammingWindow",
                                              "HannWindow",
                                              "If",
                                              "ImageScaler",
                                              "Loop",
                                              "MelWeightMatrix",
                                              "Multinomial",
                                              "NonMaxSuppression",
                                              "QuantizeLinear",
                                              "RandomNormal",
                                              "RandomNormalLike",
                                              "RandomUniform",
                                              "RandomUniformLike",
                                              "Range",
                                              "Resize",
                                              "RoiAlign",
                                              "STFT",
                                              "Scan",
                                              "Scale",
                                              "TopK",
                                              "Unique",
                                              "Upsample"};
  return kKept;
}

bool overflows(const Tensor& tensor) {
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    const double value = std::abs(tensor.valueAt(i));
    if (value > kLargestHalf && std::isfinite(value)) {
      return true;
    }
  }
  return false;
}

/// A number that keeps a quotient or logarithm finite.
bool vanishes(const Tensor& tensor) {
  constexpr double kLeastHalf = 2.98023223876953125e-8; // half of the smallest: rounds to 0
  return tensor.count() == 1 && tensor.valueAt(0) != 0.0 && std::abs(tensor.valueAt(0)) <= kLeastHalf;
}

/// Why `node` stays float32; empty where it need not.
std::string whyKept(const Node& node, const ExportInput& input) {
  if (!node.domain.empty()) {
    return "is of domain " + node.domain;
  }
  if (keptOperators().contains(node.opType) || !subgraphsOf(node).empty()) {
    return "has no float16 form that runs everywhere";
  }
  for (const std::string& name : node.inputs) {
    const Tensor* constant = input.model->graph.constant(name);
    if (constant != nullptr && constant->type() == ElementType::float32 && overflows(*constant)) {
      return "takes " + name + ", beyond the largest float16 (65504)";
    }
    if (constant != nullptr && constant->type() == ElementType::float32 && vanishes(*constant)) {
      return "takes " + name + ", which would be 0 in float16";
    }
  }
  if (node.opType == "ConstantOfShape") {
    const auto value = node.attributes.find("value");
    const auto* tensor = value == node.attributes.end() ? nullptr : std::get_if<Tensor>(&value->second);
    if (tensor != nullptr && overflows(*tensor)) {
      return "makes values beyond the largest float16 (65504)";
    }
  }
  if (const Calibration* calibration = input.measured.calibration.get()) {
    for (const auto* names : {&node.inputs, &node.outputs}) {
      for (const std::string& name : *names) {
        const ActivationStatistics* seen = calibration->find(name);
        if (seen != nullptr &&
            std::max(std::abs(seen->moments.min), std::abs(seen->moments.max)) > kLargestHalf) {
          return "has " + name + ", which went beyond the largest float16 (65504) in calibration";
        }
      }
    }
  }
  return {};
}

Result<onnx::TensorProto> halfTensor(const std::string& name, const Tensor& tensor) {
  HALFSTEP_TRY(const Tensor half, convertTensor(tensor, ElementType::float16));
  onnx::TensorProto proto;
  for (const std::int64_t size : half.shape()) {
    proto.add_dims(size);
  }
  proto.set_data_type(static_cast<std::int32_t>(ElementType::float16));
  proto.set_name(name);
  proto.set_raw_data(half.bytes().data(), half.bytes().size());
  return proto;
}

/// What is done with the values of the main graph, found before anything is changed.
class HalfConversion {
public:
  HalfConversion(FormModel& form, const ExportInput& input)
      : m_form(form)
      , m_input(input)
      , m_graph(input.model->graph)
      , m_types(valueTypes(*input.model)) {}

  Result<void> run(const JobContext& context) {
    decideNodes();
    findUses();
    name();
    HALFSTEP_CHECK(convertConstants(context));
    for (std::size_t i = 0; i < m_graph.nodes.size(); ++i) {
      HALFSTEP_CHECK(convertNode(i));
    }
    convertInputs();
    retype();
    settlePlan();
    return {};
  }

private:
  struct Use {
    bool half = false;
    bool single = false;
    bool byName = false; ///< as float32, under its own name: an output of the graph, or within a subgraph
  };

  bool isFloat(const std::string& name) const {
    const auto found = m_types.find(name);
    return found != m_types.end() && found->second == ElementType::float32;
  }
  bool isConstant(const std::string& name) const { return m_graph.constant(name) != nullptr; }
  /// Operators that do not look at the numbers, or take both types.
  static bool takesAny(const Node& node) {
    return node.opType == "Cast" || node.opType == "Shape" || node.opType == "Size";
  }

  /// Sparse initializers are left as they are, in float32.
  std::string whySparse(const Node& node) const {
    for (const onnx::SparseTensorProto& sparse : m_form.edit.proto().graph().sparse_initializer()) {
      const std::string& name = sparse.values().name();
      if (std::find(node.inputs.begin(), node.inputs.end(), name) != node.inputs.end()) {
        return "takes " + name + ", which is sparse in the file";
      }
    }
    return {};
  }

  void decideNodes() {
    m_kept.assign(m_graph.nodes.size(), false);
    std::map<std::string, int> counts;
    for (std::size_t i = 0; i < m_graph.nodes.size(); ++i) {
      const Node& node = m_graph.nodes[i];
      const bool anyFloat = std::any_of(node.inputs.begin(), node.inputs.end(),
                                        [&](const std::string& name) { return isFloat(name); }) ||
                            std::any_of(node.outputs.begin(), node.outputs.end(),
                                        [&](const std::string& name) { return isFloat(name); });
      if (node.opType == "Constant" || !anyFloat) {
        continue;
      }
      std::string why = whyKept(node, m_input);
      why = why.empty() ? whySparse(node) : why;
      if (!why.empty()) {
        m_kept[i] = true;
        ++counts[node.opType + " " + why];
      }
    }
    for (const auto& [what, count] : counts) {
      m_form.plan.lost.push_back({"*", what + "; stays float32 (" + std::to_string(count) + " nodes)"});
    }
  }

  void captured(const Graph& graph) {
    for (const Node& node : graph.nodes) {
      for (const std::string& name : node.inputs) {
        m_uses[name].byName = true;
      }
      for (const Graph* inner : subgraphsOf(node)) {
        captured(*inner);
      }
    }
    for (const ValueInfo& output : graph.outputs) {
      m_uses[output.name].byName = true;
    }
  }

  void findUses() {
    for (std::size_t i = 0; i < m_graph.nodes.size(); ++i) {
      const Node& node = m_graph.nodes[i];
      for (const std::string& name : node.inputs) {
        if (!takesAny(node) && isFloat(name)) {
          (m_kept[i] ? m_uses[name].single : m_uses[name].half) = true;
        }
      }
      for (const Graph* inner : subgraphsOf(node)) {
        captured(*inner);
      }
      if (!m_kept[i] && node.opType != "Constant") {
        for (const std::string& name : node.outputs) {
          if (isFloat(name)) {
            m_madeHalf.insert(name);
          }
        }
      }
    }
    for (const ValueInfo& output : m_graph.outputs) {
      m_uses[output.name].byName = true;
    }
  }

  /// Chooses the names of both forms of every value. What is made as float16 keeps its name unless that is
  /// wanted for the float32 form.
  void name() {
    for (const auto& [value, use] : m_uses) {
      if (!isFloat(value)) {
        continue;
      }
      const bool single = use.single || use.byName;
      if (m_madeHalf.contains(value) || (isConstant(value) && use.half)) {
        m_halfName[value] =
            use.byName || (isConstant(value) && single) ? m_form.edit.unique(value + "_fp16") : value;
        m_singleName[value] = m_halfName[value] == value ? m_form.edit.unique(value + "_float32") : value;
      } else {
        m_halfName[value] = use.half ? m_form.edit.unique(value + "_fp16") : value;
        m_singleName[value] = value;
      }
    }
    for (const std::string& value : m_madeHalf) { // that nothing uses
      m_halfName.try_emplace(value, value);
    }
  }

  Result<void> convertConstants(const JobContext& context) {
    for (const auto& [value, use] : m_uses) {
      const Tensor* constant = m_graph.constant(value);
      if (constant == nullptr || !use.half || !isFloat(value)) {
        continue;
      }
      HALFSTEP_CHECK(context.checkpoint());
      HALFSTEP_TRY(onnx::TensorProto half, halfTensor(m_halfName.at(value), *constant));
      const bool replaces = m_halfName.at(value) == value;
      if (replaces && m_graph.initializers.contains(value)) {
        for (onnx::TensorProto& old : *m_form.edit.part(0).graph->mutable_initializer()) {
          if (old.name() == value) {
            half.set_doc_string(old.doc_string());
            old = std::move(half);
            break;
          }
        }
        m_retyped.insert(value);
      } else if (replaces) {
        m_halfConstants.emplace(value, std::move(half)); // in the Constant node's place
      } else {
        m_form.edit.addConstant({0, 0}, std::move(half));
      }
    }
    return {};
  }

  Result<void> convertNode(std::size_t index) {
    const Node& node = m_graph.nodes[index];
    const NodePlace place{0, static_cast<int>(index)};
    onnx::NodeProto& proto = m_form.edit.node(place);
    if (node.opType == "Constant") {
      if (const auto half = m_halfConstants.find(node.outputs[0]); half != m_halfConstants.end()) {
        onnx::NodeProto made = constantNode(half->second);
        *proto.mutable_attribute() = made.attribute();
      }
      return {};
    }
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const std::string& name = node.inputs[i];
      if (!isFloat(name)) {
        continue;
      }
      const bool asMade = takesAny(node);
      const bool half = asMade ? m_madeHalf.contains(name) : !m_kept[index];
      const auto& names = half ? m_halfName : m_singleName;
      if (const auto found = names.find(name); found != names.end()) {
        proto.set_input(static_cast<int>(i), found->second);
      }
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (isFloat(node.outputs[i])) {
        convertOutput(node.outputs[i], proto, static_cast<int>(i), index);
      }
    }
    if (!m_kept[index]) {
      return convertAttributes(node, proto);
    }
    return {};
  }

  void convertOutput(const std::string& name, onnx::NodeProto& proto, int output, std::size_t index) {
    const auto use = m_uses.find(name);
    const NodePlace behind{0, static_cast<int>(index) + 1};
    const bool isUsed = use != m_uses.end();
    if (!m_madeHalf.contains(name)) {
      if (isUsed && use->second.half) {
        addCast(behind, name, m_halfName.at(name), ElementType::float16);
      }
      return;
    }
    proto.set_output(output, m_halfName.at(name));
    if (m_halfName.at(name) == name) {
      m_retyped.insert(name);
    }
    if (isUsed && (use->second.single || use->second.byName)) {
      addCast(behind, m_halfName.at(name), m_singleName.at(name), ElementType::float32);
    }
  }

  void addCast(const NodePlace& place, const std::string& from, const std::string& to, ElementType type) {
    m_form.edit.insertBefore(place, castNode(m_form.edit.unique(to + "_Cast"), from, to, type));
  }

  Result<void> convertAttributes(const Node& node, onnx::NodeProto& proto) {
    const bool isHalf = !node.outputs.empty() && m_madeHalf.contains(node.outputs[0]);
    if (node.opType == "Cast" && isHalf) {
      setInteger(proto, "to", static_cast<std::int64_t>(ElementType::float16));
    }
    if (node.opType == "ConstantOfShape" && isHalf) {
      const auto value = node.attributes.find("value");
      const float zero = 0.0f;
      const auto bytes = std::as_bytes(std::span(&zero, 1));
      HALFSTEP_TRY(const Tensor standard,
                   Tensor::own(ElementType::float32, {1}, {bytes.begin(), bytes.end()}));
      const auto* given = value == node.attributes.end() ? nullptr : std::get_if<Tensor>(&value->second);
      HALFSTEP_TRY(onnx::TensorProto half, halfTensor("value", given != nullptr ? *given : standard));
      removeAttribute(proto, "value");
      onnx::AttributeProto& attribute = *proto.add_attribute();
      attribute.set_name("value");
      attribute.set_type(onnx::AttributeProto::TENSOR);
      *attribute.mutable_t() = std::move(half);
    }
    return {};
  }

  void convertInputs() {
    for (const ValueInfo& input : m_graph.inputs) {
      const auto use = m_uses.find(input.name);
      if (use != m_uses.end() && use->second.half && isFloat(input.name)) {
        addCast({0, 0}, input.name, m_halfName.at(input.name), ElementType::float16);
      }
    }
  }

  /// What the file says of values that are float16 now.
  void retype() {
    onnx::GraphProto& graph = *m_form.edit.part(0).graph;
    for (auto* values : {graph.mutable_value_info(), graph.mutable_input()}) {
      for (onnx::ValueInfoProto& info : *values) {
        if (m_retyped.contains(info.name())) {
          info.mutable_type()->mutable_tensor_type()->set_elem_type(
              static_cast<std::int32_t>(ElementType::float16));
        }
      }
    }
  }

  /// What the layers are in the file, for the forecast.
  void settlePlan() {
    std::set<const Node*> half;
    for (std::size_t i = 0; i < m_graph.nodes.size(); ++i) {
      if (!m_kept[i]) {
        half.insert(&m_graph.nodes[i]);
      }
    }
    const auto& layers = m_input.model->layers;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const bool converted = !layers[i].stored && layers[i].weight.type() == ElementType::float32 &&
                             std::all_of(m_form.uses[i].begin(), m_form.uses[i].end(),
                                         [&](const LayerUse& use) { return half.contains(use.node); });
      if (!converted) {
        m_form.plan.loseAll(layers[i], "stays as it is: within a subgraph or function, or kept float32");
      }
    }
  }

  FormModel& m_form;
  const ExportInput& m_input;
  const Graph& m_graph;
  ValueTypes m_types;
  std::vector<bool> m_kept;
  std::map<std::string, Use> m_uses;
  std::set<std::string> m_madeHalf;
  std::map<std::string, std::string> m_halfName;
  std::map<std::string, std::string> m_singleName;
  std::map<std::string, onnx::TensorProto> m_halfConstants;
  std::set<std::string> m_retyped;
};

} // namespace

FormPlan planHalf(const ExportInput& input) {
  FormPlan plan;
  plan.written = input.plan;
  plan.written.layers.clear();
  const Scheme half = defaultScheme(NumberFormat::fp16);
  bool isOther = false;
  for (const Layer& layer : input.model->layers) {
    const Scheme& planned = input.plan.forLayer(layer.name).weights;
    isOther |= planned.format != NumberFormat::fp16 && planned.format != NumberFormat::fp32;
    LayerPlan own;
    own.weights = half;
    // Indices that pick rows of a table stay what they are.
    own.activations.scheme = layer.op == "Gather" ? Scheme() : half;
    plan.written.layers[layer.name] = own;
  }
  if (isOther) {
    plan.lost.push_back({"*", "the plan's schemes are not used: the whole model becomes float16"});
  }
  return plan;
}

Result<FormModel> makeHalf(const ExportInput& input, const JobContext& context) {
  HALFSTEP_TRY(ModelEdit edit, ModelEdit::open(*input.model, context.part(0.0, 0.1)));
  FormModel form{std::move(edit), planHalf(input), findLayerUses(*input.model)};
  HALFSTEP_CHECK(HalfConversion(form, input).run(context));
  return form;
}

ExportInput withBfloat16(const ExportInput& input) {
  ExportInput half = input;
  half.plan.layers.clear();
  half.plan.fallback = {};
  half.plan.fallback.weights = defaultScheme(NumberFormat::bf16);
  return half;
}

} // namespace halfstep::onnx_export
