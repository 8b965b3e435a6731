#include "core/model/stored_quantization.h"

#include <cstring>

namespace halfstep {

namespace {

/// The same bytes under another shape and, for equal widths, another element type.
Result<Tensor> viewed(const Tensor& tensor, ElementType type, Shape shape) {
  return Tensor::share(type, std::move(shape), std::make_shared<const Tensor>(tensor), tensor.bytes());
}

Result<void> checkCodes(const Tensor& codes) {
  const bool narrow = elementBits(codes.type()) > 0 && elementBits(codes.type()) <= 32;
  if (!narrow ||
      !(isInteger(codes.type()) || (isFloatingPoint(codes.type()) && !isQuantizable(codes.type())))) {
    return damaged("its codes are of type " + std::string(elementTypeName(codes.type())));
  }
  if (codes.count() == 0) {
    return damaged("it has no elements");
  }
  return {};
}

Result<void> checkScales(const Tensor& scales) {
  if (!isFloatingPoint(scales.type())) {
    return damaged("its scales are of type " + std::string(elementTypeName(scales.type())));
  }
  return {};
}

/// `zeroPoints` with exactly as many elements as `scales` and the same shape.
Result<std::optional<Tensor>> fittingZeroPoints(const Tensor* zeroPoints, const Tensor& scales) {
  if (zeroPoints == nullptr) {
    return std::optional<Tensor>();
  }
  if (!isInteger(zeroPoints->type()) && !isFloatingPoint(zeroPoints->type())) {
    return damaged("its zero points are of type " + std::string(elementTypeName(zeroPoints->type())));
  }
  if (zeroPoints->count() == scales.count()) {
    HALFSTEP_TRY(Tensor fitting, viewed(*zeroPoints, zeroPoints->type(), scales.shape()));
    return std::optional(std::move(fitting));
  }
  if (zeroPoints->count() != 1) {
    return damaged("it has " + std::to_string(scales.count()) + " scales and " +
                   std::to_string(zeroPoints->count()) + " zero points");
  }
  const auto value = static_cast<float>(zeroPoints->valueAt(0));
  std::vector<std::byte> bytes(scales.count() * sizeof(float));
  for (std::size_t i = 0; i < scales.count(); ++i) {
    std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
  }
  HALFSTEP_TRY(Tensor repeated, Tensor::own(ElementType::float32, scales.shape(), std::move(bytes)));
  return std::optional(std::move(repeated));
}

bool isAxisOf(const Tensor& tensor, int axis) {
  return axis >= 0 && axis < static_cast<int>(tensor.shape().size());
}

/// Rows of `count` codes of `bits` bits, each padded to `rowBytes` bytes, repacked without the padding.
std::vector<std::byte> withoutPadding(std::span<const std::byte> packed, std::size_t rows, std::size_t count,
                                      std::size_t rowBytes, std::size_t bits) {
  std::vector<std::byte> out((rows * count * bits + 7) / 8);
  const std::size_t perByte = 8 / bits;
  const unsigned mask = (1u << bits) - 1;
  std::size_t at = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < count; ++i, ++at) {
      const auto byte = std::to_integer<unsigned>(packed[row * rowBytes + i / perByte]);
      const unsigned code = (byte >> (i % perByte * bits)) & mask;
      out[at / perByte] |= static_cast<std::byte>(code << (at % perByte * bits));
    }
  }
  return out;
}

/// [rows, count] codes of rows padded to whole bytes (or more): a view where there is no padding.
Result<Tensor> unpadded(const Tensor& packed, std::size_t rows, std::size_t count, std::size_t rowBytes,
                        std::int64_t bits) {
  const Shape shape = {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(count)};
  if (packed.bytes().size() != rows * rowBytes) {
    return damaged("it has " + std::to_string(packed.bytes().size()) + " packed bytes, expected " +
                   std::to_string(rows * rowBytes));
  }
  const auto width = static_cast<std::size_t>(bits);
  if (count * width == rowBytes * 8) {
    return viewed(packed, unsignedType(bits), shape);
  }
  return Tensor::own(unsignedType(bits), shape, withoutPadding(packed.bytes(), rows, count, rowBytes, width));
}

/// A tensor like `scales` that holds `value` everywhere, as uint8.
Result<Tensor> filledLike(const Tensor& scales, std::int64_t value) {
  return Tensor::own(ElementType::uint8, scales.shape(),
                     std::vector<std::byte>(scales.count(), static_cast<std::byte>(value)));
}

} // namespace

ElementType unsignedType(std::int64_t bits) {
  switch (bits) {
  case 2:
    return ElementType::uint2;
  case 4:
    return ElementType::uint4;
  case 8:
    return ElementType::uint8;
  default:
    return ElementType::undefined;
  }
}

Result<StoredQuantization> storedPerAxis(const Tensor& codes, const Tensor& scales, const Tensor* zeroPoints,
                                         int axis, std::string origin) {
  HALFSTEP_CHECK(checkCodes(codes));
  HALFSTEP_CHECK(checkScales(scales));
  StoredQuantization stored;
  stored.codes = codes;
  stored.scales = scales;
  stored.origin = std::move(origin);
  if (scales.count() != 1) {
    if (!isAxisOf(codes, axis) ||
        static_cast<std::size_t>(codes.shape()[static_cast<std::size_t>(axis)]) != scales.count()) {
      return damaged("it has " + std::to_string(scales.count()) + " scales for axis " + std::to_string(axis) +
                     " of " + shapeText(codes.shape()));
    }
    stored.axis = axis;
  }
  HALFSTEP_TRY(stored.zeroPoints, fittingZeroPoints(zeroPoints, stored.scales));
  return stored;
}

