#include "core/support/mapped_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace halfstep {

namespace {

Error systemError(const std::filesystem::path& path, int code) {
  return Error{ErrorKind::failed, std::string("cannot be read: ") + std::strerror(code), {}, path.string()};
}

} // namespace

MappedFile::MappedFile(std::filesystem::path path, const std::byte* data, std::size_t size, MappingSlot* slot)
    : m_path(std::move(path))
    , m_data(data)
    , m_size(size)
    , m_slot(slot) {}

MappedFile::~MappedFile() {
  if (m_slot != nullptr) {
    leaveMapping(m_slot);
    ::munmap(const_cast<std::byte*>(m_data), m_size);
  }
}

std::shared_ptr<const MappedFile> MappedFile::ofBytes(std::filesystem::path path,
                                                      std::vector<std::byte> bytes) {
  auto file = std::shared_ptr<MappedFile>(new MappedFile(std::move(path), nullptr, bytes.size(), nullptr));
  file->m_owned = std::move(bytes);
  file->m_data = file->m_owned.data();
  return file;
}

bool MappedFile::isOpen(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && isMapped({status.st_dev, status.st_ino});
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
  MappingSlot* slot = data != nullptr ? enterMapping(data, size, {status.st_dev, status.st_ino}) : nullptr;
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, static_cast<const std::byte*>(data), size, slot));
}

} // namespace halfstep
