#include "core/io/tokenizer.h"

#include "core/support/mapped_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <queue>
#include <unordered_map>
#include <vector>

namespace halfstep {

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 16;
constexpr std::size_t kMostTokens = std::size_t{1} << 24;
constexpr std::size_t kLongestToken = 4096;

/// Collects tokens and hands them on in pieces.
class Collector {
public:
  explicit Collector(const Tokenizer::Sink& sink)
      : m_sink(sink) {}
  Result<void> add(std::int32_t token) {
    m_tokens.push_back(token);
    return m_tokens.size() < kPiece ? Result<void>() : flush();
  }
  Result<void> flush() {
    auto done = m_tokens.empty() ? Result<void>() : m_sink(m_tokens);
    m_tokens.clear();
    return done;
  }

private:
  const Tokenizer::Sink& m_sink;
  std::vector<std::int32_t> m_tokens;
};

class ByteTokenizer : public Tokenizer {
public:
  std::int32_t size() const override { return 256; }
  std::optional<std::int32_t> beginning() const override { return std::nullopt; }
  Result<void> encode(std::string_view text, const Sink& sink, const JobContext& context) const override {
    Collector tokens(sink);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (i % kPiece == 0) {
        HALFSTEP_CHECK(context.checkpoint());
      }
      HALFSTEP_CHECK(tokens.add(static_cast<unsigned char>(text[i])));
    }
    return tokens.flush();
  }
};

using TokenTable = std::unordered_map<std::string, std::int32_t>;

/// One token a line, the longest that fits.
class LineTokenizer : public Tokenizer {
public:
  static Result<std::shared_ptr<const Tokenizer>> read(std::string_view text) {
    auto made = std::make_shared<LineTokenizer>();
    std::int32_t number = 0;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string token(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (token.ends_with('\r')) {
        token.pop_back();
      }
      const std::string where = "line " + std::to_string(number + 1);
      if (token.size() > kLongestToken || static_cast<std::size_t>(number) >= kMostTokens) {
        return damaged("has a token of " + std::to_string(token.size()) + " bytes; expected a vocabulary",
                       where);
      }
      if (!token.empty()) { // an empty line is a number that no text has
        made->m_longest = std::max(made->m_longest, token.size());
        made->m_table.emplace(std::move(token), number); // the first of equal ones
      }
      ++number;
    }
    if (made->m_table.empty()) {
      return damaged("holds no tokens", {});
    }
    made->m_size = number;
    return std::shared_ptr<const Tokenizer>(std::move(made));
  }

  std::int32_t size() const override { return m_size; }
  std::optional<std::int32_t> beginning() const override { return std::nullopt; }
  Result<void> encode(std::string_view text, const Sink& sink, const JobContext& context) const override {
    Collector tokens(sink);
    std::size_t at = 0;
    std::size_t checked = 0;
    while (at < text.size()) {
      if (at >= checked) {
        HALFSTEP_CHECK(context.checkpoint());
        checked = at + kPiece;
      }
      std::size_t length = std::min(m_longest, text.size() - at);
      auto found = m_table.end();
      for (; length > 0 && found == m_table.end(); --length) {
        found = m_table.find(std::string(text.substr(at, length)));
      }
      if (found == m_table.end()) {
        return damaged("no token of the vocabulary begins with the byte " +
                           std::to_string(static_cast<unsigned char>(text[at])),
                       "byte " + std::to_string(at));
      }
      HALFSTEP_CHECK(tokens.add(found->second));
      at += found->first.size();
    }
    return tokens.flush();
  }

private:
  TokenTable m_table;
  std::size_t m_longest = 0;
  std::int32_t m_size = 0;
};

/// llama2.c's tokenizer.bin.
class PairTokenizer : public Tokenizer {
public:
  static Result<std::shared_ptr<const Tokenizer>> read(std::span<const std::byte> bytes) {
    auto made = std::make_shared<PairTokenizer>();
    std::size_t at = 4; // behind the length of the longest token
    while (at < bytes.size()) {
      const std::string where = "token " + std::to_string(made->m_tokens.size());
      if (bytes.size() - at < 8) {
        return damaged("ends within a token's head", where);
      }
      float score = 0;
      std::int32_t length = 0;
      std::memcpy(&score, bytes.data() + at, 4);
      std::memcpy(&length, bytes.data() + at + 4, 4);
      at += 8;
      if (length < 0 || static_cast<std::size_t>(length) > kLongestToken) {
        return damaged("has a token of " + std::to_string(length) + " bytes; expected 0 to 4096", where);
      }
      if (bytes.size() - at < static_cast<std::size_t>(length) || made->m_tokens.size() == kMostTokens) {
        return damaged("ends within a token", where);
      }
      std::string text(reinterpret_cast<const char*>(bytes.data() + at), static_cast<std::size_t>(length));
      at += static_cast<std::size_t>(length);
      const auto number = static_cast<std::int32_t>(made->m_tokens.size());
      // The first three are marks ("\n<s>\n") that no merging makes.
      if (made->m_tokens.size() >= kFirstByteToken && text != "\n" && text.find('\n') != std::string::npos) {
        made->m_cutsAtLines = false;
      }
      made->m_table.emplace(text, number);
      made->m_tokens.push_back({std::move(text), score});
    }
    if (made->m_tokens.size() < kFirstByteToken + 256) {
      return damaged("has " + std::to_string(made->m_tokens.size()) + " tokens; expected at least 259", {});
    }
    return std::shared_ptr<const Tokenizer>(std::move(made));
  }

