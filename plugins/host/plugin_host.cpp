#include "plugins/host/plugin_host.h"

#include "core/support/mapped_file.h"
#include "plugins/api/archive_reader_factory.h"
#include "plugins/api/calibration_store_factory.h"
#include "plugins/api/exporter_factory.h"
#include "plugins/api/image_reader_factory.h"
#include "plugins/api/loader_factory.h"

#include <QFile>
#include <QLibrary>
#include <QPluginLoader>

#include <algorithm>
#include <exception>

namespace halfstep {

namespace {

constexpr std::size_t kHeadBytes = 4096;

QString toQString(const std::filesystem::path& path) {
  return QFile::decodeName(path.c_str());
}

std::set<std::string> loadedIds(const std::vector<PluginRecord>& plugins) {
  std::set<std::string> ids;
  for (const PluginRecord& plugin : plugins) {
    if (plugin.loaded()) {
      ids.insert(plugin.id);
    }
  }
  return ids;
}

std::string lowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : char(c); });
  return text;
}

bool hasSuffix(const ModelLoader& loader, const std::filesystem::path& path) {
  const std::string name = lowerCase(path.filename().string());
  const auto suffixes = loader.suffixes();
  return std::any_of(suffixes.begin(), suffixes.end(),
                     [&](const std::string& suffix) { return name.ends_with("." + suffix); });
}

PluginRecord examine(const std::filesystem::path& file, const std::set<std::string>& takenIds) {
  std::error_code error;
  if (std::filesystem::file_size(file, error) == 0 && !error) { // Qt would print a warning about mmap
    return admitPlugin(file.string(), {}, "the file is empty", takenIds);
  }
  const QPluginLoader plugin(toQString(file));
  const QJsonObject metadata = plugin.metaData(); // runs none of the module's code
  const std::string loadError = metadata.isEmpty() ? plugin.errorString().toStdString() : std::string();
  return admitPlugin(file.string(), metadata, loadError, takenIds);
}

} // namespace

std::filesystem::path PluginHost::folderFor(const std::filesystem::path& programFolder) {
  return (programFolder / ".." / "lib" / "halfstep" / "plugins").lexically_normal();
}

void PluginHost::scan(const std::filesystem::path& folder) {
  std::error_code error;
  // QPluginLoader looks up relative names in the library path; only absolute ones mean this very file.
  const auto absolute = std::filesystem::absolute(folder, error);
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator entry(absolute, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored) && QLibrary::isLibrary(toQString(entry->path()))) {
      files.push_back(entry->path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    PluginRecord record = examine(file, loadedIds(m_plugins));
    if (record.loaded()) {
      load(record);
    }
    m_plugins.push_back(std::move(record));
  }
}

void PluginHost::load(PluginRecord& record) {
  QPluginLoader plugin(QFile::decodeName(record.file.c_str()));
  plugin.setLoadHints(QLibrary::PreventUnloadHint);
  try {
    QObject* instance = plugin.instance();
    if (instance == nullptr) {
      record.problem = "cannot be loaded: " + plugin.errorString().toStdString();
    } else if (const auto* loader = qobject_cast<LoaderFactory*>(instance); loader != nullptr) {
      m_loaders.push_back(loader->createLoader());
    } else if (const auto* exporter = qobject_cast<ExporterFactory*>(instance); exporter != nullptr) {
      for (auto& made : exporter->createExporters()) {
        m_exporters.push_back(std::move(made));
      }
    } else if (const auto* images = qobject_cast<ImageReaderFactory*>(instance); images != nullptr) {
      if (!m_imageReader) {
        m_imageReader = images->createImageReader();
      }
    } else if (const auto* archives = qobject_cast<ArchiveReaderFactory*>(instance); archives != nullptr) {
      if (!m_archiveReader) {
        m_archiveReader = archives->createArchiveReader();
      }
    } else if (const auto* stores = qobject_cast<CalibrationStoreFactory*>(instance); stores != nullptr) {
      if (!m_calibrationStore) {
        m_calibrationStore = stores->createCalibrationStore();
      }
    } else {
      record.problem = "does not implement the interface that its metadata names";
    }
  } catch (const std::exception& exception) {
    record.problem = std::string("failed while it was loaded: ") + exception.what();
  } catch (...) {
    record.problem = "failed while it was loaded";
  }
}

Result<const ModelLoader*> PluginHost::loaderFor(const std::filesystem::path& path) const {
  HALFSTEP_TRY(const auto file, MappedFile::open(path));
  const auto head = file->bytes().first(std::min(kHeadBytes, file->bytes().size()));
  const ModelLoader* best = nullptr;
  int bestScore = 0;
  std::string formats;
  for (const auto& loader : m_loaders) {
    const int score = 2 * loader->recognise(head) + (hasSuffix(*loader, path) ? 1 : 0);
    if (score > bestScore) {
      best = loader.get();
      bestScore = score;
    }
    formats += (formats.empty() ? "" : ", ") + loader->formatName();
  }
  if (best == nullptr) {
    return Error{ErrorKind::unsupported,
                 "is not a model file that this program knows (it reads: " +
                     (formats.empty() ? "nothing, no loader plug-in was found" : formats) + ")",
                 {},
                 path.string()};
  }
  return best;
}

Result<std::shared_ptr<const Model>> PluginHost::loadModel(const std::filesystem::path& path,
                                                           const JobContext& context) const {
  HALFSTEP_TRY(const ModelLoader* loader, loaderFor(path));
  try {
    return loader->load(path, context);
  } catch (const std::bad_alloc&) {
    return Error{ErrorKind::failed, "there is not enough memory to open it", {}, path.string()};
  } catch (const std::exception& exception) {
    return Error{ErrorKind::failed, std::string("cannot be opened: ") + exception.what(), {}, path.string()};
  }
}

Result<const Exporter*> PluginHost::exporterFor(std::string_view format) const {
  std::string formats;
  for (const auto& exporter : m_exporters) {
    if (exporter->formatName() == format) {
      return exporter.get();
    }
    formats += (formats.empty() ? "" : ", ") + exporter->formatName();
  }
  return Error{ErrorKind::usage, "there is no export format \"" + std::string(format) +
                                     "\"; there are: " + (formats.empty() ? "none" : formats)};
}

} // namespace halfstep
