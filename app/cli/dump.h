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
  /// shape). fp32 has only the last. Each file is written whole or not at all. Returns NAME: the layer's name
  /// with _ for what a file's name cannot hold, cut where it is too long, numbered where it is taken.
  Result<std::string> write(const std::string& layer, const WeightMatrix& matrix,
                            const QuantizationParameters& parameters, const JobContext& context);

  /// The same files for a weight that the model's file holds quantized, as it is there: codes of 2 and 4 bits
  /// in bytes, those of fp8 as bit patterns, scales in the file's shape, zero points (none where there are
  /// none) in the codes' type or float32.
  Result<std::string> writeStored(const Layer& layer, const WeightMatrix& decoded, const JobContext& context);

private:
  std::string fileName(const std::string& layer);

  std::filesystem::path m_folder;
  std::set<std::string> m_taken;
};

} // namespace halfstep::cli
