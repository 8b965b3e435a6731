#include "core/tensor/element_type.h"

#include <array>

namespace halfstep {

namespace {

enum class Family { none, floating, integer, complex };

struct TypeFacts {
  std::string_view name;
  int bits;
  Family family;
  bool isSigned;
};

constexpr std::array<TypeFacts, 27> kFacts = {{
    {"undefined", 0, Family::none, false},
    {"float32", 32, Family::floating, true},
    {"uint8", 8, Family::integer, false},
    {"int8", 8, Family::integer, true},
    {"uint16", 16, Family::integer, false},
    {"int16", 16, Family::integer, true},
    {"int32", 32, Family::integer, true},
    {"int64", 64, Family::integer, true},
    {"string", 0, Family::none, false},
    {"bool", 8, Family::none, false},
    {"float16", 16, Family::floating, true},
    {"float64", 64, Family::floating, true},
    {"uint32", 32, Family::integer, false},
    {"uint64", 64, Family::integer, false},
    {"complex64", 64, Family::complex, true},
    {"complex128", 128, Family::complex, true},
    {"bfloat16", 16, Family::floating, true},
    {"float8e4m3fn", 8, Family::floating, true},
    {"float8e4m3fnuz", 8, Family::floating, true},
    {"float8e5m2", 8, Family::floating, true},
    {"float8e5m2fnuz", 8, Family::floating, true},
    {"uint4", 4, Family::integer, false},
    {"int4", 4, Family::integer, true},
    {"float4e2m1", 4, Family::floating, true},
    {"float8e8m0", 8, Family::floating, false},
    {"uint2", 2, Family::integer, false},
    {"int2", 2, Family::integer, true},
}};

const TypeFacts& facts(ElementType type) {
  return kFacts.at(static_cast<std::size_t>(type));
}

} // namespace

std::optional<ElementType> elementTypeFromOnnx(std::int64_t code) {
  if (code < 0 || code >= static_cast<std::int64_t>(kFacts.size())) {
    return std::nullopt;
  }
  return static_cast<ElementType>(code);
}

std::string_view elementTypeName(ElementType type) {
  return facts(type).name;
}

int elementBits(ElementType type) {
  return facts(type).bits;
}

std::size_t packedBytes(ElementType type, std::size_t count) {
  const auto bits = static_cast<std::size_t>(elementBits(type));
  return bits >= 8 ? count * (bits / 8) : (count * bits + 7) / 8;
}

bool isFloatingPoint(ElementType type) {
  return facts(type).family == Family::floating;
}

bool isQuantizable(ElementType type) {
  return type == ElementType::float32 || type == ElementType::float16 || type == ElementType::bfloat16 ||
         type == ElementType::float64;
}

bool isInteger(ElementType type) {
  return facts(type).family == Family::integer;
}

bool isSigned(ElementType type) {
  return facts(type).isSigned;
}

} // namespace halfstep
