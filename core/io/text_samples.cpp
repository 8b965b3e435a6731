#include "core/io/text_samples.h"

#include "core/analysis/input_facts.h"
#include "core/io/array_samples.h"
#include "core/io/temporary_file.h"
#include "core/io/tokenizer.h"
#include "core/tensor/conversion.h"

#include <algorithm>
#include <cstring>

namespace halfstep {

namespace {

constexpr std::int64_t kLongestWindow = std::int64_t{1} << 24;

bool isTokenType(ElementType type) {
  return type == ElementType::int32 || type == ElementType::int64;
}

bool isCompanion(const ValueInfo& input) {
  return input.name == "attention_mask" || input.name == "position_ids" || input.name == "token_type_ids";
}

/// The input that takes the tokens; null where there is not exactly one.
const ValueInfo* tokenInput(const Model& model) {
  const ValueInfo* found = nullptr;
  for (const ValueInfo& input : model.graph.inputs) {
    if (isCompanion(input)) {
      continue;
    }
    const bool fits = input.container.empty() && isTokenType(input.type) && input.hasShape &&
                      (input.shape.size() == 1 || (input.shape.size() == 2 && input.shape[0].value <= 1));
    if (!fits || found != nullptr) {
      return nullptr;
    }
    found = &input;
  }
  return found;
}

class TextSamples : public SampleSource {
public:
  std::vector<ValueInfo> inputInfos;
  std::string tokensName;
  std::shared_ptr<const MappedFile> tokens; ///< int32
  std::size_t length = 0;                   ///< T
  std::optional<std::int32_t> beginning;
  std::size_t windows = 0;
  SampleOrigin where;

  std::size_t count() const override { return windows; }
  std::string name(std::size_t index) const override { return "tokens from " + std::to_string(start(index)); }
  SampleOrigin origin() const override { return where; }

  Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
    std::map<std::string, Value> values;
    for (const ValueInfo& info : inputInfos) {
      std::vector<double> numbers(length);
      for (std::size_t t = 0; t < length; ++t) {
        if (info.name == tokensName) {
          numbers[t] = beginning && t == 0 ? *beginning : token(start(index) + t - (beginning ? 1 : 0));
        } else if (info.name == "position_ids") {
          numbers[t] = static_cast<double>(t);
        } else {
          numbers[t] = info.name == "attention_mask" ? 1 : 0;
        }
      }
      Shape shape = {static_cast<std::int64_t>(length)};
      if (info.shape.size() != 1) {
        shape.insert(shape.begin(), 1);
      }
      HALFSTEP_TRY(Tensor tensor, tensorOfReals(info.type, std::move(shape), numbers));
      values[info.name] = std::move(tensor);
    }
    return values;
  }

  std::vector<std::int64_t> targets(std::size_t index) const override {
    std::vector<std::int64_t> next(length, -1);
    const std::size_t first = start(index) + (beginning ? 0 : 1);
    for (std::size_t t = 0; t < length && first + t < tokenCount(); ++t) {
      next[t] = token(first + t);
    }
    return next;
  }

private:
  std::size_t tokenCount() const { return tokens->bytes().size() / sizeof(std::int32_t); }
  std::size_t start(std::size_t index) const { return index * (length - (beginning ? 1 : 0)); }
  std::int32_t token(std::size_t at) const {
    std::int32_t number = 0;
    std::memcpy(&number, tokens->bytes().data() + at * sizeof(number), sizeof(number));
    return number;
  }
};

Result<std::size_t> windowLength(const ValueInfo& input, const DataSettings& settings) {
  std::int64_t length = input.shape.back().value;
  const auto given = settings.shapes.find(input.name);
  if (given != settings.shapes.end() && !given->second.empty()) {
    if (length >= 0 && length != given->second.back()) {
      return Error{ErrorKind::usage,
                   "--shape " + input.name + ": the model's input is " + dimensionsText(input)};
    }
    length = given->second.back();
  }
  if (length < 0) {
    return Error{ErrorKind::usage, "the model's input " + input.name + " " + dimensionsText(input) +
                                       " leaves the number of tokens open: give --shape " + input.name +
                                       "=1,64"};
  }
  if (length < 2 || length > kLongestWindow) {
    return Error{ErrorKind::unsupported, "the model's input " + input.name + " takes " +
                                             std::to_string(length) + " tokens; expected 2 to 16777216"};
  }
  return static_cast<std::size_t>(length);
}

} // namespace

bool takesTokens(const Model& model) {
  return tokenInput(model) != nullptr;
}

Result<std::shared_ptr<const SampleSource>> textSamples(const std::filesystem::path& path, const Model& model,
                                                        const DataSettings& settings,
                                                        const JobContext& context) {
  const auto named = [&](Error error) {
    error.file = path.string();
    return error;
  };
  const ValueInfo* input = tokenInput(model);
  if (input == nullptr) {
    return named({ErrorKind::usage, "is a text; the model has no input of token numbers ([1, T] of int64)"});
  }
  if (settings.tokenizer.empty()) {
    return named({ErrorKind::usage, "is a text: say how to make tokens of it with --tokenizer"});
  }
  auto samples = std::make_shared<TextSamples>();
  auto length = windowLength(*input, settings);
  if (!length) {
    return named(length.error());
  }
  samples->length = *length;
  samples->inputInfos = model.graph.inputs;
  samples->tokensName = input->name;
  HALFSTEP_TRY(const auto tokenizer, openTokenizer(settings.tokenizer));
  samples->beginning = tokenizer->beginning();
  const auto rows = tableRows(model.graph, input->name);
  HALFSTEP_TRY(const auto text, MappedFile::open(path));
  HALFSTEP_TRY(TemporaryFile file, TemporaryFile::create());
  std::uint64_t print = fingerprintOf(std::to_string(samples->length));
  const auto write = [&](std::span<const std::int32_t> tokens) -> Result<void> {
    for (const std::int32_t token : tokens) {
      if (rows && token >= *rows) {
        return Error{ErrorKind::damagedFile, "has the token " + std::to_string(token) +
                                                 "; the model's table of tokens has " +
                                                 std::to_string(*rows)};
      }
    }
    print = fingerprintOf(std::as_bytes(tokens), print);
    return file.append(std::as_bytes(tokens));
  };
  const auto bytes = text->bytes();
  if (auto done =
          tokenizer->encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, write, context);
      !done) {
    return named(done.error());
  }
  const auto count = static_cast<std::size_t>(file.size() / sizeof(std::int32_t));
  const std::size_t taken = samples->length - (samples->beginning ? 1 : 0);
  samples->windows = count / taken;
  if (samples->windows == 0) {
    return named({ErrorKind::usage, "has " + std::to_string(count) + " tokens, fewer than the " +
                                        std::to_string(taken) + " that one sample takes"});
  }
  HALFSTEP_TRY(samples->tokens, file.map());
  samples->where.description = std::to_string(samples->windows) + " windows of " +
                               std::to_string(samples->length) + " tokens of " + path.filename().string();
  samples->where.fingerprint = print;
  return std::shared_ptr<const SampleSource>(std::move(samples));
}

} // namespace halfstep
