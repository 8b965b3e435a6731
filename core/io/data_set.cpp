#include "core/io/data_set.h"

#include "core/io/archive_arrays.h"
#include "core/io/archive_samples.h"
#include "core/io/array_samples.h"
#include "core/io/data_settings_json.h"
#include "core/io/idx_file.h"
#include "core/io/image_samples.h"
#include "core/io/sample_labels.h"
#include "core/io/selected_samples.h"
#include "core/io/tensor_file_samples.h"
#include "core/io/text_samples.h"

#include <algorithm>

namespace halfstep {

namespace {

namespace fs = std::filesystem;
using Samples = Result<std::shared_ptr<const SampleSource>>;

/// What is needed everywhere here.
struct Opening {
  const fs::path& path;
  const Model& model;
  const DataSettings& settings;
  const DataReaders& readers;
  const JobContext& context;
};

bool hasSuffix(const fs::path& file, std::string_view suffix) {
  return file.extension() == suffix;
}

Result<std::vector<fs::path>> filesIn(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) {
      files.push_back(entry->path());
    }
  }
  if (error) {
    return Error{ErrorKind::failed, "cannot be read: " + error.message(), {}, folder.string()};
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<NamedArray> readArray(const fs::path& path, const Opening& opening) {
  return arrayIn(path, opening.readers.archives, opening.context);
}

/// `labels`: of a file beside it; its own go before them.
Samples openArchive(const fs::path& path, const Opening& opening, std::vector<NamedArray> labels = {}) {
  HALFSTEP_TRY(std::vector<NamedArray> arrays,
               arraysIn(path, opening.readers.archives, membersFor(opening.model), opening.context));
  std::move(labels.begin(), labels.end(), std::back_inserter(arrays));
  return arraySamples(std::move(arrays), opening.model, opening.settings, opening.path);
}

/// "t10k-labels-idx1-ubyte" of "t10k-images-idx3-ubyte.gz", with .gz or without, where there is one.
std::optional<fs::path> idxLabelsBeside(const fs::path& pictures) {
  std::string name = pictures.filename().string();
  const std::size_t images = name.find("images");
  if (images == std::string::npos) {
    return std::nullopt;
  }
  name.replace(images, 6, "labels");
  if (const std::size_t rank = name.find("idx3", images); rank != std::string::npos) {
    name[rank + 3] = '1';
  }
  const std::string bare = name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
  for (const std::string& candidate : {name, bare, bare + ".gz"}) {
    std::error_code ignored;
    if (fs::is_regular_file(pictures.parent_path() / candidate, ignored)) {
      return pictures.parent_path() / candidate;
    }
  }
  return std::nullopt;
}

Samples openArrayFile(const fs::path& path, const Opening& opening) {
  HALFSTEP_TRY(NamedArray array, readArray(path, opening));
  std::vector<NamedArray> arrays;
  arrays.push_back(std::move(array));
  arrays.back().name = "data"; // whatever the file is called, for a model with one input
  if (opening.model.graph.inputs.size() != 1) {
    return Error{ErrorKind::usage,
                 "is one array; the model has " + std::to_string(opening.model.graph.inputs.size()) +
                     " inputs: give a folder with one for each",
                 {},
                 path.string()};
  }
  std::optional<fs::path> labels = idxLabelsBeside(path);
  if (!labels && hasSuffix(path, ".npy")) {
    for (const std::string_view stem : kLabelNames) {
      const std::string name = std::string(stem) + ".npy";
      std::error_code ignored;
      const fs::path candidate = path.parent_path() / name;
      if (!labels && fs::is_regular_file(candidate, ignored) && candidate.filename() != path.filename()) {
        labels = candidate;
      }
    }
  }
  if (labels) {
    HALFSTEP_TRY(NamedArray read, readArray(*labels, opening));
    read.name = "labels";
    arrays.push_back(std::move(read));
  }
  return arraySamples(std::move(arrays), opening.model, opening.settings, path);
}

Samples openArrayFolder(const std::vector<fs::path>& files, const Opening& opening) {
  const auto& inputs = opening.model.graph.inputs;
  std::vector<fs::path> series;
  std::vector<std::string> names;
  for (const fs::path& file : files) {
    names.push_back(file.stem().string());
  }
  std::vector<NamedArray> labels;
  std::vector<NamedArray> arrays;
  const WantedMember isWanted = membersFor(opening.model);
  const bool byName =
      inputs.size() != 1 || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return !isLabelName(name) && isWanted(name, {inputs[0].name});
      });
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (isLabelName(names[i])) {
      HALFSTEP_TRY(NamedArray array, readArray(files[i], opening));
      labels.push_back(std::move(array));
    } else if (byName && isWanted(names[i], names)) {
      HALFSTEP_TRY(NamedArray array, readArray(files[i], opening));
      arrays.push_back(std::move(array));
    } else {
      series.push_back(files[i]);
    }
  }
  if (!byName && series.size() > 1) {
    return arraySeries(std::move(series), labels.empty() ? std::nullopt : std::optional(labels[0]),
                       opening.model, opening.settings, opening.path);
  }
  for (const fs::path& file : byName ? std::vector<fs::path>() : series) {
    HALFSTEP_TRY(NamedArray array, readArray(file, opening));
    arrays.push_back(std::move(array));
  }
  std::move(labels.begin(), labels.end(), std::back_inserter(arrays));
  return arraySamples(std::move(arrays), opening.model, opening.settings, opening.path);
}

