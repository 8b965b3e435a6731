#include "core/io/tensor_file_samples.h"

#include "core/io/array_samples.h"

#include <algorithm>
#include <charconv>

namespace halfstep {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "test_data_set_";

class TensorFileSamples : public SampleSource {
public:
  TensorFileSamples(std::vector<fs::path> folders, const ModelLoader& loader, std::vector<ValueInfo> inputs,
                    SampleOrigin origin)
      : m_folders(std::move(folders))
      , m_loader(loader)
      , m_inputs(std::move(inputs))
      , m_origin(std::move(origin)) {}

  std::size_t count() const override { return m_folders.size(); }
  Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
    std::map<std::string, Value> values;
    for (std::size_t i = 0; i < m_inputs.size(); ++i) {
      const ValueInfo& input = m_inputs[i];
      const fs::path file = m_folders[index] / ("input_" + std::to_string(i) + ".pb");
      HALFSTEP_TRY(Tensor tensor, m_loader.loadTensor(file));
      const auto& shape = tensor.shape();
      const bool fits =
          !input.hasShape || std::equal(input.shape.begin(), input.shape.end(), shape.begin(), shape.end(),
                                        [](const Dimension& dimension, std::int64_t length) {
                                          return dimension.value < 0 || dimension.value == length;
                                        });
      if (!fits || tensor.type() != input.type) {
        return Error{ErrorKind::damagedFile,
                     "has shape " + shapeText(shape) + " and type " +
                         std::string(elementTypeName(tensor.type())) + "; the model's input " + input.name +
                         " is " + dimensionsText(input) + " of " + std::string(elementTypeName(input.type)),
                     {},
                     file.string()};
      }
      values[input.name] = std::move(tensor);
    }
    return values;
  }
  std::string name(std::size_t index) const override { return m_folders[index].filename().string(); }
  std::vector<std::int64_t> targets(std::size_t) const override { return {}; }
  SampleOrigin origin() const override { return m_origin; }

private:
  std::vector<fs::path> m_folders;
  const ModelLoader& m_loader;
  std::vector<ValueInfo> m_inputs;
  SampleOrigin m_origin;
};

} // namespace

std::vector<fs::path> tensorFolders(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder / "input_0.pb", error)) {
    return {folder};
  }
  std::vector<std::pair<std::uint64_t, fs::path>> found;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    std::uint64_t number = 0;
    if (!name.starts_with(kPrefix) || !entry->is_directory(ignored)) {
      continue;
    }
    const char* last = name.data() + name.size();
    const auto [stop, problem] = std::from_chars(name.data() + kPrefix.size(), last, number);
    if (problem == std::errc() && stop == last) {
      found.emplace_back(number, entry->path());
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> folders;
  for (auto& [number, path] : found) {
    folders.push_back(std::move(path));
  }
  return folders;
}

Result<std::shared_ptr<const SampleSource>> tensorFileSamples(std::vector<fs::path> folders,
                                                              const ModelLoader& loader, const Model& model,
                                                              const fs::path& source) {
  SampleOrigin origin;
  origin.description = std::to_string(folders.size()) + " test data sets of " + source.filename().string();
  for (const fs::path& folder : folders) {
    for (std::size_t i = 0; i < model.graph.inputs.size(); ++i) {
      const fs::path file = folder / ("input_" + std::to_string(i) + ".pb");
      std::error_code missing;
      const auto size = fs::file_size(file, missing);
      if (missing) {
        return Error{ErrorKind::damagedFile,
                     "is missing; it would hold the model's input " + model.graph.inputs[i].name,
                     {},
                     file.string()};
      }
      origin.fingerprint =
          fingerprintOf(file.lexically_relative(source).string() + std::to_string(size), origin.fingerprint);
    }
  }
  auto samples =
      std::make_shared<TensorFileSamples>(std::move(folders), loader, model.graph.inputs, std::move(origin));
  HALFSTEP_CHECK(samples->inputs(0)); // so that what fits nothing is said at once
  return std::shared_ptr<const SampleSource>(std::move(samples));
}

} // namespace halfstep
