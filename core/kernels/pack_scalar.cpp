#include "core/kernels/pack.h"

namespace halfstep::kernels::scalar {

void packCodes(std::span<const std::int32_t> codes, int bits, std::span<std::uint8_t> bytes) {
  const std::uint32_t mask = (1u << bits) - 1;
  std::uint32_t pending = 0;
  int filled = 0;
  std::size_t at = 0;
  for (const std::int32_t code : codes) {
    pending |= (static_cast<std::uint32_t>(code) & mask) << filled;
    filled += bits;
    while (filled >= 8) {
      bytes[at++] = static_cast<std::uint8_t>(pending);
      pending >>= 8;
      filled -= 8;
    }
  }
  if (filled > 0) {
    bytes[at] = static_cast<std::uint8_t>(pending);
  }
}

void unpackCodes(std::span<const std::uint8_t> bytes, int bits, bool isSigned,
                 std::span<std::int32_t> codes) {
  const std::uint32_t mask = (1u << bits) - 1;
  const std::uint32_t sign = isSigned ? 1u << (bits - 1) : 0u;
  std::uint32_t pending = 0;
  int filled = 0;
  std::size_t at = 0;
  for (std::int32_t& code : codes) {
    while (filled < bits) {
      pending |= static_cast<std::uint32_t>(bytes[at++]) << filled;
      filled += 8;
    }
    code = static_cast<std::int32_t>((pending & mask) ^ sign) - static_cast<std::int32_t>(sign);
    pending >>= bits;
    filled -= bits;
  }
}

} // namespace halfstep::kernels::scalar
