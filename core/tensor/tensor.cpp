#include "core/tensor/tensor.h"

#include "core/tensor/float_formats.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace halfstep {

namespace {

constexpr std::size_t kMaxElements = std::size_t{1} << 48;

template <class T>
T load(const std::byte* bytes, std::size_t index) {
  T value;
  std::memcpy(&value, bytes + index * sizeof(T), sizeof(T));
  return value;
}

int subByte(const std::byte* bytes, std::size_t index, int bits) {
  const std::size_t perByte = 8 / static_cast<std::size_t>(bits);
  const auto byte = std::to_integer<unsigned>(bytes[index / perByte]);
  const auto shift = static_cast<unsigned>(index % perByte) * static_cast<unsigned>(bits);
  return static_cast<int>((byte >> shift) & ((1u << bits) - 1));
}

int signExtended(int code, int bits) {
  return code >= (1 << (bits - 1)) ? code - (1 << bits) : code;
}

/// Applies `out[i] = convert(first + i)` with the element's decoder chosen once.
template <class Out, class Function>
bool decodeEach(const Tensor& tensor, std::size_t first, std::size_t count, Out* out, Function convert) {
  const std::byte* bytes = tensor.bytes().data();
  const auto each = [&](auto decoder) {
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = convert(decoder(first + i));
    }
    return true;
  };
  switch (tensor.type()) {
  case ElementType::float32:
    return each([&](std::size_t i) { return load<float>(bytes, i); });
  case ElementType::float64:
    return each([&](std::size_t i) { return load<double>(bytes, i); });
  case ElementType::float16:
    return each([&](std::size_t i) { return floatFromHalf(load<std::uint16_t>(bytes, i)); });
  case ElementType::bfloat16:
    return each([&](std::size_t i) { return floatFromBfloat16(load<std::uint16_t>(bytes, i)); });
  case ElementType::float8e4m3fn:
    return each([&](std::size_t i) { return floatFromFloat8e4m3fn(load<std::uint8_t>(bytes, i)); });
  case ElementType::float8e4m3fnuz:
    return each([&](std::size_t i) { return floatFromFloat8e4m3fnuz(load<std::uint8_t>(bytes, i)); });
  case ElementType::float8e5m2:
    return each([&](std::size_t i) { return floatFromFloat8e5m2(load<std::uint8_t>(bytes, i)); });
  case ElementType::float8e5m2fnuz:
    return each([&](std::size_t i) { return floatFromFloat8e5m2fnuz(load<std::uint8_t>(bytes, i)); });
  case ElementType::float8e8m0:
    return each([&](std::size_t i) { return floatFromFloat8e8m0(load<std::uint8_t>(bytes, i)); });
  case ElementType::float4e2m1:
    return each(
        [&](std::size_t i) { return floatFromFloat4e2m1(static_cast<std::uint8_t>(subByte(bytes, i, 4))); });
  case ElementType::uint8:
  case ElementType::boolean:
    return each([&](std::size_t i) { return load<std::uint8_t>(bytes, i); });
  case ElementType::int8:
    return each([&](std::size_t i) { return load<std::int8_t>(bytes, i); });
  case ElementType::uint16:
    return each([&](std::size_t i) { return load<std::uint16_t>(bytes, i); });
  case ElementType::int16:
    return each([&](std::size_t i) { return load<std::int16_t>(bytes, i); });
  case ElementType::int32:
    return each([&](std::size_t i) { return load<std::int32_t>(bytes, i); });
  case ElementType::uint32:
    return each([&](std::size_t i) { return load<std::uint32_t>(bytes, i); });
  case ElementType::int64:
    return each([&](std::size_t i) { return load<std::int64_t>(bytes, i); });
  case ElementType::uint64:
    return each([&](std::size_t i) { return load<std::uint64_t>(bytes, i); });
  case ElementType::uint4:
    return each([&](std::size_t i) { return subByte(bytes, i, 4); });
  case ElementType::int4:
    return each([&](std::size_t i) { return signExtended(subByte(bytes, i, 4), 4); });
  case ElementType::uint2:
    return each([&](std::size_t i) { return subByte(bytes, i, 2); });
  case ElementType::int2:
    return each([&](std::size_t i) { return signExtended(subByte(bytes, i, 2), 2); });
  case ElementType::undefined:
  case ElementType::string:
  case ElementType::complex64:
  case ElementType::complex128:
    return false;
  }
  return false;
}

} // namespace

