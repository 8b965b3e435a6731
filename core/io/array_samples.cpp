#include "core/io/array_samples.h"

#include "core/io/npy_file.h"
#include "core/io/sample_labels.h"

#include <algorithm>
#include <array>

namespace halfstep {

namespace {

constexpr std::array<std::string_view, 6> kInputNames = {"x", "input", "inputs", "images", "image", "data"};

/// Type, shape and up to 64 KiB of evenly spread bytes: not the whole of a large file.
std::uint64_t arrayFingerprint(const NamedArray& array, std::uint64_t before) {
  constexpr std::size_t kPiece = 4096;
  constexpr std::size_t kPieces = 16;
  const auto bytes = array.tensor.bytes();
  std::uint64_t print = fingerprintOf(array.name + std::string(elementTypeName(array.tensor.type())) +
                                          shapeText(array.tensor.shape()),
                                      before);
  const std::size_t step = std::max(bytes.size() / kPieces, kPiece);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    print = fingerprintOf(bytes.subspan(at, std::min(kPiece, bytes.size() - at)), print);
  }
  return print;
}

std::string fileNameOf(std::string name) {
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

class ArraySamples : public SampleSource {
public:
  ArraySamples(std::vector<ArrayInput> inputs, SampleLabels labels, std::size_t count, SampleOrigin origin)
      : m_inputs(std::move(inputs))
      , m_labels(std::move(labels))
      , m_count(count)
      , m_origin(std::move(origin)) {}

  std::size_t count() const override { return m_count; }
  Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
    std::map<std::string, Value> values;
    for (const ArrayInput& input : m_inputs) {
      HALFSTEP_TRY(values[input.input().name], input.at(index));
    }
    return values;
  }
  std::string name(std::size_t index) const override { return "row " + std::to_string(index); }
  std::vector<std::int64_t> targets(std::size_t index) const override { return m_labels.row(index); }
  SampleOrigin origin() const override { return m_origin; }

private:
  std::vector<ArrayInput> m_inputs;
  SampleLabels m_labels;
  std::size_t m_count;
  SampleOrigin m_origin;
};

class ArraySeries : public SampleSource {
public:
  ArraySeries(std::vector<std::filesystem::path> files, ValueInfo input, DataSettings settings,
              SampleLabels labels, SampleOrigin origin)
      : m_files(std::move(files))
      , m_input(std::move(input))
      , m_settings(std::move(settings))
      , m_labels(std::move(labels))
      , m_origin(std::move(origin)) {}

  std::size_t count() const override { return m_files.size(); }
  Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
    const auto& file = m_files[index];
    HALFSTEP_TRY(Tensor tensor, readNpy(file));
    HALFSTEP_TRY(const ArrayInput input,
                 ArrayInput::fit({file.stem().string(), file.string(), std::move(tensor)}, m_input,
                                 m_settings, ArrayInput::Content::oneSample));
    HALFSTEP_TRY(Value value, input.at(0));
    return std::map<std::string, Value>{{m_input.name, std::move(value)}};
  }
  std::string name(std::size_t index) const override { return m_files[index].filename().string(); }
  std::vector<std::int64_t> targets(std::size_t index) const override { return m_labels.row(index); }
  SampleOrigin origin() const override { return m_origin; }

private:
  std::vector<std::filesystem::path> m_files;
  ValueInfo m_input;
  DataSettings m_settings;
  SampleLabels m_labels;
  SampleOrigin m_origin;
};

/// The array for `input`, or null.
const NamedArray* arrayFor(const ValueInfo& input, const std::vector<NamedArray>& arrays, bool onlyInput) {
  const auto called = [&](std::string_view name) -> const NamedArray* {
    const auto found = std::find_if(arrays.begin(), arrays.end(),
                                    [&](const NamedArray& array) { return array.name == name; });
    return found == arrays.end() ? nullptr : &*found;
  };
  for (const std::string& name : {input.name, fileNameOf(input.name)}) {
    if (const NamedArray* found = called(name)) {
      return found;
    }
  }
  if (!onlyInput) {
    return nullptr;
  }
  for (const std::string_view name : kInputNames) {
    if (const NamedArray* found = called(name)) {
      return found;
    }
  }
  const NamedArray* only = nullptr;
  for (const NamedArray& array : arrays) {
    if (!isLabelName(array.name)) {
      if (only != nullptr) {
        return nullptr;
      }
      only = &array;
    }
  }
  return only;
}

std::string listOf(const std::vector<NamedArray>& arrays) {
  std::string names;
  for (const NamedArray& array : arrays) {
    names += (names.empty() ? "" : ", ") + array.name;
  }
  return names;
}

