// The fields of ONNX's messages that the strip pass keeps, by number: onnx.proto of libonnx 1.12 and the
// later ones that this program reads (overload, attribute_proto). Everything else in a file is left out
// before libonnx's own parser sees it, so that unknown fields cost no memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace halfstep::onnx_wire {

enum class MessageKind : std::uint8_t {
  model,
  graph,
  node,
  attribute,
  tensor,
  sparseTensor,
  valueInfo,
  type,
  tensorType,
  wrappedType, ///< sequence and optional: an element type
  mapType,
  shape,
  dimension,
  stringEntry,
  annotation,
  operatorSet,
  function,
};

enum class FieldRule : std::uint8_t {
  scalar,  ///< a varint, fixed32 or fixed64: copied
  bytes,   ///< a string or bytes: copied
  numbers, ///< repeated numbers, packed or not: copied
  message, ///< a message of kind `child`: rewritten
  payload, ///< a tensor's elements: replaced by a reference into the file
};

struct FieldSpec {
  MessageKind message;
  std::uint32_t number;
  FieldRule rule;
  MessageKind child;     ///< for `message`
  std::string_view name; ///< for error messages, e.g. "node"
};

/// The field `number` of `message`, or nothing where it is left out.
const FieldSpec* findField(MessageKind message, std::uint32_t number);

/// What one message of this kind costs in memory once parsed and converted, in bytes (an upper estimate, for
/// the budget of the strip pass).
std::uint64_t messageCost(MessageKind message);

} // namespace halfstep::onnx_wire
