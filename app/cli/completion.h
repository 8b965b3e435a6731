// Bash completion, made from the parser itself.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace halfstep::cli {

/// The completion script: commands, their options, formats of schemes after --weights, files elsewhere.
std::string bashCompletion(const CLI::App& main);

} // namespace halfstep::cli
