#include "app/cli/progress_line.h"

#include "app/cli/output.h"

#include <chrono>
#include <cstdio>

#include <unistd.h>

namespace halfstep::cli {

namespace {

constexpr auto kPatience = std::chrono::milliseconds(200);
constexpr auto kEvery = std::chrono::milliseconds(100);
constexpr std::size_t kLongestShown = 50;

} // namespace

JobContext::ProgressSink ProgressLine::sink() {
  if (isatty(STDERR_FILENO) == 0) {
    return {};
  }
  return [this, next = std::chrono::steady_clock::now() + kPatience](double fraction,
                                                                     std::string_view what) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now >= next) {
      next = now + kEvery;
      show(fraction, what);
    }
  };
}

void ProgressLine::show(double fraction, std::string_view what) {
  m_shown = true;
  std::fprintf(stderr, "\r\033[K%3.0f %%  %s", 100.0 * fraction,
               displayText(what.substr(0, kLongestShown)).c_str());
  std::fflush(stderr);
}

ProgressLine::~ProgressLine() {
  if (m_shown) {
    std::fprintf(stderr, "\r\033[K");
  }
}

} // namespace halfstep::cli
