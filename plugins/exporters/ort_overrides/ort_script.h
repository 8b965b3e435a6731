// The texts of the two forms.
#pragma once

#include "core/quant/quantizer.h"
#include "plugins/exporters/ort_overrides/ort_rules.h"

#include <map>
#include <string>

namespace halfstep::ort {

/// Scales and zero points of the layers that are quantized, by layer name.
using ParametersByLayer = std::map<std::string, QuantizationParameters>;

/// For static_quantize_runner: {tensor: [{axis?, scale, zero_point}, …]}, the layers of the main type only.
std::string overridesJson(const Overrides& overrides, const ParametersByLayer& parameters);

/// A script that calls quantize_static, and a module to import the overrides from.
std::string overridesScript(const ExportInput& input, const Overrides& overrides,
                            const ParametersByLayer& parameters, const std::string& scriptName,
                            const std::string& jsonName);

/// The runner's command line for the JSON form.
std::string runnerCommand(const Overrides& overrides, const std::string& jsonName);

} // namespace halfstep::ort
