#include "app/plain_texts.h"

#include <QApplication>
#include <QEvent>
#include <QLabel>

namespace halfstep {

PlainTexts::PlainTexts(QObject* parent)
    : QObject(parent) {
  qApp->installEventFilter(this);
}

bool PlainTexts::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::Polish) { // before it is first shown; tooltips are labels too
    if (auto* label = qobject_cast<QLabel*>(watched);
        label != nullptr && label->textFormat() == Qt::AutoText) {
      label->setTextFormat(Qt::PlainText);
    }
  }
  return QObject::eventFilter(watched, event);
}

} // namespace halfstep
