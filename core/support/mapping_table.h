// Which addresses of the process are views of which files. One for the process, as its addresses are: an
// exception from "no globals". For MappedFile alone; any thread.
#pragma once

#include <cstddef>

#include <sys/types.h>

namespace halfstep {

/// What tells files apart, whatever they are called.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

struct MappingSlot;

/// The `size` > 0 bytes at `data` are a view of `file` from now on.
MappingSlot* enterMapping(const void* data, std::size_t size, const FileIdentity& file);
/// To be called before they are unmapped.
void leaveMapping(MappingSlot* slot);
/// Whether there is a view of `file`.
bool isMapped(const FileIdentity& file);

} // namespace halfstep