Result<SampleLabels> labelsFrom(const NamedArray& array, std::size_t samples, const Model& model) {
  auto labels = SampleLabels::of(array.tensor, samples, model);
  if (!labels) {
    labels.error().file = array.place;
  }
  return labels;
}

} // namespace

bool isLabelName(std::string_view name) {
  return std::find(kLabelNames.begin(), kLabelNames.end(), name) != kLabelNames.end();
}

std::uint64_t fingerprintOf(std::span<const std::byte> bytes, std::uint64_t before) {
  constexpr std::uint64_t kPrime = 0x100000001b3;
  for (const std::byte byte : bytes) {
    before = (before ^ static_cast<std::uint64_t>(byte)) * kPrime;
  }
  return before;
}

std::uint64_t fingerprintOf(std::string_view text, std::uint64_t before) {
  return fingerprintOf(std::as_bytes(std::span(text.data(), text.size())), before);
}

Result<std::shared_ptr<const SampleSource>> arraySamples(std::vector<NamedArray> arrays, const Model& model,
                                                         const DataSettings& settings,
                                                         const std::filesystem::path& source,
                                                         ArrayInput::Content content) {
  std::vector<ArrayInput> inputs;
  const ArrayInput* counted = nullptr;
  SampleOrigin origin;
  std::string pictures;
  inputs.reserve(model.graph.inputs.size()); // `counted` points into it
  for (const ValueInfo& input : model.graph.inputs) {
    const NamedArray* array = arrayFor(input, arrays, model.graph.inputs.size() == 1);
    if (array == nullptr) {
      return Error{ErrorKind::usage,
                   "has no array for the model's input " + input.name + " (expected one called " +
                       fileNameOf(input.name) + "; there are: " + listOf(arrays) + ")",
                   {},
                   source.string()};
    }
    HALFSTEP_TRY(ArrayInput fitted, ArrayInput::fit(*array, input, settings, content));
    inputs.push_back(std::move(fitted));
    const ArrayInput& last = inputs.back();
    origin.fingerprint = arrayFingerprint(*array, origin.fingerprint);
    pictures = pictures.empty() ? last.description() : pictures;
    if (last.count() && counted != nullptr && *counted->count() != *last.count()) {
      return Error{ErrorKind::damagedFile,
                   "holds " + std::to_string(*last.count()) + " samples, but " + counted->array().place +
                       " " + std::to_string(*counted->count()),
                   {},
                   array->place};
    }
    if (last.count() && counted == nullptr) {
      counted = &last;
    }
  }
  const std::size_t count = counted == nullptr ? (inputs.empty() ? 0 : 1) : *counted->count();
  SampleLabels labels;
  for (const NamedArray& array : arrays) {
    const bool isInput = std::any_of(inputs.begin(), inputs.end(), [&](const ArrayInput& input) {
      return input.array().place == array.place;
    });
    if (isLabelName(array.name) && !isInput) {
      HALFSTEP_TRY(labels, labelsFrom(array, count, model));
      origin.fingerprint = arrayFingerprint(array, origin.fingerprint);
      break;
    }
  }
  origin.description = std::to_string(count) + (count == 1 ? " sample of " : " samples of ") +
                       source.filename().string() + (pictures.empty() ? "" : ", " + pictures);
  return std::shared_ptr<const SampleSource>(
      std::make_shared<ArraySamples>(std::move(inputs), std::move(labels), count, std::move(origin)));
}

Result<std::shared_ptr<const SampleSource>> arraySeries(std::vector<std::filesystem::path> files,
                                                        const std::optional<NamedArray>& labels,
                                                        const Model& model, const DataSettings& settings,
                                                        const std::filesystem::path& source) {
  SampleLabels read;
  SampleOrigin origin;
  if (labels) {
    HALFSTEP_TRY(read, labelsFrom(*labels, files.size(), model));
    origin.fingerprint = arrayFingerprint(*labels, origin.fingerprint);
  }
  for (const auto& file : files) {
    std::error_code ignored;
    origin.fingerprint = fingerprintOf(file.filename().string() + "\n" +
                                           std::to_string(std::filesystem::file_size(file, ignored)) + "\n",
                                       origin.fingerprint);
  }
  origin.description = std::to_string(files.size()) + " files of " + source.filename().string();
  auto series = std::make_shared<ArraySeries>(std::move(files), model.graph.inputs[0], settings,
                                              std::move(read), std::move(origin));
  HALFSTEP_CHECK(series->inputs(0)); // so that what fits nothing is said at once
  return std::shared_ptr<const SampleSource>(std::move(series));
}

} // namespace halfstep
