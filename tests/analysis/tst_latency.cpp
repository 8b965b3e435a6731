// Latency: what layers work on, estimates by hand, reasons from made-up figures, profiles, and measurements
// whose results (not times) are checked.
#include "core/analysis/latency.h"
#include "core/analysis/layer_primitive.h"
#include "core/io/device_profile.h"
#include "tests/analysis/small_network.h"
#include "tests/support/onnx_models.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QDir>
#include <QTemporaryDir>

#include <cmath>
#include <map>

#include <omp.h>

using namespace halfstep;

namespace {

LayerShape productShape(std::int64_t rows, std::int64_t depth, std::int64_t columns) {
  LayerShape shape;
  shape.name = "product";
  shape.op = "MatMul";
  shape.kind = LayerKind::product;
  shape.input = {rows, depth};
  shape.weight = {depth, columns};
  shape.output = {rows, columns};
  shape.rows = rows;
  shape.depth = depth;
  shape.columns = columns;
  shape.macs = rows * depth * columns;
  shape.parameters = depth * columns;
  shape.calls = 1;
  return shape;
}

LayerShape convolutionShape(std::int64_t inputs, std::int64_t outputs, std::int64_t groups, bool transposed) {
  LayerShape shape;
  shape.kind = transposed ? LayerKind::transposedConvolution : LayerKind::convolution;
  shape.input = {1, inputs, 9, 9};
  shape.weight = transposed ? Shape{inputs, outputs / groups, 3, 3} : Shape{outputs, inputs / groups, 3, 3};
  shape.output = {1, outputs, 9, 9};
  shape.windows = {groups, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  return shape;
}

/// x [5, 7]; MatMul with its weights on the left; ConvTranspose of z [1, 4, 5, 5]; Gather of a table.
std::shared_ptr<const Model> oddNetwork() {
  auto model = std::make_shared<Model>();
  model->opsets[""] = 17;
  Graph& graph = model->graph;
  graph.addInitializer("left.w", test::randomTensor({6, 5}, 1));
  graph.addInitializer("up.w", test::randomTensor({4, 3, 3, 3}, 2));
  graph.addInitializer("table", test::randomTensor({20, 4}, 3));
  Node up = test::operation("ConvTranspose", "up", {"z", "up.w"}, {"u"});
  up.attributes["strides"] = std::vector<std::int64_t>{2, 2};
  up.attributes["pads"] = std::vector<std::int64_t>{1, 1, 1, 1};
  up.attributes["output_padding"] = std::vector<std::int64_t>{1, 1};
  graph.nodes = {test::operation("MatMul", "left", {"left.w", "x"}, {"y"}), up,
                 test::operation("Gather", "gather", {"table", "i"}, {"g"})};
  ValueInfo indices = test::floatValue("i", {2});
  indices.type = ElementType::int64;
  graph.inputs = {test::floatValue("x", {5, 7}), test::floatValue("z", {1, 4, 5, 5}), indices};
  graph.outputs = {test::floatValue("y", {6, 7}), test::floatValue("u", {1, 3, 10, 10}),
                   test::floatValue("g", {2, 4})};
  graph.indexConstants();
  model->layers = findLayers(*model, model->warnings);
  return model;
}

LayerShape recurrentShape(RecurrentCell cell, std::int64_t directions, bool linear = false) {
  LayerShape shape;
  shape.kind = LayerKind::recurrence;
  shape.name = "recurrent";
  shape.op = "LSTM";
  shape.calls = 1;
  LayerRecurrence& own = shape.recurrence;
  own.first = shape.name;
  own.cell = cell;
  own.directions = directions;
  own.linearBeforeReset = linear;
  own.steps = 7;
  own.batch = 2;
  own.features = 48;
  own.hidden = 32;
  shape.input = {own.steps, own.batch, own.features};
  shape.output = {own.steps, directions, own.batch, own.hidden};
  return shape.measuredAs();
}

/// x [6, 1, 5] through an LSTM of 4 states whose W and R are constants, and a product of what it gives.
std::shared_ptr<const Model> recurrentNetwork() {
  auto model = std::make_shared<Model>();
  model->opsets[""] = 17;
  Graph& graph = model->graph;
  graph.addInitializer("w", test::randomTensor({1, 16, 5}, 1));
  graph.addInitializer("r", test::randomTensor({1, 16, 4}, 2));
  graph.addInitializer("m", test::randomTensor({4, 3}, 3));
  Node lstm = test::operation("LSTM", "lstm", {"x", "w", "r"}, {"y"});
  lstm.attributes["hidden_size"] = std::int64_t{4};
  graph.nodes = {lstm, test::operation("MatMul", "last", {"y", "m"}, {"z"})};
  graph.inputs = {test::floatValue("x", {6, 1, 5})};
  graph.outputs = {test::floatValue("z", {6, 1, 1, 3})};
  graph.indexConstants();
  model->layers = findLayers(*model, model->warnings);
  return model;
}

double sqnr(const std::vector<float>& reference, const std::vector<float>& values, double factor = 1.0) {
  double signal = 0.0;
  double noise = 0.0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const auto x = static_cast<double>(reference[i]);
    const double e = factor * static_cast<double>(values[i]) - x;
    signal += x * x;
    noise += e * e;
  }
  return 10.0 * std::log10(signal / noise);
}

/// y[m, n] = Σ_k x·w, by hand.
std::vector<float> plainProduct(const LayerShape& shape, const LayerValues& values) {
  std::vector<float> y;
  const auto depth = static_cast<std::size_t>(shape.depth);
  for (std::size_t m = 0; m < static_cast<std::size_t>(shape.rows); ++m) {
    for (std::size_t n = 0; n < static_cast<std::size_t>(shape.columns); ++n) {
      double sum = 0.0;
      for (std::size_t k = 0; k < depth; ++k) {
        sum += static_cast<double>(values.input[m * depth + k]) *
               static_cast<double>(values.weights[n * depth + k]);
      }
      y.push_back(static_cast<float>(sum));
    }
  }
  return y;
}

/// An LSTM of one direction by its formulas, states from zero; gates in the order i, f, c, o.
std::vector<float> plainLstm(const LayerRecurrence& shape, const LayerValues& values) {
  const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  const std::size_t n = size(shape.hidden);
  const auto sigmoid = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  std::vector<float> y(size(shape.steps * shape.batch) * n);
  for (std::size_t b = 0; b < size(shape.batch); ++b) {
    std::vector<double> h(n, 0.0);
    std::vector<double> c(n, 0.0);
    for (std::size_t step = 0; step < size(shape.steps); ++step) {
      const std::size_t row = step * size(shape.batch) + b;
      std::vector<double> gates(4 * n, 0.0);
      for (std::size_t gate = 0; gate < gates.size(); ++gate) {
        for (std::size_t k = 0; k < size(shape.features); ++k) {
          gates[gate] += static_cast<double>(values.input[row * size(shape.features) + k]) *
                         static_cast<double>(values.weights[k * 4 * n + gate]);
        }
        for (std::size_t k = 0; k < n; ++k) {
          gates[gate] +=
              h[k] * static_cast<double>(values.weights[(size(shape.features) + k) * 4 * n + gate]);
        }
      }
      for (std::size_t i = 0; i < n; ++i) {
        c[i] = sigmoid(gates[n + i]) * c[i] + sigmoid(gates[i]) * std::tanh(gates[2 * n + i]);
        h[i] = sigmoid(gates[3 * n + i]) * std::tanh(c[i]);
        y[row * n + i] = static_cast<float>(h[i]);
      }
    }
  }
  return y;
}

float largest(const std::vector<float>& values) {
  float most = 0.0f;
  for (const float value : values) {
    most = std::max(most, std::abs(value));
  }
  return most;
}

LayerTiming timed(double seconds, double around = 0.0) {
  LayerTiming timing;
  timing.alone = {seconds, seconds, seconds, seconds, 50};
  timing.around = around;
  timing.implementation = "kernel";
  return timing;
}

DeviceProfile handProfile() {
  DeviceProfile profile;
  profile.name = "by hand";
  profile.peak = {{LatencyType::fp32, 1e9}, {LatencyType::int8, 4e9}};
  profile.bandwidth = 1e9;
  profile.overhead = 1e-6;
  return profile;
}

constexpr const char* kProfile = R"({"halfstep_device": 1, "name": "d", "source": "s",
  "peak": {"fp32": 2e9}, "bandwidth": 1e9, "overhead": 0})";

} // namespace

