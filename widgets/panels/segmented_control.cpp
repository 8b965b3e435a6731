#include "widgets/panels/segmented_control.h"

#include <QGridLayout>
#include <QKeyEvent>

namespace halfstep {

namespace {
constexpr const char* kValue = "value";
}

SegmentedControl::SegmentedControl(const QString& name, const QString& accessibleName, int columns,
                                   QWidget* parent)
    : QWidget(parent)
    , m_grid(new QGridLayout(this))
    , m_columns(columns) {
  setObjectName(name);
  setAccessibleName(accessibleName);
  m_grid->setContentsMargins(0, 0, 0, 0);
  m_grid->setSpacing(2);
}

void SegmentedControl::setChoices(const std::vector<Choice>& choices) {
  for (QToolButton* old : m_buttons) {
    delete old;
  }
  m_buttons.clear();
  for (const Choice& choice : choices) {
    auto* made = new QToolButton(this);
    made->setText(choice.text);
    made->setToolTip(choice.tooltip);
    made->setCheckable(true);
    made->setObjectName(objectName() + '_' + choice.value);
    made->setAccessibleName(accessibleName() + ' ' + choice.text);
    made->setProperty("role", "segment");
    made->setProperty(kValue, choice.value);
    made->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    made->installEventFilter(this);
    connect(made, &QToolButton::clicked, this, [this, value = choice.value] {
      setCurrentValue(value); // a second click leaves it chosen
      emit chosen(value);
    });
    const int index = static_cast<int>(m_buttons.size());
    m_grid->addWidget(made, index / m_columns, index % m_columns);
    m_buttons.push_back(made);
  }
  fitButtons();
}

void SegmentedControl::fitButtons() {
  for (QToolButton* button : m_buttons) {
    button->ensurePolished(); // before, it has the desktop's font
    button->setMinimumWidth(button->fontMetrics().horizontalAdvance(button->text()) +
                            4); // the style asks more
  }
}

void SegmentedControl::showEvent(QShowEvent* event) {
  fitButtons();
  QWidget::showEvent(event);
}

void SegmentedControl::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) {
    fitButtons();
  }
}

QString SegmentedControl::currentValue() const {
  for (const QToolButton* candidate : m_buttons) {
    if (candidate->isChecked()) {
      return candidate->property(kValue).toString();
    }
  }
  return {};
}

void SegmentedControl::setCurrentValue(const QString& value) {
  for (QToolButton* candidate : m_buttons) {
    const bool is = candidate->property(kValue).toString() == value;
    candidate->setChecked(is);
    candidate->setFocusPolicy(is ? Qt::StrongFocus : Qt::ClickFocus); // one stop for the tab key
  }
  if (currentValue().isEmpty() && !m_buttons.empty()) {
    m_buttons.front()->setFocusPolicy(Qt::StrongFocus);
  }
}

QToolButton* SegmentedControl::button(const QString& value) const {
  for (QToolButton* candidate : m_buttons) {
    if (candidate->property(kValue).toString() == value) {
      return candidate;
    }
  }
  return nullptr;
}

void SegmentedControl::setChoiceEnabled(const QString& value, bool enabled, const QString& tooltip) {
  if (QToolButton* found = button(value)) {
    found->setEnabled(enabled);
    found->setToolTip(tooltip);
  }
}

bool SegmentedControl::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::KeyPress) {
    const int key = static_cast<QKeyEvent*>(event)->key();
    const int step = key == Qt::Key_Right  ? 1
                     : key == Qt::Key_Left ? -1
                     : key == Qt::Key_Down ? m_columns
                     : key == Qt::Key_Up   ? -m_columns
                                           : 0;
    for (std::size_t i = 0; step != 0 && i < m_buttons.size(); ++i) {
      if (m_buttons[i] == watched) {
        moveFocus(static_cast<int>(i), step);
        return true;
      }
    }
  }
  return QWidget::eventFilter(watched, event);
}

void SegmentedControl::moveFocus(int from, int step) {
  for (int i = from + step; i >= 0 && i < static_cast<int>(m_buttons.size()); i += step) {
    QToolButton* target = m_buttons[static_cast<std::size_t>(i)];
    if (target->isEnabled()) {
      target->setFocus(Qt::TabFocusReason);
      target->click();
      return;
    }
  }
}

} // namespace halfstep
