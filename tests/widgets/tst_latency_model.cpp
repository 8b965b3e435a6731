// The table and the stacked bars of the Latency page, from made-up measurements.
#include "tests/support/test_case.h"
#include "widgets/viewmodels/latency_model.h"

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
    latency->network = networkOf(2.5e-3);
    LatencyModel model;
    model.setLatency(latency);
    const LatencyStack int8 = model.stack(LatencyType::int8);
    QVERIFY2(int8.label.endsWith(QStringLiteral("2.00 × as fast")), qPrintable(int8.label));
    QVERIFY(int8.without.isEmpty());
    const QString why = model.whyNotFaster();
    QVERIFY2(why.contains("lie outside the layers and stay as they are"), qPrintable(why));
  }

  // Its time is part of the network's and of nothing else.
  void layersWithoutTimesAreNamed() {
    auto latency = std::make_shared<Latency>();
    latency->layers = {measuredLayer("a", 1e-3, 2e-4), unmeasuredLayer("table")};
    latency->network = networkOf(2.5e-3);
    LatencyModel model;
    model.setLatency(latency);
    const LatencyStack int8 = model.stack(LatencyType::int8);
    QVERIFY2(int8.label.contains("5.00 × as fast, without 1 layer"), qPrintable(int8.label));
    QCOMPARE(int8.without, QStringList{"table"});
    QVERIFY2(model.whyNotFaster().contains("count nowhere: table."), qPrintable(model.whyNotFaster()));
    latency->layers[0] = measuredLayer("a", 1e-3, 5e-4);
    const QString why = model.whyNotFaster();
    QVERIFY2(!why.contains("stay as they are") && why.contains("the layers without a time"), qPrintable(why));
  }
};

QTEST_GUILESS_MAIN(LatencyModelTest)
#include "tst_latency_model.moc"
