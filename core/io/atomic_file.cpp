#include "core/io/atomic_file.h"

#include "core/support/mapped_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

constexpr timespec kPause{0, 20'000'000}; // 20 ms
constexpr int kPauses = 250;              // for whoever starts writer and reader at once

/// Opens what is there and no regular file; -1 and errno where it does not open.
int openStraight(const std::filesystem::path& path, mode_t mode) {
  for (int pauses = 0;; ++pauses) { // without O_NONBLOCK, opening a pipe could not be interrupted
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor >= 0) {
      ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
      return descriptor;
    }
    if (errno != ENXIO || !S_ISFIFO(mode) || pauses == kPauses) {
      return -1;
    }
    ::nanosleep(&kPause, nullptr);
  }
}

/// Whether `path` may be replaced by renaming: it names the file that `status` is of.
bool namesFile(const std::filesystem::path& path, const struct stat& status) {
  struct stat own {};
  return ::stat(path.c_str(), &own) == 0 && own.st_dev == status.st_dev && own.st_ino == status.st_ino;
}

/// Keeps an old file under a second name, to be put back.
class Backup {
public:
  explicit Backup(std::filesystem::path path)
      : m_path(std::move(path)) {
    std::error_code error = std::make_error_code(std::errc::file_exists);
    for (int i = 1; error == std::errc::file_exists; ++i) { // no file of somebody else's is touched
      m_kept = m_path.string() + ".before" + std::to_string(i);
      error.clear();
      std::filesystem::create_hard_link(m_path, m_kept, error);
    }
    m_has = !error;
  }
  ~Backup() {
    std::error_code ignored;
    if (m_has) {
      std::filesystem::remove(m_kept, ignored);
    }
  }
  Backup(const Backup&) = delete;
  Backup& operator=(const Backup&) = delete;
  void putBack() const {
    std::error_code ignored;
    if (m_has) {
      std::filesystem::rename(m_kept, m_path, ignored);
    } else {
      std::filesystem::remove(m_path, ignored);
    }
  }

private:
  std::filesystem::path m_path;
  std::filesystem::path m_kept;
  bool m_has = false;
};

} // namespace

AtomicFile::AtomicFile(std::filesystem::path path, std::filesystem::path target, std::string temporary,
                       int descriptor)
    : m_path(std::move(path))
    , m_target(std::move(target))
    , m_temporary(std::move(temporary))
    , m_descriptor(descriptor) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : m_path(std::move(other.m_path))
    , m_target(std::move(other.m_target))
    , m_temporary(std::exchange(other.m_temporary, {}))
    , m_descriptor(std::exchange(other.m_descriptor, -1)) {}

AtomicFile::~AtomicFile() {
  if (m_descriptor >= 0) {
    ::close(m_descriptor);
  }
  if (!m_temporary.empty()) {
    ::unlink(m_temporary.c_str());
  }
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& path) {
  std::error_code ignored;
  // A link is followed, so that the file it names is replaced and not the link.
  std::filesystem::path target = path;
  if (std::filesystem::is_symlink(path, ignored)) {
    const auto resolved = std::filesystem::weakly_canonical(path, ignored);
    target = ignored ? path : resolved;
  }
  struct stat old {};
  // Where a link of /proc/self/fd leads to may have no name any more.
  if (::stat(path.c_str(), &old) == 0 && !(S_ISREG(old.st_mode) && namesFile(target, old))) {
    const int straight = openStraight(path, old.st_mode);
    if (straight < 0 && errno == ENXIO && S_ISFIFO(old.st_mode)) {
      return Error{ErrorKind::failed, "cannot be written: nobody reads from this pipe", {}, path.string()};
    }
    return straight >= 0 ? Result(AtomicFile(path, {}, {}, straight)) : writeError(path, errno);
  }
  if (MappedFile::isOpen(target)) {
    return Error{ErrorKind::usage, "is open as an input; give the output another name", {}, path.string()};
  }
  std::string temporary = target.string() + ".XXXXXX";
  const int descriptor = ::mkstemp(temporary.data());
  if (descriptor < 0) {
    return writeError(path, errno);
  }
  return AtomicFile(path, std::move(target), std::move(temporary), descriptor);
}

Result<void> AtomicFile::append(std::span<const std::byte> bytes) {
  return writeAll(m_descriptor, bytes) ? Result<void>() : writeError(m_path, errno);
}

Result<void> AtomicFile::sync() {
  if (isStraight()) {
    return {}; // pipes and most devices have nothing to sync
  }
  struct stat old {};
  const mode_t mask = ::umask(0);
  ::umask(mask);
  const mode_t mode = ::stat(m_target.c_str(), &old) == 0 ? (old.st_mode & 0777) : (0666 & ~mask);
  if (::fchmod(m_descriptor, mode) != 0 || ::fsync(m_descriptor) != 0) {
    return writeError(m_path, errno);
  }
  return {};
}

Result<void> AtomicFile::commit() {
  HALFSTEP_CHECK(sync());
  if (::close(std::exchange(m_descriptor, -1)) != 0 ||
      (!isStraight() && ::rename(m_temporary.c_str(), m_target.c_str()) != 0)) {
    return writeError(m_path, errno);
  }
  m_temporary.clear();
  return {};
}

Result<void> AtomicFile::commitTogether(std::span<AtomicFile> files) {
  for (AtomicFile& file : files) {
    HALFSTEP_CHECK(file.sync());
  }
  std::deque<std::optional<Backup>> backups;           // none of what was written into
  for (std::size_t i = 0; i + 1 < files.size(); ++i) { // behind the last one nothing can fail
    backups.emplace_back();
    if (!files[i].isStraight()) {
      backups.back().emplace(files[i].m_target);
    }
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (auto committed = files[i].commit(); !committed) {
      for (std::size_t done = 0; done < i; ++done) {
        if (backups[done]) {
          backups[done]->putBack();
        }
      }
      return committed.error();
    }
  }
  return {};
}

Result<void> writeFileAtomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  HALFSTEP_TRY(AtomicFile file, AtomicFile::create(path));
  HALFSTEP_CHECK(file.append(bytes));
  return file.commit();
}

Result<void> writeFileAtomically(const std::filesystem::path& path, std::string_view text) {
  return writeFileAtomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

Result<void> writeFilesAtomically(std::span<const TextToWrite> files) {
  std::vector<AtomicFile> made;
  for (const TextToWrite& file : files) {
    HALFSTEP_TRY(AtomicFile created, AtomicFile::create(file.path));
    HALFSTEP_CHECK(created.append(std::as_bytes(std::span(file.text.data(), file.text.size()))));
    made.push_back(std::move(created));
  }
  return AtomicFile::commitTogether(made);
}

} // namespace halfstep
