#include "core/kernels/pack.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/pack.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

void packCodesTarget(std::span<const std::int32_t> codes, int bits, std::span<std::uint8_t> bytes) {
  scalar::packCodes(codes, bits, bytes);
}

void unpackCodesTarget(std::span<const std::uint8_t> bytes, int bits, bool isSigned,
                       std::span<std::int32_t> codes) {
  scalar::unpackCodes(bytes, bits, isSigned, codes);
}

#else

// Eight codes of b bits are one 64-bit word of b bytes. Two neighbouring codes are one 64-bit lane, so a word
// is four lanes, each shifted to its place.
using PairTag = hn::CappedTag<std::uint64_t, 2>;
using CodeTag = hn::RepartitionToNarrow<PairTag>;
using Pairs = hn::Vec<PairTag>;

/// Two codes of a lane next to each other in its low 2b bits.
HWY_INLINE Pairs joined(const std::int32_t* codes, Pairs mask, int bits) {
  const PairTag d;
  const CodeTag dc;
  const Pairs both =
      hn::And(hn::BitCast(d, hn::LoadU(dc, reinterpret_cast<const std::uint32_t*>(codes))), mask);
  return hn::Or(hn::And(both, hn::Set(d, 0xffffffffu)), hn::ShiftRightSame(both, 32 - bits));
}

void packCodesTarget(std::span<const std::int32_t> codes, int bits, std::span<std::uint8_t> bytes) {
  const PairTag d;
  const std::uint64_t low = (1u << bits) - 1;
  const Pairs mask = hn::Set(d, low | low << 32);
  HWY_ALIGN const std::uint64_t shifts[4] = {0, 2 * static_cast<std::uint64_t>(bits),
                                             4 * static_cast<std::uint64_t>(bits),
                                             6 * static_cast<std::uint64_t>(bits)};
  const Pairs shiftsLow = hn::Load(d, shifts);
  const Pairs shiftsHigh = hn::Load(d, shifts + 2);
  const auto width = static_cast<std::size_t>(bits);
  std::size_t i = 0;
  std::size_t at = 0;
  // A word is stored whole, eight bytes, while there is room; the next one overwrites what is too much.
  for (; i + 8 <= codes.size() && at + 8 <= bytes.size(); i += 8, at += width) {
    const Pairs first = hn::Shl(joined(codes.data() + i, mask, bits), shiftsLow);
    const Pairs second = hn::Shl(joined(codes.data() + i + 4, mask, bits), shiftsHigh);
    HWY_ALIGN std::uint64_t lanes[2];
    hn::Store(hn::Or(first, second), d, lanes);
    const std::uint64_t word = lanes[0] | lanes[1];
    std::memcpy(bytes.data() + at, &word, sizeof(word));
  }
  scalar::packCodes(codes.subspan(i), bits, bytes.subspan(at));
}

void unpackCodesTarget(std::span<const std::uint8_t> bytes, int bits, bool isSigned,
                       std::span<std::int32_t> codes) {
  const PairTag d;
  const CodeTag dc;
  const auto width = static_cast<std::uint64_t>(bits);
  const std::uint64_t low = (1u << bits) - 1;
  const Pairs mask = hn::Set(d, low);
  const Pairs highMask = hn::Set(d, low << 32);
  const auto sign = hn::Set(dc, isSigned ? 1u << (bits - 1) : 0u);
  HWY_ALIGN const std::uint64_t shifts[4] = {0, 2 * width, 4 * width, 6 * width};
  std::size_t i = 0;
  std::size_t at = 0;
  for (; i + 8 <= codes.size() && at + 8 <= bytes.size(); i += 8, at += width) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    for (std::size_t half = 0; half < 2; ++half) {
      const Pairs pair = hn::Shr(hn::Set(d, word), hn::Load(d, shifts + 2 * half));
      const Pairs spread = hn::Or(hn::And(pair, mask), hn::And(hn::ShiftLeftSame(pair, 32 - bits), highMask));
      const auto extended = hn::Sub(hn::Xor(hn::BitCast(dc, spread), sign), sign);
      hn::StoreU(extended, dc, reinterpret_cast<std::uint32_t*>(codes.data() + i + 4 * half));
    }
  }
  scalar::unpackCodes(bytes.subspan(at), bits, isSigned, codes.subspan(i));
}

#endif // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halfstep::kernels {

HWY_EXPORT(packCodesTarget);
HWY_EXPORT(unpackCodesTarget);

void packCodes(std::span<const std::int32_t> codes, int bits, std::span<std::uint8_t> bytes) {
  HWY_DYNAMIC_DISPATCH(packCodesTarget)(codes, bits, bytes);
}

void unpackCodes(std::span<const std::uint8_t> bytes, int bits, bool isSigned,
                 std::span<std::int32_t> codes) {
  HWY_DYNAMIC_DISPATCH(unpackCodesTarget)(bytes, bits, isSigned, codes);
}

} // namespace halfstep::kernels
#endif
