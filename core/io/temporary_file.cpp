#include "core/io/temporary_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace halfstep {

namespace {

Error systemError(int code) {
  return Error{ErrorKind::failed, std::string("a temporary file cannot be written: ") + std::strerror(code)};
}

} // namespace

Result<TemporaryFile> TemporaryFile::create() {
  std::error_code ignored;
  std::filesystem::path folder = std::filesystem::temp_directory_path(ignored);
  std::string name = (folder.empty() ? std::filesystem::path("/tmp") : folder) / "halfstep-XXXXXX";
  const int descriptor = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0) {
    return systemError(errno);
  }
  ::unlink(name.c_str());
  return TemporaryFile(descriptor);
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : m_descriptor(std::exchange(other.m_descriptor, -1))
    , m_size(other.m_size) {}

TemporaryFile::~TemporaryFile() {
  if (m_descriptor >= 0) {
    ::close(m_descriptor);
  }
}

Result<void> TemporaryFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(m_descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return systemError(written < 0 ? errno : ENOSPC);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    m_size += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<std::shared_ptr<const MappedFile>> TemporaryFile::map() const {
  // The file has no name of its own; the system lends its descriptors one.
  return MappedFile::open("/proc/self/fd/" + std::to_string(m_descriptor));
}

} // namespace halfstep
