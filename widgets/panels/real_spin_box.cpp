#include "widgets/panels/real_spin_box.h"

#include <QLocale>
#include <QRegularExpression>

namespace halfstep {

namespace {
constexpr int kDecimals = 15; ///< that values are rounded to: far below the step of any weight
constexpr int kShownDigits = 7;
} // namespace

RealSpinBox::RealSpinBox(QWidget* parent)
    : QDoubleSpinBox(parent) {
  setLocale(QLocale::c());
  setDecimals(kDecimals);
  setStepType(AdaptiveDecimalStepType);
  setKeyboardTracking(false);
}

QString RealSpinBox::textFromValue(double value) const {
  return QString::number(value, 'g', kShownDigits);
}

QString RealSpinBox::digits(const QString& text) const {
  QString number = text;
  if (!suffix().isEmpty() && number.endsWith(suffix())) {
    number.chop(suffix().size());
  }
  return number.trimmed().replace(QChar(0x2212), QChar('-'));
}

double RealSpinBox::valueFromText(const QString& text) const {
  return digits(text).toDouble();
}

QValidator::State RealSpinBox::validate(QString& input, int&) const {
  static const QRegularExpression kBeginning(QStringLiteral("^[-+]?[0-9]*\\.?[0-9]*([eE][-+]?[0-9]*)?$"));
  bool isNumber = false;
  const QString number = digits(input);
  const double value = number.toDouble(&isNumber);
  if (isNumber && value >= minimum() && value <= maximum()) {
    return QValidator::Acceptable;
  }
  return kBeginning.match(number).hasMatch() ? QValidator::Intermediate : QValidator::Invalid;
}

} // namespace halfstep
