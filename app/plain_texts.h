// Names in a model's file are shown as they are, never read as markup: a layer may be called "<img src=…>".
// Every label and tooltip that does not ask for rich text by itself shows plain text. UI thread.
#pragma once

#include <QObject>

namespace halfstep {

class PlainTexts : public QObject {
  Q_OBJECT

public:
  /// Watches the whole application while it lives.
  explicit PlainTexts(QObject* parent);

protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
};

} // namespace halfstep
