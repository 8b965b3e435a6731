// The graph executor: order, scopes, liveness, functions, taps, errors. (Damaged graphs:
// tst_graph_mutations.)
#include "core/exec/elements.h"
#include "core/exec/executor.h"
#include "core/exec/value_size.h"
#include "tests/support/test_case.h"

using namespace halfstep;

namespace {

Tensor floats(const Shape& shape, const std::vector<float>& values) {
  const auto made = newTensor<float>(shape).value();
  std::copy(values.begin(), values.end(), made.values.begin());
  return made.finish();
}

std::vector<float> valuesOf(const Value& value) {
  return toFloats(value.tensor(), {}).value();
}

Node node(const char* op, std::vector<std::string> inputs, std::vector<std::string> outputs) {
  Node made;
  made.name = outputs.empty() ? op : outputs.front();
  made.opType = op;
  made.inputs = std::move(inputs);
  made.outputs = std::move(outputs);
  return made;
}

ValueInfo info(const char* name, ElementType type = ElementType::float32) {
  ValueInfo made;
  made.name = name;
  made.type = type;
  return made;
}

std::shared_ptr<Model> modelOf(std::vector<Node> nodes, const std::vector<const char*>& inputs,
                               const std::vector<const char*>& outputs) {
  auto model = std::make_shared<Model>();
  model->opsets[""] = 17;
  model->graph.nodes = std::move(nodes);
  for (const char* name : inputs) {
    model->graph.inputs.push_back(info(name));
  }
  for (const char* name : outputs) {
    model->graph.outputs.push_back(info(name));
  }
  return model;
}

Result<std::map<std::string, Value>> run(const std::shared_ptr<const Model>& model,
                                         const std::map<std::string, Value>& inputs,
                                         const RunOptions& options = {}) {
  HALFSTEP_TRY(const Executor executor, Executor::create(model));
  return executor.run(inputs, {}, options);
}

} // namespace

class ExecutorTest : public test::TestCase {
  Q_OBJECT
private slots:
  void runsInTopologicalOrder() {
    // The file lists the last node first.
    const auto model = modelOf({node("Neg", {"b"}, {"y"}), node("Add", {"x", "x"}, {"b"})}, {"x"}, {"y"});
    const auto outputs = run(model, {{"x", floats({2}, {1.0f, 2.0f})}});
    QVERIFY(outputs.has_value());
    QCOMPARE(valuesOf(outputs->at("y")), (std::vector<float>{-2.0f, -4.0f}));
  }

  void initializersMayBeReplaced() {
    auto model = modelOf({node("Mul", {"x", "w"}, {"y"})}, {"x"}, {"y"});
    model->graph.addInitializer("w", floats({}, {3.0f}));
    QCOMPARE(valuesOf(run(model, {{"x", floats({1}, {2.0f})}})->at("y")), std::vector<float>{6.0f});
    const auto replaced = run(model, {{"x", floats({1}, {2.0f})}, {"w", floats({}, {5.0f})}});
    QCOMPARE(valuesOf(replaced->at("y")), std::vector<float>{10.0f});
  }

  void constantPlacesFollowTheShape() {
    // ScatterND keeps what constant indices come to; −1 is another place in a longer tensor.
    auto model = modelOf({node("ScatterND", {"x", "i", "u"}, {"y"})}, {"x", "u"}, {"y"});
    const auto indices = newTensor<std::int64_t>({2, 1}).value();
    indices.values[0] = -1;
    indices.values[1] = 2;
    model->graph.addInitializer("i", indices.finish());
    model->graph.indexConstants();
    const auto executor = Executor::create(model);
    QVERIFY(executor.has_value());
    const auto scattered = [&](const std::vector<float>& x) {
      return executor->run(
          {{"x", floats({static_cast<std::int64_t>(x.size())}, x)}, {"u", floats({2}, {8, 9})}}, {});
    };
    for (int again = 0; again < 2; ++again) {
      QCOMPARE(valuesOf(scattered({1, 2, 3, 4})->at("y")), (std::vector<float>{1, 2, 9, 8}));
      QCOMPARE(valuesOf(scattered({1, 2, 3, 4, 5})->at("y")), (std::vector<float>{1, 2, 9, 4, 8}));
      const auto misfit = scattered({1, 2});
      QVERIFY(!misfit && misfit.error().message().find("the index 2") != std::string::npos);
    }
  }

