// The ranges of activations that a command line asks for: --calibration, or else found on its data.
#pragma once

#include "app/cli/command_set.h"
#include "core/analysis/calibration.h"

#include <memory>
#include <string>

namespace halfstep::cli {

/// Declares --calibration, whose file goes into `file`.
void addCalibrationOption(const CommandParser& parser, std::string& file);

/// What becomes of the calibration of another model file.
enum class OtherModel { refused, warned };

/// A saved calibration. `modelSha256`: of the model that it is wanted for. Errors: no plug-in reads it; what
/// that gives; `usage` for another model's.
Result<std::shared_ptr<const Calibration>> savedCalibration(Environment& environment, const std::string& file,
                                                            const std::string& modelSha256,
                                                            OtherModel otherModel = OtherModel::refused);

/// The one saved in `file`, or, where that is empty and one is `needed`, of all of `samples`; otherwise null.
/// `job`: for the latter. Errors: of savedCalibration and calibrate.
Result<std::shared_ptr<const Calibration>> calibrationFor(Environment& environment, const std::string& file,
                                                          const Executor& executor,
                                                          const SampleSource& samples, bool needed,
                                                          const JobContext& job);

} // namespace halfstep::cli
