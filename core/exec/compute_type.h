// In which type a network's products are computed. A value.
#pragma once

namespace halfstep {

enum class ComputeType {
  fp32,
  bf16, ///< values and weights in bfloat16, sums in float32
  int8, ///< values and weights as 8-bit codes, sums in 32 bits
};

} // namespace halfstep
