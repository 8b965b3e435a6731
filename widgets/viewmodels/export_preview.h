// What a format would make of the plan, before anything is written where a person wants it. Values.
#pragma once

#include "core/io/exporter.h"

#include <QString>

#include <filesystem>
#include <memory>
#include <vector>

namespace halfstep {

/// One of the files that would be written.
struct ExportedText {
  QString name;
  QString text;      ///< the beginning of it; for files that are not text a word on what they hold
  bool whole = true; ///< `text` is all of it
  bool isText = true;
};

struct ExportPreview {
  std::vector<ExportLoss> losses;
  std::vector<ExportFinding> findings;
  std::vector<ExportPattern> patterns;
  std::vector<ExportedText> files;
  /// Why there are no files: a calibration is missing, or a model is only written when it is asked for.
  QString note;
  bool wantsCalibration = false;
};

/// Asks the exporter everything, and has it write into `folder` unless it writes models. Errors: what the
/// exporter says; cancelled. Any thread.
Result<ExportPreview> previewExport(const Exporter& exporter, const ExportInput& input,
                                    const std::filesystem::path& folder, const JobContext& job);

} // namespace halfstep
