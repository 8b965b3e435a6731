#include "plugins/exporters/onnx_model/activation_pairs.h"

#include "core/analysis/simulation.h"

#include <algorithm>

namespace halfstep::onnx_export {

namespace {

constexpr int kBiasInput = 2;

bool isCastOnly(const Scheme& scheme) {
  return formatFacts(scheme.format).family == FormatFamily::floating;
}

bool needsClip(const Scheme& scheme) {
  return formatFacts(scheme.format).family == FormatFamily::integer && isWidened(scheme.format);
}

/// The pair of a value with its range; a new one is added. Null where it has none, with why in `lost`.
Result<ActivationPair*> pairFor(std::vector<ActivationPair>& pairs, const std::string& value, int part,
                                const Scheme& scheme, const Calibration* calibration, std::string& lost,
                                const JobContext& context) {
  ActivationPair made;
  made.value = value;
  made.part = part;
  made.scheme = scheme;
  const ActivationStatistics* statistics = calibration != nullptr ? calibration->find(value) : nullptr;
  if (statistics != nullptr) {
    made.valueType = statistics->type;
  }
  if (!isCastOnly(scheme)) {
    if (statistics == nullptr) {
      lost = "its input " + value + " was not calibrated; left in float";
      return nullptr;
    }
    made.range = activationRange(*statistics, scheme);
    if (!(made.range.lo < made.range.hi)) {
      lost = "its input " + value + " was 0 in every sample of the calibration; left in float";
      return nullptr;
    }
    HALFSTEP_TRY(const QuantizationParameters grid, staticActivationParameters(scheme, made.range, context));
    made.scale = grid.scales.front();
    made.zeroPoint = grid.zeroPoints.front();
  }
  const auto known = std::find_if(pairs.begin(), pairs.end(), [&](const ActivationPair& pair) {
    return pair.value == value && pair.part == part && pair.scheme.format == scheme.format &&
           pair.scheme.codeRange == scheme.codeRange && pair.scale == made.scale &&
           pair.zeroPoint == made.zeroPoint;
  });
  if (known != pairs.end()) {
    return &*known;
  }
  pairs.push_back(std::move(made));
  return &pairs.back();
}

std::string scalarConstant(ModelEdit& edit, const NodePlace& place, const std::string& name,
                           onnx::TensorProto tensor) {
  tensor.set_name(edit.unique(name));
  std::string given = tensor.name();
  edit.addConstant(place, std::move(tensor));
  return given;
}

/// The nodes of one pair before `place`; the name of what they give.
class PairWriter {
public:
  PairWriter(ModelEdit& edit, NodePlace place, const ActivationPair& pair)
      : m_edit(edit)
      , m_place(place)
      , m_pair(pair)
      , m_value(pair.value) {}

  std::string write(const QuantizeDomain& domain) {
    const ElementType type = elementTypeFor(m_pair.scheme.format);
    if (isCastOnly(m_pair.scheme)) {
      cast(type);
      cast(m_pair.valueType);
      return m_value;
    }
    if (m_pair.valueType != ElementType::float32) {
      cast(ElementType::float32);
    }
    if (needsClip(m_pair.scheme)) {
      clip();
    }
    std::vector<std::string> parameters = {
        constant("scale", floatTensor({}, {}, std::span(&m_pair.scale, 1))),
        constant("zero_point", codeTensor({}, type, {}, std::span(&m_pair.zeroPoint, 1)))};
    add("QuantizeLinear", parameters, domain.domain);
    add("DequantizeLinear", parameters, domain.domain);
    if (m_pair.valueType != ElementType::float32) {
      cast(m_pair.valueType);
    }
    return m_value;
  }

private:
  std::string constant(const char* what, onnx::TensorProto tensor) {
    return scalarConstant(m_edit, m_place, m_pair.value + "_" + what, std::move(tensor));
  }
  void add(const std::string& operation, std::vector<std::string> inputs, const std::string& domain) {
    inputs.insert(inputs.begin(), m_value);
    const std::string name = m_edit.unique(m_pair.value + "_" + operation);
    m_value = m_edit.unique(name + "_Output");
    m_edit.insertBefore(m_place, makeNode(operation, name, inputs, {m_value}, domain));
  }
  void cast(ElementType type) {
    const std::string name = m_edit.unique(m_pair.value + "_Cast");
    const std::string output = m_edit.unique(name + "_Output");
    m_edit.insertBefore(m_place, castNode(name, m_value, output, type));
    m_value = output;
  }
  /// To the real values of the codes that the format has.
  void clip() {
    const CodeLimits limits = codeLimits(m_pair.scheme.format, m_pair.scheme.codeRange);
    const float low = m_pair.scale * static_cast<float>(limits.lowest - m_pair.zeroPoint);
    const float high = m_pair.scale * static_cast<float>(limits.highest - m_pair.zeroPoint);
    const std::string lowName = constant("low", floatTensor({}, {}, std::span(&low, 1)));
    add("Clip", {lowName, constant("high", floatTensor({}, {}, std::span(&high, 1)))}, {});
  }

