// Sub-byte codes in bytes, the first code in the lowest bits, no padding between codes: code i of width b
// fills bits i·b … i·b + b − 1 of the little-endian bit string. For 2, 4 and 8 bits this is ONNX's packing
// (TensorProto, onnx.proto); 3, 5, 6 and 7 bits continue it (as com.microsoft MatMulNBits does).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace halfstep::kernels {

/// Bytes that `count` codes of `bits` bits fill.
constexpr std::size_t packedSize(std::size_t count, int bits) {
  return (count * static_cast<std::size_t>(bits) + 7) / 8;
}

/// The low `bits` (2…8) bits of each code; the bits left over in the last byte are 0. Exact on every target.
/// Precondition: bytes.size() == packedSize(codes.size(), bits).
void packCodes(std::span<const std::int32_t> codes, int bits, std::span<std::uint8_t> bytes);
/// The codes again, sign-extended where `isSigned`. Precondition as above.
void unpackCodes(std::span<const std::uint8_t> bytes, int bits, bool isSigned, std::span<std::int32_t> codes);

namespace scalar {
void packCodes(std::span<const std::int32_t> codes, int bits, std::span<std::uint8_t> bytes);
void unpackCodes(std::span<const std::uint8_t> bytes, int bits, bool isSigned, std::span<std::int32_t> codes);
} // namespace scalar

} // namespace halfstep::kernels
