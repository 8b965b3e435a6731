// What the command line leaves on disk when it is interrupted, when it may not write, and that it does not
// write over what it reads.
#include "tests/app/command_line.h"
#include "tests/support/onnx_models.h"
#include "tests/support/paths.h"

#include <QDir>
#include <QElapsedTimer>

#include <cstring>

#include <signal.h>
#include <unistd.h>

using namespace halfstep;
using test::Finished;

class CliFilesTest : public test::CommandLineTest {
  Q_OBJECT

  QString model(const char* name, const std::string& content) const {
    test::writeFile(path(name).toStdString(), content);
    return path(name);
  }

  /// More than 200 MB, so that a signal arrives while it is worked on.
  QString largeModel() const {
    onnx::ModelProto proto = test::emptyModel();
    const std::string weights(std::size_t{64} << 20, '\x3d');
    test::addRaw(*proto.mutable_graph(), "w", 1, {4096, 4096}, weights);
    for (int i = 0; i < 40; ++i) { // much work on the same bytes
      test::addRaw(*proto.mutable_graph(), "v" + std::to_string(i), 1, {1024, 1024},
                   weights.substr(0, 4 << 20));
      test::addNode(*proto.mutable_graph(), "MatMul", "mm" + std::to_string(i),
                    {"x", "v" + std::to_string(i)}, {"y"});
    }
    test::addNode(*proto.mutable_graph(), "MatMul", "large", {"x", "w"}, {"z"});
    return model("large.onnx", proto.SerializeAsString());
  }

  /// Whether a process has a file of that name in its memory.
  static bool maps(qint64 process, const QByteArray& name) {
    QFile memory(QStringLiteral("/proc/%1/maps").arg(process));
    return memory.open(QIODevice::ReadOnly) && memory.readAll().contains(name);
  }

private slots:
  void whatIsReadIsNotWrittenOver() {
    onnx::ModelProto proto = test::emptyModel();
    auto& graph = *proto.mutable_graph();
    test::addValue(*graph.mutable_input(), "x", {1, 4});
    auto& tensor = test::addFloats(graph, "w", {4, 4});
    test::writeFile(path("own.bin").toStdString(), tensor.raw_data());
    tensor.clear_raw_data();
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    auto& location = *tensor.add_external_data();
    location.set_key("location");
    location.set_value("own.bin");
    test::addNode(graph, "MatMul", "mm", {"x", "w"}, {"y"});
    test::addValue(*graph.mutable_output(), "y", {1, 4});
    const QString own = model("own.onnx", proto.SerializeAsString()); // no tensor lies in this file
    QVERIFY(QFile::link(own, path("link.onnx")));
    QCOMPARE(::link(own.toStdString().c_str(), path("hard.onnx").toStdString().c_str()), 0);
    const auto bytesOf = [](const QString& file) {
      QFile opened(file);
      return opened.open(QIODevice::ReadOnly) ? opened.readAll() : QByteArray();
    };
    const QByteArray model = bytesOf(own);
    const QByteArray weights = bytesOf(path("own.bin"));
    for (const char* name : {"own.onnx", "link.onnx", "hard.onnx", "own.bin"}) {
      const QByteArray part = QByteArray(name) + ": is open as an input";
      expectFailure({"quantize", own, "--weights", "int8", "--save-plan", path(name)}, 2, part);
      expectFailure({"export", own, "--weights", "int8", "--to", "report-csv", "--out", path(name)}, 2, part);
      expectFailure({"export", own, "--weights", "int8", "--to", "plan", "--out", path(name)}, 2, part);
      QCOMPARE(bytesOf(own), model);
      QCOMPARE(bytesOf(path("own.bin")), weights);
    }
    // A plan is read and done with before it is written.
    const QString plan = path("own.halfstep.json");
    QCOMPARE(run({"quantize", own, "--weights", "int8", "--save-plan", plan}).status, 0);
    QCOMPARE(run({"quantize", own, "--plan", plan, "--weights", "int4", "--save-plan", plan}).status, 0);
  }

  void ctrlCLeavesNothingBehind_data() {
    QTest::addColumn<int>("signal");
    QTest::newRow("Ctrl-C") << SIGINT;
    QTest::newRow("the terminal is closed") << SIGHUP;
  }
  void ctrlCLeavesNothingBehind() {
    QFETCH(const int, signal);
    const QString file = largeModel();
    QProcess process;
    process.start(HALFSTEP_BUILD_DIR "/bin/halfstep-cli",
                  {"quantize", file, "--weights", "int4:group16:kl", "--save-plan",
                   path("stopped.halfstep.json"), "--dump", path("stopped"), "--json"});
    QVERIFY(process.waitForStarted());
    QTest::qWait(400);
    QElapsedTimer timer;
    timer.start();
    ::kill(static_cast<pid_t>(process.processId()), signal);
    QVERIFY(process.waitForFinished(20000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 130);
    qInfo("stopped after %lld ms", timer.elapsed());
    QVERIFY(process.readAllStandardOutput().isEmpty());
    QVERIFY(!QFile::exists(path("stopped.halfstep.json")));
    for (const QString& left : QDir(path("stopped")).entryList(QDir::Files | QDir::Hidden)) {
      QVERIFY2(left.endsWith(".npy"), qPrintable(left)); // whole files of layers that were done
    }
    QFile::remove(file);
  }

  void aModelThatBecomesShorterIsAnError() {
    const QString file = largeModel();
    QProcess process;
    process.start(HALFSTEP_BUILD_DIR "/bin/halfstep-cli",
                  {"quantize", file, "--weights", "int4:group16:kl", "--json"});
    QVERIFY(process.waitForStarted());
    QTRY_VERIFY_WITH_TIMEOUT(maps(process.processId(), "large.onnx"), 60000);
    QTest::qWait(50);
    QVERIFY(QFile::resize(file, 100'000));
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 1);
    QVERIFY(process.readAllStandardOutput().isEmpty());
    const QByteArray errors = process.readAllStandardError();
    QVERIFY2(errors.contains("large.onnx: became shorter while it was open"), errors.constData());
    QCOMPARE(errors.count('\n'), 1);
    QFile::remove(file);
  }

  void nohupGoesOn() {
    const QString file = largeModel();
    QProcess process;
    process.setChildProcessModifier([] { ::signal(SIGHUP, SIG_IGN); });
    process.start(HALFSTEP_BUILD_DIR "/bin/halfstep-cli", {"quantize", file, "--weights", "int8"});
    QVERIFY(process.waitForStarted());
    QTest::qWait(100);
    ::kill(static_cast<pid_t>(process.processId()), SIGHUP);
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 0);
    QFile::remove(file);
  }

  void aFileThatMayNotGrowLeavesNothingBehind() {
    QProcess process;
    process.start("bash", {"-c", "ulimit -f 1; exec \"$@\"", "bash", HALFSTEP_BUILD_DIR "/bin/halfstep-cli",
                           "quantize", HALFSTEP_SOURCE_DIR "/sample_models/digits_mlp.onnx", "--weights",
                           "int8", "--dump", path("limited")});
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 1);
    const QByteArray errors = process.readAllStandardError();
    QVERIFY2(errors.contains("cannot be written: File too large"), errors.constData());
    QVERIFY(QDir(path("limited")).isEmpty());
  }
};

QTEST_GUILESS_MAIN(CliFilesTest)
#include "tst_cli_files.moc"
