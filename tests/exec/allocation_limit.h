// A limit to what this program may allocate, for tests of what happens to absurd sizes. Unlike a limit of the
// system it leaves out what libraries reserve for themselves, and holds under the sanitizers too. Linking
// this replaces operator new.
#pragma once

#include <cstddef>

namespace halfstep::test {

/// While it lives, operator new fails for more than `once` bytes, and where more than `together` would be in
/// use; the executor's own values, which are mapped, are held to `once`. One at a time.
class AllocationLimit {
public:
  AllocationLimit(std::size_t once, std::size_t together);
  ~AllocationLimit();
  AllocationLimit(const AllocationLimit&) = delete;
  AllocationLimit& operator=(const AllocationLimit&) = delete;
};

} // namespace halfstep::test
