// Samples drawn at random, where there is no data: enough to run a network, not to judge it by.
#pragma once

#include "core/analysis/samples.h"
#include "core/model/model.h"
#include "core/quant/data_settings.h"

#include <memory>

namespace halfstep {

struct SyntheticSettings {
  std::size_t count = 16;
  std::uint64_t seed = 0;
  std::map<std::string, Shape> shapes; ///< of inputs by name, where the model leaves dimensions open
  bool operator==(const SyntheticSettings&) const = default;
};

/// What data settings without a source ask for.
SyntheticSettings syntheticSettings(const DataSettings& settings);

/// Values of one tensor from `shape` on: floating-point elements standard normal; booleans 0 or 1; integers
/// uniform in 0…rows − 1 where the input picks rows from a table of the graph, otherwise in 0…9. Every sample
/// and input has a stream of its own: sample 5 is the same whatever was asked for before.
class SyntheticSamples : public SampleSource {
public:
  /// Open dimensions are 1, unless `settings.shapes` has the input. Errors (kind `usage`): a shape for an
  /// input that there is not, or one that contradicts the model's; more than 2^31 elements; kind
  /// `unsupported`: inputs that are no tensors of numbers.
  static Result<std::shared_ptr<const SampleSource>> create(const Model& model,
                                                            const SyntheticSettings& settings);

  std::size_t count() const override { return m_settings.count; }
  Result<std::map<std::string, Value>> inputs(std::size_t index) const override;
  std::string name(std::size_t index) const override { return "drawn " + std::to_string(index); }
  std::vector<std::int64_t> targets(std::size_t) const override { return {}; }
  SampleOrigin origin() const override;

private:
  struct Input {
    std::string name;
    ElementType type;
    Shape shape;
    std::uint64_t below; ///< integers are drawn from 0…below − 1
  };
  SyntheticSamples(std::vector<Input> inputs, SyntheticSettings settings)
      : m_inputs(std::move(inputs))
      , m_settings(std::move(settings)) {}

  std::vector<Input> m_inputs;
  SyntheticSettings m_settings;
};

/// The shape of `input` for one sample: `given` where it is not null, with the model's own dimensions
/// checked; otherwise the model's, open dimensions being 1. Error (kind `usage`).
Result<Shape> sampleShape(const ValueInfo& input, const Shape* given);

} // namespace halfstep
