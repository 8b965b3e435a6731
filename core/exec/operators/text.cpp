// Operators on strings: StringNormalizer, StringConcat, StringSplit, RegexFullMatch, and TfIdfVectorizer,
// which counts n-grams of strings or integers.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <algorithm>
#include <map>
#include <set>

#include <re2/re2.h>

namespace halfstep {

namespace {

/// The other case of a two-byte UTF-8 code point of Latin-1, Greek or Cyrillic; itself where there is none.
unsigned otherCase(unsigned code, bool upper) {
  struct Block {
    unsigned first, last, shift; // capitals; how far the small letters lie behind them
  };
  constexpr Block kBlocks[] = {
      {0xc0, 0xd6, 32},   {0xd8, 0xde, 32},   {0x391, 0x3a1, 32},
      {0x3a3, 0x3a9, 32}, {0x400, 0x40f, 80}, {0x410, 0x42f, 32},
  };
  for (const Block& block : kBlocks) {
    const unsigned base = upper ? code - block.shift : code;
    if (base >= block.first && base <= block.last) {
      return upper ? base : code + block.shift;
    }
  }
  return code;
}

std::string inCase(const std::string& text, bool upper) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      const bool change = upper ? byte >= 'a' && byte <= 'z' : byte >= 'A' && byte <= 'Z';
      result.push_back(static_cast<char>(change ? byte ^ 0x20u : byte));
    } else if ((byte & 0xe0u) == 0xc0u && i + 1 < text.size()) {
      const auto next = static_cast<unsigned char>(text[++i]);
      const unsigned code = otherCase(((byte & 0x1fu) << 6) | (next & 0x3fu), upper);
      result.push_back(static_cast<char>(0xc0u | (code >> 6)));
      result.push_back(static_cast<char>(0x80u | (code & 0x3fu)));
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

Result<Tensor> stringsAt(const OpCall& call, std::size_t index) {
  HALFSTEP_TRY(Tensor tensor, call.tensor(index));
  if (tensor.type() != ElementType::string) {
    return call.fail("input " + std::to_string(index) + " does not hold strings");
  }
  return tensor;
}

/// Leaves out the stop words and changes the case of the others. Nothing left gives one empty string.
OpResult stringNormalizer(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, stringsAt(call, 0));
  const std::string change = call.text("case_change_action", "NONE");
  const bool sensitive = call.integer("is_case_sensitive", 0) != 0;
  const Shape& shape = x.shape();
  if (shape.empty() || shape.size() > 2 || (shape.size() == 2 && shape[0] != 1)) {
    return call.fail("it takes a list of strings or one row of them, not " + shapeText(shape));
  }
  const auto key = [&](const std::string& word) { return sensitive ? word : inCase(word, false); };
  std::set<std::string> stopWords;
  for (const std::string& word : call.texts("stopwords")) {
    stopWords.insert(key(word));
  }
  std::vector<std::string> words;
  for (const std::string& word : x.strings()) {
    if (!stopWords.contains(key(word))) {
      words.push_back(change == "NONE" ? word : inCase(word, change == "UPPER"));
    }
  }
  if (words.empty()) {
    words.emplace_back();
  }
  Shape result = shape;
  result.back() = static_cast<std::int64_t>(words.size());
  return oneOutput(Tensor::ofStrings(result, std::move(words)));
}

OpResult stringConcat(const OpCall& call) {
  HALFSTEP_TRY(const Tensor a, stringsAt(call, 0));
  HALFSTEP_TRY(const Tensor b, stringsAt(call, 1));
  HALFSTEP_TRY(const Shape shape, broadcastShape(a.shape(), b.shape()));
  HALFSTEP_TRY(const Tensor left, broadcasted(a, shape));
  HALFSTEP_TRY(const Tensor right, broadcasted(b, shape));
  std::vector<std::string> joined;
  for (std::size_t i = 0; i < left.count(); ++i) {
    joined.push_back(left.strings()[i] + right.strings()[i]);
  }
  return oneOutput(Tensor::ofStrings(shape, std::move(joined)));
}

/// As Python's str.split: runs of white space without a delimiter; at most `most` cuts.
std::vector<std::string> splitText(const std::string& text, const std::string& delimiter, std::size_t most) {
  constexpr const char* kSpace = " \t\n\r\v\f";
  std::vector<std::string> parts;
  std::size_t at = delimiter.empty() ? std::min(text.find_first_not_of(kSpace), text.size()) : 0;
  if (delimiter.empty() && at == text.size()) {
    return parts;
  }
  while (true) {
    const std::size_t end = parts.size() >= most ? std::string::npos
                            : delimiter.empty()  ? text.find_first_of(kSpace, at)
                                                 : text.find(delimiter, at);
    parts.push_back(text.substr(at, end == std::string::npos ? end : end - at));
    if (end == std::string::npos) {
      return parts;
    }
    at = delimiter.empty() ? text.find_first_not_of(kSpace, end) : end + delimiter.size();
    if (at == std::string::npos) {
      return parts;
    }
  }
}

/// The parts along a new last axis, filled up with empty strings, and how many there are.
OpResult stringSplit(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, stringsAt(call, 0));
  const std::string delimiter = call.text("delimiter", "");
  const std::int64_t cuts = call.integer("maxsplit", -1);
  const std::size_t most =
      cuts < 0 || !call.hasAttribute("maxsplit") ? std::string::npos : static_cast<std::size_t>(cuts);
  std::vector<std::vector<std::string>> rows;
  std::size_t width = 0;
  for (const std::string& text : x.strings()) {
    rows.push_back(splitText(text, delimiter, most));
    width = std::max(width, rows.back().size());
  }
  Shape shape = x.shape();
  HALFSTEP_TRY(const auto counts, newTensor<std::int64_t>(shape));
  shape.push_back(static_cast<std::int64_t>(width));
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  HALFSTEP_TRY(const auto room, allocateBytes(count * sizeof(std::string)));
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    counts.values[i] = static_cast<std::int64_t>(rows[i].size());
    rows[i].resize(width);
    parts.insert(parts.end(), rows[i].begin(), rows[i].end());
  }
  HALFSTEP_TRY(Tensor result, Tensor::ofStrings(shape, std::move(parts)));
  return std::vector<Value>{std::move(result), counts.finish()};
}

