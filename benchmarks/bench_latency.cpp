// bench_latency: the weight-only int4 product beside what the memory gives and beside oneDNN's float32
// product of the same matrix, larger than the caches, in one run. The three alternate and the best of each
// counts, because other programs slow them.
#include "benchmarks/read_bandwidth.h"
#include "core/analysis/layer_primitive.h"
#include "core/kernels/targets.h"
#include "core/support/parallel.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

using namespace halfstep;

namespace {

double secondsOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void readInParallel(std::span<const float> values) {
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  parallelFor(values.size() / kPiece, [&](std::size_t i) {
    benchmark::DoNotOptimize(bench::readAll(values.subspan(i * kPiece, kPiece)));
  });
}

LayerShape productOf(std::int64_t rows, std::int64_t depth, std::int64_t columns) {
  LayerShape shape;
  shape.kind = LayerKind::product;
  shape.input = {rows, depth};
  shape.weight = {depth, columns};
  shape.output = {rows, columns};
  shape.rows = rows;
  shape.depth = depth;
  shape.columns = columns;
  shape.parameters = depth * columns;
  return shape;
}

int compare(std::int64_t rows, std::span<const float> memory) {
  const LayerShape shape = productOf(rows, 8192, 12288);
  auto values = drawLayerValues(shape, 1);
  if (!values) {
    std::printf("%s\n", values.error().message().c_str());
    return 1;
  }
  const auto fp32 = prepareLayer(shape, LatencyType::fp32, *values, 1.0f);
  const auto int4 = prepareLayer(shape, LatencyType::int4, *values, 1.0f);
  if (!fp32 || !int4) {
    std::printf("%s\n", (fp32 ? int4 : fp32).error().message().c_str());
    return 1;
  }
  *values = {};
  double read = 1e9;
  double floats = 1e9;
  double codes = 1e9;
  double spent = 0.0;
  for (int i = 0; i < 200 && spent < 6.0; ++i) {
    const double readNow = secondsOf([&] { readInParallel(memory); });
    const double codesNow = secondsOf(int4->run);
    const double floatsNow = secondsOf(fp32->run);
    read = std::min(read, readNow);
    codes = std::min(codes, codesNow);
    floats = std::min(floats, floatsNow);
    spent += readNow + codesNow + floatsNow;
  }
  const double bandwidth = static_cast<double>(memory.size_bytes()) / read;
  const double codeRate = movedBytes(shape, LatencyType::int4) / codes;
  const double floatRate = movedBytes(shape, LatencyType::fp32) / floats;
  std::printf(
      "%2d rows: memory %.1f GB/s; int4 %.2f ms, %.1f GB/s, %.2f of the memory; float32 (%s) %.2f ms, "
      "%.1f GB/s; int4 is %.2f times as fast\n",
      static_cast<int>(rows), bandwidth * 1e-9, codes * 1e3, codeRate * 1e-9, codeRate / bandwidth,
      fp32->implementation.c_str(), floats * 1e3, floatRate * 1e-9, floats / codes);
  return 0;
}

} // namespace

int main() {
  std::printf("[rows, 8192] · [8192, 12288], kernels on %s, %d threads\n",
              kernels::kernelTargets().chosen.c_str(), parallelThreads());
  const std::vector<float> memory(std::size_t{64} << 20, 1.0f);
  int status = 0;
  for (const std::int64_t rows : {1, 2, 4, 8}) {
    status = std::max(status, compare(rows, memory));
  }
  return status;
}
