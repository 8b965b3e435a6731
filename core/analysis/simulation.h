// Simulated quantization: what a plan does to a running float network. Weights are replaced by their
// quantized and decoded values; a layer's input is quantized and decoded on its way into that layer.
#pragma once

#include "core/analysis/calibration.h"
#include "core/model/layer_finder.h"
#include "core/quant/plan.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace halfstep {

/// The weights of `layer` quantized by `scheme` and decoded again, in the shape and element type that the
/// graph gives them. Peak memory 12 bytes a value. Errors: those of quantizeLayer; cancelled.
Result<Tensor> simulatedWeight(const Layer& layer, const Scheme& scheme, const JobContext& job);

/// Values quantized and decoded again with one scale (or one per row of the last axis where the scheme's
/// granularity is `channel`). `range`: the clipping range; null to find it in the values themselves.
Result<Tensor> simulatedActivation(const Tensor& tensor, const Scheme& scheme, const ValueRange* range,
                                   const JobContext& job);

/// Scale and zero point that a static scheme gives values of `range`. Precondition: range.lo < range.hi.
Result<QuantizationParameters> staticActivationParameters(const Scheme& scheme, const ValueRange& range,
                                                          const JobContext& job);

/// Whether `node`, which uses `layer`, takes its bias as int32 under `plan` where its input has `range`: with
/// 8-bit integer weights (not in groups) and activations.
bool hasIntegerBias(const Layer& layer, const Node& node, const LayerPlan& plan, const ValueRange& range);

/// An int32 bias: codes = round(bias / (inputScale·weightScale)), half to even, saturated. `weightScales`:
/// one per value of the bias; of any other number only the first counts. In double precision.
struct IntegerBias {
  std::vector<std::int32_t> codes;
  std::vector<double> scales; ///< as many
};
Result<IntegerBias> integerBias(const Tensor& bias, float inputScale, std::span<const float> weightScales);

/// Whether `plan` gives a layer's input a range that only calibration tells.
bool hasStaticActivations(const Model& model, const Plan& plan);

class Simulation {
public:
  /// `calibration` may be null: then only dynamic activation schemes can be simulated.
  Simulation(std::shared_ptr<const Model> model, std::shared_ptr<const Calibration> calibration);

  /// What came of a layer.
  struct Applied {
    bool weights = false;
    bool activations = false;
    std::string left; ///< why something was left in float; empty where nothing was
  };
  /// Adds what `plan` does to layer `index` to `options`. With static integer activations and integer
  /// weights the layer's bias becomes int32 at the product of their scales. Errors: a scheme that is not
  /// supported; cancelled.
  Result<Applied> apply(std::size_t index, const LayerPlan& plan, RunOptions& options,
                        const JobContext& job) const;

  const std::vector<LayerUse>& uses(std::size_t index) const { return m_uses[index]; }
  const Model& model() const { return *m_model; }
  /// Null where there is none.
  const Calibration* calibration() const { return m_calibration.get(); }

private:
  Result<void> applyActivations(std::size_t index, const LayerPlan& plan, RunOptions& options,
                                Applied& applied, const JobContext& job) const;

  std::shared_ptr<const Model> m_model;
  std::shared_ptr<const Calibration> m_calibration;
  std::vector<std::vector<LayerUse>> m_uses;
};

/// A whole plan at once. `left`: the layers where something stays in float, with why.
struct SimulatedPlan {
  RunOptions options;
  std::vector<std::pair<std::string, std::string>> left;
};
Result<SimulatedPlan> simulatePlan(const Simulation& simulation, const Plan& plan, const JobContext& job);

} // namespace halfstep