/// Whether the whole of each string fits the pattern, which is in RE2's language. Linear in the text,
/// whatever the pattern; a pattern that would need too much memory is refused.
OpResult regexFullMatch(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, stringsAt(call, 0));
  if (!call.hasAttribute("pattern")) {
    return call.fail("it has no pattern");
  }
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 pattern(call.text("pattern", ""), options);
  if (!pattern.ok()) {
    return call.fail("its pattern is no regular expression: " + pattern.error());
  }
  HALFSTEP_TRY(const auto made, newTensor<std::uint8_t>(x.shape(), ElementType::boolean));
  for (std::size_t i = 0; i < x.count(); ++i) {
    made.values[i] = RE2::FullMatch(x.strings()[i], pattern) ? 1 : 0;
  }
  return std::vector<Value>{made.finish()};
}

/// n-grams, each with its place in the output.
using Grams = std::map<std::vector<std::int64_t>, std::size_t>;

struct Vectorizer {
  std::vector<Grams> grams; ///< by length − 1
  std::size_t width = 0;
  std::int64_t shortest = 1;
  std::int64_t longest = 1;
  std::int64_t mostSkipped = 0;
};

/// The n-grams of the pool: ngram_counts says where those of each length begin.
Result<Vectorizer> vectorizerOf(const OpCall& call, std::span<const std::int64_t> pool) {
  Vectorizer made;
  const std::vector<std::int64_t> begins = call.integers("ngram_counts");
  const std::vector<std::int64_t> places = call.integers("ngram_indexes");
  const auto size = static_cast<std::int64_t>(pool.size());
  made.shortest = call.integer("min_gram_length", 1);
  made.longest = call.integer("max_gram_length", 1);
  made.mostSkipped = call.integer("max_skip_count", 0);
  if (made.shortest < 1 || made.longest < made.shortest || made.mostSkipped < 0) {
    return call.fail("its gram lengths make no sense");
  }
  for (const std::int64_t place : places) {
    if (place < 0 || place >= std::int64_t{1} << 26) {
      return call.fail("the place " + std::to_string(place) + " in the output makes no sense");
    }
    made.width = std::max(made.width, static_cast<std::size_t>(place) + 1);
  }
  std::size_t gram = 0;
  for (std::size_t n = 1; n <= begins.size(); ++n) {
    const std::int64_t first = begins[n - 1];
    const std::int64_t end = n < begins.size() ? begins[n] : size;
    if (first < 0 || end < first || end > size || (end - first) % static_cast<std::int64_t>(n) != 0) {
      return call.fail("its pool does not hold whole n-grams");
    }
    made.grams.emplace_back();
    for (auto at = static_cast<std::size_t>(first); at < static_cast<std::size_t>(end); at += n, ++gram) {
      if (gram >= places.size()) {
        return call.fail("it has more n-grams than places");
      }
      const auto from = pool.begin() + static_cast<std::ptrdiff_t>(at);
      made.grams.back().emplace(std::vector<std::int64_t>(from, from + static_cast<std::ptrdiff_t>(n)),
                                static_cast<std::size_t>(places[gram]));
    }
  }
  return made;
}