Result<std::size_t> elementCount(const Shape& shape) {
  // Without the zeros: what is computed with the other dimensions must not overflow either.
  std::size_t count = 1;
  bool empty = false;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) {
      return Error{ErrorKind::damagedFile, "shape " + shapeText(shape) + " has a negative dimension"};
    }
    empty = empty || dimension == 0;
    const auto length = static_cast<std::size_t>(std::max<std::int64_t>(dimension, 1));
    if (length > kMaxElements / count) {
      return Error{ErrorKind::damagedFile, "shape " + shapeText(shape) + " has more than 2^48 elements"};
    }
    count *= length;
  }
  return empty ? 0 : count;
}

std::string shapeText(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

Result<Tensor> Tensor::share(ElementType type, Shape shape, std::shared_ptr<const void> owner,
                             std::span<const std::byte> bytes) {
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  if (elementBits(type) == 0) {
    return Error{ErrorKind::damagedFile,
                 "a tensor of type " + std::string(elementTypeName(type)) + " has no bytes"};
  }
  if (bytes.size() != packedBytes(type, count)) {
    return Error{ErrorKind::damagedFile, "shape " + shapeText(shape) + " of " +
                                             std::string(elementTypeName(type)) + " needs " +
                                             std::to_string(packedBytes(type, count)) + " bytes, there are " +
                                             std::to_string(bytes.size())};
  }
  Tensor tensor;
  tensor.m_type = type;
  tensor.m_shape = std::move(shape);
  tensor.m_count = count;
  tensor.m_owner = std::move(owner);
  tensor.m_bytes = bytes;
  return tensor;
}

Result<Tensor> Tensor::own(ElementType type, Shape shape, std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::span<const std::byte> view(*owner);
  return share(type, std::move(shape), std::move(owner), view);
}

Result<Tensor> Tensor::ofStrings(Shape shape, std::vector<std::string> values) {
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  if (values.size() != count) {
    return Error{ErrorKind::damagedFile, "shape " + shapeText(shape) + " needs " + std::to_string(count) +
                                             " strings, there are " + std::to_string(values.size())};
  }
  Tensor tensor;
  tensor.m_type = ElementType::string;
  tensor.m_shape = std::move(shape);
  tensor.m_count = count;
  tensor.m_owner = std::make_shared<const std::vector<std::string>>(std::move(values));
  return tensor;
}

std::span<const std::string> Tensor::strings() const {
  if (m_type != ElementType::string) {
    return {};
  }
  return *static_cast<const std::vector<std::string>*>(m_owner.get());
}

double Tensor::valueAt(std::size_t index) const {
  double value = std::numeric_limits<double>::quiet_NaN();
  decodeEach(*this, index, 1, &value, [](auto element) { return static_cast<double>(element); });
  return value;
}

Result<void> readAsFloat(const Tensor& tensor, std::size_t first, std::span<float> out) {
  if (first > tensor.count() || out.size() > tensor.count() - first) {
    return Error{ErrorKind::failed, "elements " + std::to_string(first) + "… are outside the tensor"};
  }
  if (tensor.type() == ElementType::float32) {
    if (!out.empty()) {
      std::memcpy(out.data(), tensor.bytes().data() + first * sizeof(float), out.size_bytes());
    }
    return {};
  }
  if (!decodeEach(tensor, first, out.size(), out.data(),
                  [](auto element) { return static_cast<float>(element); })) {
    return Error{ErrorKind::unsupported,
                 "a tensor of type " + std::string(elementTypeName(tensor.type())) + " has no real values"};
  }
  return {};
}

Result<std::vector<float>> toFloats(const Tensor& tensor, const JobContext& context) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  std::vector<float> values(tensor.count());
  for (std::size_t at = 0; at < values.size(); at += kPiece) {
    HALFSTEP_CHECK(context.checkpoint());
    const std::size_t count = std::min(kPiece, values.size() - at);
    HALFSTEP_CHECK(readAsFloat(tensor, at, std::span(values).subspan(at, count)));
  }
  return values;
}

Result<std::vector<std::int64_t>> toIntegers(const Tensor& tensor) {
  if (!isInteger(tensor.type()) && tensor.type() != ElementType::boolean) {
    return Error{ErrorKind::unsupported, "a tensor of type " + std::string(elementTypeName(tensor.type())) +
                                             " does not hold integers"};
  }
  std::vector<std::int64_t> values(tensor.count());
  decodeEach(tensor, 0, values.size(), values.data(),
             [](auto element) { return static_cast<std::int64_t>(element); });
  return values;
}

} // namespace halfstep
