// halfstep-cli latency: what it prints, and its JSON.
#include "tests/app/command_line.h"

#include <QJsonArray>

using namespace halfstep;

namespace {

const QString kModel = QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/digits_cnn.onnx");

QStringList latency(const QStringList& more) {
  return QStringList{"latency", kModel} + more;
}

} // namespace

class LatencyCommandTest : public test::CommandLineTest {
  Q_OBJECT
private slots:
  void measured() {
    const test::Finished finished = run(latency({"--json", "--runs", "1", "--types", "fp32,int8,int4"}));
    QCOMPARE(finished.status, 0);
    const QJsonObject json = finished.json();
    QVERIFY(!json["device"].toString().isEmpty() && !json["estimate"].toBool());
    const QJsonArray layers = json["layers"].toArray();
    QVERIFY(layers.size() > 4);
    const QJsonObject layer = layers[0].toObject();
    QVERIFY(!layer["name"].toString().isEmpty());
    QVERIFY(layer["times"].toObject()["fp32"].toDouble() > 0.0);
    QCOMPARE(layer["spread"].toObject()["fp32"].toArray().size(), 2);
    QVERIFY(!layer["implementation"].toObject()["fp32"].toString().isEmpty());
    QVERIFY(layer["reason"].isObject());
    QVERIFY(json["total"].toObject()["int8"].toDouble() > 0.0);
    QVERIFY(json["network"].toObject()["fp32"].toDouble() > 0.0);
    QVERIFY(json["memory"].toObject()["int8"].toInteger() > 0);
    const QJsonObject narrow = json["network_in"].toObject();
    QVERIFY(!json["vnni"].toBool() || narrow.contains("int8"));
    QVERIFY(!narrow.contains("bf16") && !narrow.contains("int4")); // not asked for, and weights alone
    for (const QString& type : narrow.keys()) {
      const QJsonObject network = narrow[type].toObject();
      QVERIFY(network["median"].toDouble() > 0.0);
      QCOMPARE(network["spread"].toArray().size(), 2);
      QCOMPARE(network["runs"].toInt(), 1);
      QVERIFY(network["nodes"].toInt() >= 1 && network["nodes"].toInt() <= layers.size());
    }
    QVERIFY(json["network_reckoned"].isObject());
  }

  void estimated() {
    const test::Finished finished = run(latency({"--json", "--device", "raspberry-pi-5"}));
    QCOMPARE(finished.status, 0);
    const QJsonObject estimate = finished.json();
    QVERIFY(estimate["estimate"].toBool());
    const QJsonObject times = estimate["layers"].toArray()[0].toObject()["times"].toObject();
    QVERIFY(times["bf16"].isNull() && times["int8"].toDouble() > 0.0);
  }

  void whatItDoesNotTake() {
    QCOMPARE(run(latency({"--device", "nothing"})).status, 2);
    QCOMPARE(run(latency({"--types", "fp31"})).status, 2);
    QCOMPARE(run(latency({"--shape", "nothing=1"})).status, 2);
    QCOMPARE(run(latency({"--shape", "x=1,a"})).status, 2);
  }

  void table() {
    const QByteArray two = run(latency({"--runs", "1"}), "2").output;
    QVERIFY(two.contains("all layers") && two.contains(", 2 threads"));
    QVERIFY(two.contains("The whole network in float32: "));
    QVERIFY(!two.contains(", VNNI") || two.contains("with its layers in int8: "));
    const QByteArray one = run(latency({"--runs", "1"}), "1").output;
    QVERIFY(one.contains(", 1 thread") && !one.contains("1 threads"));
  }
};

QTEST_GUILESS_MAIN(LatencyCommandTest)
#include "tst_latency_command.moc"
