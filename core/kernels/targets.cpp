#include "core/kernels/targets.h"

#include <array>
#include <cstdint>

#include <hwy/highway.h>

namespace halfstep::kernels {

namespace {

constexpr std::array kKernels = {
    KernelFacts{"value_range", "smallest and largest finite value"},
    KernelFacts{"moments", "count, mean and central moments up to the fourth"},
    KernelFacts{"histogram", "counts of equal bins"},
    KernelFacts{"histogram_moments", "counts, sums and sums of squares of equal bins"},
    KernelFacts{"quantize", "integer codes of values"},
    KernelFacts{"dequantize", "values of integer codes"},
    KernelFacts{"integer_errors", "every error sum of integer grids in one reading (fused)"},
    KernelFacts{"float_errors", "every error sum of fp16, bf16 and fp8 in one reading (fused)"},
    KernelFacts{"shrink_errors", "squared errors of many clipping ranges"},
    KernelFacts{"absolute_deviations", "sum of distances from a centre"},
    KernelFacts{"kth_largest", "order statistics near the top"},
    KernelFacts{"collect_bin", "the values that fall into one bin"},
    KernelFacts{"pack_codes", "codes of 2 to 8 bits into bytes"},
    KernelFacts{"unpack_codes", "bytes into codes of 2 to 8 bits"},
    KernelFacts{"int4_matvec", "a matrix of 4-bit codes times few rows of values"},
};

/// The names of the targets in `mask`, best (lowest bit) first.
std::vector<std::string> names(std::int64_t mask) {
  std::vector<std::string> list;
  for (std::int64_t rest = mask; rest != 0; rest &= rest - 1) {
    list.emplace_back(hwy::TargetName(rest & -rest));
  }
  return list;
}

} // namespace

TargetList kernelTargets() {
  TargetList list;
  list.compiled = names(HWY_TARGETS);
  list.supported = names(hwy::SupportedTargets() & HWY_TARGETS);
  list.chosen = list.supported.empty() ? std::string() : list.supported.front();
  return list;
}

std::span<const KernelFacts> allKernels() {
  return kKernels;
}

} // namespace halfstep::kernels