/// Counts the n-grams of one row, with 0…mostSkipped items left out between neighbours.
void countGrams(const Vectorizer& vectorizer, std::span<const std::int64_t> row, float* counts) {
  for (std::size_t n = static_cast<std::size_t>(vectorizer.shortest);
       n <= static_cast<std::size_t>(vectorizer.longest) && n <= vectorizer.grams.size() && n <= row.size();
       ++n) {
    const Grams& grams = vectorizer.grams[n - 1];
    const auto skips = static_cast<std::size_t>(n == 1 ? 0 : vectorizer.mostSkipped);
    for (std::size_t step = 1; step <= skips + 1 && (n - 1) * step < row.size(); ++step) {
      for (std::size_t first = 0; first + (n - 1) * step < row.size(); ++first) {
        std::vector<std::int64_t> gram;
        for (std::size_t k = 0; k < n; ++k) {
          gram.push_back(row[first + k * step]);
        }
        if (const auto found = grams.find(gram); found != grams.end()) {
          counts[found->second] += 1;
        }
      }
    }
  }
}

/// The items of the input and of the pool as numbers, the same for the same string.
Result<std::vector<std::int64_t>> gramItems(const OpCall& call, const Tensor& x,
                                            std::vector<std::int64_t>& pool) {
  if (x.type() != ElementType::string) {
    pool = call.integers("pool_int64s");
    return toIntegers(x);
  }
  std::map<std::string, std::int64_t> numbers;
  const auto number = [&](const std::string& text) {
    return numbers.emplace(text, static_cast<std::int64_t>(numbers.size())).first->second;
  };
  for (const std::string& text : call.texts("pool_strings")) {
    pool.push_back(number(text));
  }
  std::vector<std::int64_t> items;
  for (const std::string& text : x.strings()) {
    items.push_back(number(text));
  }
  return items;
}

OpResult tfIdfVectorizer(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  if (x.shape().empty() || x.shape().size() > 2) {
    return call.fail("it takes a row or rows, not " + shapeText(x.shape()));
  }
  std::vector<std::int64_t> pool;
  HALFSTEP_TRY(const std::vector<std::int64_t> items, gramItems(call, x, pool));
  HALFSTEP_TRY(const Vectorizer vectorizer, vectorizerOf(call, pool));
  const std::string mode = call.text("mode", "TF");
  const std::vector<float> weights = call.reals("weights");
  const std::vector<std::int64_t> places = call.integers("ngram_indexes");
  if (!weights.empty() && weights.size() != places.size()) {
    return call.fail("it does not have a weight for each n-gram");
  }
  std::vector<float> weightAt(weights.empty() ? 0 : vectorizer.width, 1.0f);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weightAt[static_cast<std::size_t>(places[i])] = weights[i];
  }
  Shape shape = x.shape();
  shape.back() = static_cast<std::int64_t>(vectorizer.width);
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
  std::fill(made.values.begin(), made.values.end(), 0.0f);
  const std::size_t length = dimensionOf(x.shape(), x.shape().size() - 1);
  for (std::size_t row = 0; !made.values.empty() && row < made.values.size() / vectorizer.width; ++row) {
    HALFSTEP_CHECK(call.job().checkpoint());
    float* counts = made.values.data() + row * vectorizer.width;
    countGrams(vectorizer, std::span(items).subspan(row * length, length), counts);
    for (std::size_t i = 0; i < vectorizer.width; ++i) {
      counts[i] = mode == "IDF" && counts[i] > 0 ? 1 : counts[i];
      counts[i] *= mode == "TF" || weights.empty() ? 1 : weightAt[i];
    }
  }
  return std::vector<Value>{made.finish()};
}

constexpr OperatorEntry kEntries[] = {
    {"", "RegexFullMatch", regexFullMatch},     {"", "StringConcat", stringConcat},
    {"", "StringNormalizer", stringNormalizer}, {"", "StringSplit", stringSplit},
    {"", "TfIdfVectorizer", tfIdfVectorizer},
};

} // namespace

std::span<const OperatorEntry> textOperators() {
  return kEntries;
}

} // namespace halfstep
