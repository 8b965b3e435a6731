#include "widgets/style/theme.h"

#include <QApplication>
#include <QStyle>
#include <QStyleFactory>
#include <cmath>

namespace halfstep {

namespace {

QPalette paletteOf(const Theme& theme) {
  QPalette palette;
  palette.setColor(QPalette::Window, theme.window);
  palette.setColor(QPalette::WindowText, theme.text);
  palette.setColor(QPalette::Base, theme.panel);
  palette.setColor(QPalette::AlternateBase, theme.panelQuiet);
  palette.setColor(QPalette::Text, theme.text);
  palette.setColor(QPalette::PlaceholderText, theme.textQuiet);
  palette.setColor(QPalette::Button, theme.chip);
  palette.setColor(QPalette::ButtonText, theme.text);
  palette.setColor(QPalette::BrightText, theme.bad);
  palette.setColor(QPalette::Highlight, theme.selection);
  palette.setColor(QPalette::HighlightedText, theme.text);
  palette.setColor(QPalette::Link, theme.accent);
  palette.setColor(QPalette::LinkVisited, theme.accent);
  palette.setColor(QPalette::ToolTipBase, theme.panel);
  palette.setColor(QPalette::ToolTipText, theme.text);
  palette.setColor(QPalette::Light, theme.panel);
  palette.setColor(QPalette::Midlight, theme.panelQuiet);
  palette.setColor(QPalette::Mid, theme.line);
  palette.setColor(QPalette::Dark, theme.line);
  palette.setColor(QPalette::Shadow, theme.line);
  for (const QPalette::ColorRole role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
    palette.setColor(QPalette::Disabled, role, theme.textQuiet);
  }
  return palette;
}

QString styleSheetOf(const Theme& theme) {
  QString sheet = QStringLiteral(R"(
* { font-size: 13px; }
QMainWindow::separator { background: @line; width: 1px; height: 1px; }
QToolBar { background: @panel; border: none; border-bottom: 1px solid @line; padding: 6px 8px; spacing: 6px; }
QToolBar QToolButton { background: @chip; border: 1px solid transparent; border-radius: 6px; padding: 5px 10px; }
QToolBar QToolButton:hover, QPushButton:hover { border-color: @accent; }
QToolBar QToolButton:disabled, QPushButton:disabled { color: @quiet; }
QToolBar QToolButton[popupMode="2"] { padding-right: 18px; }
QStatusBar { background: @panel; border-top: 1px solid @line; font-size: 12px; }
QStatusBar::item { border: none; }
QStatusBar QLabel { font-size: 12px; color: @quiet; }
QDockWidget { font-size: 12px; }
QDockWidget::title { background: @panel; padding: 6px 8px; border-bottom: 1px solid @line; }
QWidget#card { background: @panel; border: 1px solid @line; border-radius: 8px; }
QLabel[role="title"] { font-size: 15px; font-weight: 600; }
QLabel[role="quiet"] { color: @quiet; font-size: 12px; }
QLabel[role="caption"] { color: @quiet; font-size: 12px; }
QPushButton { background: @chip; border: 1px solid transparent; border-radius: 6px; padding: 5px 12px; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QPushButton[role="primary"] { background: @accent; color: @onAccent; }
QPushButton[role="primary"]:disabled { background: @chip; color: @quiet; }
QPushButton:focus, QToolButton:focus { border-color: @accent; }
QToolButton[role="segment"] { background: @chip; border: 1px solid transparent; border-radius: 5px; padding: 3px 2px; font-size: 12px; }
QToolButton[role="segment"]:checked { background: @accent; color: @onAccent; }
QToolButton[role="segment"]:hover { border-color: @accent; }
QToolButton[role="segment"]:focus { border-color: @text; }
QToolButton[role="segment"]:disabled { color: @quiet; background: transparent; }
QLineEdit, QComboBox, QDoubleSpinBox, QSpinBox { background: @quietPanel; border: 1px solid @line; border-radius: 6px; padding: 4px 8px; }
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::down-arrow { image: url(:/halfstep/chevron.svg); width: 10px; height: 10px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { background: transparent; border: none; width: 18px; }
QAbstractSpinBox::up-arrow { image: url(:/halfstep/chevron_up.svg); width: 8px; height: 8px; }
QAbstractSpinBox::down-arrow { image: url(:/halfstep/chevron.svg); width: 8px; height: 8px; }
QLineEdit:focus, QComboBox:focus, QDoubleSpinBox:focus, QSpinBox:focus { border-color: @accent; }
QLineEdit[invalid="true"] { border-color: @bad; }
QTableView { background: @panel; border: none; gridline-color: @line; font-size: 12px; selection-background-color: @selection; selection-color: @text; }
QHeaderView { background: @panel; }
QHeaderView::section { background: @panel; color: @quiet; border: none; border-bottom: 1px solid @line; padding: 5px 6px; font-size: 12px; }
QTableCornerButton::section { background: @panel; border: none; }
QScrollArea, QScrollArea > QWidget > QWidget#scrolled { background: transparent; border: none; }
QProgressBar { background: @chip; border: none; border-radius: 3px; max-height: 6px; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }
QCheckBox::indicator { width: 13px; height: 13px; border: 1px solid @quiet; border-radius: 3px; background: @panel; }
QCheckBox::indicator:checked { background: @accent; border-color: @accent; }
QCheckBox:focus { color: @accent; }
QToolTip { background: @panel; color: @text; border: 1px solid @line; padding: 4px; font-size: 12px; }
QTabBar::tab { background: transparent; color: @quiet; padding: 6px 12px; border: none; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: @text; border-bottom-color: @accent; }
QMenu { background: @panel; border: 1px solid @line; }
QMenu::item { padding: 5px 24px; }
QMenu::item:selected { background: @selection; }
QMenu::item:disabled { color: @quiet; }
QMenuBar { background: @panel; }
QMenuBar::item { padding: 4px 8px; background: transparent; }
QMenuBar::item:selected { background: @selection; }
)");
  const std::pair<const char*, QColor> tokens[] = {{"@quietPanel", theme.panelQuiet},
                                                   {"@quiet", theme.textQuiet},
                                                   {"@onAccent", theme.accentText},
                                                   {"@accent", theme.accent},
                                                   {"@selection", theme.selection},
                                                   {"@panel", theme.panel},
                                                   {"@line", theme.line},
                                                   {"@text", theme.text},
                                                   {"@chip", theme.chip},
                                                   {"@bad", theme.bad}};
  for (const auto& [name, color] : tokens) {
    sheet.replace(QLatin1String(name), color.name());
  }
  return sheet;
}

/// Whether the desktop asked for dark windows, read before the first theme was applied.
bool desktopIsDark() {
  static const bool dark =
      QApplication::style() != nullptr && QApplication::palette().color(QPalette::Window).lightness() < 128;
  return dark;
}

} // namespace

QColor mixed(const QColor& color, const QColor& other, double share) {
  const auto part = [&](int a, int b) {
    return static_cast<int>(std::lround(a * share + b * (1.0 - share)));
  };
  return {part(color.red(), other.red()), part(color.green(), other.green()),
          part(color.blue(), other.blue())};
}

const Theme& lightTheme() {
  static const Theme theme = {false,     "#f5f6f8", "#ffffff", "#f9fafb", "#dde1e7", "#1d232c",
                              "#5d6678", "#1f6fc4", "#ffffff", "#dbeafb", "#98a2b3", "#b86e00",
                              "#1f8a5b", "#a36200", "#c4392a", "#eef1f5"};
  return theme;
}

const Theme& darkTheme() {
  static const Theme theme = {true,      "#15181d", "#1b1f26", "#20252d", "#2d343f", "#e3e7ee",
                              "#949eae", "#4c9be8", "#10151b", "#26405c", "#7f8ea3", "#e8a33d",
                              "#4fb286", "#e8a33d", "#e5604d", "#2a313c"};
  return theme;
}

const Theme& themeFor(ThemeChoice choice) {
  switch (choice) {
  case ThemeChoice::light:
    return lightTheme();
  case ThemeChoice::dark:
    return darkTheme();
  case ThemeChoice::system:
    return desktopIsDark() ? darkTheme() : lightTheme();
  }
  return lightTheme();
}

const Theme& currentTheme() {
  return QApplication::palette().color(QPalette::Window) == darkTheme().window ? darkTheme() : lightTheme();
}

void applyTheme(QApplication& application, const Theme& theme) {
  desktopIsDark(); // before the palette is ours
  if (QApplication::style() == nullptr || QApplication::style()->name() != QLatin1String("fusion")) {
    QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
  }
  QApplication::setPalette(paletteOf(theme));
  application.setStyleSheet(styleSheetOf(theme));
}

ThemeChoice themeChoiceFromName(const QString& name) {
  if (name == QLatin1String("light")) {
    return ThemeChoice::light;
  }
  return name == QLatin1String("dark") ? ThemeChoice::dark : ThemeChoice::system;
}

QString themeChoiceName(ThemeChoice choice) {
  switch (choice) {
  case ThemeChoice::light:
    return QStringLiteral("light");
  case ThemeChoice::dark:
    return QStringLiteral("dark");
  case ThemeChoice::system:
    break;
  }
  return QStringLiteral("system");
}

} // namespace halfstep
