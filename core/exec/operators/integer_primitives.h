// Products and convolutions of 8-bit integers by oneDNN, where it computes them exactly on this machine.
// Internal to the operators.
#pragma once

#include "core/exec/operators/quantizing.h"

#include <optional>

namespace halfstep {

/// Whether oneDNN's kernels add products of 8-bit integers in 32 bits. Without the instructions for it (VNNI)
/// they go through 16 bits, which saturate.
bool hasExactIntegerKernels();

/// out[m][n] = Σ_k a[m][k]·b[k][n], exact. `aSigned`, `bSigned`: int8 instead of uint8. False: this machine
/// cannot, or the sums might not fit in 32 bits.
bool multiplyBytes(const std::byte* a, bool aSigned, const std::byte* b, bool bSigned, std::size_t rows,
                   std::size_t columns, std::size_t depth, std::int32_t* out);

/// What a convolution of integers is made from; x and w are of 8 bits.
struct IntegerConvolution {
  Value x;            ///< [N, C, spatial…], perhaps ChannelsLastCodes
  Shape inputShape;   ///< of x
  ElementType type{}; ///< of x
  Tensor w;           ///< [M, C/groups, kernel…]
  std::int32_t xZero = 0;
  std::vector<std::int16_t> wZeros; ///< one, or one for each output channel
  std::size_t groups = 1;
  ProductWindows windows;
  Shape shape; ///< of the result
};

/// Numbers of a convolution with the channels last: [N, spatial…, M].
struct ChannelsLastSums {
  std::shared_ptr<std::byte> owner;
  std::span<std::int32_t> values;
};

/// Σ (x − xZero)·(w − wZero), exact; nothing where oneDNN cannot do it. Keeps its primitive with the node.
Result<std::optional<ChannelsLastSums>> channelsLastSums(const OpCall& call,
                                                         const IntegerConvolution& convolution);

/// [N, spatial…, M] as a tensor [N, M, spatial…] = `shape`; T is std::int32_t or an 8-bit integer of `type`.
template <class T>
Result<Tensor> channelsFirst(const Shape& shape, ElementType type, std::span<const T> values);

/// 8-bit integers [N, M, spatial…] = `shape` that lie with the channels last, as integer convolutions leave
/// them for each other.
class ChannelsLastCodes : public LazyTensor {
public:
  ChannelsLastCodes(Shape shape, ElementType type, Tensor codes)
      : LazyTensor(std::move(shape))
      , m_type(type)
      , m_codes(std::move(codes)) {}

  ElementType type() const { return m_type; }
  /// All of them, in the order in which they lie.
  std::span<const std::uint8_t> codes() const {
    return {reinterpret_cast<const std::uint8_t*>(m_codes.bytes().data()), m_codes.bytes().size()};
  }

protected:
  Tensor makePlain() const override;

private:
  ElementType m_type;
  Tensor m_codes; ///< one-dimensional
};

/// Null for other values.
inline const ChannelsLastCodes* channelsLastCodesOf(const Value& value) {
  return dynamic_cast<const ChannelsLastCodes*>(value.lazy());
}

} // namespace halfstep
