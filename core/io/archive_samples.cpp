#include "core/io/archive_samples.h"

#include "core/io/archive_arrays.h"
#include "core/io/array_samples.h"
#include "core/io/sample_labels.h"

#include <algorithm>
#include <span>

namespace halfstep {

namespace {

namespace fs = std::filesystem;

/// The labels of one sample as [1, …].
Result<Tensor> asRow(const Tensor& labels) {
  if (!labels.shape().empty() && labels.shape()[0] == 1) {
    return labels;
  }
  Shape shape = labels.shape();
  shape.insert(shape.begin(), 1);
  auto owner = std::make_shared<const Tensor>(labels);
  const auto bytes = owner->bytes();
  return Tensor::share(labels.type(), std::move(shape), std::move(owner), bytes);
}

class ArchiveSeries : public SampleSource {
public:
  ArchiveSeries(std::vector<fs::path> files, const ArchiveReader* archives, const Model& model,
                DataSettings settings)
      : m_files(std::move(files))
      , m_archives(archives)
      , m_settings(std::move(settings))
      , m_wanted(membersFor(model)) {
    m_inputs.graph.inputs = model.graph.inputs;
  }

  Result<void> takeLabels(const std::vector<NamedArray>& beside, const Model& model,
                          const JobContext& context) {
    if (!beside.empty()) {
      auto labels = SampleLabels::of(beside[0].tensor, m_files.size(), model);
      if (!labels) {
        labels.error().file = beside[0].place;
        return labels.error();
      }
      for (std::size_t i = 0; i < m_files.size(); ++i) {
        m_labels.push_back(labels->row(i));
      }
      return {};
    }
    for (const fs::path& file : m_files) {
      HALFSTEP_CHECK(context.checkpoint());
      HALFSTEP_TRY(const auto arrays, arraysIn(
                                          file, m_archives,
                                          [](const std::string& name, const std::vector<std::string>&) {
                                            return isLabelName(name);
                                          },
                                          context));
      m_labels.emplace_back();
      for (const NamedArray& array : arrays) {
        if (m_labels.back().empty() && isInteger(array.tensor.type()) && !isInput(array.name)) {
          HALFSTEP_TRY(Tensor row, asRow(array.tensor));
          auto labels = SampleLabels::of(std::move(row), 1, model);
          if (!labels) {
            labels.error().file = array.place;
            return labels.error();
          }
          m_labels.back() = labels->row(0);
        }
      }
    }
    return {};
  }

  void describe(const fs::path& source) {
    for (const fs::path& file : m_files) {
      std::error_code ignored;
      m_origin.fingerprint =
          fingerprintOf(file.filename().string() + "\n" + std::to_string(fs::file_size(file, ignored)) + "\n",
                        m_origin.fingerprint);
    }
    for (const auto& row : m_labels) {
      m_origin.fingerprint = fingerprintOf(std::as_bytes(std::span(row)), m_origin.fingerprint);
    }
    m_origin.description = std::to_string(m_files.size()) + " archives of " + source.filename().string();
  }

  std::size_t count() const override { return m_files.size(); }
  Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
    const fs::path& file = m_files[index];
    HALFSTEP_TRY(std::vector<NamedArray> arrays, arraysIn(file, m_archives, m_wanted, {}));
    std::erase_if(arrays, [&](const NamedArray& array) { // the labels are known
      return isLabelName(array.name) && !isInput(array.name);
    });
    auto one = arraySamples(arrays, m_inputs, m_settings, file, ArrayInput::Content::oneSample);
    if (!one) { // a first axis of length 1 more
      if (auto many = arraySamples(arrays, m_inputs, m_settings, file); many) {
        if ((*many)->count() != 1) {
          return Error{ErrorKind::usage,
                       "holds " + std::to_string((*many)->count()) +
                           " samples; of several archives in a folder each is one",
                       {},
                       file.string()};
        }
        one = std::move(many);
      }
    }
    if (!one) {
      return one.error();
    }
    return (*one)->inputs(0);
  }
  std::string name(std::size_t index) const override { return m_files[index].filename().string(); }
  std::vector<std::int64_t> targets(std::size_t index) const override { return m_labels[index]; }
  SampleOrigin origin() const override { return m_origin; }

private:
  bool isInput(const std::string& name) const {
    const auto& inputs = m_inputs.graph.inputs;
    return std::any_of(inputs.begin(), inputs.end(),
                       [&](const ValueInfo& input) { return input.name == name; });
  }

  std::vector<fs::path> m_files;
  const ArchiveReader* m_archives;
  Model m_inputs; ///< what the arrays must fit; without weights
  DataSettings m_settings;
  WantedMember m_wanted;
  std::vector<std::vector<std::int64_t>> m_labels; ///< by file
  SampleOrigin m_origin;
};

} // namespace

Result<std::shared_ptr<const SampleSource>> archiveSeries(std::vector<fs::path> files,
                                                          const std::vector<NamedArray>& labels,
                                                          const ArchiveReader* archives, const Model& model,
                                                          const DataSettings& settings,
                                                          const fs::path& source, const JobContext& context) {
  auto series = std::make_shared<ArchiveSeries>(std::move(files), archives, model, settings);
  HALFSTEP_CHECK(series->takeLabels(labels, model, context));
  series->describe(source);
  HALFSTEP_CHECK(series->inputs(0)); // so that what fits nothing is said at once
  return std::shared_ptr<const SampleSource>(std::move(series));
}

} // namespace halfstep
