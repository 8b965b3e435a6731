#include "core/io/atomic_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace halfstep {

namespace {

Error writeError(const std::filesystem::path& path, int code) {
  return Error{
      ErrorKind::failed, std::string("cannot be written: ") + std::strerror(code), {}, path.string()};
}

bool writeAll(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

} // namespace

Result<void> writeFileAtomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::error_code ignored;
  // A link is followed, so that the file it names is replaced and not the link.
  std::filesystem::path target = path;
  if (std::filesystem::is_symlink(path, ignored)) {
    const auto resolved = std::filesystem::weakly_canonical(path, ignored);
    target = ignored ? path : resolved;
  }
  std::string temporary = target.string() + ".XXXXXX";
  const int descriptor = ::mkstemp(temporary.data());
  if (descriptor < 0) {
    return writeError(path, errno);
  }
  struct stat old {};
  const mode_t mask = ::umask(0);
  ::umask(mask);
  const mode_t mode = ::stat(target.c_str(), &old) == 0 ? (old.st_mode & 0777) : (0666 & ~mask);
  const bool good =
      writeAll(descriptor, bytes) && ::fchmod(descriptor, mode) == 0 && ::fsync(descriptor) == 0;
  int code = errno;
  if (::close(descriptor) != 0 && good) {
    code = errno;
    ::unlink(temporary.c_str());
    return writeError(path, code);
  }
  if (!good || ::rename(temporary.c_str(), target.c_str()) != 0) {
    code = good ? errno : code;
    ::unlink(temporary.c_str());
    return writeError(path, code);
  }
  return {};
}

Result<void> writeFileAtomically(const std::filesystem::path& path, std::string_view text) {
  return writeFileAtomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

} // namespace halfstep