Result<StoredQuantization> storedBlocked(const Tensor& codes, const Tensor& scales, const Tensor* zeroPoints,
                                         int axis, std::int64_t blockSize, std::string origin) {
  HALFSTEP_CHECK(checkCodes(codes));
  HALFSTEP_CHECK(checkScales(scales));
  if (!isAxisOf(codes, axis) || blockSize <= 0) {
    return damaged("it has blocks of " + std::to_string(blockSize) + " along axis " + std::to_string(axis) +
                   " of " + shapeText(codes.shape()));
  }
  Shape shape = codes.shape();
  std::int64_t& blocks = shape[static_cast<std::size_t>(axis)];
  blocks = blocks / blockSize + (blocks % blockSize != 0 ? 1 : 0);
  HALFSTEP_TRY(const std::size_t expected, elementCount(shape));
  if (scales.count() != expected) {
    return damaged("it has " + std::to_string(scales.count()) + " scales, expected " + shapeText(shape) +
                   " for blocks of " + std::to_string(blockSize));
  }
  StoredQuantization stored;
  stored.codes = codes;
  stored.axis = axis;
  stored.blockSize = blockSize;
  stored.origin = std::move(origin);
  HALFSTEP_TRY(stored.scales, viewed(scales, scales.type(), std::move(shape)));
  HALFSTEP_TRY(stored.zeroPoints, fittingZeroPoints(zeroPoints, stored.scales));
  return stored;
}

Result<StoredQuantization> storedMatMulNBits(const Tensor& packed, const Tensor& scales,
                                             const Tensor* zeroPoints, std::int64_t n, std::int64_t k,
                                             std::int64_t bits, std::int64_t blockSize) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 40; // so that no product below overflows
  if (unsignedType(bits) == ElementType::undefined) {
    return Error{ErrorKind::unsupported, "its codes have " + std::to_string(bits) + " bits"};
  }
  if (n <= 0 || k <= 0 || blockSize < 8 || n > kLimit || k > kLimit || blockSize > kLimit ||
      blockSize % 8 != 0 || packed.type() != ElementType::uint8) {
    return damaged("its N " + std::to_string(n) + ", K " + std::to_string(k) + " and block size " +
                   std::to_string(blockSize) + " make no sense");
  }
  HALFSTEP_CHECK(elementCount({n, k + blockSize}));
  const auto rows = static_cast<std::size_t>(n);
  const auto blocks = static_cast<std::size_t>((k + blockSize - 1) / blockSize);
  const auto width = static_cast<std::size_t>(bits);
  HALFSTEP_TRY(const Tensor codes, unpadded(packed, rows, static_cast<std::size_t>(k),
                                            blocks * static_cast<std::size_t>(blockSize) * width / 8, bits));
  HALFSTEP_TRY(StoredQuantization stored, storedBlocked(codes, scales, nullptr, 1, blockSize, "MatMulNBits"));
  if (zeroPoints == nullptr) {
    HALFSTEP_TRY(stored.zeroPoints, filledLike(stored.scales, std::int64_t{1} << (bits - 1)));
  } else if (zeroPoints->type() == ElementType::uint8) {
    HALFSTEP_TRY(stored.zeroPoints, unpadded(*zeroPoints, rows, blocks, (blocks * width + 7) / 8, bits));
  } else {
    HALFSTEP_TRY(stored.zeroPoints, fittingZeroPoints(zeroPoints, stored.scales));
  }
  return stored;
}

Result<StoredQuantization> storedGatherBlocks(const Tensor& data, const Tensor& scales,
                                              const Tensor* zeroPoints, int axis, std::int64_t bits,
                                              std::int64_t blockSize) {
  const bool packed = data.type() == ElementType::uint8 && bits == 4;
  if (!packed) {
    HALFSTEP_TRY(StoredQuantization stored,
                 storedBlocked(data, scales, zeroPoints, axis, blockSize, "GatherBlockQuantized"));
    if (zeroPoints == nullptr && data.type() == ElementType::uint8) {
      HALFSTEP_TRY(stored.zeroPoints, filledLike(stored.scales, 128));
    }
    return stored;
  }
  if (data.shape().empty()) {
    return damaged("its table has no dimensions");
  }
  Shape shape = data.shape();
  shape.back() *= 2;
  HALFSTEP_TRY(const Tensor codes, viewed(data, ElementType::uint4, std::move(shape)));
  HALFSTEP_TRY(StoredQuantization stored,
               storedBlocked(codes, scales, nullptr, axis, blockSize, "GatherBlockQuantized"));
  if (zeroPoints == nullptr) {
    HALFSTEP_TRY(stored.zeroPoints, filledLike(stored.scales, 8));
    return stored;
  }
  const auto last = static_cast<std::size_t>(stored.scales.shape().back());
  HALFSTEP_TRY(Tensor points, unpadded(*zeroPoints, stored.scales.count() / last, last, (last + 1) / 2, 4));
  HALFSTEP_TRY(stored.zeroPoints, viewed(points, points.type(), stored.scales.shape()));
  return stored;
}

} // namespace halfstep
