// One row per kernel: how to run it on given values, dispatched or as its scalar twin, and how far the two
// may be apart. Drives the kernel tests and the benchmarks; the test fails for a kernel of
// kernels::allKernels() that has no row.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace halfstep::test {

enum class Variant { dispatched, scalarTwin };

/// Figures of one run. figures[i] may differ by tolerance·scales[i]; 0 means exact.
struct KernelFigures {
  std::vector<double> figures;
  std::vector<double> scales;
  void add(double figure, double scale) {
    figures.push_back(figure);
    scales.push_back(scale);
  }
  void addExact(double figure) { add(figure, 0.0); }
};

struct KernelCase {
  std::string_view kernel; ///< its name in kernels::allKernels()
  std::string_view variant;
  KernelFigures (*run)(std::span<const float> values, Variant variant);
  double tolerance; ///< relative to the figure's scale
  /// The dispatched kernel alone, once, for benchmarks; nothing where another row of the kernel has it.
  void (*work)(std::span<const float> values) = nullptr;
};

std::span<const KernelCase> kernelCases();

} // namespace halfstep::test
