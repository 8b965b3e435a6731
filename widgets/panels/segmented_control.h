// A row or grid of buttons of which one is chosen: like radio buttons, smaller. Arrow keys move. UI thread.
#pragma once

#include <QToolButton>
#include <QWidget>

#include <vector>

class QGridLayout;

namespace halfstep {

class SegmentedControl : public QWidget {
  Q_OBJECT

public:
  struct Choice {
    QString text;
    QString value; ///< what currentValue() gives; stable
    QString tooltip;
  };

  SegmentedControl(const QString& name, const QString& accessibleName, int columns,
                   QWidget* parent = nullptr);

  void setChoices(const std::vector<Choice>& choices);
  /// Empty where the selection is mixed or outside the choices.
  QString currentValue() const;
  /// Does not emit `chosen`.
  void setCurrentValue(const QString& value);
  void setChoiceEnabled(const QString& value, bool enabled, const QString& tooltip);
  QToolButton* button(const QString& value) const;

signals:
  /// A person chose another value.
  void chosen(const QString& value);

protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void changeEvent(QEvent* event) override;

private:
  void moveFocus(int from, int step);
  /// As wide as the text at least, in the font that the style gives the buttons.
  void fitButtons();

  QGridLayout* m_grid;
  int m_columns;
  std::vector<QToolButton*> m_buttons;
};

} // namespace halfstep
