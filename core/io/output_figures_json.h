// What was measured of single samples, as JSON: what journals are made of. Pure; any thread.
#pragma once

#include "core/analysis/evaluation.h"

#include <nlohmann/json.hpp>

#include <vector>

namespace halfstep {

/// One object per sample: {"outputs": [[signal, noise, decoded, products, largest, count], …], "rows": [rows,
/// divergence, sameTop1, top1InTop5, labelled, rightFloat, rightQuantized, surpriseFloat,
/// surpriseQuantized]}. Numbers that JSON does not have are the texts "nan", "inf" and "-inf".
nlohmann::ordered_json outputFiguresToJson(const std::vector<OutputFigures>& samples);

/// The inverse, to the last bit; null is read as not a number. Throws what nlohmann::json throws where
/// something is missing or of another type.
std::vector<OutputFigures> outputFiguresFromJson(const nlohmann::ordered_json& json);

} // namespace halfstep
