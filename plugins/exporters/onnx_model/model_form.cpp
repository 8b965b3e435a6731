#include "plugins/exporters/onnx_model/model_form.h"

#include "core/quant/scheme_grammar.h"
#include "plugins/exporters/onnx_model/opset_raiser.h"

namespace halfstep::onnx_export {

namespace {

/// Nodes in a row, each with the output of the one before; the last one's gets the name that is wanted.
class Chain {
public:
  Chain(ModelEdit& edit, NodePlace place, std::string base)
      : m_edit(edit)
      , m_place(place)
      , m_base(std::move(base)) {}

  /// `inputs` behind the value that flows; for the first node all of them.
  onnx::NodeProto& add(const std::string& operation, std::vector<std::string> inputs,
                       const std::string& domain = {}) {
    const std::string name = m_edit.unique(m_base + "_" + operation);
    if (!m_nodes.empty()) {
      inputs.insert(inputs.begin(), m_nodes.back().output(0));
    }
    m_nodes.push_back(makeNode(operation, name, inputs, {m_edit.unique(name + "_Output")}, domain));
    return m_nodes.back();
  }
  std::string constant(const std::string& what, onnx::TensorProto tensor) {
    tensor.set_name(m_edit.unique(m_base + "_" + what));
    std::string name = tensor.name();
    m_edit.addConstant(m_place, std::move(tensor));
    return name;
  }
  void finish(const std::string& output) {
    m_nodes.back().set_output(0, output);
    for (onnx::NodeProto& node : m_nodes) {
      m_edit.insertBefore(m_place, std::move(node));
    }
  }

private:
  ModelEdit& m_edit;
  NodePlace m_place;
  std::string m_base;
  std::vector<onnx::NodeProto> m_nodes;
};

void addDequantize(Chain& chain, const std::string& codes, ElementType type, const WeightCodes& weight,
                   const std::string& domain) {
  const CodeLayout& layout = weight.layout;
  std::vector<std::string> inputs = {codes,
                                     chain.constant("scale", floatTensor({}, layout.scales, weight.scales))};
  if (isInteger(type)) { // those of 8-bit floating types are 0
    inputs.push_back(chain.constant("zero_point", codeTensor({}, type, layout.scales, weight.zeroPoints)));
  }
  onnx::NodeProto& node = chain.add("DequantizeLinear", inputs, domain);
  if (layout.axis >= 0) {
    setInteger(node, "axis", layout.axis);
  }
  if (layout.blockSize > 0) {
    setInteger(node, "block_size", layout.blockSize);
  }
}

} // namespace

void FormPlan::loseWeights(const Layer& layer, std::string what) {
  of(layer).weights = {};
  lose(layer, std::move(what));
}

void FormPlan::loseActivations(const Layer& layer, std::string what) {
  of(layer).activations = {};
  lose(layer, std::move(what));
}

void FormPlan::loseAll(const Layer& layer, const std::string& what) {
  of(layer) = {};
  lose(layer, what);
}

FormPlan startForm(const ExportInput& input) {
  FormPlan plan;
  plan.written = input.plan;
  plan.written.layers.clear();
  for (const Layer& layer : input.model->layers) {
    plan.written.layers[layer.name] = input.plan.forLayer(layer.name);
    if (layer.stored && plan.of(layer) != LayerPlan{}) {
      plan.loseAll(layer, "is already quantized in the file; left as it is");
    }
  }
  return plan;
}

Result<void> raiseTo(FormModel& form, std::int64_t needed) {
  if (form.edit.opset("") >= needed) {
    return {};
  }
  if (const std::string obstacle = obstacleToOpset(form.edit, needed); !obstacle.empty()) {
    return Error{ErrorKind::unsupported,
                 "the plan needs version " + std::to_string(needed) + " of ONNX's operators: " + obstacle};
  }
  raiseOpset(form.edit, needed);
  return {};
}

Result<void> replaceWeight(FormModel& form, const Layer& layer, const ConstantPlace& place,
                           const QuantizeDomain& domain, const JobContext& context) {
  const Scheme& scheme = form.plan.of(layer).weights;
  HALFSTEP_TRY(const WeightCodes weight, weightCodes(layer, scheme, context));
  const ElementType type = elementTypeFor(scheme.format);
  Chain chain(form.edit, form.edit.placeBesides(place), place.name);
  const std::string codes =
      chain.constant("quantized", codeTensor({}, type, weight.layout.shape, weight.codes));
  const bool isCast = formatFacts(scheme.format).family == FormatFamily::floating;
  if (isCast) {
    setInteger(chain.add("Cast", {codes}), "to", static_cast<std::int64_t>(layer.weight.type()));
  } else {
    addDequantize(chain, codes, type, weight, domain.domain);
  }
  if (weight.layout.isMatrix) {
    const Shape& shape = weight.layout.reshaped;
    chain.add("Reshape",
              {chain.constant("shape", int64Tensor({}, {static_cast<std::int64_t>(shape.size())}, shape))});
    if (!weight.layout.permutation.empty()) {
      setIntegers(chain.add("Transpose", {}), "perm", weight.layout.permutation);
    }
  }
  if (!isCast && layer.weight.type() != ElementType::float32) {
    setInteger(chain.add("Cast", {}), "to", static_cast<std::int64_t>(layer.weight.type()));
  }
  chain.finish(place.name);
  form.edit.removeConstant(place);
  return {};
}

} // namespace halfstep::onnx_export
