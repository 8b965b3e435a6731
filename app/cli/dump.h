// --dump: a layer's codes, scales, zero points and decoded values as NumPy files.
#pragma once

#include "core/quant/quantizer.h"

#include <filesystem>
#include <set>
#include <string>

namespace halfstep::cli {

/// Writes the files of one model's layers into a folder. Main thread.
class Dump {
public:
  /// Makes the folder. Error (`failed`): it cannot be made.
  static Result<Dump> into(const std::filesystem::path& folder);

  /// NAME.codes.npy (the weight's shape; int8, uint8, int16 or uint16, the smallest that holds the format;
  /// bit patterns for fp16, bf16, fp8), NAME.scales.npy (float32; [1], [channels] or [channels, groups]),
  /// NAME.zero_points.npy (the same shape, the codes' type), NAME.dequantized.npy (float32, the weight's
  /// shape). fp32 has only the last. Each file is written whole or not at all.
  Result<void> write(const std::string& layer, const WeightMatrix& matrix,
                     const QuantizationParameters& parameters, const JobContext& context);

private:
  std::string fileName(const std::string& layer);

  std::filesystem::path m_folder;
  std::set<std::string> m_taken;
};

} // namespace halfstep::cli
