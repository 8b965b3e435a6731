#include "plugins/loaders/onnx/weight_stripper.h"

#include "plugins/loaders/onnx/wire_schema.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstring>
#include <limits>
#include <map>

namespace halfstep {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using onnx_wire::FieldRule;
using onnx_wire::FieldSpec;
using onnx_wire::MessageKind;

// Below protobuf's own limit of 100, so that the rewritten message always parses. A subgraph takes three.
constexpr int kMaxDepth = 96;
constexpr int kRawDataField = 9;
constexpr std::size_t kRecordBytes = 16;
constexpr std::uint64_t kStringCost = 80; // a std::string in protobuf's message and one in ours
constexpr std::uint64_t kFixedBudget = std::uint64_t{64} << 20;
constexpr std::uint64_t kBudgetPerByte = 32;

void appendVarint(std::string& out, std::uint64_t value) {
  std::uint8_t bytes[10];
  const auto* end = CodedOutputStream::WriteVarint64ToArray(value, bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(end - bytes));
}

void appendRecord(std::string& out, const PayloadRun& run) {
  const std::uint64_t words[2] = {run.offset | (std::uint64_t{run.field} << 56), run.length};
  static_assert(sizeof(words) == kRecordBytes);
  out.append(reinterpret_cast<const char*>(words), kRecordBytes);
}

class Stripper {
public:
  Stripper(std::span<const std::byte> file, const JobContext& context)
      : m_file(file)
      , m_context(context)
      , m_input(reinterpret_cast<const std::uint8_t*>(file.data()), static_cast<int>(file.size()))
      , m_budget(kFixedBudget + kBudgetPerByte * file.size()) {}

  Result<std::string> run() { return message(MessageKind::model, m_file.size(), 0); }

private:
  struct Place {
    std::string_view field;
    std::size_t index;
  };
  /// A message as far as it is rewritten.
  struct Rewritten {
    std::string bytes;
    std::string payload; ///< records; only in a tensor
    bool hasPayload = false;
    std::map<std::string_view, std::size_t> counts; ///< of sub-messages by field, for error messages
  };

  std::size_t position() const { return static_cast<std::size_t>(m_input.CurrentPosition()); }

  Error damaged(std::string what, std::size_t at) const {
    std::string where = "byte " + std::to_string(at);
    for (const Place& place : m_places) {
      where += ", " + std::string(place.field) + " " + std::to_string(place.index);
    }
    return Error{ErrorKind::damagedFile, std::move(what), std::move(where)};
  }

  Result<void> charge(std::uint64_t cost, std::size_t at) {
    if (cost > m_budget) {
      return damaged("has far more parts than its size allows for; it is not opened to save memory", at);
    }
    m_budget -= cost;
    return {};
  }

