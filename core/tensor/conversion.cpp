#include "core/tensor/conversion.h"

#include "core/tensor/float_formats.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace halfstep {

namespace {

template <class Stored, class From, class Encode>
std::vector<std::byte> encoded(std::span<const From> values, Encode encode) {
  std::vector<std::byte> bytes(values.size() * sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Stored stored = encode(values[i]);
    std::memcpy(bytes.data() + i * sizeof(Stored), &stored, sizeof(Stored));
  }
  return bytes;
}

template <class Integer>
Integer saturated(double value) {
  if (std::isnan(value)) {
    return 0;
  }
  const double rounded = std::nearbyint(value);
  // The largest 64-bit integers are no doubles: the first double beyond them saturates.
  if (rounded >= static_cast<double>(std::numeric_limits<Integer>::max())) {
    return std::numeric_limits<Integer>::max();
  }
  return rounded <= static_cast<double>(std::numeric_limits<Integer>::min())
             ? std::numeric_limits<Integer>::min()
             : static_cast<Integer>(rounded);
}

Error cannotBecome(ElementType from, ElementType to) {
  return Error{ErrorKind::unsupported, "values of type " + std::string(elementTypeName(from)) +
                                           " cannot become " + std::string(elementTypeName(to))};
}

/// Calls `use` with a value of the integer type that `type` stands for; false for other types.
template <class Use>
bool withIntegerType(ElementType type, Use use) {
  switch (type) {
  case ElementType::int8:
    use(std::int8_t{});
    return true;
  case ElementType::int16:
    use(std::int16_t{});
    return true;
  case ElementType::int32:
    use(std::int32_t{});
    return true;
  case ElementType::int64:
    use(std::int64_t{});
    return true;
  case ElementType::uint8:
    use(std::uint8_t{});
    return true;
  case ElementType::uint16:
    use(std::uint16_t{});
    return true;
  case ElementType::uint32:
    use(std::uint32_t{});
    return true;
  case ElementType::uint64:
    use(std::uint64_t{});
    return true;
  default:
    return false;
  }
}

Result<Tensor> integersAs(const Tensor& tensor, ElementType type) {
  HALFSTEP_TRY(const std::vector<std::int64_t> values, toIntegers(tensor));
  std::vector<std::byte> bytes;
  std::size_t wrong = values.size();
  withIntegerType(type, [&](auto zero) {
    using Integer = decltype(zero);
    for (std::size_t i = 0; i < values.size() && wrong == values.size(); ++i) {
      if (!std::in_range<Integer>(values[i])) {
        wrong = i;
      }
    }
    bytes = encoded<Integer>(std::span(values), [](std::int64_t value) { return Integer(value); });
  });
  if (wrong < values.size()) {
    return Error{ErrorKind::damagedFile,
                 "holds " + std::to_string(values[wrong]) + ", which is no " +
                     std::string(elementTypeName(type)),
                 "element " + std::to_string(wrong)};
  }
  return Tensor::own(type, tensor.shape(), std::move(bytes));
}

} // namespace

Result<Tensor> tensorOfReals(ElementType type, Shape shape, std::span<const double> values) {
  std::vector<std::byte> bytes;
  const auto asFloat = [](double value) { return static_cast<float>(value); };
  if (type == ElementType::float32) {
    bytes = encoded<float>(values, asFloat);
  } else if (type == ElementType::float64) {
    bytes = encoded<double>(values, [](double value) { return value; });
  } else if (type == ElementType::float16) {
    bytes = encoded<std::uint16_t>(values, [&](double value) { return halfFromFloat(asFloat(value)); });
  } else if (type == ElementType::bfloat16) {
    bytes = encoded<std::uint16_t>(values, [&](double value) { return bfloat16FromFloat(asFloat(value)); });
  } else if (type == ElementType::boolean) {
    bytes = encoded<std::uint8_t>(values, [](double value) { return std::uint8_t(value != 0); });
  } else if (!withIntegerType(type, [&](auto zero) {
               using Integer = decltype(zero);
               bytes = encoded<Integer>(values, [](double value) { return saturated<Integer>(value); });
             })) {
    return cannotBecome(ElementType::float64, type);
  }
  return Tensor::own(type, std::move(shape), std::move(bytes));
}

Result<Tensor> convertTensor(const Tensor& tensor, ElementType type) {
  if (tensor.type() == type) {
    return tensor;
  }
  const bool fromInteger = isInteger(tensor.type()) || tensor.type() == ElementType::boolean;
  if (fromInteger && isInteger(type)) {
    return elementBits(type) >= 8 ? integersAs(tensor, type) : cannotBecome(tensor.type(), type);
  }
  if (!fromInteger && !(isFloatingPoint(tensor.type()) && isFloatingPoint(type))) {
    return cannotBecome(tensor.type(), type);
  }
  std::vector<double> values(tensor.count());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = tensor.valueAt(i);
  }
  return tensorOfReals(type, tensor.shape(), values);
}

} // namespace halfstep
