#include "app/cli/dump.h"

#include "app/cli/output.h"
#include "core/io/npy_file.h"
#include "core/tensor/conversion.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace halfstep::cli {

namespace {

constexpr std::size_t kLongestName = 200; // file systems allow 255 bytes, of which suffixes take some

/// The element type of codes: width in bytes and NumPy's name.
struct CodeType {
  std::size_t width;
  const char* descriptor;
};
CodeType codeType(NumberFormat format) {
  const FormatFacts& facts = formatFacts(format);
  const bool isSigned = facts.family == FormatFamily::integer && facts.isSigned;
  if (facts.bits <= 8) {
    return {1, isSigned ? "|i1" : "|u1"};
  }
  return {2, isSigned ? "<i2" : "<u2"};
}

std::vector<std::byte> narrowed(std::span<const std::int32_t> codes, std::size_t width) {
  std::vector<std::byte> bytes(codes.size() * width);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    std::memcpy(bytes.data() + i * width, &codes[i], width); // little-endian
  }
  return bytes;
}

/// Integers of 2 to 32 bits in the smallest type of NumPy that holds them; other types as float32, fp8 and
/// fp4 as their bytes.
Result<void> writeAsStored(const std::string& path, const Tensor& tensor, const JobContext& context) {
  const int bits = elementBits(tensor.type());
  const std::string own = npyDescriptor(tensor.type());
  if (isInteger(tensor.type()) && bits >= 8 && !own.empty()) {
    return writeNpy(path, own, tensor.shape(), tensor.bytes());
  }
  if (isFloatingPoint(tensor.type()) && bits == 8) {
    return writeNpy(path, "|u1", tensor.shape(), tensor.bytes());
  }
  HALFSTEP_TRY(const std::vector<float> values, toFloats(tensor, context));
  if (!isInteger(tensor.type())) {
    return writeNpy(path, "<f4", tensor.shape(), std::as_bytes(std::span(values)));
  }
  std::vector<std::byte> bytes(values.size());
  std::transform(values.begin(), values.end(), bytes.begin(), [](float code) {
    return static_cast<std::byte>(static_cast<std::int8_t>(static_cast<int>(code)));
  });
  return writeNpy(path, isSigned(tensor.type()) ? "|i1" : "|u1", tensor.shape(), bytes);
}

/// Whole zero points in the type of integer codes; others as they are.
Result<Tensor> likeCodes(const Tensor& zeroPoints, ElementType codes, const JobContext& context) {
  if (!isInteger(codes) || isInteger(zeroPoints.type())) {
    return zeroPoints;
  }
  HALFSTEP_TRY(const std::vector<float> values, toFloats(zeroPoints, context));
  if (!std::all_of(values.begin(), values.end(),
                   [](float value) { return value == std::nearbyint(value); })) {
    return zeroPoints; // MatMulNBits may have fractions
  }
  const ElementType type = elementBits(codes) >= 8 ? codes
                           : isSigned(codes)       ? ElementType::int8
                                                   : ElementType::uint8;
  return tensorOfReals(type, zeroPoints.shape(), std::vector<double>(values.begin(), values.end()));
}

Shape scalesShape(const Segmentation& segmentation) {
  switch (segmentation.kind) {
  case Granularity::Kind::tensor:
    return {1};
  case Granularity::Kind::channel:
    return {static_cast<std::int64_t>(segmentation.channels)};
  case Granularity::Kind::group:
    return {static_cast<std::int64_t>(segmentation.channels),
            static_cast<std::int64_t>(segmentation.segmentsPerChannel)};
  }
  return {};
}

} // namespace

Result<Dump> Dump::into(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder, error)) {
    return Error{ErrorKind::failed,
                 "cannot be made a folder: " + (error ? error.message() : "it is a file"),
                 {},
                 folder.string()};
  }
  Dump dump;
  dump.m_folder = folder;
  return dump;
}

std::string Dump::fileName(const std::string& layer) {
  std::string name;
  for (const char c : layer) {
    const auto byte = static_cast<unsigned char>(c);
    name += c == '/' || byte < 0x20 || byte == 0x7f ? '_' : c;
  }
  if (name.empty() || name[0] == '.') { // neither hidden nor "..", whatever a file calls its layers
    name = "_" + name.substr(name.empty() ? 0 : 1);
  }
  name = displayText(name); // what is not UTF-8 is replaced, by more bytes: not every tool can name it
  if (name.size() > kLongestName) {
    std::size_t end = kLongestName;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) { // not within a character
      --end;
    }
    name.resize(end);
  }
  std::string unique = name;
  for (int i = 2; !m_taken.insert(unique).second; ++i) {
    unique = name + "_" + std::to_string(i);
  }
  return unique;
}

Result<std::string> Dump::write(const std::string& layer, const WeightMatrix& matrix,
                                const QuantizationParameters& parameters, const JobContext& context) {
  std::string name = fileName(layer);
  const std::string base = (m_folder / name).string();
  // One after the other: codes and values together would be more memory than a large layer may take.
  if (parameters.scheme.format != NumberFormat::fp32) {
    const CodeType type = codeType(parameters.scheme.format);
    const Shape shape = scalesShape(parameters.segmentation);
    {
      HALFSTEP_TRY(const auto codes, codesInWeightOrder(matrix, parameters, type.width, context));
      HALFSTEP_CHECK(writeNpy(base + ".codes.npy", type.descriptor, matrix.shape(), codes));
    }
    HALFSTEP_CHECK(writeNpy(base + ".scales.npy", "<f4", shape, std::as_bytes(std::span(parameters.scales))));
    HALFSTEP_CHECK(writeNpy(base + ".zero_points.npy", type.descriptor, shape,
                            narrowed(parameters.zeroPoints, type.width)));
  }
  HALFSTEP_TRY(const auto values, dequantizedInWeightOrder(matrix, parameters, context));
  HALFSTEP_CHECK(
      writeNpy(base + ".dequantized.npy", "<f4", matrix.shape(), std::as_bytes(std::span(values))));
  return name;
}

Result<std::string> Dump::writeStored(const Layer& layer, const WeightMatrix& decoded,
                                      const JobContext& context) {
  std::string name = fileName(layer.name);
  const std::string base = (m_folder / name).string();
  const StoredQuantization& stored = *layer.stored;
  HALFSTEP_CHECK(writeAsStored(base + ".codes.npy", stored.codes, context));
  HALFSTEP_CHECK(writeAsStored(base + ".scales.npy", stored.scales, context));
  if (stored.zeroPoints) {
    HALFSTEP_TRY(const Tensor zeroPoints, likeCodes(*stored.zeroPoints, stored.codes.type(), context));
    HALFSTEP_CHECK(writeAsStored(base + ".zero_points.npy", zeroPoints, context));
  }
  QuantizationParameters asIs; // fp32: the decoded values as they are
  asIs.scheme = defaultScheme(NumberFormat::fp32);
  asIs.segmentation = Segmentation::of(decoded, asIs.scheme.granularity);
  HALFSTEP_TRY(const auto values, dequantizedInWeightOrder(decoded, asIs, context));
  HALFSTEP_CHECK(
      writeNpy(base + ".dequantized.npy", "<f4", decoded.shape(), std::as_bytes(std::span(values))));
  return name;
}

} // namespace halfstep::cli
