#include "plugins/loaders/onnx/tensor_reader.h"

#include "plugins/loaders/onnx/weight_stripper.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <cstring>

namespace halfstep {

namespace {

constexpr std::uint32_t kFloatData = 4;
constexpr std::uint32_t kInt32Data = 5;
constexpr std::uint32_t kInt64Data = 7;
constexpr std::uint32_t kRawData = 9;
constexpr std::uint32_t kDoubleData = 10;
constexpr std::uint32_t kUint64Data = 11;

constexpr int kMaxRank = 255; // ONNX sets no limit; what is beyond is no tensor but an attack

constexpr std::uint64_t kFixedDenseBudget = std::uint64_t{64} << 20;
constexpr std::uint64_t kDensePerByte = 64;

/// The field of TensorProto that holds elements of `type` where raw_data does not (onnx.proto). Smaller types
/// than 32 bits are widened to int32; sub-byte types put one packed byte into each.
std::uint32_t typedField(ElementType type) {
  switch (type) {
  case ElementType::float32:
  case ElementType::complex64:
    return kFloatData;
  case ElementType::float64:
  case ElementType::complex128:
    return kDoubleData;
  case ElementType::int64:
    return kInt64Data;
  case ElementType::uint32:
  case ElementType::uint64:
    return kUint64Data;
  default:
    return kInt32Data;
  }
}

/// The low `width` bytes of every varint in `packed`, appended to `out`; false where one is damaged.
bool decodeVarints(std::span<const std::byte> packed, std::size_t width, std::vector<std::byte>& out) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(packed.data()),
                                               static_cast<int>(packed.size()));
  while (input.CurrentPosition() < static_cast<int>(packed.size())) {
    std::uint64_t value = 0;
    if (!input.ReadVarint64(&value)) {
      return false;
    }
    const auto bytes = std::as_bytes(std::span(&value, 1)).first(width);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return true;
}

} // namespace

TensorReader::TensorReader(std::shared_ptr<const MappedFile> file, ExternalData& external)
    : m_file(std::move(file))
    , m_external(external)
    , m_denseBudget(kFixedDenseBudget + kDensePerByte * m_file->bytes().size()) {}

Result<Tensor> TensorReader::read(const onnx::TensorProto& proto) const {
  const auto type = elementTypeFromOnnx(proto.data_type());
  if (!type) {
    return Error{ErrorKind::unsupported,
                 "element type " + std::to_string(proto.data_type()) + " is not known"};
  }
  if (proto.dims_size() > kMaxRank) {
    return damaged("has " + std::to_string(proto.dims_size()) + " dimensions");
  }
  Shape shape(proto.dims().begin(), proto.dims().end());
  HALFSTEP_CHECK(elementCount(shape));
  if (*type == ElementType::undefined) {
    return damaged("has no element type");
  }
  if (proto.has_segment()) {
    return Error{ErrorKind::unsupported, "is stored in segments, which no version of ONNX ever defined"};
  }
  if (*type == ElementType::string) {
    return readStrings(proto, std::move(shape));
  }
  if (proto.data_location() == onnx::TensorProto::EXTERNAL) {
    return readExternal(proto, *type, std::move(shape));
  }
  return readPayload(proto, *type, std::move(shape));
}

Result<Tensor> TensorReader::readStrings(const onnx::TensorProto& proto, Shape shape) const {
  return Tensor::ofStrings(std::move(shape), {proto.string_data().begin(), proto.string_data().end()});
}

Result<Tensor> TensorReader::readExternal(const onnx::TensorProto& proto, ElementType type,
                                          Shape shape) const {
  ExternalEntries entries;
  for (const auto& entry : proto.external_data()) {
    entries[entry.key()] = entry.value();
  }
  const std::size_t needed = packedBytes(type, elementCount(shape).value());
  HALFSTEP_TRY(const auto piece, m_external.read(entries, needed));
  return Tensor::share(type, std::move(shape), piece.file, piece.bytes);
}

Result<Tensor> TensorReader::readPayload(const onnx::TensorProto& proto, ElementType type,
                                         Shape shape) const {
  const std::size_t needed = packedBytes(type, elementCount(shape).value());
  std::vector<std::span<const std::byte>> raw;
  std::vector<std::span<const std::byte>> typed;
  std::size_t typedBytes = 0;
  for (const PayloadRun& run : payloadRuns(proto.raw_data())) {
    const auto bytes = m_file->bytes().subspan(run.offset, run.length);
    if (run.field == kRawData) {
      raw.assign(1, bytes); // a later raw_data replaces an earlier one, as protobuf has it
    } else if (run.field == typedField(type) && !bytes.empty()) {
      typed.push_back(bytes);
      typedBytes += bytes.size();
    }
  }
  if (!raw.empty() && (!raw[0].empty() || typed.empty())) {
    return Tensor::share(type, std::move(shape), m_file, raw[0]);
  }
  const bool fixedWidth = typedField(type) == kFloatData || typedField(type) == kDoubleData;
  if (fixedWidth && typed.size() == 1) {
    return Tensor::share(type, std::move(shape), m_file, typed[0]);
  }
  // Every element takes at least one byte in the file, so this reserves at most eight times its data.
  std::vector<std::byte> bytes;
  const std::size_t width =
      static_cast<std::size_t>(std::max(elementBits(type), 8)) / 8; // sub-byte types: one packed byte
  bytes.reserve(std::min(needed, fixedWidth ? typedBytes : typedBytes * width));
  for (const auto& run : typed) {
    if (fixedWidth) {
      bytes.insert(bytes.end(), run.begin(), run.end());
    } else if (!decodeVarints(run, width, bytes)) {
      return damaged("its packed elements are damaged");
    }
  }
  return Tensor::own(type, std::move(shape), std::move(bytes));
}

} // namespace halfstep
