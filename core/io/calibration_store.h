// What keeps calibrations in files. Implemented by plug-ins of kind "store".
#pragma once

#include "core/analysis/calibration.h"
#include "core/support/job_context.h"

#include <filesystem>
#include <memory>
#include <string>

namespace halfstep {

/// A calibration with what it was made from.
struct StoredCalibration {
  std::shared_ptr<const Calibration> calibration; ///< never null
  std::string modelFile;                          ///< for people
  std::string modelSha256;                        ///< empty where not known
};

class CalibrationStore {
public:
  virtual ~CalibrationStore() = default;

  /// Without dots: {"h5"}.
  virtual std::vector<std::string> suffixes() const = 0;
  /// Writes whole or not at all. Any thread; several at a time.
  virtual Result<void> save(const StoredCalibration& calibration, const std::filesystem::path& path,
                            const JobContext& job) const = 0;
  /// Errors: `damagedFile` naming file and place; `unsupported` for a later version.
  virtual Result<StoredCalibration> load(const std::filesystem::path& path, const JobContext& job) const = 0;
};

} // namespace halfstep