class LatencyTest : public test::TestCase {
  Q_OBJECT
private slots:
  void shapesAndMultiplications() {
    const auto executor = Executor::create(test::smallNetwork());
    VERIFY_OK(executor);
    const auto shapes = findLayerShapes(*executor, test::SmallSamples(1), 0, {});
    VERIFY_OK(shapes);
    QCOMPARE(shapes->size(), std::size_t(3));
    const LayerShape& first = (*shapes)[0];
    QCOMPARE(first.kind, LayerKind::convolution);
    QCOMPARE(first.input, (Shape{1, 3, 8, 8}));
    QCOMPARE(first.weight, (Shape{8, 3, 3, 3}));
    QCOMPARE(first.output, (Shape{1, 8, 8, 8}));
    QCOMPARE(first.macs, std::int64_t(8 * 3 * 9 * 64));
    QCOMPARE(first.calls, std::int64_t(1));
    QCOMPARE((*shapes)[1].macs, std::int64_t(8 * 8 * 9 * 64));
    const LayerShape& last = (*shapes)[2];
    QCOMPARE(last.kind, LayerKind::product);
    QCOMPARE((Shape{last.rows, last.depth, last.columns}), (Shape{1, 8, 10}));
    QCOMPARE(last.macs, std::int64_t(80));
  }

