// What can go wrong, as a value. Every error that a person sees is one line: what is wrong, and where.
#pragma once

#include <string>

namespace halfstep {

/// The kinds of failure a caller can act on; each is one exit status of the command line.
enum class ErrorKind {
  failed,      ///< the work itself failed (exit 1)
  usage,       ///< what was asked for makes no sense (exit 2)
  damagedFile, ///< a file is damaged, truncated or hostile (exit 3)
  unsupported, ///< something in it is not supported (exit 4)
  cancelled,   ///< the person stopped it (exit 130)
};

/// An error: `what` is wrong, `where` in the file it is, which `file`. Values; safe to move between threads.
struct Error {
  ErrorKind kind = ErrorKind::failed;
  std::string what;
  std::string where = {};
  std::string file = {};

  /// "FILE: what is wrong (where in the file)", leaving out what is not known.
  std::string message() const;
  bool operator==(const Error&) const = default;
};

/// An error of kind `damagedFile`.
Error damaged(std::string what, std::string where = {});

/// The exit status of the command line for errors of this kind.
int exitStatus(ErrorKind kind);

} // namespace halfstep
