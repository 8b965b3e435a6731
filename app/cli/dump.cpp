#include "app/cli/dump.h"

#include "app/cli/output.h"
#include "core/io/npy_file.h"

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

/// The low bytes of `codes`; with `order`, the code for place i is codes[order[i]].
std::vector<std::byte> narrowed(std::span<const std::int32_t> codes, const std::vector<std::size_t>& order,
                                std::size_t width) {
  std::vector<std::byte> bytes(codes.size() * width);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::int32_t code = codes[order.empty() ? i : order[i]];
    std::memcpy(bytes.data() + i * width, &code, width); // little-endian
  }
  return bytes;
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
  name =
      displayText(name.substr(0, kLongestName)); // what is not UTF-8 is replaced: not every tool can name it
  std::string unique = name;
  for (int i = 2; !m_taken.insert(unique).second; ++i) {
    unique = name + "_" + std::to_string(i);
  }
  return unique;
}

Result<void> Dump::write(const std::string& layer, const WeightMatrix& matrix,
                         const QuantizationParameters& parameters, const JobContext& context) {
  HALFSTEP_TRY(const QuantizedValues values, quantizeValues(matrix, parameters, context));
  const std::vector<std::size_t> order = matrix.weightOrder();
  const std::string base = (m_folder / fileName(layer)).string();
  if (!values.codes.empty()) {
    const CodeType type = codeType(parameters.scheme.format);
    const Shape shape = scalesShape(parameters.segmentation);
    HALFSTEP_CHECK(writeNpy(base + ".codes.npy", type.descriptor, matrix.shape(),
                            narrowed(values.codes, order, type.width)));
    HALFSTEP_CHECK(writeNpy(base + ".scales.npy", "<f4", shape, std::as_bytes(std::span(parameters.scales))));
    HALFSTEP_CHECK(writeNpy(base + ".zero_points.npy", type.descriptor, shape,
                            narrowed(parameters.zeroPoints, {}, type.width)));
  }
  if (order.empty()) {
    return writeNpy(base + ".dequantized.npy", "<f4", matrix.shape(),
                    std::as_bytes(std::span(values.dequantized)));
  }
  std::vector<float> ordered(values.dequantized.size());
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    ordered[i] = values.dequantized[order[i]];
  }
  return writeNpy(base + ".dequantized.npy", "<f4", matrix.shape(), std::as_bytes(std::span(ordered)));
}

} // namespace halfstep::cli