  void shapesOfTransposedAndUnmeasuredLayers() {
    const auto executor = Executor::create(oddNetwork());
    VERIFY_OK(executor);
    const auto shapes = findLayerShapes(*executor,
                                        {{"x", test::randomTensor({5, 7}, 4)},
                                         {"z", test::randomTensor({1, 4, 5, 5}, 5)},
                                         {"i", integersTensor({1, 2})}},
                                        {});
    VERIFY_OK(shapes);
    std::map<std::string, LayerShape> byName;
    for (const LayerShape& shape : *shapes) {
      byName[shape.name] = shape;
    }
    const LayerShape& left = byName["left"];
    QCOMPARE((Shape{left.rows, left.depth, left.columns}), (Shape{7, 5, 6}));
    QCOMPARE(left.macs, std::int64_t(210));
    const LayerShape& up = byName["up"];
    QCOMPARE(up.kind, LayerKind::transposedConvolution);
    QCOMPARE(up.output, (Shape{1, 3, 10, 10}));
    QCOMPARE(up.macs, std::int64_t(4 * 25 * 3 * 9));
    const auto values = drawLayerValues(up, 1);
    VERIFY_OK(values);
    const auto prepared = prepareLayer(up, LatencyType::fp32, *values, 1.0f);
    VERIFY_OK(prepared); // its padding makes the sizes agree
    QCOMPARE(byName["gather"].kind, LayerKind::other);
    QVERIFY(byName["gather"].left.find("Gather") != std::string::npos);
  }

  void rooflineByHand() {
    const LayerShape shape = productShape(1, 64, 10);
    const auto fp32 = rooflineEstimate(shape, handProfile(), LatencyType::fp32);
    QVERIFY(fp32.has_value());
    QCOMPARE(fp32->compute, 1280.0 / 1e9);
    QCOMPARE(fp32->memory, (4.0 * 640 + 4.0 * 74) / 1e9);
    QCOMPARE(fp32->seconds(), 2856e-9 + 1e-6);
    QCOMPARE(fp32->limit(), RooflineLimit::memory);
    QCOMPARE(movedBytes(shape, LatencyType::int8), 640.0 + 40.0 + 74.0);
    QCOMPARE(movedBytes(shape, LatencyType::int4), 320.0 + 50.0 + 296.0);
    const auto int8 = rooflineEstimate(shape, handProfile(), LatencyType::int8);
    QCOMPARE(int8->compute, 1280.0 / 4e9);
    QCOMPARE(int8->limit(), RooflineLimit::overhead);
    QCOMPARE(rooflineEstimate(shape, handProfile(), LatencyType::int4)->compute, 1280.0 / 1e9);
    QVERIFY(!rooflineEstimate(shape, handProfile(), LatencyType::bf16).has_value());
    const auto many = rooflineEstimate(productShape(64, 64, 10), handProfile(), LatencyType::fp32);
    QCOMPARE(many->limit(), RooflineLimit::compute);
  }

