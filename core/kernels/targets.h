// Which kernels there are, and which instruction sets they run on here.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace halfstep::kernels {

/// The instruction sets (Highway's names: "SSSE3", "SSE4", "AVX2", "AVX3" for AVX-512, …), best first.
struct TargetList {
  std::vector<std::string> compiled;  ///< in this build
  std::vector<std::string> supported; ///< compiled, and this CPU has them
  std::string chosen;                 ///< what calls run on
};
TargetList kernelTargets();

/// A kernel's name and what it does, in one line.
struct KernelFacts {
  std::string_view name;
  std::string_view explanation;
};
/// Every kernel; tests and benchmarks go through this list, so that none can exist untested.
std::span<const KernelFacts> allKernels();

} // namespace halfstep::kernels
