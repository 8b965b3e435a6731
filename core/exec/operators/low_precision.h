// Convolutions and products of constant weights in a type narrower than float32: how their operands are
// stored for oneDNN. They take float32 and leave float32, so that everything around them stays as it is.
// Internal to the operators.
#pragma once

#include "core/exec/compute_type.h"
#include "core/exec/operators/onednn.h"

#include <span>
#include <vector>

namespace halfstep {

class LowPrecision {
public:
  using DataType = dnnl::memory::data_type;

  /// float32.
  LowPrecision() = default;
  /// int8: values u8 where `input` has no negative ones, otherwise s8, with one scale that has the largest
  /// magnitude within `input` (finite ones count) at 255 or 127: the first values that a node is given set
  /// it, and later ones are clipped to it, as in static quantization. Weights s8 with a scale for each output
  /// channel, `weightMagnitudes` at 127. `input`: float32, whatever layout.
  LowPrecision(ComputeType type, const dnnl::memory& input, std::span<const float> weightMagnitudes);

  ComputeType type() const { return m_type; }
  bool isFloat32() const { return m_type == ComputeType::fp32; }
  DataType inputType() const { return m_inputType; }
  DataType weightsType() const;
  /// What an input is multiplied by on its way to codes; 1 unless int8.
  float codesPerUnit() const { return m_codesPerUnit; }
  /// int8: the code of a weight of output channel `channel`.
  std::int8_t codeOf(float weight, std::size_t channel) const;
  /// What a sum of products of codes in `channel` counts, and so what its bias is given in; 1 unless int8.
  float unitOf(std::size_t channel) const { return m_units.empty() ? 1.0f : m_units[channel]; }
  /// Has the primitive multiply its sums by unitOf(); `channels`: that axis of the result.
  void scaleResult(dnnl::primitive_attr& attributes, int channels) const;

private:
  ComputeType m_type = ComputeType::fp32;
  DataType m_inputType = DataType::f32;
  float m_codesPerUnit = 1.0f;
  std::vector<float> m_weightScales;
  std::vector<float> m_units;
};

} // namespace halfstep