  void memoryByHand() {
    const auto model =
        test::smallNetwork(); // constants of 0 parameters: `parameters` is the loader's to fill
    QCOMPARE(memoryToLoad(*model, LatencyType::fp32), 4.0 * (216 + 576 + 80));
    QCOMPARE(memoryToLoad(*model, LatencyType::int8), 216.0 + 576 + 80 + 4.0 * (8 + 8 + 10));
    // Depths 27, 72 and 8: one, two and one groups a channel.
    QCOMPARE(memoryToLoad(*model, LatencyType::int4), 0.5 * 872 + 5.0 * (8 + 16 + 10));
  }

  void reasons_data() {
    QTest::addColumn<double>("fp32");
    QTest::addColumn<double>("int8");
    QTest::addColumn<double>("around");
    QTest::addColumn<int>("size");
    QTest::addColumn<QString>("begins");
    QTest::newRow("fast") << 1e-3 << 5e-4 << 1e-4 << 64 << QString();
    QTest::newRow("just fast") << 1.1e-3 << 1e-3 << 0.0 << 64 << QString();
    QTest::newRow("reorders") << 1e-3 << 5e-4 << 6e-4 << 64 << "reorders around it: ";
    QTest::newRow("small") << 3.9e-6 << 3.8e-6 << 0.0 << 4 << "too small: ";
    QTest::newRow("memory") << 3e-4 << 3e-4 << 0.0 << 400 << "memory-bound: ";
    QTest::newRow("shape") << 1e-2 << 1e-2 << 0.0 << 64 << "its shape does not suit kernel: ";
  }
  void reasons() {
    QFETCH(double, fp32);
    QFETCH(double, int8);
    QFETCH(double, around);
    QFETCH(int, size);
    QFETCH(QString, begins);
    const std::string reason = slowReason(productShape(1, size, size), LatencyType::int8, timed(int8, around),
                                          timed(fp32), handProfile());
    QVERIFY2(begins.isEmpty() ? reason.empty() : reason.starts_with(begins.toStdString()), reason.c_str());
    QCOMPARE(
        slowReason(productShape(1, size, size), LatencyType::fp32, timed(fp32), timed(fp32), handProfile()),
        std::string());
  }

  // What threads share pays for waking them; what they do not share does not.
  void callsAreCountedAsTheyAreMade() {
    DeviceProfile machine = handProfile();
    machine.sharing = 1e-5;
    const LayerShape small = productShape(1, 64, 64);
    const LayerShape large = productShape(1, 1024, 1024);
    QVERIFY(!small.isWorthSharing() && large.isWorthSharing());
    const auto reasonOf = [&](const LayerShape& shape, double seconds) {
      return slowReason(shape, LatencyType::int8, timed(seconds), timed(seconds), machine);
    };
    QVERIFY(reasonOf(small, 3.9e-6).starts_with("too small: "));
    QVERIFY(!reasonOf(small, 4.1e-6).starts_with("too small: "));
    QVERIFY(reasonOf(large, 4.3e-5).starts_with("too small: "));
    QVERIFY(!reasonOf(large, 4.5e-5).starts_with("too small: "));
  }

