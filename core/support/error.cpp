#include "core/support/error.h"

#include <utility>

namespace halfstep {

std::string Error::message() const {
  std::string text;
  if (!file.empty()) {
    text += file + ": ";
  }
  text += what;
  if (!where.empty()) {
    text += " (" + where + ")";
  }
  return text;
}

Error damaged(std::string what, std::string where) {
  return {ErrorKind::damagedFile, std::move(what), std::move(where)};
}

int exitStatus(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::failed:
    return 1;
  case ErrorKind::usage:
    return 2;
  case ErrorKind::damagedFile:
    return 3;
  case ErrorKind::unsupported:
    return 4;
  case ErrorKind::cancelled:
    return 130;
  }
  return 1;
}

} // namespace halfstep
