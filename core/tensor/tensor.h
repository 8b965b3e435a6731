// A tensor: element type, shape, and bytes that it owns or shares with a mapped file. Immutable; copies share
// the bytes, so a Tensor is passed by value.
#pragma once

#include "core/support/job_context.h"
#include "core/support/result.h"
#include "core/tensor/element_type.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace halfstep {

using Shape = std::vector<std::int64_t>;

/// The number of elements of `shape` (1 for a scalar). Error: a negative dimension, or dimensions other than
/// 0 whose product is more than 2^48.
Result<std::size_t> elementCount(const Shape& shape);

/// "[128, 64, 3, 3]".
std::string shapeText(const Shape& shape);

class Tensor {
public:
  Tensor() = default;

  /// Shares `bytes`, which `owner` keeps alive. `bytes` must hold exactly the packed elements, little-endian,
  /// row-major; they may lie at any address. Errors (kind `damagedFile`): the sizes do not agree.
  static Result<Tensor> share(ElementType type, Shape shape, std::shared_ptr<const void> owner,
                              std::span<const std::byte> bytes);
  /// Takes the bytes. The same errors.
  static Result<Tensor> own(ElementType type, Shape shape, std::vector<std::byte> bytes);
  /// A tensor of strings (element type `string`), row-major.
  static Result<Tensor> ofStrings(Shape shape, std::vector<std::string> values);

  ElementType type() const { return m_type; }
  const Shape& shape() const { return m_shape; }
  std::size_t count() const { return m_count; }
  /// The packed bytes, possibly misaligned for the element type; empty for strings.
  std::span<const std::byte> bytes() const { return m_bytes; }
  /// The strings of a tensor of strings; empty for other types.
  std::span<const std::string> strings() const;

  /// Element `index` as a double (for integers beyond 2^53 the nearest), sub-byte types unpacked. Not for
  /// strings or complex numbers, which give NaN.
  double valueAt(std::size_t index) const;

private:
  ElementType m_type = ElementType::undefined;
  Shape m_shape;
  std::size_t m_count = 0;
  std::shared_ptr<const void> m_owner;
  std::span<const std::byte> m_bytes;
};

/// Elements `first`…`first + out.size()` of `tensor`, row-major, as float32 (rounded to nearest even from
/// float64 and large integers; fp8, fp4 and sub-byte integers decoded). Any numeric type but complex; strings
/// are an error.
Result<void> readAsFloat(const Tensor& tensor, std::size_t first, std::span<float> out);

/// All elements as float32, row-major; one allocation of 4 bytes an element.
Result<std::vector<float>> toFloats(const Tensor& tensor, const JobContext& context);

/// The integers of an integer or boolean tensor. Error for other types.
Result<std::vector<std::int64_t>> toIntegers(const Tensor& tensor);

} // namespace halfstep
