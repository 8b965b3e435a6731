// What a weight that the file holds quantized looks like there, as it is: the codes, scales and zero points
// of the file, not those of a scheme.
#pragma once

#include "core/model/model.h"
#include "core/support/job_context.h"

#include <optional>
#include <string>
#include <vector>

namespace halfstep {

struct StoredFacts {
  std::string codeType; ///< "int8", "uint4"
  double lowestCode = 0.0;
  double highestCode = 0.0;
  std::size_t scales = 0; ///< how many
  double smallestScale = 0.0;
  double largestScale = 0.0;
  double smallestZeroPoint = 0.0; ///< 0 where the file has none
  double largestZeroPoint = 0.0;
  std::vector<float> scaleValues;     ///< all, in the file's order
  std::vector<float> zeroPointValues; ///< as many; empty where the file has none

  /// The scale's number in `scaleValues` for one of `channels` channels, where each has one or all share one.
  std::optional<std::size_t> scaleOf(std::size_t channel, std::size_t channels) const;
};

/// Reads all codes once. Memory: 8 bytes a scale. Errors (`unsupported`): codes without numbers;
/// cancelled.
Result<StoredFacts> storedFacts(const StoredQuantization& stored, const JobContext& context);

/// "uint8 codes 0…255, scale 0.00316, zero point 119"; "int8 codes −127…127, 32 scales 2.1e-4…0.0108".
std::string storedText(const StoredFacts& facts);

} // namespace halfstep
