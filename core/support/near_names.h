// "Did you mean": the names nearest to one that there is not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace halfstep {

/// At most three of `names`, nearest first, by edit distance (a name that contains `wanted` counts as near).
/// Empty where none is at all alike.
std::vector<std::string> nearNames(std::string_view wanted, const std::vector<std::string>& names);

/// "; near: conv1, conv2", or nothing.
std::string nearNamesText(std::string_view wanted, const std::vector<std::string>& names);

} // namespace halfstep
