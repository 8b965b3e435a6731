// What one element of a tensor is. The numbers are those of ONNX's TensorProto.DataType (onnx.proto).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace halfstep {

enum class ElementType : std::int32_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  complex64 = 14,
  complex128 = 15,
  bfloat16 = 16,
  float8e4m3fn = 17,
  float8e4m3fnuz = 18,
  float8e5m2 = 19,
  float8e5m2fnuz = 20,
  uint4 = 21,
  int4 = 22,
  float4e2m1 = 23,
  float8e8m0 = 24,
  uint2 = 25,
  int2 = 26,
};

/// The type with ONNX's number `code`, or nothing where there is none.
std::optional<ElementType> elementTypeFromOnnx(std::int64_t code);

/// Lower-case name as in this enum's spelling, "float32"; `boolean` is "bool".
std::string_view elementTypeName(ElementType type);

/// Bits of one element: 2, 4, 8 … 128; 0 for `undefined` and `string`.
int elementBits(ElementType type);

/// Bytes of `count` elements, sub-byte types packed (the last byte may be half used).
std::size_t packedBytes(ElementType type, std::size_t count);

/// True for float16, float32, float64, bfloat16 and the fp8/fp4 kinds.
bool isFloatingPoint(ElementType type);
/// True for float16, bfloat16, float32 and float64: the types whose tensors can be quantized.
bool isQuantizable(ElementType type);
/// True for the integer types, 2 to 64 bits.
bool isInteger(ElementType type);
/// True for signed integer types and all floating-point types.
bool isSigned(ElementType type);

} // namespace halfstep
