#include "plugins/exporters/ort_overrides/ort_script.h"

#include "plugins/shared/text/literals.h"

#include <algorithm>

namespace halfstep::ort {

namespace {

using Json = OrderedJson;

bool perChannel(const Overrides& overrides) {
  return std::any_of(overrides.layers.begin(), overrides.layers.end(),
                     [](const LayerOverride& layer) { return layer.axis.has_value(); });
}

/// The OVERRIDES of the script: one entry per weight and per activation with a type of its own.
std::string scriptEntries(const Overrides& overrides, const ParametersByLayer& parameters) {
  std::string text;
  for (const LayerOverride& layer : overrides.layers) {
    if (layer.weights != nullptr) {
      const QuantizationParameters& found = parameters.at(layer.layer->name);
      Json entry = {{"quant_type", layer.weights->quantType}};
      if (layer.axis) {
        entry["axis"] = *layer.axis;
      }
      entry["scale"] = found.scales;
      entry["zero_point"] = found.zeroPoints;
      text += "    " + jsonLine(layer.layer->weightName) + ": " + jsonLine(entry) + ",\n";
    }
  }
  std::vector<std::string> written;
  for (const LayerOverride& layer : overrides.layers) {
    const std::string& input = layer.layer->input;
    if (layer.activation != nullptr && std::find(written.begin(), written.end(), input) == written.end()) {
      written.push_back(input);
      text += "    " + jsonLine(input) + ": {\"quant_type\": \"" + layer.activation->quantType +
              "\", \"symmetric\": " + (layer.activationSymmetric ? "True" : "False") + "},\n";
    }
  }
  return text;
}

constexpr const char* kScript = R"py(
import pathlib
import sys

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

# Nodes whose weights stay float.
NODES_TO_EXCLUDE = @EXCLUDED@

# Tensor name -> its type and, for weights, scale and zero point: one each, or one per index of the axis.
OVERRIDES = {
@ENTRIES@}

NUMPY_TYPES = {"QInt8": np.int8, "QUInt8": np.uint8, "QInt16": np.int16, "QUInt16": np.uint16,
               "QInt4": np.int8, "QUInt4": np.uint8}


def entries_of(override):
    """The list that TensorQuantOverrides wants for one tensor."""
    quant_type = getattr(QuantType, override["quant_type"])
    if "scale" not in override:
        return [{"quant_type": quant_type, "symmetric": override["symmetric"]}]
    entries = []
    for scale, zero_point in zip(override["scale"], override["zero_point"]):
        entry = {"quant_type": quant_type,
                 "scale": np.array(scale, dtype=np.float32),
                 "zero_point": np.array(zero_point, dtype=NUMPY_TYPES[override["quant_type"]])}
        if not entries and "axis" in override:
            entry["axis"] = override["axis"]
        entries.append(entry)
    return entries


def tensor_quant_overrides():
    """The value of extra_options["TensorQuantOverrides"]."""
    return {name: entries_of(override) for name, override in OVERRIDES.items()}


class NpzReader(CalibrationDataReader):
    """Calibration samples: the .npz files of a folder, each with one array per input of the model."""

    def __init__(self, folder):
        self.files = iter(sorted(pathlib.Path(folder).glob("*.npz")))

    def get_next(self):
        file = next(self.files, None)
        return None if file is None else dict(np.load(file))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    quantize_static(sys.argv[1], sys.argv[2], NpzReader(sys.argv[3]), quant_format=QuantFormat.QDQ,
                    per_channel=@PER_CHANNEL@, weight_type=QuantType.@WEIGHT_TYPE@, activation_type=QuantType.@ACTIVATION_TYPE@,
                    nodes_to_exclude=NODES_TO_EXCLUDE,
                    extra_options={"TensorQuantOverrides": tensor_quant_overrides()})


if __name__ == "__main__":
    main()
)py";

} // namespace

std::string overridesJson(const Overrides& overrides, const ParametersByLayer& parameters) {
  Json json = Json::object();
  for (const LayerOverride& layer : overrides.layers) {
    if (layer.weights == nullptr || layer.weights != overrides.mainType) {
      continue;
    }
    const QuantizationParameters& found = parameters.at(layer.layer->name);
    Json entries = Json::array();
    for (std::size_t i = 0; i < found.scales.size(); ++i) {
      Json entry = Json::object();
      if (i == 0 && layer.axis) {
        entry["axis"] = *layer.axis;
      }
      entry["scale"] = found.scales[i];
      entry["zero_point"] = found.zeroPoints[i];
      entries.push_back(std::move(entry));
    }
    json[layer.layer->weightName] = std::move(entries);
  }
  return jsonText(json);
}

std::string runnerCommand(const Overrides& overrides, const std::string& jsonName) {
  std::string command =
      "python -m onnxruntime.quantization.static_quantize_runner -i MODEL.onnx -o QUANTIZED.onnx"
      " --tensor_quant_overrides " +
      shellWord(jsonName) + " --activation_type " + overrides.mainActivation->option;
  if (overrides.mainType != nullptr) {
    command += std::string(" --weight_type ") + overrides.mainType->option;
  }
  if (perChannel(overrides)) {
    command += " --per_channel";
  }
  if (!overrides.excludedNodes.empty()) {
    command += " --nodes_to_exclude";
    for (const std::string& node : overrides.excludedNodes) {
      command += " " + shellWord(node);
    }
  }
  return command;
}

std::string overridesScript(const ExportInput& input, const Overrides& overrides,
                            const ParametersByLayer& parameters, const std::string& scriptName,
                            const std::string& jsonName) {
  std::string script = "#!/usr/bin/env python3\n\"\"\"Quantizes " +
                       forDocstring(jsonLine(Json(input.model->name))) + " as planned with Halfstep " +
                       input.programVersion + ", by ONNX Runtime " + kVersion +
                       " (quantize_static, QDQ).\n\n    python " + forDocstring(shellWord(scriptName)) +
                       " MODEL.onnx QUANTIZED.onnx CALIBRATION_FOLDER\n\n"
                       "Without Python code, but with one weight type for all layers:\n\n    " +
                       forDocstring(runnerCommand(overrides, jsonName)) + "\n\"\"\"" + kScript;
  Json excluded = Json::array();
  for (const std::string& node : overrides.excludedNodes) {
    excluded.push_back(node);
  }
  replaceMark(script, "@EXCLUDED@", jsonLine(excluded));
  replaceMark(script, "@PER_CHANNEL@", perChannel(overrides) ? "True" : "False");
  replaceMark(script, "@WEIGHT_TYPE@",
              overrides.mainType != nullptr ? overrides.mainType->quantType : "QInt8");
  replaceMark(script, "@ACTIVATION_TYPE@", overrides.mainActivation->quantType);
  replaceMark(script, "@ENTRIES@", scriptEntries(overrides, parameters));
  return script;
}

} // namespace halfstep::ort
