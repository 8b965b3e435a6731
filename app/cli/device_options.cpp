#include "app/cli/device_options.h"

#include "app/cli/output.h"
#include "core/io/device_profile.h"

#include <QStandardPaths>

#include <chrono>

namespace halfstep::cli {

namespace {

/// What is installed with the program, then what the person added.
std::vector<std::filesystem::path> deviceFolders(const std::filesystem::path& programFolder) {
  const QString own = QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation);
  return {(programFolder / ".." / "share" / "halfstep" / "devices").lexically_normal(),
          std::filesystem::path(own.toStdString()) / "halfstep" / "devices"};
}

} // namespace

double steadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Result<DeviceProfile> deviceNamed(const std::string& name, const std::filesystem::path& programFolder) {
  if (name.ends_with(".json")) {
    return loadDeviceProfile(name);
  }
  std::vector<std::string> warnings;
  std::string known;
  for (const NamedProfile& found : findDeviceProfiles(deviceFolders(programFolder), warnings)) {
    if (found.id == name) {
      return found.profile;
    }
    known += (known.empty() ? "" : ", ") + found.id;
  }
  for (const std::string& warning : warnings) {
    printWarning(warning);
  }
  return Error{ErrorKind::usage, "--device " + name + ": there is no such profile; there are: " + known +
                                     ", and any FILE.json"};
}

} // namespace halfstep::cli
