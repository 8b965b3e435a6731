// What the executor computes beforehand or does in one go gives what the nodes give one by one, and gives way
// where somebody looks at what lies between or changes it.
#include "core/exec/elements.h"
#include "core/exec/executor.h"
#include "tests/support/test_case.h"

#include <cmath>
#include <random>

using namespace halfstep;

namespace {

constexpr double kTolerance = 1e-5; // of values of about one, through a few float32 operations

Tensor numbers(const Shape& shape, unsigned seed, float least = -1.0f) {
  const auto made = newTensor<float>(shape).value();
  std::mt19937 random(seed);
  for (float& value : made.values) {
    value = std::uniform_real_distribution<float>(least, 1.0f)(random);
  }
  return made.finish();
}

std::vector<float> valuesOf(const Value& value) {
  return toFloats(value.tensor(), {}).value();
}

Node node(const char* op, std::vector<std::string> inputs, const char* output) {
  Node made;
  made.name = output;
  made.opType = op;
  made.inputs = std::move(inputs);
  made.outputs = {output};
  return made;
}

ValueInfo info(const char* name) {
  ValueInfo made;
  made.name = name;
  made.type = ElementType::float32;
  return made;
}

std::shared_ptr<Model> modelOf(std::vector<Node> nodes, const std::map<std::string, Tensor>& constants) {
  auto model = std::make_shared<Model>();
  model->opsets[""] = 17;
  model->graph.nodes = std::move(nodes);
  model->graph.inputs = {info("x")};
  model->graph.outputs = {info("y")};
  for (const auto& [name, tensor] : constants) {
    model->graph.addInitializer(name, tensor);
  }
  return model;
}

/// Two convolutions whose results are summed, each with something behind it.
std::shared_ptr<Model> residualModel() {
  Node left = node("Conv", {"x", "w", "b"}, "conv");
  left.attributes["pads"] = std::vector<std::int64_t>{1, 1, 1, 1};
  return modelOf({left, node("BatchNormalization", {"conv", "scale", "shift", "mean", "variance"}, "normal"),
                  node("Mul", {"normal", "factor"}, "scaled"), node("Conv", {"x", "v"}, "other"),
                  node("Add", {"scaled", "other"}, "sum"), node("Relu", {"sum"}, "y")},
                 {{"w", numbers({5, 3, 3, 3}, 1)},
                  {"b", numbers({5}, 2)},
                  {"v", numbers({5, 3, 1, 1}, 3)},
                  {"scale", numbers({5}, 4)},
                  {"shift", numbers({5}, 5)},
                  {"mean", numbers({5}, 6)},
                  {"variance", numbers({5}, 7, 0.5f)},
                  {"factor", numbers({5, 1, 1}, 8)}});
}

const std::map<std::string, Value>& image() {
  static const std::map<std::string, Value> inputs{{"x", numbers({2, 3, 6, 5}, 9)}};
  return inputs;
}

/// With a tap every node runs by itself.
RunOptions watched(RunOptions options = {}) {
  options.tap = [](const std::string&, Value&) { return Result<void>(); };
  return options;
}

std::vector<float> outputOf(const Executor& executor, const RunOptions& options, const char* name = "y") {
  const auto outputs = executor.run(image(), {}, options);
  if (!outputs) {
    qWarning("%s", outputs.error().message().c_str());
    return {};
  }
  return valuesOf(outputs->at(name));
}

bool isClose(const std::vector<float>& a, const std::vector<float>& b) {
  return !a.empty() && std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::abs(static_cast<double>(x) - static_cast<double>(y)) <= kTolerance;
  });
}

InputEdit replaced(std::size_t index, Tensor by) {
  return [index, by](std::span<Value> inputs) -> Result<void> {
    inputs[index] = by;
    return {};
  };
}

} // namespace

