// A card: a framed part of a page with a caption. UI thread.
#pragma once

#include <QLabel>
#include <QWidget>

namespace halfstep {

/// A caption as cards have it.
QLabel* makeCaption(const QString& text);

/// `caption` (may be null), beside it `corner` (may be null), and `content` below, which gets the room. The
/// card owns all of them.
QWidget* makeCard(QLabel* caption, QWidget* content, QWidget* corner = nullptr);

} // namespace halfstep
