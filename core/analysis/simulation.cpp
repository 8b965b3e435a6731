#include "core/analysis/simulation.h"

#include "core/exec/elements.h"
#include "core/exec/widening.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr int kBiasInput = 2; // of Conv, ConvTranspose and Gemm

/// `values` as a tensor of `type`.
Result<Tensor> tensorOf(std::span<const float> values, const Shape& shape, ElementType type) {
  if (type == ElementType::float64) {
    HALFSTEP_TRY(const NewTensor<double> made, newTensor<double>(shape));
    std::copy(values.begin(), values.end(), made.values.begin());
    return made.finish();
  }
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
  std::copy(values.begin(), values.end(), made.values.begin());
  return type == ElementType::float16 || type == ElementType::bfloat16 ? narrowed(made.finish(), type)
                                                                       : made.finish();
}

bool isIntegerOf8Bits(const Scheme& scheme) {
  const FormatFacts& facts = formatFacts(scheme.format);
  return facts.family == FormatFamily::integer && facts.bits <= 8;
}

/// Runs `second` after what `edit` does already.
void append(InputEdit& edit, InputEdit second) {
  if (!edit) {
    edit = std::move(second);
    return;
  }
  edit = [first = std::move(edit), second = std::move(second)](std::span<Value> inputs) -> Result<void> {
    HALFSTEP_CHECK(first(inputs));
    return second(inputs);
  };
}

/// What an int32 bias holds, decoded.
Result<Tensor> roundedBias(const Tensor& bias, float inputScale, std::span<const float> weightScales) {
  HALFSTEP_TRY(const IntegerBias made, integerBias(bias, inputScale, weightScales));
  std::vector<float> values(made.codes.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(made.codes[i] * made.scales[i]);
  }
  return tensorOf(values, bias.shape(), bias.type());
}

/// A scheme for the values of one tensor whose range is known.
Scheme withRange(Scheme scheme, const ValueRange& range) {
  scheme.range = {RangeRule::Kind::fixed, 0.0, range.lo, range.hi};
  scheme.granularity = {Granularity::Kind::tensor, 0};
  return scheme;
}

} // namespace

Result<Tensor> simulatedWeight(const Layer& layer, const Scheme& scheme, const JobContext& job) {
  HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, job));
  HALFSTEP_TRY(const QuantizationParameters parameters, chooseParameters(*matrix, scheme, job));
  HALFSTEP_TRY(const QuantizedValues quantized, quantizeValues(*matrix, parameters, job));
  const ElementType type = layer.stored ? layer.stored->scales.type() : layer.weight.type();
  const std::vector<std::size_t> order = matrix->weightOrder();
  if (order.empty()) {
    return tensorOf(quantized.dequantized, matrix->shape(), type);
  }
  std::vector<float> values(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    values[i] = quantized.dequantized[order[i]];
  }
  return tensorOf(values, matrix->shape(), type);
}

Result<Tensor> simulatedActivation(const Tensor& tensor, const Scheme& scheme, const ValueRange* range,
                                   const JobContext& job) {
  if (scheme.format == NumberFormat::fp32 || tensor.count() == 0) {
    return tensor;
  }
  HALFSTEP_TRY(std::vector<float> values, toFloats(tensor, job));
  const bool perRow = scheme.granularity.kind == Granularity::Kind::channel && !tensor.shape().empty();
  const std::size_t rows =
      perRow ? values.size() / static_cast<std::size_t>(tensor.shape().back()) : std::size_t{1};
  const bool isEmptyRange = range != nullptr && !(range->lo < range->hi);
  const auto matrix = WeightMatrix::fromRows(std::move(values), rows);
  Scheme own = range != nullptr && !isEmptyRange ? withRange(scheme, *range) : scheme;
  if (isEmptyRange) { // calibration saw nothing but zeros
    own.range = {};
    own.granularity = {Granularity::Kind::tensor, 0};
  }
  HALFSTEP_TRY(const QuantizationParameters parameters, chooseParameters(*matrix, own, job));
  HALFSTEP_TRY(const QuantizedValues quantized, quantizeValues(*matrix, parameters, job));
  return tensorOf(quantized.dequantized, tensor.shape(), tensor.type());
}

Result<QuantizationParameters> staticActivationParameters(const Scheme& scheme, const ValueRange& range,
                                                          const JobContext& job) {
  return chooseParameters(*WeightMatrix::fromRows({0.0f}, 1), withRange(scheme, range), job);
}

bool hasIntegerBias(const Layer& layer, const Node& node, const LayerPlan& plan, const ValueRange& range) {
  return node.inputs.size() > kBiasInput && !node.inputs[kBiasInput].empty() &&
         (layer.op == "Conv" || layer.op == "ConvTranspose" || layer.op == "Gemm") && range.lo < range.hi &&
         isIntegerOf8Bits(plan.activations.scheme) && isIntegerOf8Bits(plan.weights) &&
         plan.weights.granularity.kind != Granularity::Kind::group;
}

