// Does not compile alone, for the test of the test: std::string without its header.
#pragma once

inline std::string incomplete() {
  return {};
}
