// halfstep-cli as a person or script meets it: the built program, run on files of a folder of its own.
#pragma once

#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QProcessEnvironment>
#include <QTemporaryDir>
#include <QTest>

namespace halfstep::test {

struct Finished {
  int status = -1;
  QByteArray output;
  QByteArray errors;
  QJsonObject json() const { return QJsonDocument::fromJson(output).object(); }
};

class CommandLineTest : public TestCase {
protected:
  QString path(const char* name) const { return m_folder.filePath(name); }

  /// `threads`: how many it may use; empty: as many as it wants.
  static Finished run(const QStringList& arguments, const QString& threads = {}) {
    QProcess process;
    if (!threads.isEmpty()) {
      QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
      environment.insert("OMP_NUM_THREADS", threads);
      process.setProcessEnvironment(environment);
    }
    process.start(QStringLiteral(HALFSTEP_BUILD_DIR "/bin/halfstep-cli"), arguments);
    process.waitForFinished(60000);
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1,
            process.readAllStandardOutput(), process.readAllStandardError()};
  }

  /// Nothing on standard output; lines of the program's own on the other, that hold `part`.
  static void expectFailure(const QStringList& arguments, int status, const QByteArray& part) {
    const Finished finished = run(arguments);
    QVERIFY2(finished.errors.contains(part), finished.errors.constData());
    QCOMPARE(finished.status, status);
    QVERIFY(finished.output.isEmpty());
    QVERIFY(finished.errors.endsWith('\n'));
    for (const QByteArray& line : finished.errors.chopped(1).split('\n')) {
      QVERIFY2(line.startsWith("halfstep: "), finished.errors.constData());
    }
  }

  QTemporaryDir m_folder;
};

} // namespace halfstep::test
