#include "benchmarks/read_bandwidth.h"

namespace halfstep::bench {

namespace {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
__attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#endif
std::uint32_t
sumOfWords(const std::uint32_t* words, std::size_t count) {
  std::uint32_t sums[64] = {};
  std::size_t i = 0;
  for (; i + 64 <= count; i += 64) {
    for (std::size_t lane = 0; lane < 64; ++lane) {
      sums[lane] += words[i + lane];
    }
  }
  std::uint32_t total = 0;
  for (const std::uint32_t sum : sums) {
    total += sum;
  }
  for (; i < count; ++i) {
    total += words[i];
  }
  return total;
}

} // namespace

std::uint64_t readAll(std::span<const float> values) {
  return sumOfWords(reinterpret_cast<const std::uint32_t*>(values.data()), values.size());
}

} // namespace halfstep::bench
