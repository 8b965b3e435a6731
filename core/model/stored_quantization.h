// Builds StoredQuantizations in the three forms that model.h describes, checking that their parts fit.
#pragma once

#include "core/model/model.h"

namespace halfstep {

/// One scale, or one per index of `axis` of the codes, by how many elements `scales` has. `zeroPoints` may be
/// null; a single one is repeated where there are more scales. Errors: the element types or counts do not
/// fit.
Result<StoredQuantization> storedPerAxis(const Tensor& codes, const Tensor& scales, const Tensor* zeroPoints,
                                         int axis, std::string origin);

/// Blocks of `blockSize` values along `axis` share a scale. `scales` (and `zeroPoints`) need the right number
/// of elements; their shape is brought to the codes' rank. The same errors.
Result<StoredQuantization> storedBlocked(const Tensor& codes, const Tensor& scales, const Tensor* zeroPoints,
                                         int axis, std::int64_t blockSize, std::string origin);

/// The weights of com.microsoft MatMulNBits with attributes `n`, `k`, `bits` (2, 4 or 8) and `blockSize`.
/// `packed`: uint8 [N, ceil(K/block), block·bits/8], low bits first; `zeroPoints`: packed uint8, or one
/// number of floating type per block, or null (2^(bits−1)). The codes share the file's bytes where K is a
/// multiple of the block size. Errors: unsupported bits; sizes that do not fit.
Result<StoredQuantization> storedMatMulNBits(const Tensor& packed, const Tensor& scales,
                                             const Tensor* zeroPoints, std::int64_t n, std::int64_t k,
                                             std::int64_t bits, std::int64_t blockSize);

/// The table of com.microsoft GatherBlockQuantized: `data` of 4- or 8-bit integers, or uint8 with two 4-bit
/// codes a byte along the last axis (`bits` 4). The same errors.
Result<StoredQuantization> storedGatherBlocks(const Tensor& data, const Tensor& scales,
                                              const Tensor* zeroPoints, int axis, std::int64_t bits,
                                              std::int64_t blockSize);

/// The unsigned element type of `bits` bits (2, 4, 8); undefined for others.
ElementType unsignedType(std::int64_t bits);

} // namespace halfstep
