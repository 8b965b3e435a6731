// Decoding of weights that a file holds quantized. Internal to core/quant.
#pragma once

#include "core/model/model.h"
#include "core/support/job_context.h"

#include <vector>

namespace halfstep {

/// real = scale·(code − zero point) in float32, row-major in the codes' shape. Source: ONNX DequantizeLinear
/// (per tensor, per axis, blocked). Peak memory: 4 bytes a value. Errors (kind `damagedFile`): scales or zero
/// points whose number fits neither the tensor, nor the axis, nor its blocks.
Result<std::vector<float>> decodeStored(const StoredQuantization& stored, const JobContext& context);

} // namespace halfstep
