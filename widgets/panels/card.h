// A card: a framed part of a page with a caption. UI thread.
#pragma once

#include <QLabel>
#include <QWidget>

namespace halfstep {

/// A caption as cards have it; `tooltip` says what the card shows.
QLabel* makeCaption(const QString& text, const QString& tooltip = {});

/// `caption` (may be null), beside it `corner` (may be null), and `content` below, which gets the room. The
/// card owns all of them.
QWidget* makeCard(QLabel* caption, QWidget* content, QWidget* corner = nullptr);

} // namespace halfstep
