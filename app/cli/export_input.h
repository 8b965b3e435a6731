// What an exporter is given on the command line: the model, the plan, and a calibration where it needs one.
#pragma once

#include "app/cli/data_options.h"
#include "app/cli/plan_options.h"
#include "core/io/exporter.h"

#include <memory>
#include <optional>
#include <string>

namespace halfstep::cli {

struct ExportInputOptions {
  std::string file;
  PlanOptions plan;
  DataOptions data;
  std::string calibration; ///< a saved one
  std::string format;
};

/// Declares MODEL, --to, --calibration, and the options of plan and data.
void addExportInputOptions(const CommandParser& parser, ExportInputOptions& options);

struct PreparedExport {
  ExportInput input;
  DataSettings settings;
  std::shared_ptr<const SampleSource> samples; ///< null until they are needed

  /// Opens them at first use.
  Result<const SampleSource*> samplesOf(Environment& environment);
};

/// Loads the model, makes the plan, and calibrates on the data (or loads the calibration) where `exporter`
/// needs it. `share` of the progress goes to that. Errors: of planFor, samplesFor, calibrate; a calibration
/// file that cannot be read.
Result<PreparedExport> prepareExport(Environment& environment, const ExportInputOptions& options,
                                     const Exporter& exporter, double share);

} // namespace halfstep::cli
