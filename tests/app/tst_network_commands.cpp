// The commands that run the network, as a script meets them: what they refuse before they work, and whose
// ranges they take.
#include "tests/support/data_files.h"
#include "tests/support/test_case.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>

using namespace halfstep;

namespace {

struct Finished {
  int status = -1;
  QByteArray output;
  QByteArray errors;
  QJsonObject json() const { return QJsonDocument::fromJson(output).object(); }
};

const QString kModel = QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/digits_mlp.onnx");
const QString kData = QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/data/digits_mlp");

} // namespace

class NetworkCommandsTest : public test::TestCase {
  Q_OBJECT

  QTemporaryDir m_folder;

  QString path(const char* name) const { return m_folder.filePath(name); }

  static Finished run(const QStringList& arguments) {
    QProcess process;
    process.start(QStringLiteral(HALFSTEP_BUILD_DIR "/bin/halfstep-cli"), arguments);
    process.waitForFinished(60000);
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1,
            process.readAllStandardOutput(), process.readAllStandardError()};
  }

  static void expectFailure(const QStringList& arguments, int status, const QByteArray& part) {
    const Finished finished = run(arguments);
    QVERIFY2(finished.errors.contains(part), finished.errors.constData());
    QCOMPARE(finished.status, status);
    QVERIFY(finished.output.isEmpty());
  }

  /// JSON of a command on the first eight samples; nothing where it fails.
  static QJsonObject onEight(const QStringList& arguments) {
    const Finished finished = run(arguments + QStringList{"--data", kData, "--samples", "8", "--json"});
    if (finished.status != 0) {
      qInfo("%s", finished.errors.constData());
    }
    return finished.status == 0 ? finished.json() : QJsonObject();
  }

private slots:
  void rangesOfOtherSamplesAreTaken_data() {
    QTest::addColumn<QStringList>("command");
    QTest::addColumn<QString>("figures");
    const QStringList plan = {"--weights", "int8", "--activations", "uint8:tensor"};
    QTest::newRow("evaluate") << QStringList{"evaluate", kModel} + plan << "output";
    QTest::newRow("quantize") << QStringList{"quantize", kModel} + plan << "output";
    QTest::newRow("sensitivity") << QStringList{"sensitivity", kModel, "--schemes", "int8/uint8:tensor"}
                                 << "layers";
    QTest::newRow("search") << QStringList{"search",   kModel,   "--schemes", "int8/uint8:tensor",
                                           "--budget", "bits=9", "--trials",  "4"}
                            << "uniform";
  }

  void rangesOfOtherSamplesAreTaken() {
    QFETCH(const QStringList, command);
    QFETCH(const QString, figures);
    const auto saved = [&](const char* name, const QStringList& which) {
      const QStringList calibrate = {"calibrate", kModel, "--data", kData, "--save", path(name)};
      return run(calibrate + which).status == 0 ? path(name) : QString();
    };
    const QString own = saved("own.h5", {"--samples", "8"});
    const QString other = saved("other.h5", {"--samples", "1", "--shuffle", "7"});
    // Without a file, ranges come from the samples that are judged.
    const QJsonValue without = onEight(command)[figures];
    QVERIFY(!without.isUndefined());
    QCOMPARE(onEight(command + QStringList{"--calibration", own})[figures], without);
    const QJsonValue with = onEight(command + QStringList{"--calibration", other})[figures];
    QVERIFY(!with.isUndefined() && with != without);
  }

  void calibrationsOfOtherModelsAreRefused() {
    const QString model = QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/digits_cnn.onnx");
    const QString data = QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/data/digits_cnn");
    QCOMPARE(run({"calibrate", model, "--data", data, "--samples", "1", "--save", path("cnn.h5")}).status, 0);
    expectFailure({"evaluate", kModel, "--weights", "int8", "--data", kData, "--calibration", path("cnn.h5")},
                  2, "is a calibration of another model, digits_cnn.onnx");
    expectFailure({"quantize", kModel, "--weights", "int8", "--calibration", path("cnn.h5")}, 2,
                  "give --data");
  }

  void metricsThatCannotApplyAreRefused() {
    const QStringList drawn = {"sensitivity", kModel, "--samples", "2"}; // no labels
    expectFailure(drawn + QStringList{"--metric", "accuracy"}, 2,
                  "the metric accuracy does not apply: the data has no labels");
    expectFailure({"search", kModel, "--data", kData, "--metric", "perplexity", "--budget", "bits=4"}, 2,
                  "the metric perplexity does not apply");
    const QJsonObject sweep = onEight({"sensitivity", kModel, "--schemes", "int8", "--metric", "accuracy"});
    const double baseline = sweep["baseline"].toDouble();
    QVERIFY2(baseline > 0.5 && baseline <= 1.0, qPrintable(QString::number(baseline)));
  }
};

QTEST_GUILESS_MAIN(NetworkCommandsTest)
#include "tst_network_commands.moc"
