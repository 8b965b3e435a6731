// The device whose latency is asked for, and the clock that measures this one's.
#pragma once

#include "core/analysis/roofline.h"

#include <filesystem>
#include <string>

namespace halfstep::cli {

/// Seconds of a clock that never goes back.
double steadySeconds();

/// By the path of a file (*.json), or by the name of one among the installed profiles and the person's own.
/// Errors: kind `usage` naming those that there are; what reading a profile gives.
Result<DeviceProfile> deviceNamed(const std::string& name, const std::filesystem::path& programFolder);

} // namespace halfstep::cli
