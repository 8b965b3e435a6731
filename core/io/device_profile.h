// Device profiles, *.json: the figures of devices that latency is estimated for. docs/latency.md has the
// schema.
#pragma once

#include "core/analysis/roofline.h"

#include <filesystem>
#include <string>
#include <vector>

namespace halfstep {

/// Errors (kind `damagedFile`): not JSON (with the byte), a key that is missing, unknown or of another kind,
/// a figure that is not positive and finite.
Result<DeviceProfile> deviceProfileFromJson(std::string_view json);

/// Errors: as above, and those of reading the file (naming it).
Result<DeviceProfile> loadDeviceProfile(const std::filesystem::path& path);

/// A profile with what to call it on the command line: its file's name without ".json".
struct NamedProfile {
  std::string id;
  std::filesystem::path path;
  DeviceProfile profile;
};
/// What is in the folders, sorted by id; of two with one id, the one in the later folder (the user's).
/// Folders that are not there are passed over; a bad file becomes a line in `warnings`.
std::vector<NamedProfile> findDeviceProfiles(const std::vector<std::filesystem::path>& folders,
                                             std::vector<std::string>& warnings);

} // namespace halfstep