  void errorsNameTheNode() {
    const auto cyclic = modelOf({node("Neg", {"b"}, {"a"}), node("Neg", {"a"}, {"b"})}, {}, {"a"});
    const auto cycle = run(cyclic, {});
    QVERIFY(!cycle);
    QVERIFY(cycle.error().message().find("cycle") != std::string::npos);

    const auto missing = run(modelOf({node("Neg", {"x"}, {"y"})}, {"x"}, {"y"}), {});
    QVERIFY(!missing && missing.error().message().find("x") != std::string::npos);

    const auto unknown =
        run(modelOf({node("Nonsense", {"x"}, {"y"})}, {"x"}, {"y"}), {{"x", floats({1}, {1})}});
    QVERIFY(!unknown && unknown.error().kind == ErrorKind::unsupported);
    QVERIFY(unknown.error().message().find("Nonsense") != std::string::npos);

    const auto unmade = run(modelOf({node("Neg", {"nothing"}, {"y"})}, {}, {"y"}), {});
    QVERIFY(!unmade && unmade.error().message().find("nothing") != std::string::npos);

    const auto misfit = run(modelOf({node("Add", {"x", "w"}, {"y"})}, {"x", "w"}, {"y"}),
                            {{"x", floats({2}, {1, 2})}, {"w", floats({3}, {1, 2, 3})}});
    QVERIFY(!misfit && misfit.error().message().find("broadcast") != std::string::npos);
  }

  void functionsAreCalledWithTheirAttributes() {
    auto model = modelOf({node("Scale", {"x"}, {"y"})}, {"x"}, {"y"});
    model->graph.nodes[0].domain = "local";
    model->graph.nodes[0].attributes["slope"] = 0.5f;
    Function function;
    function.domain = "local";
    function.name = "Scale";
    function.opsets[""] = 17;
    Node leaky = node("LeakyRelu", {"in"}, {"out"});
    leaky.referredAttributes["alpha"] = "slope";
    function.body.nodes = {leaky};
    function.body.inputs = {info("in")};
    function.body.outputs = {info("out")};
    model->functions = {function};
    QCOMPARE(valuesOf(run(model, {{"x", floats({1}, {-4.0f})}})->at("y")), std::vector<float>{-2.0f});
  }

  void tapsSeeAndReplaceValues() {
    const auto model = modelOf({node("Add", {"x", "x"}, {"a"}), node("Neg", {"a"}, {"y"})}, {"x"}, {"y"});
    std::vector<std::string> seen;
    RunOptions options;
    options.tap = [&](const std::string& name, Value& value) -> Result<void> {
      seen.push_back(name);
      if (name == "a") {
        value = floats({1}, {10.0f});
      }
      return {};
    };
    options.keep = {"a"};
    const auto outputs = run(model, {{"x", floats({1}, {1.0f})}}, options);
    QCOMPARE(seen, (std::vector<std::string>{"x", "a", "y"}));
    QCOMPARE(valuesOf(outputs->at("y")), std::vector<float>{-10.0f});
    QCOMPARE(valuesOf(outputs->at("a")), std::vector<float>{10.0f});
  }

  void editsChangeWhatOneNodeIsGiven() {
    const auto model = modelOf({node("Neg", {"x"}, {"a"}), node("Add", {"x", "a"}, {"y"})}, {"x"}, {"y"});
    RunOptions options;
    options.edits[&model->graph.nodes[0]] = [](std::span<Value> inputs) -> Result<void> {
      inputs[0] = floats({1}, {5.0f});
      return {};
    };
    const auto outputs = run(model, {{"x", floats({1}, {1.0f})}}, options);
    QCOMPARE(valuesOf(outputs->at("y")), std::vector<float>{-4.0f}); // the Add still sees x = 1
  }

  void whatIsKnownOrNotWantedIsNotComputed() {
    const auto model = modelOf({node("Nonsense", {"x"}, {"a"}), node("Neg", {"a"}, {"b"}),
                                node("Relu", {"b"}, {"c"}), node("Nonsense", {"c"}, {"y"})},
                               {"x"}, {"y"});
    RunOptions options;
    options.known["a"] = floats({2}, {-3.0f, 2.0f});
    options.wanted = std::vector<std::string>{"c"};
    const auto outputs = run(model, {{"x", floats({1}, {1.0f})}}, options);
    QVERIFY2(outputs, outputs ? "" : outputs.error().message().c_str());
    QCOMPARE(outputs->size(), std::size_t(1));
    QCOMPARE(valuesOf(outputs->at("c")), (std::vector<float>{3.0f, 0.0f}));
    options.wanted = std::vector<std::string>{"b", "c"}; // the Relu must not swallow b
    const auto both = run(model, {{"x", floats({1}, {1.0f})}}, options);
    QCOMPARE(valuesOf(both->at("b")), (std::vector<float>{3.0f, -2.0f}));
    options.wanted.reset(); // now the last node has to run
    QVERIFY(!run(model, {{"x", floats({1}, {1.0f})}}, options));
  }