  std::int32_t size() const override { return static_cast<std::int32_t>(m_tokens.size()); }
  std::optional<std::int32_t> beginning() const override { return 1; }

  Result<void> encode(std::string_view text, const Sink& sink, const JobContext& context) const override {
    Collector tokens(sink);
    std::string piece = text.empty() ? "" : " "; // the dummy prefix
    while (!text.empty()) {
      HALFSTEP_CHECK(context.checkpoint());
      const std::size_t line = m_cutsAtLines ? text.find('\n') : std::string_view::npos;
      const std::size_t length = line == std::string_view::npos ? text.size() : line + 1;
      piece += text.substr(0, length);
      text.remove_prefix(length);
      HALFSTEP_CHECK(encodePiece(piece, tokens, context));
      piece.clear();
    }
    return tokens.flush();
  }

private:
  static constexpr std::size_t kFirstByteToken = 3; ///< behind unknown, beginning and end

  struct Token {
    std::string text;
    float score;
  };
  /// A link of the chain of tokens that are still to be merged.
  struct Link {
    std::int32_t token;
    std::int32_t before;
    std::int32_t after;
    std::uint32_t version = 0; ///< raised when the token changes: older candidates are void
  };
  struct Candidate {
    float score;
    std::int32_t left;
    std::int32_t merged;
    std::uint32_t leftVersion;
    std::uint32_t rightVersion;
    bool operator<(const Candidate& other) const { // the last of this order is merged next
      return score != other.score ? score < other.score : left > other.left;
    }
  };

  /// The tokens of single characters: UTF-8 sequences of at most 4 bytes, as run.c reads them.
  std::vector<Link> characters(std::string_view text) const {
    std::vector<Link> links;
    const auto add = [&](std::int32_t token) {
      const auto number = static_cast<std::int32_t>(links.size());
      links.push_back({token, number - 1, number + 1});
    };
    for (std::size_t at = 0; at < text.size();) {
      std::size_t length = 1;
      while (length < 4 && at + length < text.size() && (text[at + length] & 0xc0) == 0x80) {
        ++length;
      }
      const auto found = m_table.find(std::string(text.substr(at, length)));
      if (found != m_table.end()) {
        add(found->second);
      } else {
        for (std::size_t i = 0; i < length; ++i) {
          add(static_cast<std::int32_t>(kFirstByteToken) + static_cast<unsigned char>(text[at + i]));
        }
      }
      at += length;
    }
    if (!links.empty()) {
      links.back().after = -1;
    }
    return links;
  }

  Result<void> encodePiece(std::string_view text, Collector& tokens, const JobContext& context) const {
    std::vector<Link> links = characters(text);
    std::priority_queue<Candidate> candidates;
    const auto consider = [&](std::int32_t left) {
      const std::int32_t right = left < 0 ? -1 : links[static_cast<std::size_t>(left)].after;
      if (right < 0) {
        return;
      }
      const Link& a = links[static_cast<std::size_t>(left)];
      const Link& b = links[static_cast<std::size_t>(right)];
      const auto found = m_table.find(m_tokens[static_cast<std::size_t>(a.token)].text +
                                      m_tokens[static_cast<std::size_t>(b.token)].text);
      if (found != m_table.end()) {
        candidates.push({m_tokens[static_cast<std::size_t>(found->second)].score, left, found->second,
                         a.version, b.version});
      }
    };
    for (std::size_t i = 0; i < links.size(); ++i) {
      consider(static_cast<std::int32_t>(i));
    }
    for (std::size_t merges = 0; !candidates.empty(); ++merges) {
      if (merges % kPiece == 0) {
        HALFSTEP_CHECK(context.checkpoint());
      }
      const Candidate best = candidates.top();
      candidates.pop();
      Link& left = links[static_cast<std::size_t>(best.left)];
      if (left.version != best.leftVersion || left.after < 0 ||
          links[static_cast<std::size_t>(left.after)].version != best.rightVersion) {
        continue;
      }
      Link& right = links[static_cast<std::size_t>(left.after)];
      left.token = best.merged;
      ++left.version;
      right.version = ~std::uint32_t{0}; // no longer in the chain
      left.after = right.after;
      if (left.after >= 0) {
        links[static_cast<std::size_t>(left.after)].before = best.left;
      }
      consider(left.before);
      consider(best.left);
    }
    for (std::int32_t at = links.empty() ? -1 : 0; at >= 0; at = links[static_cast<std::size_t>(at)].after) {
      HALFSTEP_CHECK(tokens.add(links[static_cast<std::size_t>(at)].token));
    }
    return {};
  }

  std::vector<Token> m_tokens;
  TokenTable m_table;
  bool m_cutsAtLines = true;
};

} // namespace

Result<std::shared_ptr<const Tokenizer>> openTokenizer(const std::filesystem::path& name) {
  if (name == "bytes") {
    return std::shared_ptr<const Tokenizer>(std::make_shared<ByteTokenizer>());
  }
  HALFSTEP_TRY(const auto file, MappedFile::open(name));
  const auto bytes = file->bytes();
  // The length of the longest token, below 2^24, has a zero byte that no line of text has.
  const auto head = bytes.first(std::min<std::size_t>(bytes.size(), 4));
  const bool binary = std::find(head.begin(), head.end(), std::byte{0}) != head.end();
  auto read = binary ? PairTokenizer::read(bytes)
                     : LineTokenizer::read({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!read) {
    read.error().file = name.string();
  }
  return read;
}

} // namespace halfstep