  /// Rewrites the message of `kind` that ends at `end`.
  Result<std::string> message(MessageKind kind, std::size_t end, int depth) {
    if (depth > kMaxDepth) {
      return damaged("is nested more than " + std::to_string(kMaxDepth) + " levels deep", position());
    }
    HALFSTEP_CHECK(charge(onnx_wire::messageCost(kind), position()));
    Rewritten rewritten;
    while (position() < end) {
      if (++m_fields % 4096 == 0) {
        HALFSTEP_CHECK(m_context.checkpoint());
      }
      const std::size_t start = position();
      const std::uint32_t tag = m_input.ReadTag();
      const int number = WireFormatLite::GetTagFieldNumber(tag);
      if (tag == 0 || number == 0 || position() > end) {
        return damaged("is damaged: no valid field starts here", start);
      }
      const FieldSpec* spec = onnx_wire::findField(kind, static_cast<std::uint32_t>(number));
      if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
        HALFSTEP_CHECK(delimited(spec, tag, start, end, depth, rewritten));
      } else {
        HALFSTEP_CHECK(plain(spec, tag, start, end, rewritten));
      }
    }
    if (rewritten.hasPayload) {
      appendVarint(rewritten.bytes,
                   WireFormatLite::MakeTag(kRawDataField, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
      appendVarint(rewritten.bytes, rewritten.payload.size());
      rewritten.bytes += rewritten.payload;
    }
    return std::move(rewritten.bytes);
  }

  /// A field that is not length-delimited: a number or a group.
  Result<void> plain(const FieldSpec* spec, std::uint32_t tag, std::size_t start, std::size_t end,
                     Rewritten& rewritten) {
    const auto wire = WireFormatLite::GetTagWireType(tag);
    const std::size_t valueStart = position();
    bool good = false;
    if (wire == WireFormatLite::WIRETYPE_VARINT) {
      std::uint64_t value = 0;
      good = m_input.ReadVarint64(&value);
    } else if (wire == WireFormatLite::WIRETYPE_FIXED32 || wire == WireFormatLite::WIRETYPE_FIXED64) {
      good = m_input.Skip(wire == WireFormatLite::WIRETYPE_FIXED32 ? 4 : 8);
    } else if (wire == WireFormatLite::WIRETYPE_START_GROUP) {
      good = WireFormatLite::SkipField(&m_input, tag);
      spec = nullptr;
    }
    if (!good || position() > end) {
      return damaged("is damaged or cut short: no complete value follows", start);
    }
    if (spec == nullptr || spec->rule == FieldRule::bytes || spec->rule == FieldRule::message) {
      return {};
    }
    if (spec->rule == FieldRule::payload) { // one element that is not packed
      return spec->number == kRawDataField ? Result<void>()
                                           : payload(*spec, valueStart, position(), rewritten);
    }
    HALFSTEP_CHECK(charge(spec->rule == FieldRule::numbers ? 24 : 8, start));
    copy(start, position(), rewritten.bytes);
    return {};
  }

  /// A length-delimited field: a message, a string, packed numbers, elements, or unknown.
  Result<void> delimited(const FieldSpec* spec, std::uint32_t tag, std::size_t fieldStart, std::size_t end,
                         int depth, Rewritten& rewritten) {
    std::uint64_t length = 0;
    if (!m_input.ReadVarint64(&length) || position() > end || length > end - position()) {
      const std::size_t left = end > position() ? end - position() : 0;
      return damaged("is damaged or cut short: " +
                         (spec != nullptr ? "field " + std::string(spec->name) : std::string("a field")) +
                         " claims " + std::to_string(length) + " bytes, there are " + std::to_string(left),
                     fieldStart);
    }
    const std::size_t start = position();
    const std::size_t stop = start + static_cast<std::size_t>(length);
    if (spec != nullptr && spec->rule == FieldRule::message) {
      m_places.push_back({spec->name, rewritten.counts[spec->name]++});
      HALFSTEP_TRY(const std::string inner, message(spec->child, stop, depth + 1));
      m_places.pop_back();
      appendVarint(rewritten.bytes, tag);
      appendVarint(rewritten.bytes, inner.size());
      rewritten.bytes += inner;
      return {};
    }
    if (spec != nullptr && spec->rule == FieldRule::payload) {
      HALFSTEP_CHECK(payload(*spec, start, stop, rewritten));
    } else if (spec != nullptr && spec->rule != FieldRule::scalar) {
      // Packed numbers grow from one byte each to eight in protobuf's array and eight in ours.
      HALFSTEP_CHECK(charge(kStringCost + length * (spec->rule == FieldRule::numbers ? 24 : 3), start));
      appendVarint(rewritten.bytes, tag);
      appendVarint(rewritten.bytes, length);
      copy(start, stop, rewritten.bytes);
    }
    if (!m_input.Skip(static_cast<int>(length))) {
      return damaged("is cut short", start);
    }
    return {};
  }

  Result<void> payload(const FieldSpec& spec, std::size_t from, std::size_t to, Rewritten& rewritten) {
    HALFSTEP_CHECK(charge(4 * kRecordBytes, from));
    rewritten.hasPayload = true;
    appendRecord(rewritten.payload, {spec.number, from, to - from});
    return {};
  }

  void copy(std::size_t from, std::size_t to, std::string& out) const {
    out.append(reinterpret_cast<const char*>(m_file.data()) + from, to - from);
  }

  std::span<const std::byte> m_file;
  const JobContext& m_context;
  CodedInputStream m_input;
  std::uint64_t m_budget;
  std::size_t m_fields = 0;
  std::vector<Place> m_places;
};

} // namespace

Result<std::string> stripWeights(std::span<const std::byte> file, const JobContext& context) {
  if (file.empty()) {
    return Error{ErrorKind::damagedFile, "is empty"};
  }
  if (file.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return Error{ErrorKind::unsupported,
                 "is larger than 2 GB, protobuf's limit; such models keep their weights in external data"};
  }
  return Stripper(file, context).run();
}

std::vector<PayloadRun> payloadRuns(std::string_view rawData) {
  std::vector<PayloadRun> runs;
  for (; rawData.size() >= kRecordBytes; rawData.remove_prefix(kRecordBytes)) {
    std::uint64_t words[2];
    std::memcpy(words, rawData.data(), kRecordBytes);
    runs.push_back(
        {static_cast<std::uint32_t>(words[0] >> 56), words[0] & ((std::uint64_t{1} << 56) - 1), words[1]});
  }
  return runs;
}

} // namespace halfstep