class FusionTest : public test::TestCase {
  Q_OBJECT
private slots:
  void tailsOfConvolutions_data() {
    QTest::addColumn<QString>("op");
    QTest::addColumn<double>("alpha");
    for (const char* op : {"Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "HardSwish", "Elu"}) {
      QTest::newRow(op) << QString::fromLatin1(op) << 0.3;
    }
  }
  void tailsOfConvolutions() {
    QFETCH(QString, op);
    QFETCH(double, alpha);
    for (const bool transpose : {false, true}) {
      Node last = node(op.toLatin1().constData(), {"shifted"}, "y");
      if (op == "LeakyRelu" || op == "Elu") {
        last.attributes["alpha"] = static_cast<float>(alpha);
      } else if (op == "Clip") {
        last.inputs = {"shifted", "least", "most"};
      }
      const auto model = modelOf({node(transpose ? "ConvTranspose" : "Conv", {"x", "w"}, "conv"),
                                  node("Mul", {"factor", "conv"}, "scaled"),
                                  node("Add", {"scaled", "shift"}, "shifted"), last},
                                 {{"w", numbers(transpose ? Shape{3, 4, 3, 3} : Shape{4, 3, 3, 3}, 1)},
                                  {"factor", numbers({1, 4, 1, 1}, 2)},
                                  {"shift", numbers({4, 1, 1}, 3)},
                                  {"least", numbers({}, 4, 1.0f)},
                                  {"most", numbers({}, 5, 1.0f)}});
      const Executor executor = Executor::create(model).value();
      const std::vector<float> expected = outputOf(executor, watched());
      QVERIFY(isClose(outputOf(executor, {}), expected));
      QVERIFY(isClose(outputOf(executor, {}), expected)); // what was kept is still right
    }
  }

  void residualSums() {
    const Executor executor = Executor::create(residualModel()).value();
    const std::vector<float> expected = outputOf(executor, watched());
    QVERIFY(isClose(outputOf(executor, {}), expected));
    std::vector<float> wrong = expected;
    wrong[7] += 1e-3f;
    QVERIFY(!isClose(outputOf(executor, {}), wrong));
  }

  void editsTakeEffectWithinAFusion() {
    const auto model = residualModel();
    const Executor executor = Executor::create(model).value();
    const std::vector<float> before = outputOf(executor, {});
    const auto edited = [&](std::size_t at, std::size_t index, const Tensor& by) {
      RunOptions options;
      options.edits[&model->graph.nodes[at]] = replaced(index, by);
      const std::vector<float> fused = outputOf(executor, options);
      return isClose(fused, outputOf(executor, watched(options))) && !isClose(fused, before);
    };
    QVERIFY(edited(0, 1, numbers({5, 3, 3, 3}, 20))); // the convolution's weights
    QVERIFY(edited(1, 3, numbers({5}, 21)));          // the mean of the batch normalization
    QVERIFY(edited(2, 1, numbers({5, 1, 1}, 22)));
    QVERIFY(edited(3, 1, numbers({5, 3, 1, 1}, 23)));
    QVERIFY(isClose(outputOf(executor, {}), before)); // and are gone afterwards
  }

  void valuesWithinAFusionAreSeenAndSet() {
    const Executor executor = Executor::create(residualModel()).value();
    for (const char* name : {"conv", "normal", "scaled", "other", "sum"}) {
      RunOptions options;
      options.keep = {name};
      const std::vector<float> expected = outputOf(executor, watched(options), name);
      QVERIFY(isClose(outputOf(executor, options, name), expected));
      QVERIFY(isClose(outputOf(executor, options), outputOf(executor, {})));
      RunOptions only;
      only.wanted = std::vector<std::string>{name};
      QVERIFY(isClose(outputOf(executor, only, name), expected));
      RunOptions known;
      known.known[name] = numbers({2, 5, 6, 5}, 30);
      QVERIFY(isClose(outputOf(executor, known), outputOf(executor, watched(known))));
      QVERIFY(!isClose(outputOf(executor, known), outputOf(executor, {})));
    }
  }

  void tailsOfProducts() {
    for (const char* op : {"MatMul", "Gemm"}) {
      const auto model = modelOf({node("Reshape", {"x", "flat"}, "rows"), node(op, {"rows", "w"}, "product"),
                                  node("Add", {"bias", "product"}, "biased"),
                                  node("Tanh", {"biased"}, "soft"), node("Add", {"soft", "rows"}, "y")},
                                 {{"w", numbers({15, 15}, 1)}, {"bias", numbers({15}, 2)}});
      auto shape = newTensor<std::int64_t>({2}).value();
      shape.values[0] = -1;
      shape.values[1] = 15;
      model->graph.addInitializer("flat", shape.finish());
      const Executor executor = Executor::create(model).value();
      const std::vector<float> expected = outputOf(executor, watched());
      QVERIFY(isClose(outputOf(executor, {}), expected));
      RunOptions options;
      options.edits[&model->graph.nodes[1]] = replaced(1, numbers({15, 15}, 3));
      QVERIFY(isClose(outputOf(executor, options), outputOf(executor, watched(options))));
      QVERIFY(!isClose(outputOf(executor, options), expected));
    }
  }

  void constantsComputedBeforehandGiveWay() {
    const auto model = modelOf(
        {node("Neg", {"c"}, "minus"), node("Exp", {"minus"}, "power"), node("Add", {"x", "power"}, "y")},
        {{"c", numbers({1}, 1)}});
    const Executor executor = Executor::create(model).value();
    const std::vector<float> before = outputOf(executor, {});
    QVERIFY(isClose(before, outputOf(executor, watched())));
    RunOptions keeping;
    keeping.keep = {"minus"};
    QVERIFY(isClose(outputOf(executor, keeping, "minus"), {-valuesOf(Value(numbers({1}, 1)))[0]}));
    RunOptions editing;
    editing.edits[&model->graph.nodes[0]] = replaced(0, numbers({1}, 2));
    QVERIFY(isClose(outputOf(executor, editing), outputOf(executor, watched(editing))));
    QVERIFY(!isClose(outputOf(executor, editing), before));
    std::map<std::string, Value> inputs = image();
    inputs["c"] = numbers({1}, 3); // an initializer that is given another value
    QVERIFY(!isClose(valuesOf(executor.run(inputs, {}, {})->at("y")), before));
    QVERIFY(isClose(outputOf(executor, {}), before));
  }
};

QTEST_GUILESS_MAIN(FusionTest)
#include "tst_fusion.moc"
