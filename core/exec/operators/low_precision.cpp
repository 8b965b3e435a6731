#include "core/exec/operators/low_precision.h"

#include "core/kernels/value_range.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr float kMostSigned = 127.0f;
constexpr float kMostUnsigned = 255.0f;

float scaleFor(float magnitude, float codes) {
  return magnitude > 0.0f ? magnitude / codes : 1.0f;
}

} // namespace

LowPrecision::LowPrecision(ComputeType type, const dnnl::memory& input,
                           std::span<const float> weightMagnitudes)
    : m_type(type) {
  if (type == ComputeType::bf16) {
    m_inputType = DataType::bf16;
  }
  if (type != ComputeType::int8) {
    return;
  }
  // Zeros that pad a layout change nothing.
  const auto range = kernels::valueRange(
      {static_cast<const float*>(input.get_data_handle()), input.get_desc().get_size() / sizeof(float)});
  const bool isSigned = range.min < 0.0f;
  m_inputType = isSigned ? DataType::s8 : DataType::u8;
  const float inputScale = scaleFor(range.magnitude(), isSigned ? kMostSigned : kMostUnsigned);
  m_codesPerUnit = 1.0f / inputScale;
  for (const float magnitude : weightMagnitudes) {
    m_weightScales.push_back(scaleFor(magnitude, kMostSigned));
    m_units.push_back(m_weightScales.back() * inputScale);
  }
}

LowPrecision::DataType LowPrecision::weightsType() const {
  switch (m_type) {
  case ComputeType::fp32:
    return DataType::f32;
  case ComputeType::bf16:
    return DataType::bf16;
  case ComputeType::int8:
    return DataType::s8;
  }
  return DataType::f32;
}

std::int8_t LowPrecision::codeOf(float weight, std::size_t channel) const {
  const float code = std::nearbyint(weight / m_weightScales[channel]);
  return static_cast<std::int8_t>(std::clamp(code, -kMostSigned, kMostSigned));
}

void LowPrecision::scaleResult(dnnl::primitive_attr& attributes, int channels) const {
  if (!m_units.empty()) {
    attributes.set_output_scales(1 << channels, m_units);
  }
}

} // namespace halfstep
