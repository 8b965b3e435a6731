// Base of every plot: the theme, axis titles that are not rotated, zooming and panning, exact values under
// the mouse, and export as picture and data. UI thread.
//   left drag zooms · Ctrl + drag pans · wheel zooms · double-click, Esc or Space shows everything ·
//   Backspace goes back to the view before · Ctrl+C copies the data · Ctrl+Shift+E saves PNG · Ctrl+Alt+E
//   saves SVG · the context menu has them all
#pragma once

#include "core/support/result.h"
#include "widgets/plots/plot_table.h"
#include "widgets/style/theme.h"

#include <qcustomplot.h>

namespace halfstep {

class Plot : public QCustomPlot {
  Q_OBJECT

public:
  /// `name` is the object name and the file name proposed for exports.
  Plot(const QString& name, const QString& keyTitle, const QString& valueTitle, QWidget* parent = nullptr);

  /// What is drawn, as numbers.
  virtual PlotTable table() const = 0;
  /// Writes the plot as it looks (PNG, SVG, PDF) or its data (CSV, TSV), by the path's suffix, whole or not
  /// at all.
  Result<void> save(const QString& path);
  /// Asks for the path first; failures are told by saveFailed().
  void saveByDialog(const QString& suffix);
  void copyPicture();
  void copyData() const;
  /// Back to showing everything; what was zoomed before is forgotten.
  void showAll();
  /// How often the plot was painted, for tests of speed.
  int paintCount() const { return m_paintCount; }

signals:
  void saveFailed(const QString& message);

protected:
  /// Colours of the parts that a subclass made.
  virtual void applyColors(const Theme& theme) = 0;
  /// Sets the axes to show everything.
  virtual void fitAxes() = 0;
  /// Exact values at a position in plot coordinates, or nothing.
  virtual QString describe(double key, double value) const = 0;
  /// True when a subclass takes the mouse press for itself (a handle).
  virtual bool takesPress(const QPoint&) { return false; }
  /// The left button was pressed and let go at one place.
  virtual void clicked(const QPoint&) {}
  /// The left or right arrow key was pressed: −1 or 1. False where the plot has nothing to step through.
  virtual bool stepped(int) { return false; }
  /// True where a double-click has its own meaning.
  virtual bool takesDoubleClick(const QPoint&) { return false; }

  /// To be called at the end of a subclass's constructor, and whenever the theme changed.
  void recolor();
  /// To be called by subclasses after a change of data: keeps a person's zoom, otherwise fits, and paints
  /// soon.
  void dataChanged();
  /// Other titles than those given at first.
  void setTitles(const QString& keyTitle, const QString& valueTitle);
  /// Says in the middle what would fill the plot; empty text removes it.
  void setEmptyText(const QString& text);
  const Theme& theme() const { return *m_theme; }

  void changeEvent(QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void contextMenuEvent(QContextMenuEvent* event) override;
  bool event(QEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

private:
  /// What the axes show, to come back to.
  struct View {
    QCPRange keys;
    QCPRange values;
    bool zoomed = false;
  };
  View present() const { return {xAxis->range(), yAxis->range(), m_zoomed}; }
  void remember(const View& view);
  /// A person asks to see everything; Backspace undoes that too.
  void zoomOut();
  void goBack();
  /// What describe() says of the place under the pixel; empty outside the axes.
  QString describeAt(const QPoint& at) const;
  Result<void> savePicture(const QString& path, const QString& suffix);

  const Theme* m_theme;
  QCPItemText* m_keyTitle;
  QCPItemText* m_valueTitle;
  QCPItemText* m_empty;
  QPoint m_pressed;
  View m_atPress;
  bool m_zoomed = false;
  std::vector<View> m_earlier; ///< the oldest first
  ulong m_lastWheel = 0;       ///< when the wheel was last turned, in milliseconds
  int m_paintCount = 0;
};

/// A real number as plots tell it, with `digits` significant ones.
QString numberText(double value, int digits = 3);

/// Tick labels with a true minus sign and no more digits than needed.
class NumberTicker : public QCPAxisTicker {
protected:
  double getTickStep(const QCPRange& range) override;
  QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;

  double m_step = 1.0;
};

/// The same for things that are counted (layers, channels, samples): whole numbers only.
class IndexTicker : public NumberTicker {
protected:
  double getTickStep(const QCPRange& range) override;
};

} // namespace halfstep
