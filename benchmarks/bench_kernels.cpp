// bench_kernels: how fast the kernels and the quantizer are beside what the memory gives and beside PyTorch,
// measured in one run. Prints a table and whether the bars hold; then Google Benchmark's figures of each
// kernel. Options: --no-torch, --no-micro, and Google Benchmark's own. Exit status 1 where a bar does not
// hold.
#include "benchmarks/read_bandwidth.h"
#include "core/kernels/targets.h"
#include "core/quant/distribution.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/parallel.h"
#include "tests/core/kernel_cases.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <string>

using namespace halfstep;

namespace {

constexpr std::size_t kRows = 4096;
constexpr std::size_t kColumns = 4096;
constexpr double kBandwidthBar = 0.8;
constexpr double kTorchBar = 25.0;

double secondsOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double bestOf(int runs, const std::function<void()>& work) {
  double best = secondsOf(work);
  for (int i = 1; i < runs; ++i) {
    best = std::min(best, secondsOf(work));
  }
  return best;
}

std::shared_ptr<const WeightMatrix> normalMatrix() {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<float> values(kRows * kColumns);
  for (float& value : values) {
    value = normal(generator);
  }
  return WeightMatrix::fromRows(std::move(values), kRows);
}

void readInParallel(std::span<const float> values) {
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  parallelFor(values.size() / kPiece, [&](std::size_t i) {
    benchmark::DoNotOptimize(bench::readAll(values.subspan(i * kPiece, kPiece)));
  });
}

/// Fused metrics beside the memory's speed: the two alternate, so that other programs slow both.
bool fusedAgainstMemory(const WeightMatrix& matrix, double& fusedSeconds) {
  const QuantizationParameters parameters = chooseParameters(matrix, parseScheme("int8").value(), {}).value();
  double read = 1e9;
  fusedSeconds = 1e9;
  for (int i = 0; i < 400; ++i) {
    read = std::min(read, secondsOf([&] { readInParallel(matrix.values()); }));
    fusedSeconds = std::min(fusedSeconds, secondsOf([&] {
                              benchmark::DoNotOptimize(evaluateParameters(matrix, parameters, {})->total);
                            }));
  }
  const double bytes = static_cast<double>(matrix.values().size_bytes());
  const double ratio = read / fusedSeconds;
  std::printf("\nmemory read, %d threads        %8.2f ms %8.1f GB/s\n", parallelThreads(), read * 1e3,
              bytes / read * 1e-9);
  std::printf("fused metrics, int8 channel   %8.2f ms %8.1f GB/s  %.2f of the memory (bar %.2f: %s)\n",
              fusedSeconds * 1e3, bytes / fusedSeconds * 1e-9, ratio, kBandwidthBar,
              ratio >= kBandwidthBar ? "holds" : "MISSED");
  return ratio >= kBandwidthBar;
}

bool againstTorch(double fusedSeconds) {
  const std::string command = "/usr/bin/python3 '" HALFSTEP_SOURCE_DIR "/benchmarks/compare_torch.py' " +
                              std::to_string(kRows) + " " + std::to_string(kColumns);
  std::FILE* pipe = popen(command.c_str(), "r");
  double seconds = 0.0;
  int threads = 0;
  const bool read = pipe != nullptr && std::fscanf(pipe, "%lf %d", &seconds, &threads) == 2;
  if (pipe == nullptr || pclose(pipe) != 0 || !read) {
    std::printf("PyTorch did not run: no comparison\n");
    return true;
  }
  const double ratio = seconds / fusedSeconds;
  std::printf(
      "torch fake_quantize + MSE + max, %d threads %8.2f ms; fused metrics are %.0f times as fast (bar %.0f: "
      "%s)\n",
      threads, seconds * 1e3, ratio, kTorchBar, ratio >= kTorchBar ? "holds" : "MISSED");
  return ratio >= kTorchBar;
}

/// What a change of a control costs, by granularity and range rule.
void quantizerTable(const WeightMatrix& matrix) {
  constexpr int kRuns = 8;
  std::printf("\n16.7 M float32, best of %d, ms\n", kRuns);
  const WeightProfile profile = profileWeights(matrix, {}).value();
  std::printf("%-24s %8.2f\n", "profileWeights",
              bestOf(kRuns, [&] { (void)profileWeights(matrix, {}); }) * 1e3);
  std::printf("%-24s %8.2f\n", "momentsOf", bestOf(kRuns, [&] { (void)momentsOf(matrix, {}); }) * 1e3);
  std::printf("%-24s %8s %8s %8s\n", "scheme", "quantize", "shape", "curve");
  for (const char* format : {"int8", "int4", "uint4", "fp8e4m3"}) {
    for (const char* granularity : {"tensor", "channel", "group64", "group128"}) {
      for (const char* range : {"minmax", "pct99.9", "mse", "kl", "aciq"}) {
        const std::string text = std::string(format) + ":" + granularity + ":" + range;
        const Scheme scheme = parseScheme(text).value();
        const LayerQuantization layer = quantizeLayer(matrix, scheme, {}).value();
        std::printf("%-24s %8.2f %8.2f %8.2f\n", text.c_str(),
                    bestOf(kRuns, [&] { (void)quantizeLayer(matrix, scheme, {}); }) * 1e3,
                    bestOf(kRuns, [&] { (void)shapeOf(matrix, profile, layer.parameters, 0, 512, {}); }) *
                        1e3,
                    bestOf(kRuns, [&] { (void)clippingCurve(matrix, profile, scheme, {}); }) * 1e3);
        std::fflush(stdout);
      }
    }
  }
}

/// One micro-benchmark per kernel, on values that fit into the second-level cache.
void registerKernels(std::span<const float> values) {
  for (const test::KernelCase& row : test::kernelCases()) {
    if (row.work == nullptr) {
      continue;
    }
    benchmark::RegisterBenchmark(std::string(row.kernel).c_str(), [values, &row](benchmark::State& state) {
      for ([[maybe_unused]] auto iteration : state) {
        row.work(values);
      }
      state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                              static_cast<std::int64_t>(values.size_bytes()));
    });
  }
}

bool takeOption(int& argc, char** argv, const std::string& name) {
  for (int i = 1; i < argc; ++i) {
    if (argv[i] == name) {
      std::copy(argv + i + 1, argv + argc, argv + i);
      --argc;
      return true;
    }
  }
  return false;
}

} // namespace

int main(int argc, char** argv) {
  const bool torch = !takeOption(argc, argv, "--no-torch");
  const bool micro = !takeOption(argc, argv, "--no-micro");
  const kernels::TargetList targets = kernels::kernelTargets();
  std::printf("kernels on %s, %d threads\n", targets.chosen.c_str(), parallelThreads());
  const auto matrix = normalMatrix();
  double fusedSeconds = 0.0;
  bool holds = fusedAgainstMemory(*matrix, fusedSeconds);
  if (torch) {
    holds = againstTorch(fusedSeconds) && holds;
  }
  quantizerTable(*matrix);
  if (micro) {
    std::printf("\n");
    registerKernels(matrix->values().first(std::size_t{1} << 16));
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  }
  return holds ? 0 : 1;
}
