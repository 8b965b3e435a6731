// Text to token numbers.
#pragma once

#include "core/support/job_context.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace halfstep {

/// Immutable; any thread.
class Tokenizer {
public:
  virtual ~Tokenizer() = default;
  /// How many tokens there are.
  virtual std::int32_t size() const = 0;
  /// The token that a sequence begins with, if the vocabulary has one.
  virtual std::optional<std::int32_t> beginning() const = 0;
  /// Gives the tokens of `text` to `sink`, in pieces. Errors: name the byte that no token stands for; those
  /// of the sink; `cancelled`.
  using Sink = std::function<Result<void>(std::span<const std::int32_t>)>;
  virtual Result<void> encode(std::string_view text, const Sink& sink, const JobContext& context) const = 0;
};

/// `name`: "bytes" (every byte of the text is its number), or a file:
///  - tokenizer.bin of llama2.c: uint32 length of the longest token, then for each token float32 score, int32
///    length, bytes; little-endian. Byte pairs are merged by the best score, the leftmost of equal ones; a
///    space is put before the text; characters that are no token become <0xXX> tokens; token 1 begins a
///    sequence. Source: llama2.c, run.c, encode(). The text is cut at line ends where no token goes across
///    one, which changes nothing.
///  - any other file: one token on each line, numbered from 0; the longest token that fits is taken.
/// Errors (kind `damagedFile`) name file and place.
Result<std::shared_ptr<const Tokenizer>> openTokenizer(const std::filesystem::path& name);

} // namespace halfstep
