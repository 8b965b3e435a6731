// The progress of a command: one line on standard error that is rewritten, only where that is a terminal, and
// only once the work has taken 200 ms.
#pragma once

#include "core/support/job_context.h"

namespace halfstep::cli {

class ProgressLine {
public:
  /// Removes the line.
  ~ProgressLine();
  /// To be given to a JobContext; called on one thread.
  JobContext::ProgressSink sink();

private:
  void show(double fraction, std::string_view what);
  bool m_shown = false;
};

} // namespace halfstep::cli