bool isIdxPictures(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.find("idx3-ubyte") != std::string::npos || name.find("idx3.ubyte") != std::string::npos ||
         name.find("idx4-ubyte") != std::string::npos;
}

std::string nameList(const std::vector<fs::path>& files) {
  std::string names;
  for (std::size_t i = 0; i < std::min<std::size_t>(files.size(), 4); ++i) {
    names += (i == 0 ? "" : ", ") + files[i].filename().string();
  }
  return names + (files.size() > 4 ? ", …" : "");
}

Result<ImageFolder> picturesIn(const Opening& opening) {
  if (opening.readers.images == nullptr) {
    return ImageFolder();
  }
  return listPictures(opening.path, *opening.readers.images, classesOf(opening.model), opening.context);
}

/// Those among `files` that hold labels.
Result<std::vector<NamedArray>> labelsIn(const std::vector<fs::path>& files, const Opening& opening) {
  std::vector<NamedArray> labels;
  for (const fs::path& file : files) {
    if (isLabelName(file.stem().string())) {
      HALFSTEP_TRY(NamedArray array, readArray(file, opening));
      labels.push_back(std::move(array));
    }
  }
  return labels;
}

Samples openFolder(const Opening& opening) {
  const auto tensors = tensorFolders(opening.path);
  if (!tensors.empty()) {
    if (opening.readers.tensors == nullptr) {
      return Error{ErrorKind::unsupported,
                   "holds test data sets, which the model's format does not have",
                   {},
                   opening.path.string()};
    }
    return tensorFileSamples(tensors, *opening.readers.tensors, opening.model, opening.path);
  }
  HALFSTEP_TRY(const auto files, filesIn(opening.path));
  std::vector<fs::path> arrays;
  std::vector<fs::path> archives;
  std::vector<fs::path> pictures;
  std::vector<fs::path> texts;
  bool onlyLabels = true;
  for (const fs::path& file : files) {
    if (hasSuffix(file, ".npy")) {
      arrays.push_back(file);
      onlyLabels = onlyLabels && isLabelName(file.stem().string());
    } else if (hasSuffix(file, ".npz")) {
      archives.push_back(file);
    } else if (isIdxPictures(file)) {
      pictures.push_back(file);
    } else if (hasSuffix(file, ".txt")) {
      texts.push_back(file);
    }
  }
  HALFSTEP_TRY(ImageFolder images, picturesIn(opening));
  const bool textual = takesTokens(opening.model) && !texts.empty();
  const int forms = int(!onlyLabels) + int(!archives.empty()) + int(!pictures.empty()) +
                    int(!images.pictures.empty()) + int(textual);
  if (forms > 1 || pictures.size() > 1 || (textual && texts.size() > 1)) {
    std::vector<fs::path> found = onlyLabels ? std::vector<fs::path>() : arrays;
    for (const auto* more : {&archives, &pictures, &texts}) {
      found.insert(found.end(), more->begin(), more->end());
    }
    return Error{ErrorKind::usage,
                 "holds several data sets (" + nameList(found) +
                     (images.pictures.empty() ? "" : " and pictures") + "): give one of the files",
                 {},
                 opening.path.string()};
  }
  if (!onlyLabels) {
    return openArrayFolder(arrays, opening);
  }
  if (!archives.empty()) {
    HALFSTEP_TRY(std::vector<NamedArray> labels, labelsIn(arrays, opening));
    return archives.size() == 1
               ? openArchive(archives[0], opening, std::move(labels))
               : archiveSeries(std::move(archives), labels, opening.readers.archives, opening.model,
                               opening.settings, opening.path, opening.context);
  }
  if (!pictures.empty()) {
    return openArrayFile(pictures[0], opening);
  }
  if (!images.pictures.empty()) {
    return imageSamples(std::move(images), *opening.readers.images, opening.model, opening.settings,
                        opening.path);
  }
  if (textual) {
    return textSamples(texts[0], opening.model, opening.settings, opening.context);
  }
  return Error{
      ErrorKind::usage,
      "holds no data set: expected test_data_set_* folders, .npy or .npz arrays, IDX files, pictures "
      "or, for a model of tokens, a text",
      {},
      opening.path.string()};
}

