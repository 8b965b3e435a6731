// What the executor computes beforehand or does in one go gives what the nodes give one by one, and gives way
// where somebody looks at what lies between or changes it.
#include "core/exec/elements.h"
#include "core/exec/executor.h"
#include "tests/support/test_case.h"

#include <QElapsedTimer>

#include <cmath>
#include <limits>
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

Node overLastAxis(Node made) {
  made.attributes["axes"] = std::vector<std::int64_t>{-1};
  return made;
}

/// A normalization of the last axis as exporters write it, with `scale` of five numbers.
std::vector<Node> normalizationNodes(bool centred, bool inverse) {
  std::vector<Node> nodes;
  const char* from = "x";
  if (centred) {
    nodes.push_back(overLastAxis(node("ReduceMean", {"x"}, "mean")));
    nodes.push_back(node("Sub", {"x", "mean"}, "distance"));
    from = "distance";
  }
  nodes.push_back(inverse ? node("Mul", {from, from}, "square") : node("Pow", {from, "two"}, "square"));
  nodes.push_back(overLastAxis(node("ReduceMean", {"square"}, "variance")));
  nodes.push_back(node("Add", {"variance", "epsilon"}, "more"));
  nodes.push_back(node("Sqrt", {"more"}, "deviation"));
  if (inverse) {
    nodes.push_back(node("Div", {"one", "deviation"}, "inverse"));
    nodes.push_back(node("Mul", {from, "inverse"}, "normal"));
  } else {
    nodes.push_back(node("Div", {from, "deviation"}, "normal"));
  }
  nodes.push_back(node("Mul", {"normal", "scale"}, "scaled"));
  nodes.push_back(node("Add", {"scaled", "shift"}, "y"));
  return nodes;
}

