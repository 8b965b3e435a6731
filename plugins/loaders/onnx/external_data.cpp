#include "plugins/loaders/onnx/external_data.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace halfstep {

namespace {

/// A non-negative decimal number; `fallback` where there is no such entry.
Result<std::uint64_t> numberIn(const ExternalEntries& entries, const std::string& key,
                               std::uint64_t fallback) {
  const auto entry = entries.find(key);
  if (entry == entries.end() || entry->second.empty()) {
    return fallback;
  }
  const std::string& text = entry->second;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return damaged("external data: " + key + " is \"" + text.substr(0, 40) +
                   "\", expected a number of bytes");
  }
  return value;
}

bool isWithin(const std::filesystem::path& file, const std::filesystem::path& folder) {
  const auto [rest, inFile] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return rest == folder.end() && inFile != file.end();
}

} // namespace

ExternalData::ExternalData(std::filesystem::path modelFile)
    : m_folder(modelFile.parent_path().empty() ? std::filesystem::path(".") : modelFile.parent_path()) {}

Result<std::shared_ptr<const MappedFile>> ExternalData::open(const std::string& location) {
  if (const auto known = m_files.find(location); known != m_files.end()) {
    return known->second;
  }
  const std::filesystem::path relative(location);
  const auto leaves = std::find(relative.begin(), relative.end(), std::filesystem::path(".."));
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute() ||
      leaves != relative.end()) {
    return damaged("external data: \"" + location + "\" is no path within the model's folder");
  }
  std::error_code error;
  const auto folder = std::filesystem::canonical(m_folder, error);
  const auto target = error ? std::filesystem::path() : std::filesystem::canonical(folder / relative, error);
  if (error) {
    return Error{ErrorKind::failed, "external data: \"" + location + "\" cannot be read: " + error.message()};
  }
  if (!isWithin(target, folder)) {
    return damaged("external data: \"" + location + "\" is a link that leads out of the model's folder, to " +
                   target.string() + "; links are followed within the folder only");
  }
  auto file = MappedFile::open(target);
  if (!file) {
    return Error{file.error().kind, "external data: \"" + location + "\" " + file.error().what};
  }
  m_files.emplace(location, *file);
  return *file;
}

Result<ExternalData::Piece> ExternalData::read(const ExternalEntries& entries, std::size_t needed) {
  const auto location = entries.find("location");
  if (location == entries.end()) {
    return damaged("external data: there is no location");
  }
  HALFSTEP_TRY(const auto file, open(location->second));
  HALFSTEP_TRY(const std::uint64_t offset, numberIn(entries, "offset", 0));
  HALFSTEP_TRY(const std::uint64_t length, numberIn(entries, "length", needed));
  const std::uint64_t size = file->bytes().size();
  if (offset > size || length > size - offset) {
    return damaged("external data: bytes " + std::to_string(offset) + " + " + std::to_string(length) +
                   " lie beyond the end of \"" + location->second + "\" (" + std::to_string(size) +
                   " bytes)");
  }
  if (length != needed) {
    return damaged("external data: \"" + location->second + "\" holds " + std::to_string(length) +
                   " bytes for it, its type and shape need " + std::to_string(needed));
  }
  return Piece{file, file->bytes().subspan(static_cast<std::size_t>(offset), needed)};
}

std::int64_t ExternalData::totalBytes() const {
  std::set<std::filesystem::path> counted; // two locations may name one file
  std::int64_t total = 0;
  for (const auto& [location, file] : m_files) {
    if (counted.insert(file->path()).second) {
      total += static_cast<std::int64_t>(file->bytes().size());
    }
  }
  return total;
}

std::vector<std::shared_ptr<const MappedFile>> ExternalData::files() const {
  std::vector<std::shared_ptr<const MappedFile>> files;
  for (const auto& [location, file] : m_files) {
    files.push_back(file);
  }
  return files;
}

} // namespace halfstep
