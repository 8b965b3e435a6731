// The commands that run the network, as a script meets them: what they refuse before they work, and whose
// ranges they take.
#include "tests/app/command_line.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>

#include <cmath>
#include <vector>

using namespace halfstep;
using test::Finished;

namespace {

const QString kModel = QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/digits_mlp.onnx");
const QString kData = QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/data/digits_mlp");

} // namespace

class NetworkCommandsTest : public test::CommandLineTest {
  Q_OBJECT

  /// JSON of a command on the first eight samples; nothing where it fails.
  static QJsonObject onEight(const QStringList& arguments) {
    const Finished finished = run(arguments + QStringList{"--data", kData, "--samples", "8", "--json"});
    if (finished.status != 0) {
      qInfo("%s", finished.errors.constData());
    }
    return finished.status == 0 ? finished.json() : QJsonObject();
  }

  /// The first sample of the data, as one row of these numbers' type.
  template <class Number>
  QString firstSample(const char* name, const char* descriptor, const QByteArray& shape = "1, 784") const {
    QFile data(kData + QStringLiteral("/image.npy"));
    constexpr qint64 kHeader = 128;
    std::vector<float> values(784);
    if (!data.open(QIODevice::ReadOnly) || !data.seek(kHeader) ||
        data.read(reinterpret_cast<char*>(values.data()), 784 * 4) != 784 * 4) {
      return {};
    }
    const std::vector<Number> numbers(values.begin(), values.end());
    test::writeBytes(path(name).toStdString(), test::npyBytes(descriptor, shape, test::rawBytes(numbers)));
    return path(name);
  }

  /// What `run` writes for the output "logits"; nothing where it fails.
  std::vector<float> logits(const QStringList& arguments) const {
    const QString folder = path("out");
    const Finished finished = run(QStringList{"run", kModel, "--output", folder} + arguments);
    QFile file(folder + QStringLiteral("/logits.npy"));
    std::vector<float> values(10);
    if (finished.status != 0 || !file.open(QIODevice::ReadOnly) || !file.seek(file.size() - 40) ||
        file.read(reinterpret_cast<char*>(values.data()), 40) != 40) {
      qInfo("%s", finished.errors.constData());
      return {};
    }
    return values;
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

  void runsUnderAPlan_data() {
    QTest::addColumn<QStringList>("plan");
    QTest::newRow("weights") << QStringList{"--weights", "int3"};
    QTest::newRow("dynamic") << QStringList{"--weights", "int4", "--activations", "dynamic:int4"};
    QTest::newRow("static") << QStringList{"--weights",    "int4",          "--activations",
                                           "uint4:tensor", "--calibration", path("ranges.h5")};
  }

  void runsUnderAPlan() {
    QFETCH(const QStringList, plan);
    const QStringList calibrate = {"calibrate", kModel, "--data", kData, "--samples", "4"};
    QCOMPARE(run(calibrate + QStringList{"--save", path("ranges.h5")}).status, 0);
    const QStringList input = {"--input", "image=" + firstSample<float>("x.npy", "<f4")};
    const std::vector<float> y = logits(input);
    const std::vector<float> z = logits(input + plan);
    QCOMPARE(y.size(), std::size_t{10});
    QCOMPARE(z.size(), std::size_t{10});
    double noise = 0.0;
    double signal = 0.0;
    for (std::size_t i = 0; i < 10; ++i) {
      noise += (double(z[i]) - y[i]) * (double(z[i]) - y[i]);
      signal += double(y[i]) * y[i];
    }
    // The same as evaluate finds on this sample.
    const Finished judged =
        run(QStringList{"evaluate", kModel, "--data", kData, "--samples", "1", "--json"} + plan);
    QVERIFY2(judged.status == 0, judged.errors.constData());
    const double expected =
        judged.json()["output"].toObject()["relative_error"].toObject()["value"].toDouble();
    QVERIFY(expected > 1e-4);
    QVERIFY2(std::abs(noise / signal / expected - 1.0) < 1e-4, qPrintable(QString::number(noise / signal)));
  }

  void plansThatCannotRunAreRefused() {
    const QStringList command = {"run",       kModel,    "--output",
                                 path("out"), "--input", "image=" + firstSample<float>("x.npy", "<f4")};
    expectFailure(command + QStringList{"--weights", "int8", "--activations", "uint8:tensor"}, 2,
                  "give --calibration FILE.h5");
    expectFailure(command + QStringList{"--calibration", path("ranges.h5")}, 2, "Give --plan");
  }

  void inputsMustBeTheModels() {
    const std::vector<float> y = logits({"--input", "image=" + firstSample<float>("x.npy", "<f4")});
    QCOMPARE(y.size(), std::size_t{10});
    QCOMPARE(logits({"--input", "image=" + firstSample<double>("x64.npy", "<f8")}), y);
    const auto refused = [&](const QString& file, const QByteArray& part) {
      expectFailure({"run", kModel, "--output", path("out"), "--input", "image=" + file}, 2, part);
    };
    refused(firstSample<std::int64_t>("whole.npy", "<i8"),
            "the input image is float32 [batch, 784], and int64 [1, 784] was given");
    refused(firstSample<float>("flat.npy", "<f4", "784,"), "and float32 [784] was given");
    std::vector<double> large(784, 1e300);
    test::writeBytes(path("large.npy").toStdString(), test::npyBytes("<f8", "1, 784", test::rawBytes(large)));
    refused(path("large.npy"), "values that this type does not have");
    // Integers of another size, where they hold the same numbers.
    const QString tokens = QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/sequence_transformer.onnx");
    const Finished facts = run({"inspect", tokens, "--json"});
    const QJsonObject input = facts.json()["inputs"].toArray()[0].toObject();
    const auto length = input["shape"].toArray()[1].toInteger();
    QCOMPARE(input["dtype"].toString(), QStringLiteral("int64"));
    test::writeBytes(path("tokens.npy").toStdString(),
                     test::npyBytes("<i4", "1, " + QByteArray::number(length),
                                    test::rawBytes(std::vector<std::int32_t>(std::size_t(length), 1))));
    const Finished run32 =
        run({"run", tokens, "--output", path("tokens"), "--input", "tokens=" + path("tokens.npy")});
    QVERIFY2(run32.status == 0, run32.errors.constData());
  }

  void aFolderThatIsMissingIsSaidFirst() {
    expectFailure({"calibrate", path("no_model.onnx"), "--data", kData, "--save", path("nowhere/x.h5")}, 1,
                  "there is no folder");
    expectFailure({"calibrate", path("no_model.onnx"), "--save", m_folder.path()}, 1, "it is a folder");
  }
};

QTEST_GUILESS_MAIN(NetworkCommandsTest)
#include "tst_network_commands.moc"