  // A layer that the executor runs on one thread is timed on one thread, a larger one on all.
  void layersRunOnAsManyThreadsAsInTheNetwork() {
    const auto threadsHere = [] {
      return QDir(QStringLiteral("/proc/self/task")).entryList(QDir::Dirs | QDir::NoDotAndDotDot).size();
    };
    const auto started = [&](const LayerShape& shape) {
      const int usual = omp_get_max_threads();
      const auto before = threadsHere();
      omp_set_num_threads(static_cast<int>(before) + 2); // more than there are
      const LayerValues values = drawLayerValues(shape, 1).value();
      const auto layer = prepareLayer(shape, LatencyType::fp32, values, 1.0f);
      const bool ran = layer.has_value() && callPrepared(layer->run);
      const auto after = threadsHere();
      omp_set_num_threads(usual);
      return ran ? static_cast<int>(after - before) : -1000;
    };
    const int small = started(convolutionShape(4, 4, 1, false));
    QVERIFY2(small <= 0 && small > -1000, std::to_string(small).c_str());
    QVERIFY(started(convolutionShape(64, 64, 1, false)) > 0);
  }

  void networksInOtherTypesAreReckoned() {
    Latency latency;
    LayerLatency layer;
    layer.shape = productShape(1, 8, 8);
    layer.types[LatencyType::fp32] = timed(3e-3);
    layer.types[LatencyType::int8] = timed(1e-3);
    latency.layers = {layer, layer};
    latency.layerCount = 2;
    QVERIFY(!latency.networkIn(LatencyType::int8));
    latency.network = timed(1e-2).alone;
    QVERIFY(std::abs(latency.networkIn(LatencyType::int8).value() - 6e-3) < 1e-12);
    QVERIFY(std::abs(latency.networkIn(LatencyType::bf16).value() - 1e-2) < 1e-12); // nothing in bf16
    latency.network = timed(5e-3).alone;
    QVERIFY(!latency.networkIn(LatencyType::int8));
    latency.network = timed(1e-2).alone;
    latency.layerCount = 3;
    QVERIFY(!latency.networkIn(LatencyType::int8));
  }

  void sumsBeyondTheNetworkAreRemarkedOn() {
    Latency latency;
    LayerLatency layer;
    layer.shape = productShape(1, 8, 8);
    layer.types[LatencyType::fp32] = timed(1e-5);
    latency.layers = {layer, layer};
    QCOMPARE(remarkOnSum(latency), std::string());
    latency.network = timed(1.9e-5).alone;
    QCOMPARE(remarkOnSum(latency), std::string());
    latency.network = timed(3e-6).alone;
    QVERIFY(remarkOnSum(latency).starts_with("The layers alone add up to 20.0 µs"));
  }

  void reasonsWithoutMeasurement() {
    LayerTiming none;
    none.left = "oneDNN has no kernel for it";
    const LayerShape shape = productShape(1, 64, 64);
    QCOMPARE(slowReason(shape, LatencyType::bf16, none, timed(1e-3), handProfile()), none.left);
    LayerTiming disturbed = timed(1e-3);
    disturbed.alone.least = 1e-4;
    QVERIFY(slowReason(shape, LatencyType::int8, disturbed, timed(2e-3), handProfile())
                .starts_with("cannot be told: "));
  }

  void quartiles() {
    const Timing timing = timingOf({5.0, 1.0, 2.0, 4.0, 3.0});
    QCOMPARE(timing, (Timing{3.0, 2.0, 4.0, 1.0, 5}));
    QCOMPARE(timingOf({1.0, 2.0}).lowerQuartile, 1.25);
    QCOMPARE(timingOf({}).runs, 0);
  }

