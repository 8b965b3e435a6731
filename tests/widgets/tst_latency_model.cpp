// The table and the stacked bars of the Latency page, from made-up measurements.
#include "tests/support/test_case.h"
#include "widgets/viewmodels/latency_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>

using namespace halfstep;

namespace {

LayerTiming timed(double seconds) {
  LayerTiming timing;
  timing.alone = {seconds, seconds, seconds, seconds, 50};
  timing.implementation = "kernel";
  return timing;
}

LayerLatency measuredLayer(const char* name, double fp32, double int8) {
  LayerLatency layer;
  layer.shape.name = name;
  layer.shape.kind = LayerKind::product;
  layer.shape.calls = 1;
  layer.types = {{LatencyType::fp32, timed(fp32)}, {LatencyType::int8, timed(int8)}};
  return layer;
}

LayerLatency unmeasuredLayer(const char* name) {
  LayerLatency layer;
  layer.shape.name = name;
  layer.shape.calls = 1;
  layer.shape.left = "latency is not measured for Gather";
  layer.types[LatencyType::fp32].left = layer.shape.left;
  layer.types[LatencyType::int8].left = layer.shape.left;
  return layer;
}

Timing networkOf(double seconds) {
  return {seconds, seconds, seconds, seconds, 50};
}

} // namespace

class LatencyModelTest : public test::TestCase {
  Q_OBJECT
private slots:
  void allLayersHaveTimes() {
    auto latency = std::make_shared<Latency>();
    latency->layers = {measuredLayer("a", 1e-3, 5e-4), measuredLayer("b", 1e-3, 5e-4)};
    latency->layerCount = 2;
    latency->network = networkOf(2.5e-3);
    LatencyModel model;
    model.setLatency(latency);
    const LatencyStack int8 = model.stack(LatencyType::int8);
    QVERIFY2(int8.label.endsWith(QStringLiteral("2.00 × as fast")), qPrintable(int8.label));
    QVERIFY(int8.without.isEmpty());
    const QString why = model.whyNotFaster();
    QVERIFY2(why.contains(timeText(5e-4) + " of the network lie outside the layers."), qPrintable(why));
    QVERIFY(model.stack(LatencyType::fp32).label.endsWith("; whole network " + timeText(2.5e-3)));
    latency->narrowNetworks[LatencyType::int8] = {networkOf(1.5e-3), 2};
    QVERIFY(
        model.stack(LatencyType::int8).label.endsWith("2.00 × as fast; whole network " + timeText(1.5e-3)));
    QVERIFY(!model.stack(LatencyType::bf16).label.contains("network"));
    QVERIFY(model.whyNotFaster().contains("between the layers are float32"));
  }

  // What is measured in parts arrives as rows, and says that it is a part.
  void partsArriveOneByOne() {
    auto part = std::make_shared<Latency>();
    part->layerCount = 3;
    part->layers = {measuredLayer("a", 1e-3, 5e-4)};
    LatencyModel model;
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
    const QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
    model.setLatency(part);
    QCOMPARE(resets.count(), 1);
    QVERIFY2(model.stack(LatencyType::int8).label.contains("1 of 3 layers"),
             qPrintable(model.stack(LatencyType::int8).label));
    auto more = std::make_shared<Latency>(*part);
    more->layers.push_back(measuredLayer("b", 1e-3, 5e-4));
    more->layers.push_back(measuredLayer("c", 1e-3, 5e-4));
    model.setLatency(more);
    QCOMPARE(resets.count(), 1);
    QCOMPARE(model.rowCount(), 3);
    QVERIFY(!model.stack(LatencyType::int8).label.contains(" of 3 layers"));
    model.setLatency(part); // measured anew
    QCOMPARE(resets.count(), 2);
    QCOMPARE(model.rowCount(), 1);
  }

  // Its time is part of the network's and of nothing else.
  void layersWithoutTimesAreNamed() {
    auto latency = std::make_shared<Latency>();
    latency->layers = {measuredLayer("a", 1e-3, 2e-4), unmeasuredLayer("table")};
    latency->layerCount = 2;
    latency->network = networkOf(2.5e-3);
    LatencyModel model;
    model.setLatency(latency);
    const LatencyStack int8 = model.stack(LatencyType::int8);
    QVERIFY2(int8.label.contains("5.00 × as fast, without 1 layer"), qPrintable(int8.label));
    QCOMPARE(int8.without, QStringList{"table"});
    QVERIFY2(model.whyNotFaster().contains("counted nowhere: table."), qPrintable(model.whyNotFaster()));
    latency->layers[0] = measuredLayer("a", 1e-3, 5e-4);
    const QString why = model.whyNotFaster();
    QVERIFY2(why.contains("the layers without a time"), qPrintable(why));
  }
};

QTEST_GUILESS_MAIN(LatencyModelTest)
#include "tst_latency_model.moc"