Samples openFile(const Opening& opening) {
  HALFSTEP_TRY(const auto head, headOf(opening.path));
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  if (text.empty()) {
    return Error{ErrorKind::damagedFile, "is empty", {}, opening.path.string()};
  }
  if (text.starts_with("PK")) {
    return openArchive(opening.path, opening);
  }
  if (text.starts_with("\x93NUMPY") || looksLikeIdx(head) || isArchive(head) ||
      hasSuffix(opening.path, ".npy")) {
    return openArrayFile(opening.path, opening);
  }
  if (opening.readers.images != nullptr) {
    std::string suffix = opening.path.extension().string();
    const auto suffixes = opening.readers.images->suffixes();
    std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (suffix.size() > 1 &&
        std::find(suffixes.begin(), suffixes.end(), suffix.substr(1)) != suffixes.end()) {
      ImageFolder one;
      one.pictures.push_back({opening.path});
      return imageSamples(std::move(one), *opening.readers.images, opening.model, opening.settings,
                          opening.path.parent_path());
    }
  }
  if (takesTokens(opening.model)) {
    return textSamples(opening.path, opening.model, opening.settings, opening.context);
  }
  return Error{ErrorKind::usage,
               "is no data set: expected a folder, .npy, .npz, an IDX file, a picture or, for a model of "
               "tokens, a text",
               {},
               opening.path.string()};
}

/// How the samples are prepared, for their fingerprint.
std::uint64_t settingsPrint(DataSettings settings) {
  settings.source.clear();
  settings.samples.reset();
  settings.shuffle.reset();
  return fingerprintOf(
      dataSettingsToJson(settings).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

} // namespace

Result<std::shared_ptr<const SampleSource>> openDataSet(const fs::path& path, const Model& model,
                                                        const DataSettings& settings,
                                                        const DataReaders& readers,
                                                        const JobContext& context) {
  HALFSTEP_CHECK(checkDataSettings(settings));
  if (model.graph.inputs.empty()) {
    return Error{ErrorKind::unsupported, "the model has no inputs to give data to", {}, model.path.string()};
  }
  // "photos/" and "photos" are the same, and have a name; so has ".".
  std::error_code error;
  fs::path plain = path.lexically_normal();
  if (plain.filename().empty() && plain.has_parent_path()) {
    plain = plain.parent_path();
  }
  if (plain.filename().empty() || plain == "." || plain.filename() == "..") {
    plain = fs::weakly_canonical(path, error);
  }
  const auto kind = fs::status(path, error).type();
  if (kind == fs::file_type::not_found || kind == fs::file_type::none) {
    return Error{ErrorKind::failed, "cannot be read: there is no such file or folder", {}, path.string()};
  }
  const Opening opening{plain, model, settings, readers, context};
  HALFSTEP_TRY(auto samples, kind == fs::file_type::directory ? openFolder(opening) : openFile(opening));
  if (samples->count() == 0) {
    return Error{ErrorKind::damagedFile, "holds no samples", {}, path.string()};
  }
  return selectSamples(std::move(samples), settings.samples, settings.shuffle, settingsPrint(settings));
}

} // namespace halfstep