  // A clock that goes on by a millisecond whenever it is read.
  void measuresWithOneRun() {
    const auto executor = Executor::create(test::smallNetwork());
    VERIFY_OK(executor);
    double now = 0.0;
    LatencyOptions options;
    options.runs = 1;
    options.warmUp = 0;
    options.clock = [&now] { return now += 1e-3; };
    const auto latency = measureLatency(*executor, test::SmallSamples(1).inputs(0).value(), options, {});
    VERIFY_OK(latency);
    QCOMPARE(latency->layers.size(), std::size_t(3));
    QVERIFY(latency->threads >= 1);
    QVERIFY(latency->machine.bandwidth > 0.0 && latency->machine.peak.contains(LatencyType::fp32));
    for (const LayerLatency& layer : latency->layers) {
      QCOMPARE(layer.types.size(), kLatencyTypes.size());
      const LayerTiming& fp32 = layer.types.at(LatencyType::fp32);
      QCOMPARE(fp32.alone.runs, 1);
      QVERIFY(std::abs(fp32.alone.median - 1e-3) < 1e-9);
      QVERIFY(!fp32.implementation.empty());
      for (const auto& [type, timing] : layer.types) {
        QCOMPARE(timing.measured(), timing.left.empty());
        QCOMPARE(timing.measured(), !timing.implementation.empty());
      }
    }
    QVERIFY(!latency->layers[0].types.at(LatencyType::int4).measured());
    QVERIFY(latency->layers[2].types.at(LatencyType::int4).measured());
    QVERIFY(std::abs(latency->total(LatencyType::fp32) - 3e-3) < 1e-9);
    QVERIFY(std::abs(latency->total(LatencyType::int4) - 3e-3) < 1e-9); // its convolutions count in fp32
    QCOMPARE(latency->network->runs, 1);
    QVERIFY(!hasVnni() || latency->narrowNetworks.contains(LatencyType::int8));
    for (const auto& [type, network] : latency->narrowNetworks) {
      QVERIFY(type == LatencyType::bf16 || type == LatencyType::int8);
      QCOMPARE(network.timing.runs, 1);
      QVERIFY(network.nodes >= 1 && network.nodes <= 3);
    }
    options.types = {LatencyType::fp32, LatencyType::int4};
    const auto without = measureLatency(*executor, test::SmallSamples(1).inputs(0).value(), options, {});
    VERIFY_OK(without);
    QVERIFY(without->narrowNetworks.empty());
  }

  // Its two matrices are layers of their own; the node is measured whole and once, and they share its time.
  void measuresRecurrentLayers() {
    const auto executor = Executor::create(recurrentNetwork());
    VERIFY_OK(executor);
    double now = 0.0;
    LatencyOptions options;
    options.runs = 1;
    options.warmUp = 0;
    options.clock = [&now] { return now += 1e-3; };
    const auto latency = measureLatency(*executor, {{"x", test::randomTensor({6, 1, 5}, 4)}}, options, {});
    VERIFY_OK(latency);
    QCOMPARE(latency->layers.size(), std::size_t(3));
    const LayerShape& input = latency->layers[0].shape;
    const LayerShape& state = latency->layers[1].shape;
    QCOMPARE(input.kind, LayerKind::recurrence);
    QCOMPARE((Shape{input.macs, state.macs}), (Shape{6 * 16 * 5, 6 * 16 * 4}));
    QCOMPARE(input.recurrence, state.recurrence);
    QCOMPARE(input.recurrence.macs(), input.macs + state.macs);
    const double fp32 = latency->layers[0].types.at(LatencyType::fp32).alone.median;
    QVERIFY(std::abs(fp32 - 1e-3 * 5.0 / 9.0) < 1e-9);
    QVERIFY(std::abs(latency->total(LatencyType::fp32) - 2e-3) < 1e-9);
    const LayerTiming& int4 = latency->layers[0].types.at(LatencyType::int4);
    QVERIFY(!int4.measured() && !int4.left.empty());
    QVERIFY(latency->unmeasured().empty());
  }

  void unmeasuredLayersAreNamed() {
    LayerShape other = productShape(1, 8, 8);
    other.kind = LayerKind::other;
    other.name = "table";
    other.left = "latency is not measured for Gather";
    LayerShape never = other;
    never.name = "never";
    never.calls = 0; // takes no time
    double now = 0.0;
    LatencyOptions options;
    options.runs = 1;
    options.clock = [&now] { return now += 1e-3; };
    const auto latency = measureLatency({productShape(1, 8, 8), other, never}, options, {});
    VERIFY_OK(latency);
    QCOMPARE(latency->unmeasured(), std::vector<std::string>{"table"});
  }