  ModelEdit& m_edit;
  NodePlace m_place;
  const ActivationPair& m_pair;
  std::string m_value;
};

/// The axis of a bias that counts its channels.
int channelAxis(const Shape& shape) {
  const auto found = std::find_if(shape.begin(), shape.end(), [](std::int64_t size) { return size != 1; });
  return found == shape.end() ? 0 : static_cast<int>(found - shape.begin());
}

struct BiasAt {
  NodePlace place;
  std::string name;
  float inputScale = 0.0f;
};

/// The name of the bias, decoded from int32.
Result<std::string> integerBiasFor(ModelEdit& edit, const BiasAt& at, const Tensor& bias,
                                   const std::vector<float>& weightScales, const QuantizeDomain& domain) {
  HALFSTEP_TRY(const IntegerBias made, integerBias(bias, at.inputScale, weightScales));
  const bool perChannel = weightScales.size() == made.codes.size() && made.codes.size() > 1;
  std::vector<float> scales(perChannel ? made.scales.size() : 1);
  for (std::size_t i = 0; i < scales.size(); ++i) {
    scales[i] = static_cast<float>(made.scales[i]);
  }
  const Shape shape = perChannel ? Shape{static_cast<std::int64_t>(scales.size())} : Shape{};
  const auto constant = [&](const char* what, onnx::TensorProto tensor) {
    return scalarConstant(edit, at.place, at.name + what, std::move(tensor));
  };
  const std::vector<std::int32_t> zeros(scales.size(), 0);
  const std::string codes =
      constant("_quantized", codeTensor({}, ElementType::int32, bias.shape(), made.codes));
  const std::string scale = constant("_quantized_scale", floatTensor({}, shape, scales));
  const std::string zero =
      constant("_quantized_zero_point", codeTensor({}, ElementType::int32, shape, zeros));
  const std::string name = edit.unique(at.name + "_DequantizeLinear");
  std::string output = edit.unique(name + "_Output");
  onnx::NodeProto node = makeNode("DequantizeLinear", name, {codes, scale, zero}, {output}, domain.domain);
  if (perChannel) {
    setInteger(node, "axis", channelAxis(bias.shape()));
  }
  edit.insertBefore(at.place, std::move(node));
  if (bias.type() != ElementType::float32) {
    const std::string cast = edit.unique(at.name + "_Cast");
    edit.insertBefore(at.place, castNode(cast, output, cast, bias.type()));
    output = cast;
  }
  return output;
}

} // namespace

std::int64_t ActivationPair::opset() const {
  constexpr std::int64_t kClipWithInputs = 11;
  const std::int64_t own = opsetFor(elementTypeFor(scheme.format));
  return needsClip(scheme) ? std::max(own, kClipWithInputs) : own;
}

bool hasRanges(const Model& model, const FormPlan& plan) {
  return std::any_of(model.layers.begin(), model.layers.end(), [&](const Layer& layer) {
    const Scheme& scheme = plan.of(layer).activations.scheme;
    return !isCastOnly(scheme) && !plan.of(layer).activations.dynamic;
  });
}

Result<std::vector<ActivationPair>> findPairs(FormModel& form, const ExportInput& input,
                                              const JobContext& context) {
  std::vector<ActivationPair> pairs;
  const auto& layers = input.model->layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Scheme scheme = form.plan.of(layers[i]).activations.scheme;
    if (scheme.format == NumberFormat::fp32) {
      continue;
    }
    std::string lost;
    bool any = false;
    for (const LayerUse& use : form.uses[i]) {
      const auto place = form.edit.placeOf(use.node);
      if (!place || use.appliedTo < 0 || use.appliedTo >= static_cast<int>(use.node->inputs.size())) {
        lost = "nothing flows into it that could be quantized";
        continue;
      }
      const std::string& value = use.node->inputs[static_cast<std::size_t>(use.appliedTo)];
      HALFSTEP_TRY(ActivationPair * pair, pairFor(pairs, value, place->part, scheme,
                                                  input.measured.calibration.get(), lost, context));
      if (pair != nullptr) {
        pair->uses.push_back({i, use.node, *place, use.appliedTo});
        any = true;
      }
    }
    if (!lost.empty()) {
      any ? form.plan.lose(layers[i], lost) : form.plan.loseActivations(layers[i], lost);
    }
  }
  return pairs;
}

Result<void> insertPairs(FormModel& form, const std::vector<ActivationPair>& pairs,
                         const QuantizeDomain& domain) {
  for (const ActivationPair& pair : pairs) {
    NodePlace first = pair.uses.front().place;
    for (const PairUse& use : pair.uses) {
      first.node = std::min(first.node, use.place.node);
    }
    const std::string value = PairWriter(form.edit, first, pair).write(domain);
    for (const PairUse& use : pair.uses) {
      form.edit.node(use.place).set_input(use.input, value);
    }
  }
  return {};
}

Result<void> roundBiases(FormModel& form, const ExportInput& input, const std::vector<ActivationPair>& pairs,
                         const QuantizeDomain& domain, const JobContext& context) {
  for (const ActivationPair& pair : pairs) {
    for (const PairUse& use : pair.uses) {
      const Layer& layer = input.model->layers[use.layer];
      const LayerPlan& plan = form.plan.of(layer);
      if (!hasIntegerBias(layer, *use.node, plan, pair.range)) {
        continue;
      }
      const std::string& name = use.node->inputs[kBiasInput];
      const Tensor* bias = form.edit.constant(use.place.part, name);
      if (bias == nullptr || !isFloatingPoint(bias->type())) {
        form.plan.lose(layer, "its bias " + name + " is no constant; left in float");
        continue;
      }
      HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, context));
      HALFSTEP_TRY(const QuantizationParameters weights, chooseParameters(*matrix, plan.weights, context));
      HALFSTEP_TRY(const std::string decoded,
                   integerBiasFor(form.edit, {use.place, name, pair.scale}, *bias, weights.scales, domain));
      form.edit.node(use.place).set_input(kBiasInput, decoded);
    }
  }
  return {};
}

} // namespace halfstep::onnx_export