Result<IntegerBias> integerBias(const Tensor& bias, float inputScale, std::span<const float> weightScales) {
  HALFSTEP_TRY(const std::vector<float> values, toFloats(bias, {}));
  IntegerBias made{std::vector<std::int32_t>(values.size()), std::vector<double>(values.size())};
  for (std::size_t i = 0; i < values.size(); ++i) {
    made.scales[i] = double(inputScale) * weightScales[weightScales.size() == values.size() ? i : 0];
    constexpr double kLimit = 2147483647.0;
    const double code = std::nearbyint(values[i] / made.scales[i]);
    made.codes[i] = std::isnan(code) ? 0 : static_cast<std::int32_t>(std::clamp(code, -kLimit - 1.0, kLimit));
  }
  return made;
}

bool hasStaticActivations(const Model& model, const Plan& plan) {
  return std::any_of(model.layers.begin(), model.layers.end(), [&](const Layer& layer) {
    return plan.forLayer(layer.name).activations.needsCalibration();
  });
}

Simulation::Simulation(std::shared_ptr<const Model> model, std::shared_ptr<const Calibration> calibration)
    : m_model(std::move(model))
    , m_calibration(std::move(calibration))
    , m_uses(findLayerUses(*m_model)) {}

Result<Simulation::Applied> Simulation::apply(std::size_t index, const LayerPlan& plan, RunOptions& options,
                                              const JobContext& job) const {
  const Layer& layer = m_model->layers[index];
  Applied applied;
  if (plan.weights.format != NumberFormat::fp32) {
    if (layer.stored && layer.stored->origin != "DequantizeLinear") {
      applied.left = layer.stored->origin + " computes with the codes of the file";
    } else {
      HALFSTEP_TRY(Tensor weight, simulatedWeight(layer, plan.weights, job));
      options.constants[layer.weight.bytes().data()] = std::move(weight);
      applied.weights = true;
    }
  }
  if (plan.activations.scheme.format != NumberFormat::fp32) {
    HALFSTEP_CHECK(applyActivations(index, plan, options, applied, job));
  }
  return applied;
}

Result<void> Simulation::applyActivations(std::size_t index, const LayerPlan& plan, RunOptions& options,
                                          Applied& applied, const JobContext& job) const {
  const Layer& layer = m_model->layers[index];
  const Scheme& scheme = plan.activations.scheme;
  HALFSTEP_CHECK(checkSupportedForActivations(scheme, plan.activations.dynamic));
  for (const LayerUse& use : m_uses[index]) {
    if (use.appliedTo < 0 || use.appliedTo >= static_cast<int>(use.node->inputs.size())) {
      applied.left = "nothing flows into it that could be quantized";
      continue;
    }
    if (layer.op == "Gather") { // whole numbers, which say where the rows are
      applied.left = "its input picks rows of the weight, and is no quantity";
      continue;
    }
    const auto at = static_cast<std::size_t>(use.appliedTo);
    if (plan.activations.dynamic || formatFacts(scheme.format).family == FormatFamily::floating) {
      append(options.edits[use.node], [at, scheme](std::span<Value> inputs) -> Result<void> {
        HALFSTEP_TRY(Tensor made, simulatedActivation(inputs[at].tensor(), scheme, nullptr, {}));
        inputs[at] = std::move(made);
        return {};
      });
      applied.activations = true;
      continue;
    }
    const ActivationStatistics* statistics =
        m_calibration ? m_calibration->find(use.node->inputs[at]) : nullptr;
    if (statistics == nullptr) {
      applied.left = "its input " + use.node->inputs[at] + " was not calibrated";
      continue;
    }
    const ValueRange range = activationRange(*statistics, scheme);
    std::vector<float> weightScales;
    float inputScale = 0.0f;
    if (hasIntegerBias(layer, *use.node, plan, range)) {
      HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, job));
      HALFSTEP_TRY(const QuantizationParameters weights, chooseParameters(*matrix, plan.weights, job));
      HALFSTEP_TRY(const QuantizationParameters input, staticActivationParameters(scheme, range, job));
      weightScales = weights.scales;
      inputScale = input.scales.front();
    }
    append(options.edits[use.node],
           [at, scheme, range, inputScale, weightScales](std::span<Value> inputs) -> Result<void> {
             HALFSTEP_TRY(Tensor made, simulatedActivation(inputs[at].tensor(), scheme, &range, {}));
             inputs[at] = std::move(made);
             if (inputScale > 0.0f && inputs[kBiasInput].isTensor()) {
               HALFSTEP_TRY(Tensor bias, roundedBias(inputs[kBiasInput].tensor(), inputScale, weightScales));
               inputs[kBiasInput] = std::move(bias);
             }
             return {};
           });
    applied.activations = true;
  }
  return {};
}

Result<SimulatedPlan> simulatePlan(const Simulation& simulation, const Plan& plan, const JobContext& job) {
  SimulatedPlan simulated;
  const auto& layers = simulation.model().layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    HALFSTEP_CHECK(job.checkpoint());
    HALFSTEP_TRY(const Simulation::Applied applied,
                 simulation.apply(i, plan.forLayer(layers[i].name), simulated.options, job));
    if (!applied.left.empty()) {
      simulated.left.emplace_back(layers[i].name, applied.left);
    }
  }
  return simulated;
}

} // namespace halfstep
