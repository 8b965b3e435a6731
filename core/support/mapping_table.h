// Which addresses of the process are views of which files, and the handler of SIGBUS that looks them up. One
// for the process, as addresses and signal handlers are: an exception from "no globals". For MappedFile
// alone; any thread.
#pragma once

#include <functional>
#include <string>

#include <sys/types.h>

namespace halfstep {

/// What tells files apart, whatever they are called.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

class MappedFile;
struct MappingSlot;

/// `file`, whose bytes are a view of `identity`, is known from now on. Whoever reads what lies beyond the end
/// of a file that became shorter reads zeros instead of ending the program by SIGBUS, and wasCut() tells.
/// Every other SIGBUS goes to whoever handled it before.
MappingSlot* enterMapping(const MappedFile& file, const FileIdentity& identity);
/// To be called before they are unmapped.
void leaveMapping(MappingSlot* slot);
/// Whether zeros were read that are not the file's.
bool wasCut(const MappingSlot& slot);
const FileIdentity& identityOf(const MappingSlot& slot);
/// Whether there is a view of `file`.
bool isMapped(const FileIdentity& file);
/// Whether `is` is true of one that is known.
bool anyMapping(const std::function<bool(const MappedFile&)>& is);
/// Keeps the name of a file that became shorter, beyond its mapping's life: the first of them, then empty.
void rememberCut(const std::string& name);
std::string rememberedCut();

} // namespace halfstep
