#include "core/exec/value_size.h"

#include "core/exec/operators/blocked_tensor.h"
#include "core/exec/operators/integer_primitives.h"

namespace halfstep {

namespace {

std::int64_t bytesOf(const Tensor& tensor) {
  if (tensor.type() != ElementType::string) {
    return static_cast<std::int64_t>(tensor.bytes().size());
  }
  std::size_t characters = 0;
  for (const std::string& text : tensor.strings()) {
    characters += text.size();
  }
  return static_cast<std::int64_t>(characters);
}

} // namespace

std::int64_t bytesOf(const Value& value) {
  if (const ChannelsLastCodes* codes = channelsLastCodesOf(value)) {
    return static_cast<std::int64_t>(codes->codes().size());
  }
  if (const auto* blocked = dynamic_cast<const BlockedTensor*>(value.lazy())) {
    return static_cast<std::int64_t>(blocked->memory().get_desc().get_size());
  }
  if (value.isTensor()) {
    return bytesOf(value.tensor());
  }
  std::int64_t bytes = 0;
  if (value.isSequence()) {
    for (const Value& item : value.items()) {
      bytes += bytesOf(item);
    }
  }
  return bytes;
}

} // namespace halfstep
