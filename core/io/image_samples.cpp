#include "core/io/image_samples.h"

#include "core/io/array_samples.h"
#include "core/io/sample_labels.h"
#include "core/support/mapped_file.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace halfstep {

namespace {

namespace fs = std::filesystem;

std::string lowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

bool isPicture(const fs::path& file, const std::vector<std::string>& suffixes) {
  const std::string suffix = lowerCase(file.extension().string());
  return !suffix.empty() && std::find(suffixes.begin(), suffixes.end(), suffix.substr(1)) != suffixes.end();
}

struct FolderContent {
  std::vector<fs::path> pictures;
  std::vector<fs::path> folders;
};

Result<FolderContent> contentOf(const fs::path& folder, const std::vector<std::string>& suffixes) {
  FolderContent content;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) {
      content.folders.push_back(entry->path());
    } else if (entry->is_regular_file(ignored) && isPicture(entry->path(), suffixes)) {
      content.pictures.push_back(entry->path());
    }
  }
  if (error) {
    return Error{ErrorKind::failed, "cannot be read: " + error.message(), {}, folder.string()};
  }
  std::sort(content.pictures.begin(), content.pictures.end());
  std::sort(content.folders.begin(), content.folders.end());
  return content;
}

/// The cells of one line: separated by commas, in double quotes where they contain some (RFC 4180).
std::vector<std::string> cellsOf(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"') {
        cells.back() += line[++i];
      } else {
        quoted = !quoted;
      }
    } else if (line[i] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  return cells;
}

std::optional<std::size_t> columnOf(const std::vector<std::string>& header,
                                    std::initializer_list<std::string_view> names, bool wholeName) {
  for (const std::string_view name : names) {
    for (std::size_t i = 0; i < header.size(); ++i) {
      const std::string column = lowerCase(header[i]);
      if (wholeName ? column == name : column.starts_with(name)) {
        return i;
      }
    }
  }
  return std::nullopt;
}

/// File name → class.
Result<std::map<std::string, std::int64_t>> readLabelTable(const fs::path& path,
                                                           std::optional<std::int64_t> classes) {
  HALFSTEP_TRY(const auto file, MappedFile::open(path));
  std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  if (text.starts_with("\xef\xbb\xbf")) { // spreadsheets like to write one
    text.remove_prefix(3);
  }
  std::map<std::string, std::int64_t> labels;
  std::optional<std::size_t> fileColumn;
  std::optional<std::size_t> classColumn;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view content = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.ends_with('\r')) {
      content.remove_suffix(1);
    }
    const auto problem = [&](std::string what) {
      return Error{ErrorKind::damagedFile, std::move(what), "line " + std::to_string(line), path.string()};
    };
    const std::vector<std::string> cells = cellsOf(content);
    if (!fileColumn) {
      fileColumn = columnOf(cells, {"file", "filename", "file_name", "image", "path", "name"}, true);
      classColumn = columnOf(cells, {"class_index", "class_id", "label", "class", "target", "index"}, false);
      if (!fileColumn || !classColumn) {
        return problem("its header names no column " + std::string(fileColumn ? "class_index" : "file"));
      }
      continue;
    }
    if (content.empty()) {
      continue;
    }
    if (cells.size() <= std::max(*fileColumn, *classColumn)) {
      return problem("has " + std::to_string(cells.size()) + " columns, fewer than the header");
    }
    const std::string& number = cells[*classColumn];
    std::int64_t label = 0;
    const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), label);
    if (error != std::errc() || stop != number.data() + number.size()) {
      return problem("\"" + number + "\" is no class; expected a whole number");
    }
    if (auto checked = checkLabel(label, line, classes); !checked) {
      return problem(checked.error().what);
    }
    labels[fs::path(cells[*fileColumn]).lexically_normal().string()] = label;
  }
  return labels;
}

class ImageSamples : public SampleSource {
public:
  ImageSamples(ImageFolder folder, const ImageReader& reader, ImagePreparation preparation, std::string input,
               SampleOrigin origin)
      : m_folder(std::move(folder))
      , m_reader(reader)
      , m_preparation(std::move(preparation))
      , m_input(std::move(input))
      , m_origin(std::move(origin)) {}

