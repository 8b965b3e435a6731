#include "widgets/panels/card.h"

#include "widgets/style/theme.h"

#include <QVBoxLayout>

namespace halfstep {

QLabel* makeCaption(const QString& text, const QString& tooltip) {
  auto* caption = new QLabel(text);
  caption->setToolTip(tooltip);
  caption->setProperty("role", "caption");
  caption->setMinimumWidth(20);
  return caption;
}

QWidget* makeCard(QLabel* caption, QWidget* content, QWidget* corner) {
  auto* frame = new QWidget;
  frame->setObjectName(QStringLiteral("card"));
  frame->setAttribute(Qt::WA_StyledBackground);
  auto* layout = new QVBoxLayout(frame);
  layout->setContentsMargins(kSpace, kSpaceSmall + 2, kSpace, kSpaceSmall);
  layout->setSpacing(2);
  if (caption != nullptr) {
    auto* top = new QHBoxLayout;
    top->addWidget(caption, 1);
    if (corner != nullptr) {
      top->addWidget(corner);
    }
    layout->addLayout(top);
  }
  layout->addWidget(content, 1);
  return frame;
}

} // namespace halfstep
