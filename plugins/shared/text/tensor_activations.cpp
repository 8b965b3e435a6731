#include "plugins/shared/text/tensor_activations.h"

#include "core/analysis/simulation.h"
#include "plugins/shared/text/target_plan.h"

#include <algorithm>
#include <set>

namespace halfstep {

namespace {

/// The values that a layer's weight is applied to, each once.
std::vector<std::string> inputsOf(const std::vector<LayerUse>& uses) {
  std::vector<std::string> inputs;
  for (const LayerUse& use : uses) {
    if (use.appliedTo >= 0 && use.appliedTo < static_cast<int>(use.node->inputs.size())) {
      const std::string& input = use.node->inputs[static_cast<std::size_t>(use.appliedTo)];
      if (std::find(inputs.begin(), inputs.end(), input) == inputs.end()) {
        inputs.push_back(input);
      }
    }
  }
  return inputs;
}

void addTensor(TensorActivations& found, const std::string& tensor, const std::string& layer,
               const ActivationScheme& wanted) {
  const auto known = std::find_if(found.tensors.begin(), found.tensors.end(),
                                  [&](const TensorActivation& other) { return other.tensor == tensor; });
  if (known == found.tensors.end()) {
    found.tensors.push_back({tensor, wanted.scheme, {layer}});
  } else if (known->scheme == wanted.scheme) {
    known->layers.push_back(layer);
  } else {
    addLoss(found.losses, layer,
            "activations " + printActivationScheme(wanted) + ": layer " + known->layers.front() +
                " takes the same tensor, " + tensor + ", in another scheme, which is written");
  }
}

} // namespace

TensorActivations tensorActivationsFor(const ExportInput& input, const std::string& tool,
                                       const std::function<std::string(const Scheme&)>& obstacle) {
  TensorActivations found;
  const auto uses = findLayerUses(*input.model);
  const auto& layers = input.model->layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const ActivationScheme& wanted = input.plan.forLayer(layers[i].name).activations;
    if (wanted.scheme.format == NumberFormat::fp32) {
      continue;
    }
    const std::string name = "activations " + printActivationScheme(wanted) + ": ";
    const std::string why =
        wanted.dynamic ? tool + " wants a range that is known beforehand" : obstacle(wanted.scheme);
    if (!why.empty()) {
      addLoss(found.losses, layers[i].name, name + why + "; left in float");
      continue;
    }
    const std::vector<std::string> tensors = inputsOf(uses[i]);
    if (tensors.empty()) {
      addLoss(found.losses, layers[i].name, name + "nothing flows into it that could be quantized");
    }
    for (const std::string& tensor : tensors) {
      addTensor(found, tensor, layers[i].name, wanted);
    }
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!isWeightOnly(input.plan.forLayer(layers[i].name))) {
      continue;
    }
    for (const std::string& tensor : inputsOf(uses[i])) {
      const bool quantized =
          std::any_of(found.tensors.begin(), found.tensors.end(),
                      [&](const TensorActivation& other) { return other.tensor == tensor; });
      if (quantized) {
        addLoss(found.losses, layers[i].name,
                "should take " + tensor + " as float, but " + tool + " quantizes it for another layer");
      }
    }
  }
  mergeLosses(found.losses, layers.size());
  return found;
}

Result<TensorGrid> tensorGrid(const TensorActivation& activation, const Calibration* calibration,
                              const JobContext& context) {
  const ActivationStatistics* statistics =
      calibration != nullptr ? calibration->find(activation.tensor) : nullptr;
  if (statistics == nullptr) {
    return Error{ErrorKind::usage, "the value " + activation.tensor +
                                       " was not calibrated; its range is needed for layer " +
                                       activation.layers.front()};
  }
  TensorGrid grid;
  grid.range = activationRange(*statistics, activation.scheme);
  if (!(grid.range.lo < grid.range.hi)) {
    return grid;
  }
  HALFSTEP_TRY(const QuantizationParameters parameters,
               staticActivationParameters(activation.scheme, grid.range, context));
  grid.scale = parameters.scales.front();
  grid.zeroPoint = parameters.zeroPoints.front();
  return grid;
}

} // namespace halfstep
