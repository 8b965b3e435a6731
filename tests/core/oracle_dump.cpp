// What the quantizer computes, for tests/core/oracle_quantize.py to compare. `oracle_dump FOLDER` reads
// FOLDER/cases.txt (lines "NAME CHANNELS"), FOLDER/NAME.f32 (float32 rows) and FOLDER/schemes.txt, and writes
// FOLDER/NAME.out: for every scheme the number of scales (int64), scales (float32), zero points (int32),
// range ends (float32 pairs), codes (int32), decoded values (float32), the total's three counts (int64) and
// seven sums (float64), bytes (int64), everything little-endian. Seed of stochastic rounding: 7.
#include "core/quant/quantizer.h"
#include "core/quant/scheme_grammar.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

using namespace halfstep;

namespace {

template <class T>
void write(std::ofstream& out, const T* values, std::size_t count) {
  out.write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(count * sizeof(T)));
}

std::vector<float> readFloats(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::vector<float> values(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), values.size() * sizeof(float), reinterpret_cast<char*>(values.data()));
  return values;
}

Result<void> dump(const WeightMatrix& matrix, const std::string& text, std::ofstream& out) {
  const JobContext context({}, {}, {}, 7);
  HALFSTEP_TRY(const Scheme scheme, parseScheme(text));
  HALFSTEP_TRY(const LayerQuantization layer, quantizeLayer(matrix, scheme, context));
  HALFSTEP_TRY(const QuantizedValues values, quantizeValues(matrix, layer.parameters, context));
  const QuantizationParameters& parameters = layer.parameters;
  const auto scales = static_cast<std::int64_t>(parameters.scales.size());
  write(out, &scales, 1);
  write(out, parameters.scales.data(), parameters.scales.size());
  write(out, parameters.zeroPoints.data(), parameters.zeroPoints.size());
  for (const ValueRange& range : parameters.ranges) {
    const float ends[] = {range.lo, range.hi};
    write(out, ends, 2);
  }
  write(out, values.codes.data(), values.codes.size());
  write(out, values.dequantized.data(), values.dequantized.size());
  const ErrorSums& total = layer.total;
  const std::int64_t counts[] = {total.count, total.nonFinite, total.clipped};
  write(out, counts, 3);
  const double sums[] = {total.squares,       total.decodedSquares,    total.products, total.errors,
                         total.squaredErrors, total.squaredClipErrors, total.maxError};
  write(out, sums, 7);
  write(out, &layer.bytes, 1);
  return {};
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("oracle_dump FOLDER\n", stderr);
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/";
  std::vector<std::string> schemes;
  std::ifstream schemeFile(folder + "schemes.txt");
  for (std::string line; std::getline(schemeFile, line);) {
    schemes.push_back(line);
  }
  std::ifstream cases(folder + "cases.txt");
  std::string name;
  std::size_t channels = 0;
  while (cases >> name >> channels) {
    const auto matrix = WeightMatrix::fromRows(readFloats(folder + name + ".f32"), channels);
    std::ofstream out(folder + name + ".out", std::ios::binary);
    for (const std::string& scheme : schemes) {
      const Result<void> done = dump(*matrix, scheme, out);
      if (!done) {
        std::fprintf(stderr, "%s %s: %s\n", name.c_str(), scheme.c_str(), done.error().message().c_str());
        return 1;
      }
    }
  }
  return 0;
}
