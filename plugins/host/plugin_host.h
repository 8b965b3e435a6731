// Finds the plug-ins in folders, admits them by their metadata, loads them, and answers which loader reads a
// file and which exporter writes a format. Built and scanned on one thread; afterwards its const members may
// be called on any. Plug-ins are never unloaded, so what they made may outlive the host.
#pragma once

#include "core/io/archive_reader.h"
#include "core/io/calibration_store.h"
#include "core/io/exporter.h"
#include "core/io/image_reader.h"
#include "core/io/model_loader.h"
#include "plugins/host/plugin_admission.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace halfstep {

class PluginHost {
public:
  /// The plug-in folder of a program in `programFolder`: ../lib/halfstep/plugins, built or installed.
  static std::filesystem::path folderFor(const std::filesystem::path& programFolder);

  /// Looks at every module in `folder`, in the order of their names, and loads those that are admitted. A
  /// folder that does not exist holds none.
  void scan(const std::filesystem::path& folder);

  /// Every file looked at: loaded, or rejected with the reason.
  const std::vector<PluginRecord>& plugins() const { return m_plugins; }
  const std::vector<std::unique_ptr<ModelLoader>>& loaders() const { return m_loaders; }
  const std::vector<std::unique_ptr<Exporter>>& exporters() const { return m_exporters; }
  /// The first of each kind; null where there is none. They live as long as the host.
  const ImageReader* imageReader() const { return m_imageReader.get(); }
  const ArchiveReader* archiveReader() const { return m_archiveReader.get(); }
  const CalibrationStore* calibrationStore() const { return m_calibrationStore.get(); }

  /// The loader that is surest of the file's first bytes; among equally sure ones, and where none knows the
  /// content, the one whose suffix it is. Errors: the file cannot be read (`failed`); no loader knows it
  /// (`unsupported`, listing the formats there are).
  Result<const ModelLoader*> loaderFor(const std::filesystem::path& path) const;
  /// loaderFor, then load. Exceptions of a loader become errors.
  Result<std::shared_ptr<const Model>> loadModel(const std::filesystem::path& path,
                                                 const JobContext& context) const;
  /// Error (`usage`): no such format, listing those there are.
  Result<const Exporter*> exporterFor(std::string_view format) const;

private:
  void load(PluginRecord& record);

  std::vector<PluginRecord> m_plugins;
  std::vector<std::unique_ptr<ModelLoader>> m_loaders;
  std::vector<std::unique_ptr<Exporter>> m_exporters;
  std::unique_ptr<ImageReader> m_imageReader;
  std::unique_ptr<ArchiveReader> m_archiveReader;
  std::unique_ptr<CalibrationStore> m_calibrationStore;
};

} // namespace halfstep
