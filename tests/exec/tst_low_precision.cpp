// Products in int8 and bfloat16: they give what a float32 run gives on weights and inputs that were quantized
// by the definition, in every form that a convolution or a product comes in.
#include "core/exec/elements.h"
#include "core/exec/executor.h"
#include "core/exec/operators/integer_primitives.h"
#include "tests/support/test_case.h"

#include <cmath>
#include <functional>
#include <random>

using namespace halfstep;

namespace {

Tensor tensorOf(const Shape& shape, const std::function<float()>& next) {
  const auto made = newTensor<float>(shape).value();
  std::generate(made.values.begin(), made.values.end(), next);
  return made.finish();
}

Tensor numbers(const Shape& shape, unsigned seed, float least = -1.0f) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> values(least, 1.0f);
  return tensorOf(shape, [&] { return values(random); });
}

std::vector<float> valuesOf(const Value& value) {
  return toFloats(value.tensor(), {}).value();
}

/// `values` rounded to multiples of magnitude ÷ codes.
void snap(std::span<float> values, float magnitude, float codes) {
  const float scale = magnitude > 0.0f ? magnitude / codes : 1.0f;
  for (float& value : values) {
    value = std::nearbyint(value / scale) * scale;
  }
}

float magnitudeOf(std::span<const float> values) {
  float most = 0.0f;
  for (const float value : values) {
    most = std::max(most, std::abs(value));
  }
  return most;
}

Tensor quantizedInput(const Tensor& input) {
  const auto made = newTensor<float>(input.shape()).value();
  const std::vector<float> values = valuesOf(input);
  std::copy(values.begin(), values.end(), made.values.begin());
  const bool isSigned = *std::min_element(values.begin(), values.end()) < 0.0f;
  snap(made.values, magnitudeOf(values), isSigned ? 127.0f : 255.0f);
  return made.finish();
}

/// `channelOf`: the output channel of a weight, by its index.
Tensor quantizedWeights(const Tensor& weights, std::size_t channels,
                        const std::function<std::size_t(std::size_t)>& channelOf) {
  const auto made = newTensor<float>(weights.shape()).value();
  const std::vector<float> values = valuesOf(weights);
  std::vector<float> magnitudes(channels, 0.0f);
  for (std::size_t i = 0; i < values.size(); ++i) {
    float& most = magnitudes[channelOf(i)];
    most = std::max(most, std::abs(values[i]));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    made.values[i] = values[i];
    snap(std::span(&made.values[i], 1), magnitudes[channelOf(i)], 127.0f);
  }
  return made.finish();
}

struct Case {
  const char* name;
  Node node;
  Tensor input;
  Tensor weights;
  std::size_t channels;
  std::function<std::size_t(std::size_t)> channelOf;
};

Node operation(const char* op) {
  Node made;
  made.name = op;
  made.opType = op;
  made.inputs = {"x", "w"};
  made.outputs = {"product"};
  return made;
}

Node convolution(const char* op, std::int64_t group, const std::vector<std::int64_t>& pads,
                 std::int64_t stride = 1) {
  Node made = operation(op);
  made.attributes["group"] = group;
  made.attributes["pads"] = pads;
  made.attributes["strides"] = std::vector<std::int64_t>(pads.size() / 2, stride);
  made.inputs.push_back("b");
  return made;
}

std::vector<Case> cases() {
  const auto slowest = [](std::size_t length) { return [length](std::size_t i) { return i / length; }; };
  const std::vector<std::int64_t> around(4, 1);
  Node transposed = operation("Gemm");
  transposed.attributes["transB"] = std::int64_t{1};
  transposed.inputs.push_back("b");
  Node plain = operation("Gemm");
  plain.inputs.push_back("b");
  Node groupedDeconvolution = convolution("ConvTranspose", 2, around, 2);
  return {
      {"convolution", convolution("Conv", 1, around), numbers({1, 24, 9, 7}, 1, 0.0f),
       numbers({32, 24, 3, 3}, 2), 32, slowest(24 * 9)},
      {"negative inputs", convolution("Conv", 1, around), numbers({2, 24, 9, 7}, 3),
       numbers({32, 24, 3, 3}, 4), 32, slowest(24 * 9)},
      {"a stride", convolution("Conv", 1, {0, 0, 0, 0}, 2), numbers({1, 16, 9, 9}, 5, 0.0f),
       numbers({16, 16, 1, 1}, 6), 16, slowest(16)},
      {"groups", convolution("Conv", 2, around), numbers({1, 32, 8, 8}, 7), numbers({32, 16, 3, 3}, 8), 32,
       slowest(16 * 9)},
      {"depthwise", convolution("Conv", 32, around), numbers({1, 32, 8, 8}, 9, 0.0f),
       numbers({32, 1, 3, 3}, 10), 32, slowest(9)},
      {"one axis", convolution("Conv", 1, {1, 1}), numbers({1, 16, 40}, 11), numbers({16, 16, 3}, 12), 16,
       slowest(16 * 3)},
      {"transposed convolution", convolution("ConvTranspose", 1, around, 2), numbers({1, 16, 6, 6}, 13, 0.0f),
       numbers({16, 32, 3, 3}, 14), 32, [](std::size_t i) { return i / 9 % 32; }},
      {"its groups", groupedDeconvolution, numbers({1, 32, 6, 6}, 15), numbers({32, 16, 3, 3}, 16), 32,
       [](std::size_t i) { return i / (9 * 16 * 16) * 16 + i / 9 % 16; }},
      {"Gemm", plain, numbers({3, 40}, 17, 0.0f), numbers({40, 24}, 18), 24,
       [](std::size_t i) { return i % 24; }},
      {"transB", transposed, numbers({3, 40}, 19), numbers({24, 40}, 20), 24, slowest(40)},
      {"MatMul", operation("MatMul"), numbers({2, 5, 40}, 21), numbers({40, 24}, 22), 24,
       [](std::size_t i) { return i % 24; }},
  };
}