  void tellsEveryLayer() {
    double now = 0.0;
    std::stop_source stop;
    std::vector<std::size_t> told;
    LatencyOptions options;
    options.runs = 1;
    options.clock = [&now] { return now += 1e-3; };
    options.onLayer = [&](const Latency& so) {
      QVERIFY(so.layers.back().types.at(LatencyType::fp32).measured());
      QCOMPARE(so.layerCount, std::size_t(3));
      QCOMPARE(so.isComplete(), so.layers.size() == 3);
      told.push_back(so.layers.size());
      if (told.size() == 2) {
        stop.request_stop();
      }
    };
    const LayerShape layer = productShape(1, 8, 8);
    const auto latency = measureLatency({layer, layer, layer}, options, JobContext(stop.get_token()));
    QVERIFY(!latency);
    QCOMPARE(latency.error().kind, ErrorKind::cancelled);
    QCOMPARE(told, (std::vector<std::size_t>{1, 2}));
  }

  void measuringStops() {
    std::stop_source stop;
    stop.request_stop();
    LatencyOptions options;
    options.clock = [] { return 0.0; };
    const auto latency = measureLatency({productShape(1, 8, 8)}, options, JobContext(stop.get_token()));
    QVERIFY(!latency);
    QCOMPARE(latency.error().kind, ErrorKind::cancelled);
  }

  // What is timed is the layer: its result is near the float one, and a scale 10 % off or other values are
  // not.
  void lowPrecisionComputesTheLayer_data() {
    QTest::addColumn<int>("which");
    QTest::newRow("convolution") << 0;
    QTest::newRow("grouped") << 1;
    QTest::newRow("depthwise") << 2;
    QTest::newRow("transposed") << 3;
    QTest::newRow("product, 1 row") << 4;
    QTest::newRow("product, 5 rows") << 5;
    QTest::newRow("LSTM") << 6;
    QTest::newRow("LSTM, both directions") << 7;
    QTest::newRow("GRU") << 8;
    QTest::newRow("GRU, linear before reset") << 9;
    QTest::newRow("RNN") << 10;
  }
  void lowPrecisionComputesTheLayer() {
    QFETCH(int, which);
    const LayerShape shapes[] = {convolutionShape(64, 64, 1, false),
                                 convolutionShape(32, 32, 2, false),
                                 convolutionShape(32, 32, 32, false),
                                 convolutionShape(16, 32, 1, true),
                                 productShape(1, 200, 70),
                                 productShape(5, 64, 33),
                                 recurrentShape(RecurrentCell::lstm, 1),
                                 recurrentShape(RecurrentCell::lstm, 2),
                                 recurrentShape(RecurrentCell::gru, 1),
                                 recurrentShape(RecurrentCell::gru, 1, true),
                                 recurrentShape(RecurrentCell::rnn, 2)};
    const LayerShape& shape = shapes[which];
    const auto values = drawLayerValues(shape, 1);
    const auto others = drawLayerValues(shape, 2);
    VERIFY_OK(values);
    VERIFY_OK(others);
    const auto outputIn = [&](LatencyType type, const LayerValues& given, float magnitude) {
      const auto prepared = prepareLayer(shape, type, given, magnitude);
      if (!prepared || !callPrepared(prepared->run)) {
        return std::vector<float>();
      }
      return prepared->output();
    };
    const std::vector<float> exact = outputIn(LatencyType::fp32, *values, 1.0f);
    QVERIFY(!exact.empty());
    if (shape.kind == LayerKind::product) {
      QVERIFY(sqnr(plainProduct(shape, *values), exact) > 100.0);
    }
    const bool isRecurrent = shape.kind == LayerKind::recurrence;
    if (isRecurrent && shape.recurrence.cell == RecurrentCell::lstm && shape.recurrence.directions == 1) {
      QVERIFY(sqnr(plainLstm(shape.recurrence, *values), exact) > 80.0);
    }
    for (const LatencyType type : {LatencyType::bf16, LatencyType::int8, LatencyType::int4}) {
      const std::vector<float> output = outputIn(type, *values, largest(exact));
      if (output.empty() || (type == LatencyType::int8 && !hasVnni())) { // without VNNI, pairs saturate
        continue;
      }
      // Codes of a recurrence stand for ±1, whatever its values are.
      const bool isCoarse = type == LatencyType::int4 || (type == LatencyType::int8 && isRecurrent);
      const double least = isCoarse ? 15.0 : 30.0;
      QVERIFY2(sqnr(exact, output) > least, std::to_string(sqnr(exact, output)).c_str());
      QVERIFY(sqnr(exact, output, isCoarse ? 1.3 : 1.1) < least);
      QVERIFY(sqnr(exact, outputIn(type, *others, largest(exact))) < least);
    }
    const bool hasInt8 = !isRecurrent || shape.recurrence.cell == RecurrentCell::lstm ||
                         (shape.recurrence.cell == RecurrentCell::gru && !shape.recurrence.linearBeforeReset);
    if (hasVnni() && hasInt8) {
      QVERIFY(!outputIn(LatencyType::int8, *values, largest(exact)).empty());
    }
  }

