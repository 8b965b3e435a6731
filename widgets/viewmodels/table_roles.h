// What item models give beside Qt's own roles, to every table that is copied or saved. Any thread.
#pragma once

#include <Qt>

namespace halfstep {

/// A cell as a program reads it: a number in full where the screen shows a rounded one with spaces and a
/// unit, nothing where there is no figure. Of a header: the title with the unit of these numbers. A model
/// without it is copied as it is shown.
inline constexpr int kPlainRole = Qt::UserRole + 64;

/// Of a header, true: its column has no room of its own on the screen (another one's cells show what it
/// says), but tables are sorted by it, and it is saved and copied with the others.
inline constexpr int kUnseenRole = kPlainRole + 1;

} // namespace halfstep