std::map<std::string, Tensor> normalizationConstants() {
  const auto number = [](float value) {
    const auto made = newTensor<float>({}).value();
    made.values[0] = value;
    return made.finish();
  };
  return {{"two", number(2.0f)},
          {"one", number(1.0f)},
          {"epsilon", number(0.1f)},
          {"scale", numbers({5}, 1)},
          {"shift", numbers({5}, 2)}};
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

  void normalizationsWrittenOut_data() {
    QTest::addColumn<bool>("centred");
    QTest::addColumn<bool>("inverse");
    QTest::newRow("LayerNormalization") << true << false;
    QTest::newRow("LayerNormalization by an inverse") << true << true;
    QTest::newRow("RMSNormalization") << false << false;
    QTest::newRow("RMSNormalization by an inverse") << false << true;
  }
  void normalizationsWrittenOut() {
    QFETCH(bool, centred);
    QFETCH(bool, inverse);
    const auto model = modelOf(normalizationNodes(centred, inverse), normalizationConstants());
    const Executor executor = Executor::create(model).value();
    const std::vector<float> expected = outputOf(executor, watched());
    QVERIFY(isClose(outputOf(executor, {}), expected));
    for (const char* name : {"square", "more", "normal", "scaled"}) {
      RunOptions options;
      options.keep = {name};
      QVERIFY(isClose(outputOf(executor, options, name), outputOf(executor, watched(options), name)));
      QVERIFY(isClose(outputOf(executor, options), expected));
    }
    RunOptions options; // somebody changes what the last product is given
    options.edits[&model->graph.nodes[model->graph.nodes.size() - 2]] = replaced(1, numbers({5}, 3));
    QVERIFY(isClose(outputOf(executor, options), outputOf(executor, watched(options))));
    QVERIFY(!isClose(outputOf(executor, options), expected));
  }

  void whatOnlyLooksLikeANormalization() {
    std::vector<Node> nodes = normalizationNodes(true, false);
    nodes[2].inputs = {"distance", "scale"}; // another power
    auto constants = normalizationConstants();
    constants["scale"] = numbers({5}, 4, 1.0f);
    Executor executor = Executor::create(modelOf(nodes, constants)).value();
    QVERIFY(isClose(outputOf(executor, {}), outputOf(executor, watched())));
    nodes = normalizationNodes(false, false);
    constants = normalizationConstants();
    constants["scale"] = numbers({1}, 1); // broadcast
    constants["shift"] = numbers({6, 1}, 2);
    executor = Executor::create(modelOf(nodes, constants)).value();
    QVERIFY(isClose(outputOf(executor, {}), outputOf(executor, watched())));
    // The scale makes the result larger than the data: LayerNormalization does not take it, the nodes do.
    nodes = normalizationNodes(true, true);
    nodes.insert(nodes.begin(), overLastAxis(node("ReduceMax", {"x"}, "column")));
    for (Node& one : nodes) {
      for (std::string& name : one.inputs) {
        name = name == "x" && one.opType != "ReduceMax" ? "column" : name;
      }
    }
    executor = Executor::create(modelOf(nodes, normalizationConstants())).value();
    QVERIFY(isClose(outputOf(executor, {}), outputOf(executor, watched())));
  }

  void geluWrittenOut() {
    const auto constant = [](float value) {
      const auto made = newTensor<float>({}).value();
      made.values[0] = value;
      return made.finish();
    };
    const std::map<std::string, Tensor> constants{{"root", constant(1.41421356f)},
                                                  {"one", constant(1.0f)},
                                                  {"half", constant(0.5f)},
                                                  {"third", constant(0.333f)}};
    const std::vector<Node> start{node("Div", {"x", "root"}, "part"), node("Erf", {"part"}, "erf"),
                                  node("Add", {"erf", "one"}, "sum")};
    const std::vector<std::vector<Node>> ends{
        {node("Mul", {"x", "sum"}, "product"), node("Mul", {"product", "half"}, "y")},
        {node("Mul", {"sum", "half"}, "product"), node("Mul", {"x", "product"}, "y")},
        {node("Mul", {"half", "x"}, "product"), node("Mul", {"product", "sum"}, "y")},
        {node("Mul", {"x", "sum"}, "product"), node("Mul", {"product", "third"}, "y")}};
    std::vector<float> first;
    for (const std::vector<Node>& end : ends) {
      std::vector<Node> nodes = start;
      nodes.insert(nodes.end(), end.begin(), end.end());
      const Executor executor = Executor::create(modelOf(nodes, constants)).value();
      const std::vector<float> result = outputOf(executor, {});
      QVERIFY(isClose(result, outputOf(executor, watched())));
      first = first.empty() ? result : first;
      QCOMPARE(isClose(result, first), &end != &ends.back());
    }
  }

  /// With or without code of this CPU's own for positions as channels: three outputs take about as
  /// long as sixteen, on a busy machine up to four times. oneDNN's reference code takes forty times as long.
  void fewChannelsHaveFastCode() {
    const auto seconds = [](std::int64_t channels) {
      Node conv = node("Conv", {"x", "w"}, "conv");
      conv.attributes["pads"] = std::vector<std::int64_t>{4, 4, 4, 4};
      const auto model =
          modelOf({conv, node("Tanh", {"conv"}, "y")}, {{"w", numbers({channels, 16, 9, 9}, 1)}});
      const Executor executor = Executor::create(model).value();
      const Tensor x = numbers({1, 16, 160, 160}, 2);
      qint64 least = std::numeric_limits<qint64>::max();
      for (int i = 0; i < 6; ++i) {
        QElapsedTimer timer;
        timer.start();
        const bool ran = executor.run({{"x", x}}, {}).has_value();
        least = std::min(least, ran ? timer.nsecsElapsed() : least);
      }
      return static_cast<double>(least);
    };
    const double ratio = seconds(3) / seconds(16);
    QVERIFY2(ratio < 10.0, qPrintable(QString::number(ratio)));
  }

  /// What follows a sum is not done before it, in whatever form the convolution is.
  void convolutionsOfFewChannelsAreSummed() {
    for (const std::int64_t kernel : {7, 13}) {
      Node conv = node("Conv", {"x", "w"}, "conv");
      conv.attributes["pads"] = std::vector<std::int64_t>{1, kernel / 2, 1, kernel / 2};
      const auto model = modelOf({conv, node("Add", {"conv", "x"}, "sum"), node("Relu", {"sum"}, "y")},
                                 {{"w", numbers({3, 3, 3, kernel}, 1)}});
      const Executor executor = Executor::create(model).value();
      const std::map<std::string, Value> inputs{{"x", numbers({1, 3, 160, 160}, 2)}};
      const auto together = executor.run(inputs, {});
      const auto apart = executor.run(inputs, {}, watched());
      QVERIFY(together.has_value() && apart.has_value());
      QVERIFY(isClose(valuesOf(together->at("y")), valuesOf(apart->at("y"))));
    }
  }

  /// Convolutions of few channels compute several positions as channels.
  void convolutionsOfFewChannels_data() {
    QTest::addColumn<int>("channels");
    QTest::addColumn<int>("width");
    QTest::addColumn<int>("kernel");
    for (const int channels : {1, 2, 3, 4, 7}) {
      for (const int width : {160, 162, 165, 97}) {
        for (const int kernel : {7, 13}) { // the padding is narrower and wider than oneDNN's steps on AVX2
          QTest::addRow("%d channels, %d wide, %d", channels, width, kernel) << channels << width << kernel;
        }
      }
    }
  }
  void convolutionsOfFewChannels() {
    QFETCH(int, channels);
    QFETCH(int, width);
    QFETCH(int, kernel);
    Node conv = node("Conv", {"x", "w", "b"}, "conv");
    conv.attributes["pads"] = std::vector<std::int64_t>{1, kernel / 2, 1, kernel / 2};
    const auto model = modelOf({conv, node("Mul", {"conv", "factor"}, "scaled"),
                                node("Add", {"scaled", "shift"}, "shifted"), node("Tanh", {"shifted"}, "y")},
                               {{"w", numbers({channels, 3, 3, kernel}, 1)},
                                {"b", numbers({channels}, 2)},
                                {"factor", numbers({channels, 1, 1}, 3)},
                                {"shift", numbers({channels, 1, 1}, 4)}});
    // In double it runs by the definition.
    const Tensor x = numbers({2, 3, 6, width}, 5);
    const auto doubles = [](const Tensor& tensor) {
      const auto made = newTensor<double>(tensor.shape()).value();
      for (std::size_t i = 0; i < made.values.size(); ++i) {
        made.values[i] = tensor.valueAt(i);
      }
      return made.finish();
    };
    auto exact = std::make_shared<Model>(*model);
    for (auto& [name, tensor] : exact->graph.initializers) {
      tensor = doubles(tensor);
    }
    const Executor executor = Executor::create(model).value();
    const auto expected = Executor::create(exact)->run({{"x", doubles(x)}}, {});
    QVERIFY(expected.has_value());
    for (int i = 0; i < 2; ++i) { // the second one runs what was kept
      const auto outputs = executor.run({{"x", x}}, {});
      QVERIFY(outputs.has_value());
      QVERIFY(outputs->at("y").tensor().shape() == (Shape{2, channels, 6, width}));
      QVERIFY(isClose(valuesOf(outputs->at("y")), valuesOf(expected->at("y"))));
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
