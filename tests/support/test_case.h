// Base of every test class: any Qt warning that a test does not expect fails it.
#pragma once

#include <QFile>
#include <QObject>
#include <QRegularExpression>
#include <QTest>

#include <string>

namespace halfstep::test {

class TestCase : public QObject {
  Q_OBJECT
private slots:
  void init() {
    // The offscreen platform says this of every window with a minimum size.
    QTest::failOnWarning(
        QRegularExpression(QStringLiteral("^(?!This plugin does not support propagateSizeHints)")));
  }
};

/// The folder of the real trained models ($HALFSTEP_MODELS, otherwise ../shared/models beside the checkout);
/// empty where it does not exist, and the test then skips, saying so.
QString sharedModels();

} // namespace halfstep::test

/// QVERIFY for a Result, printing its error.
#define VERIFY_OK(result)                                                                                    \
  do {                                                                                                       \
    const auto& verified = (result);                                                                         \
    QVERIFY2(verified.has_value(), verified.has_value() ? "" : verified.error().message().c_str());          \
  } while (false)