  void int4IsForFewRows() {
    const LayerShape shape = productShape(9, 32, 4);
    const auto refused = prepareLayer(shape, LatencyType::int4, drawLayerValues(shape, 1).value(), 1.0f);
    QVERIFY(!refused);
    QCOMPARE(refused.error().kind, ErrorKind::unsupported);
  }

  void profilesAreRead() {
    const auto profile = deviceProfileFromJson(kProfile);
    VERIFY_OK(profile);
    QCOMPARE(profile->peak.at(LatencyType::fp32), 2e9);
    std::vector<std::string> warnings;
    const auto all = findDeviceProfiles({HALFSTEP_SOURCE_DIR "/resources/devices", "/nowhere"}, warnings);
    QVERIFY2(warnings.empty(), warnings.empty() ? "" : warnings[0].c_str());
    QVERIFY(all.size() >= 5);
    for (const NamedProfile& one : all) {
      QVERIFY2(one.profile.peak.contains(LatencyType::fp32), one.id.c_str());
    }
  }

  void usersProfilesReplaceOurs() {
    QTemporaryDir first;
    QTemporaryDir second;
    test::writeFile(first.filePath("d.json").toStdString(), kProfile);
    std::string other = kProfile;
    other.replace(other.find("\"d\""), 3, "\"mine\"");
    test::writeFile(second.filePath("d.json").toStdString(), other);
    test::writeFile(second.filePath("bad.json").toStdString(), "{");
    std::vector<std::string> warnings;
    const auto found =
        findDeviceProfiles({first.path().toStdString(), second.path().toStdString()}, warnings);
    QCOMPARE(found.size(), std::size_t(1));
    QCOMPARE(found[0].profile.name, std::string("mine"));
    QCOMPARE(warnings.size(), std::size_t(1));
    QVERIFY(warnings[0].find("bad.json: is not JSON") != std::string::npos);
  }

  void badProfiles_data() {
    QTest::addColumn<QString>("from");
    QTest::addColumn<QString>("to");
    QTest::addColumn<QString>("what");
    const auto row = [](const char* name, const char* from, const char* to, const char* what) {
      QTest::newRow(name) << from << to << what;
    };
    row("cut", "}", "", "is not JSON");
    row("no profile", "halfstep_device", "device", "there is no \"halfstep_device\"");
    row("version", ": 1,", ": 2,", "a version other than 1");
    row("missing", "\"source\": \"s\",", "", "there is no \"source\"");
    row("type", "fp32", "fp31", "there is no type \"fp31\"");
    row("negative", "1e9", "-1e9", "\"bandwidth\" must be a positive number");
    row("text", "2e9", "\"fast\"", "\"peak.fp32\" must be a positive number");
    row("peak", "{\"fp32\": 2e9}", "7", "\"peak\" must be an object");
    row("unknown", "\"name\"", "\"x\": 1, \"name\"", "unknown key \"x\"");
  }
  void badProfiles() {
    QFETCH(QString, from);
    QFETCH(QString, to);
    QFETCH(QString, what);
    const auto profile = deviceProfileFromJson(QString(kProfile).replace(from, to).toStdString());
    QVERIFY(!profile);
    QCOMPARE(profile.error().kind, ErrorKind::damagedFile);
    QVERIFY2(profile.error().what.find(what.toStdString()) != std::string::npos,
             profile.error().what.c_str());
  }
};

QTEST_GUILESS_MAIN(LatencyTest)
#include "tst_latency.moc"
