#include "core/io/device_profile.h"

#include "core/io/json_text.h"
#include "core/support/mapped_file.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kProfileVersion = 1;

/// A figure that must be positive, or with `zeroToo` not negative.
Result<double> figure(const Json& value, const std::string& key, bool zeroToo) {
  const double number = value.is_number() ? value.get<double>() : std::nan("");
  if (!std::isfinite(number) || number < 0.0 || (number == 0.0 && !zeroToo)) {
    return damaged("\"" + key + "\" must be a " + (zeroToo ? "number from 0 up" : "positive number"));
  }
  return number;
}

Result<std::string> text(const Json& value, const std::string& key) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    return damaged("\"" + key + "\" must be a text");
  }
  return value.get<std::string>();
}

Result<std::map<LatencyType, double>> peaks(const Json& value) {
  if (!value.is_object() || value.empty()) {
    return damaged("\"peak\" must be an object with operations a second by type");
  }
  std::map<LatencyType, double> all;
  for (const auto& [key, number] : value.items()) {
    const auto type = parseLatencyType(key);
    if (!type) {
      return damaged(type.error().what, "peak");
    }
    HALFSTEP_TRY(all[*type], figure(number, "peak." + key, false));
  }
  return all;
}

Result<void> take(DeviceProfile& profile, const std::string& key, const Json& value) {
  if (key == "name") {
    HALFSTEP_TRY(profile.name, text(value, key));
  } else if (key == "source") {
    HALFSTEP_TRY(profile.source, text(value, key));
  } else if (key == "peak") {
    HALFSTEP_TRY(profile.peak, peaks(value));
  } else if (key == "bandwidth") {
    HALFSTEP_TRY(profile.bandwidth, figure(value, key, false));
  } else if (key == "overhead") {
    HALFSTEP_TRY(profile.overhead, figure(value, key, true));
  } else if (key != "halfstep_device") {
    return damaged("unknown key \"" + key + "\"");
  }
  return {};
}

} // namespace

Result<DeviceProfile> deviceProfileFromJson(std::string_view json) {
  HALFSTEP_TRY(Json document, parseJson(json));
  if (!document.is_object() || !document.contains("halfstep_device")) {
    return damaged("is not a device profile: there is no \"halfstep_device\"");
  }
  if (document["halfstep_device"] != kProfileVersion) {
    return damaged("is a device profile of a version other than " + std::to_string(kProfileVersion));
  }
  for (const char* key : {"name", "source", "peak", "bandwidth", "overhead"}) {
    if (!document.contains(key)) {
      return damaged("there is no \"" + std::string(key) + "\"");
    }
  }
  DeviceProfile profile;
  for (const auto& [key, value] : document.items()) {
    HALFSTEP_CHECK(take(profile, key, value));
  }
  return profile;
}

Result<DeviceProfile> loadDeviceProfile(const std::filesystem::path& path) {
  auto file = MappedFile::open(path);
  if (!file) {
    return file.error();
  }
  const std::span<const std::byte> bytes = (*file)->bytes();
  auto profile = deviceProfileFromJson({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!profile) {
    profile.error().file = path.string();
  }
  return profile;
}

std::vector<NamedProfile> findDeviceProfiles(const std::vector<std::filesystem::path>& folders,
                                             std::vector<std::string>& warnings) {
  std::map<std::string, NamedProfile> found;
  for (const std::filesystem::path& folder : folders) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->path().extension() == ".json") {
        files.push_back(entry->path());
      }
    }
    std::sort(files.begin(), files.end());
    for (const std::filesystem::path& file : files) {
      auto profile = loadDeviceProfile(file);
      if (profile) {
        const std::string id = file.stem().string();
        found[id] = {id, file, std::move(*profile)};
      } else {
        warnings.push_back(profile.error().message());
      }
    }
  }
  std::vector<NamedProfile> profiles;
  for (auto& [id, profile] : found) {
    profiles.push_back(std::move(profile));
  }
  return profiles;
}

} // namespace halfstep
