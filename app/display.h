// Whether there is a display to open a window on. Asked before QApplication is made, which ends the program
// where there is none.
#pragma once

#include <QByteArray>

namespace halfstep {

/// The X display called `name`; $DISPLAY where that is empty. True where that cannot be found out.
bool xDisplayOpens(const QByteArray& name);

} // namespace halfstep