  void halfPrecisionIsRoundedBack() {
    const auto model = modelOf({node("Add", {"x", "x"}, {"y"})}, {"x"}, {"y"});
    const Tensor x = Tensor::own(ElementType::float16, {1}, {std::byte{0x00}, std::byte{0x3c}}).value(); // 1
    const auto outputs = run(model, {{"x", x}});
    QCOMPARE(outputs->at("y").tensor().type(), ElementType::float16);
    QCOMPARE(outputs->at("y").tensor().valueAt(0), 2.0);
  }

  void textsMatchPatternsAsAWhole() {
    const auto matches = [](const char* pattern,
                            std::vector<std::string> texts) -> Result<std::vector<float>> {
      auto model = modelOf({node("RegexFullMatch", {"x"}, {"y"})}, {"x"}, {"y"});
      model->opsets[""] = 20;
      model->graph.nodes[0].attributes["pattern"] = std::string(pattern);
      const Shape shape{static_cast<std::int64_t>(texts.size())};
      HALFSTEP_TRY(const auto outputs,
                   run(model, {{"x", Tensor::ofStrings(shape, std::move(texts)).value()}}));
      return valuesOf(outputs.at("y"));
    };
    using Truths = std::vector<float>;
    QCOMPARE(*matches("www[.].+[.]com", {"www.some.com", "www.some.org", "www.some.com/"}),
             (Truths{1, 0, 0}));
    QCOMPARE(*matches("a|ab", {"a", "ab", "abc", ""}), (Truths{1, 1, 0, 0})); // the longer one, if need be
    QCOMPARE(*matches("\\pL.", {"äö", "ä", "1a"}), (Truths{1, 0, 0}));        // characters, not bytes
    QCOMPARE(*matches("(a*)*b", {std::string(5000, 'a')}), (Truths{0}));      // in linear time
    for (const char* wrong : {"(", "a{1,100000}", "(?<=a)b", "\\"}) {
      const auto refused = matches(wrong, {"a"});
      QVERIFY(!refused && refused.error().where.find("RegexFullMatch") != std::string::npos);
    }
  }

  void stopsWhenCancelled() {
    const auto model = modelOf({node("Neg", {"x"}, {"y"})}, {"x"}, {"y"});
    const auto executor = Executor::create(model).value();
    std::stop_source stop;
    stop.request_stop();
    const auto outputs = executor.run({{"x", floats({1}, {1.0f})}}, JobContext(stop.get_token()));
    QVERIFY(!outputs && outputs.error().kind == ErrorKind::cancelled);
  }

  void valuesKnowTheirSize() {
    QCOMPARE(bytesOf(Value()), 0);
    QCOMPARE(bytesOf(floats({2, 3}, std::vector<float>(6))), 24);
    QCOMPARE(bytesOf(Value::sequence({floats({2}, {1, 2}), Tensor::ofStrings({2}, {"ab", "c"}).value()})),
             11);
    // What convolutions leave for each other lies in layouts of their own: codes of one byte, padded floats.
    auto model = modelOf({node("QLinearConv", {"c", "s", "z", "v", "s", "o", "s", "z"}, {"codes"}),
                          node("Conv", {"x", "w"}, {"reals"})},
                         {"c", "x"}, {"codes", "reals"});
    const auto bytes = [](ElementType type, const Shape& shape) {
      return Tensor::own(type, shape, std::vector<std::byte>(elementCount(shape).value())).value();
    };
    model->graph.addInitializer("s", floats({}, {0.5f}));
    model->graph.addInitializer("z", bytes(ElementType::uint8, {}));
    model->graph.addInitializer("o", bytes(ElementType::int8, {}));
    model->graph.addInitializer("v", bytes(ElementType::int8, {16, 8, 3, 3}));
    model->graph.addInitializer("w", floats({16, 8, 3, 3}, std::vector<float>(16 * 8 * 9)));
    const auto outputs = run(model, {{"c", bytes(ElementType::uint8, {1, 8, 9, 9})},
                                     {"x", floats({1, 8, 9, 9}, std::vector<float>(8 * 81))}});
    QVERIFY2(outputs, outputs ? "" : outputs.error().message().c_str());
    QCOMPARE(bytesOf(outputs->at("codes")), 16 * 49);
    QVERIFY(bytesOf(outputs->at("reals")) >= 16 * 49 * 4);
    QVERIFY(bytesOf(outputs->at("reals")) <= 16 * 49 * 4 * 2);
  }
};

QTEST_GUILESS_MAIN(ExecutorTest)
#include "tst_executor.moc"
