#include "core/support/mapped_file.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace halfstep {

namespace {

Error becameShorter(const std::string& path) {
  return Error{ErrorKind::failed, "became shorter while it was open", {}, path};
}

Error systemError(const std::filesystem::path& path, int code) {
  return Error{ErrorKind::failed, std::string("cannot be read: ") + std::strerror(code), {}, path.string()};
}

} // namespace

MappedFile::MappedFile(std::filesystem::path path, const std::byte* data, std::size_t size)
    : m_path(std::move(path))
    , m_data(data)
    , m_size(size) {}

MappedFile::~MappedFile() {
  if (m_slot != nullptr) {
    if (!check()) {
      rememberCut(m_path.string());
    }
    leaveMapping(m_slot);
    ::munmap(const_cast<std::byte*>(m_data), m_size);
  }
}

std::shared_ptr<const MappedFile> MappedFile::ofBytes(std::filesystem::path path,
                                                      std::vector<std::byte> bytes) {
  auto file = std::shared_ptr<MappedFile>(new MappedFile(std::move(path), nullptr, bytes.size()));
  file->m_owned = std::move(bytes);
  file->m_data = file->m_owned.data();
  return file;
}

bool MappedFile::isOpen(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && isMapped({status.st_dev, status.st_ino});
}

Result<void> MappedFile::check() const {
  if (m_slot == nullptr) {
    return {};
  }
  struct stat status {};
  // Within its last page, a file loses bytes without a signal.
  const bool isShorter = ::stat(m_path.c_str(), &status) == 0 &&
                         identityOf(*m_slot) == FileIdentity{status.st_dev, status.st_ino} &&
                         static_cast<std::size_t>(status.st_size) < m_size;
  return wasCut(*m_slot) || isShorter ? becameShorter(m_path.string()) : Result<void>();
}

Result<void> MappedFile::checkBytes(std::span<const std::byte> bytes) {
  const auto address = [](const std::byte* byte) { return reinterpret_cast<std::uintptr_t>(byte); };
  Result<void> result;
  anyMapping([&](const MappedFile& file) {
    const std::uintptr_t first = address(file.bytes().data());
    const bool isOne = address(bytes.data()) >= first && address(bytes.data()) < first + file.bytes().size();
    if (isOne) {
      result = file.check();
    }
    return isOne;
  });
  return result;
}

Result<void> MappedFile::checkOpen() {
  Result<void> result;
  anyMapping([&](const MappedFile& file) {
    result = file.check();
    return !result;
  });
  return result;
}

Result<void> MappedFile::checkEver() {
  HALFSTEP_CHECK(checkOpen());
  const std::string name = rememberedCut();
  return name.empty() ? Result<void>() : becameShorter(name);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return systemError(path, errno);
  }
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    const int code = errno;
    ::close(descriptor);
    return systemError(path, code);
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return Error{ErrorKind::failed, "is not a regular file", {}, path.string()};
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = nullptr;
  if (size > 0) { // an empty mapping is an error of mmap, not of the file
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) {
      const int code = errno;
      ::close(descriptor);
      return systemError(path, code);
    }
  }
  ::close(descriptor);
  auto file = std::shared_ptr<MappedFile>(new MappedFile(path, static_cast<const std::byte*>(data), size));
  if (size > 0) {
    file->m_slot = enterMapping(*file, {status.st_dev, status.st_ino});
  }
  return std::shared_ptr<const MappedFile>(std::move(file));
}

} // namespace halfstep
