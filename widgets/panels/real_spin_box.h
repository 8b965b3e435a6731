// A number field for any magnitude: shows as few digits as it takes, reads "1e-5" too, and writes numbers as
// schemes do, whatever the desktop's language. A typed number counts once it is finished, so that it is one
// edit. UI thread.
#pragma once

#include <QDoubleSpinBox>

namespace halfstep {

class RealSpinBox : public QDoubleSpinBox {
  Q_OBJECT

public:
  explicit RealSpinBox(QWidget* parent = nullptr);

protected:
  QString textFromValue(double value) const override;
  double valueFromText(const QString& text) const override;
  QValidator::State validate(QString& input, int& position) const override;

private:
  QString digits(const QString& text) const;
};

} // namespace halfstep
