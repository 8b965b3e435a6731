// The colour map with what its ends mean. UI thread.
#pragma once

#include <QWidget>

namespace halfstep {

class ColorLegend : public QWidget {
  Q_OBJECT

public:
  explicit ColorLegend(QWidget* parent = nullptr);
  /// `least`: the dark end; empty texts hide it.
  void setRange(const QString& least, const QString& most, const QString& title);

protected:
  void paintEvent(QPaintEvent* event) override;

private:
  QString m_least;
  QString m_most;
  QString m_title;
};

} // namespace halfstep