  std::size_t count() const override { return m_folder.pictures.size(); }
  Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
    const fs::path& path = m_folder.pictures[index].file;
    const auto named = [&](Error error) {
      error.file = path.string();
      return error;
    };
    HALFSTEP_TRY(const auto file, MappedFile::open(path));
    auto image = m_reader.read(file->bytes());
    if (!image) {
      return named(image.error());
    }
    auto tensor = m_preparation.prepare(std::move(*image));
    if (!tensor) {
      return named(tensor.error());
    }
    return std::map<std::string, Value>{{m_input, Value(std::move(*tensor))}};
  }
  std::string name(std::size_t index) const override {
    const fs::path& file = m_folder.pictures[index].file;
    return m_folder.classes.empty() ? file.filename().string()
                                    : (file.parent_path().filename() / file.filename()).string();
  }
  std::vector<std::int64_t> targets(std::size_t index) const override {
    return m_folder.labelled ? std::vector<std::int64_t>{m_folder.pictures[index].label}
                             : std::vector<std::int64_t>();
  }
  SampleOrigin origin() const override { return m_origin; }

private:
  ImageFolder m_folder;
  const ImageReader& m_reader;
  ImagePreparation m_preparation;
  std::string m_input;
  SampleOrigin m_origin;
};

} // namespace

Result<ImageFolder> listPictures(const fs::path& folder, const ImageReader& reader,
                                 std::optional<std::int64_t> classes, const JobContext& context) {
  const std::vector<std::string> suffixes = reader.suffixes();
  HALFSTEP_TRY(FolderContent content, contentOf(folder, suffixes));
  ImageFolder listed;
  for (fs::path& file : content.pictures) {
    listed.pictures.push_back({std::move(file)});
  }
  if (listed.pictures.empty()) {
    for (const fs::path& inner : content.folders) {
      HALFSTEP_CHECK(context.checkpoint());
      HALFSTEP_TRY(FolderContent pictures, contentOf(inner, suffixes));
      if (pictures.pictures.empty()) {
        continue;
      }
      for (fs::path& file : pictures.pictures) {
        listed.pictures.push_back({std::move(file), static_cast<std::int64_t>(listed.classes.size())});
      }
      listed.classes.push_back(inner.filename().string());
    }
    listed.labelled = !listed.pictures.empty();
  }
  const fs::path table = folder / "labels.csv";
  std::error_code ignored;
  if (!listed.pictures.empty() && fs::is_regular_file(table, ignored)) {
    HALFSTEP_TRY(const auto labels, readLabelTable(table, classes));
    bool any = false;
    for (ImageFolder::Picture& picture : listed.pictures) {
      const auto found = labels.find(picture.file.lexically_relative(folder).string());
      picture.label = found == labels.end() ? -1 : found->second;
      any = any || found != labels.end();
    }
    if (!any) {
      return Error{ErrorKind::damagedFile, "names none of the pictures beside it", {}, table.string()};
    }
    listed.labelled = true;
  } else if (classes && static_cast<std::int64_t>(listed.classes.size()) > *classes) {
    return Error{ErrorKind::damagedFile,
                 "has " + std::to_string(listed.classes.size()) +
                     " sub-folders of pictures; the model's first " + "output has " +
                     std::to_string(*classes) + " classes",
                 {},
                 folder.string()};
  }
  return listed;
}

Result<std::shared_ptr<const SampleSource>> imageSamples(ImageFolder folder, const ImageReader& reader,
                                                         const Model& model, const DataSettings& settings,
                                                         const fs::path& source) {
  if (model.graph.inputs.size() != 1) {
    return Error{ErrorKind::usage,
                 "holds pictures; the model has " + std::to_string(model.graph.inputs.size()) +
                     " inputs and pictures can give one",
                 {},
                 source.string()};
  }
  auto preparation = ImagePreparation::plan(model.graph.inputs[0], settings, std::nullopt);
  if (!preparation) {
    preparation.error().file = source.string();
    return preparation.error();
  }
  SampleOrigin origin;
  origin.description = std::to_string(folder.pictures.size()) + " images of " + source.filename().string() +
                       ", " + preparation->description();
  origin.fingerprint = fingerprintOf(preparation->description());
  for (const ImageFolder::Picture& picture : folder.pictures) {
    std::error_code ignored;
    origin.fingerprint = fingerprintOf(picture.file.lexically_relative(source).string() + "\n" +
                                           std::to_string(fs::file_size(picture.file, ignored)) + " " +
                                           std::to_string(picture.label) + "\n",
                                       origin.fingerprint);
  }
  return std::shared_ptr<const SampleSource>(std::make_shared<ImageSamples>(
      std::move(folder), reader, std::move(*preparation), model.graph.inputs[0].name, std::move(origin)));
}

} // namespace halfstep