ValueInfo info(const char* name) {
  ValueInfo made;
  made.name = name;
  made.type = ElementType::float32;
  return made;
}

/// The case's node, and behind it what else can be done with it: a Relu.
std::shared_ptr<Model> modelOf(const Case& one, const Tensor& weights) {
  auto model = std::make_shared<Model>();
  model->opsets[""] = 17;
  Node relu;
  relu.name = "y";
  relu.opType = "Relu";
  relu.inputs = {"product"};
  relu.outputs = {"y"};
  model->graph.nodes = {one.node, relu};
  model->graph.inputs = {info("x")};
  model->graph.outputs = {info("y")};
  model->graph.addInitializer("w", weights);
  if (one.node.inputs.size() == 3) {
    model->graph.addInitializer("b", numbers({static_cast<std::int64_t>(one.channels)}, 99));
  }
  return model;
}

std::vector<float> outputOf(const Executor& executor, const Tensor& input) {
  const auto outputs = executor.run({{"x", Value(input)}}, {});
  if (!outputs) {
    qWarning("%s", outputs.error().message().c_str());
    return {};
  }
  return valuesOf(outputs->at("y"));
}

/// √(Σ(a − b)² ÷ Σb²)
double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0.0;
  double signal = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += d * d;
    signal += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return std::sqrt(difference / signal);
}

} // namespace

class LowPrecisionTest : public test::TestCase {
  Q_OBJECT
private slots:
  void int8IsWhatTheDefinitionSays_data() {
    QTest::addColumn<int>("index");
    const std::vector<Case> all = cases();
    for (std::size_t i = 0; i < all.size(); ++i) {
      QTest::newRow(all[i].name) << static_cast<int>(i);
    }
  }
  void int8IsWhatTheDefinitionSays() {
    QFETCH(const int, index);
    const Case one = cases()[static_cast<std::size_t>(index)];
    const Executor narrow = Executor::create(modelOf(one, one.weights), ComputeType::int8).value();
    const std::vector<float> found = outputOf(narrow, one.input);
    const Tensor snapped = quantizedWeights(one.weights, one.channels, one.channelOf);
    const Executor simulated = Executor::create(modelOf(one, snapped)).value();
    const std::vector<float> expected = outputOf(simulated, quantizedInput(one.input));
    const Executor wide = Executor::create(modelOf(one, one.weights)).value();
    const std::vector<float> exact = outputOf(wide, one.input);
    QCOMPARE(found.size(), expected.size());
    QCOMPARE(wide.lowPrecisionNodes(), std::size_t(0));
    if (narrow.lowPrecisionNodes() == 0) { // without code for it, float32 it is
      QVERIFY(found == exact);
      QSKIP("oneDNN has no code for it on this CPU");
    }
    QCOMPARE(narrow.lowPrecisionNodes(), std::size_t(1));
    const double own = distance(found, expected);
    QVERIFY2(distance(found, exact) < 0.03, qPrintable(QString::number(distance(found, exact))));
    if (!hasExactIntegerKernels()) {
      QSKIP("without VNNI pairs of products are added in 16 bits, which saturate");
    }
    QVERIFY2(own < 1e-5, qPrintable(QString::number(own)));
    QVERIFY2(distance(exact, expected) > 1e-4, "nothing was quantized");
    // Later values are clipped to the range of the first ones.
    const std::vector<float> again = outputOf(narrow, one.input);
    QVERIFY(again == found);
  }

  void bfloat16() {
    for (const Case& one : cases()) {
      const Executor wide = Executor::create(modelOf(one, one.weights)).value();
      const Executor narrow = Executor::create(modelOf(one, one.weights), ComputeType::bf16).value();
      const std::vector<float> exact = outputOf(wide, one.input);
      const std::vector<float> found = outputOf(narrow, one.input);
      const double own = distance(found, exact);
      QVERIFY2(own < 0.01, one.name);
      QVERIFY2(narrow.lowPrecisionNodes() == 0 ? found == exact : own > 1e-4, one.name);
    }
  }

  // Values that are computed are no weights, and stay float32.
  void weightsThatAreComputed() {
    Case one{"computed", operation("MatMul"), numbers({4, 4}, 1), {}, 4, {}};
    one.node.inputs = {"x", "x"};
    const Executor executor = Executor::create(modelOf(one, numbers({1}, 2)), ComputeType::int8).value();
    QCOMPARE(outputOf(executor, one.input).size(), std::size_t(16));
    QCOMPARE(executor.lowPrecisionNodes(), std::size_t(0));
  }

  // Damaged values must not make a scale that is none.
  void valuesThatAreNoNumbers() {
    const Case one = cases().front();
    for (const float value : {std::numeric_limits<float>::quiet_NaN(), 0.0f}) {
      const Executor executor = Executor::create(modelOf(one, one.weights), ComputeType::int8).value();
      QVERIFY(!outputOf(executor, tensorOf(one.input.shape(), [&] { return value; })).empty());
    }
  }
};

QTEST_GUILESS_MAIN(LowPrecisionTest)
#include "tst_low_precision.moc"
