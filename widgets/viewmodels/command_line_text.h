// "Copy as command": the command line that computes what the window shows.
#pragma once

#include "widgets/viewmodels/document.h"

#include <QString>

namespace halfstep {

/// `halfstep-cli quantize MODEL --weights SCHEME --set 'LAYER=SCHEME' …`, quoted for a POSIX shell: the
/// scheme that most layers have as the default, one --set for each layer that differs.
QString quantizeCommand(const Document& document);

/// `text` as one word of a POSIX shell.
QString shellQuoted(const QString& text);

} // namespace halfstep
