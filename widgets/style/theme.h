// The two themes: colours with a meaning, the palette and the style sheet made of them. Values; UI thread.
#pragma once

#include <QColor>
#include <QPalette>
#include <QString>

class QApplication;

namespace halfstep {

enum class ThemeChoice { system, light, dark };

/// Colours by what they mean. Amber (`clipping`) means clipping and nothing else.
struct Theme {
  bool dark = false;
  QColor window, panel, panelQuiet, line;
  QColor text, textQuiet;
  QColor accent, accentText, selection;
  QColor floatSeries, clipping;
  QColor good, poor, bad;
  QColor chip;

  /// The colour for a judgement −1, 0, 1 (results_text.h).
  QColor judged(int judgement) const { return judgement > 0 ? good : (judgement == 0 ? poor : bad); }
};

/// `share` (0…1) of one colour, the rest of the other; opaque.
QColor mixed(const QColor& color, const QColor& other, double share);

const Theme& lightTheme();
const Theme& darkTheme();
/// The theme for `choice`; `system` follows the desktop's palette.
const Theme& themeFor(ThemeChoice choice);
/// The theme that the application shows now, by its palette.
const Theme& currentTheme();

/// Gives the application the theme's palette and style sheet; widgets hear of it as QEvent::PaletteChange.
void applyTheme(QApplication& application, const Theme& theme);

ThemeChoice themeChoiceFromName(const QString& name);
QString themeChoiceName(ThemeChoice choice);

/// Spacing: steps of four pixels.
constexpr int kSpaceSmall = 4;
constexpr int kSpace = 8;
constexpr int kSpaceLarge = 12;

} // namespace halfstep
