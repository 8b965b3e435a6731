// A layer's figures in three columns: what, how much, and what to compare it with. One painted widget,
// because the figures change with every frame of a drag and labels would lay the panel out again each time.
// The arrow keys walk through the rows and show what each means, Ctrl+C copies them all. UI thread.
#pragma once

#include "widgets/viewmodels/results_text.h"

#include <QWidget>

namespace halfstep {

class FiguresTable : public QWidget {
  Q_OBJECT

public:
  explicit FiguresTable(QWidget* parent = nullptr);

  /// `comparePinned`: the third column shows the pinned result instead of the one before.
  void setRows(std::vector<FigureRow> rows, bool comparePinned);
  /// A remark below the rows, up to five lines.
  void setNote(const QString& note);
  const QString& note() const { return m_note; }
  /// The value and the third column's text of the row with this name; empty where there is none.
  QString value(const QString& name) const;
  QString compared(const QString& name) const;

  /// The rows with their numbers in full, as a table's text.
  QString text(QChar separator) const;

  QSize sizeHint() const override;

signals:
  void saveFailed(const QString& message);

protected:
  bool event(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

private:
  const FigureRow* find(const QString& name) const;
  QString compared(const FigureRow& row) const;
  int rowHeight() const;
  void explain(int row, const QPoint& at);

  std::vector<FigureRow> m_rows;
  bool m_comparePinned = false;
  QString m_note;
  int m_current = 0; ///< the row that the keys are on, marked while they are this widget's
};

} // namespace halfstep
