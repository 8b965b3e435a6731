// Data settings as the "data" object of a plan file. Keys are ordered, and what is not set is left out:
//
//   {"source": "photos", "samples": 100, "shuffle": 1, "resize": "256", "crop": "224", "scale": 0.00392…,
//    "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "layout": "nchw", "channels": "rgb",
//    "tokenizer": "bytes", "shapes": {"x": [1, 3, 224, 224]}}
#pragma once

#include "core/quant/data_settings.h"

#include <nlohmann/json.hpp>

namespace halfstep {

nlohmann::ordered_json dataSettingsToJson(const DataSettings& settings);
/// Errors (kind `damagedFile`, where "data" or the key): unknown keys, other types, values that
/// checkDataSettings() refuses.
Result<DataSettings> dataSettingsFromJson(const nlohmann::ordered_json& json);

} // namespace halfstep
