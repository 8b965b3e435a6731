// Reverse-mode gradients: every operator's rule against central differences of the executor's own results,
// whole networks, and what happens where an operator has no rule.
#include "core/exec/gradients/backward.h"
#include "core/exec/gradients/gradient_rules.h"
#include "tests/analysis/small_network.h"
#include "tests/support/test_case.h"

#include <cmath>
#include <numeric>
#include <set>

using namespace halfstep;

namespace {

/// An input of a case.
struct Given {
  Shape shape;
  enum Kind { spread, positive, small, integers, choices } kind = spread;
  std::vector<std::int64_t> numbers = {}; ///< of integers
  bool wanted = true;
};

struct Case {
  std::string name;
  std::string op;
  std::vector<Given> inputs;
  std::map<std::string, Attribute> attributes = {};
  std::int64_t opset = 17;
  std::string domain = {};
  std::size_t outputs = 1;
};

using Ints = std::vector<std::int64_t>;

Given ints(Ints numbers) {
  const auto count = static_cast<std::int64_t>(numbers.size());
  return {{count}, Given::integers, std::move(numbers), false};
}
Given fixed(Shape shape, Given::Kind kind = Given::spread) {
  return {std::move(shape), kind, {}, false};
}

/// Values at odd multiples of 0.05 in a random order: none within a step of another, of 0 or of the limits
/// that the cases use, so that no step crosses a kink.
std::vector<float> valuesFor(const Given& given, std::mt19937& random) {
  const std::size_t count = elementCount(given.shape).value();
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto place = static_cast<double>(i) - std::floor(static_cast<double>(count) / 2.0);
    values[i] =
        static_cast<float>(given.kind == Given::positive ? 0.45 + 0.1 * static_cast<double>(i)
                           : given.kind == Given::small  ? (2.0 * place + 1.0) / static_cast<double>(count)
                                                         : 0.1 * place + 0.05);
  }
  std::shuffle(values.begin(), values.end(), random);
  return values;
}

struct Network {
  std::shared_ptr<Model> model = std::make_shared<Model>();
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, Shape> shapes;
  std::vector<std::string> wanted;
};

Network networkOf(const Case& of) {
  Network made;
  std::mt19937 random(5);
  made.model->opsets[of.domain] = of.domain.empty() ? of.opset : 1;
  made.model->opsets[""] = of.opset;
  Node node;
  node.name = "the node";
  node.opType = of.op;
  node.domain = of.domain;
  node.attributes = of.attributes;
  Graph& graph = made.model->graph;
  for (std::size_t i = 0; i < of.inputs.size(); ++i) {
    const Given& given = of.inputs[i];
    const std::string name = "i" + std::to_string(i);
    node.inputs.push_back(name);
    if (given.kind == Given::integers) {
      graph.addInitializer(name, integersTensor(given.numbers));
      continue;
    }
    if (given.kind == Given::choices) { // every other one is true
      std::vector<std::byte> bytes(elementCount(given.shape).value());
      for (std::size_t k = 0; k < bytes.size(); k += 2) {
        bytes[k] = std::byte{1};
      }
      graph.addInitializer(name, Tensor::own(ElementType::boolean, given.shape, std::move(bytes)).value());
      continue;
    }
    graph.inputs.push_back(test::floatValue(name.c_str(), given.shape));
    made.values[name] = valuesFor(given, random);
    made.shapes[name] = given.shape;
    if (given.wanted) {
      made.wanted.push_back(name);
    }
  }
  for (std::size_t i = 0; i < of.outputs; ++i) {
    const std::string name = "o" + std::to_string(i);
    node.outputs.push_back(name);
    graph.outputs.push_back(test::floatValue(name.c_str(), {}));
  }
  graph.nodes.push_back(std::move(node));
  return made;
}

std::map<std::string, Value> inputsOf(const Network& network) {
  std::map<std::string, Value> inputs;
  for (const auto& [name, values] : network.values) {
    inputs[name] = test::tensorOf(network.shapes.at(name), values);
  }
  return inputs;
}

/// One random gradient for every output.
std::map<std::string, Tensor> seedsFor(const std::map<std::string, Value>& outputs) {
  std::map<std::string, Tensor> seeds;
  unsigned seed = 40;
  for (const auto& [name, value] : outputs) {
    seeds[name] = test::randomTensor(value.tensor().shape(), ++seed);
  }
  return seeds;
}

double lossOf(const std::map<std::string, Value>& outputs, const std::map<std::string, Tensor>& seeds) {
  double loss = 0.0;
  for (const auto& [name, seed] : seeds) {
    const auto a = toFloats(seed, {}).value();
    const auto b = toFloats(outputs.at(name).tensor(), {}).value();
    for (std::size_t i = 0; i < a.size(); ++i) {
      loss += double(a[i]) * double(b[i]);
    }
  }
  return loss;
}

constexpr double kStep = 4e-3;
constexpr double kTolerance = 3e-3;

/// Along one direction: what the gradient says against central differences, in units of Σ |g·d|.
struct Probe {
  std::vector<double> direction;
  double difference = 0.0;
};

double errorOf(const std::vector<float>& gradient, const std::vector<Probe>& probes) {
  double worst = 0.0;
  for (const Probe& probe : probes) {
    double said = 0.0;
    double scale = 1e-6;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      said += double(gradient[i]) * probe.direction[i];
      scale += std::abs(double(gradient[i]) * probe.direction[i]);
    }
    worst = std::max(worst, std::abs(said - probe.difference) / scale);
  }
  return worst;
}

std::vector<Probe> probesOf(const Executor& executor, const Network& network, const std::string& name,
                            const std::map<std::string, Tensor>& seeds, const std::vector<float>& gradient) {
  std::vector<Probe> probes;
  std::mt19937 random(9);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  for (int draw = 0; draw < 5; ++draw) {
    Probe probe;
    for (const float g : gradient) { // the first one along the gradient: nothing cancels
      const double d = uniform(random);
      probe.direction.push_back(draw == 0 ? std::copysign(0.5 + 0.5 * std::abs(d), double(g)) : d);
    }
    const auto at = [&](double step) {
      Network moved = network;
      for (std::size_t i = 0; i < probe.direction.size(); ++i) {
        moved.values[name][i] += static_cast<float>(step * probe.direction[i]);
      }
      return lossOf(executor.run(inputsOf(moved), {}).value(), seeds);
    };
    probe.difference = (at(kStep) - at(-kStep)) / (2.0 * kStep);
    probes.push_back(std::move(probe));
  }
  return probes;
}

std::vector<Case> functionCases() {
  std::vector<Case> cases;
  for (const char* op : {"Abs",       "Atan",      "Celu", "Cos",  "Elu",   "Erf",   "Exp",     "HardSigmoid",
                         "HardSwish", "LeakyRelu", "Mish", "Neg",  "Relu",  "Selu",  "Sigmoid", "Sin",
                         "Softplus",  "Softsign",  "Tanh", "Ceil", "Floor", "Round", "Sign"}) {
    cases.push_back({op, op, {{{2, 3, 7}}}, {}, 18});
  }
  cases.push_back({"Tan", "Tan", {{{2, 7}}}});
  cases.push_back({"ThresholdedRelu", "ThresholdedRelu", {{{2, 3, 7}}}, {{"alpha", 0.5f}}});
  cases.push_back({"Affine", "Affine", {{{2, 3, 7}}}, {{"alpha", 0.5f}, {"beta", 2.0f}}});
  cases.push_back({"ScaledTanh", "ScaledTanh", {{{2, 3, 7}}}, {{"alpha", 1.5f}, {"beta", 0.5f}}});
  for (const char* op : {"Log", "Reciprocal", "Sqrt"}) {
    cases.push_back({op, op, {{{2, 3, 7}, Given::positive}}});
  }
  cases.push_back({"Clip", "Clip", {{{2, 3, 7}}}, {{"min", -0.7f}, {"max", 0.9f}}, 10});
  cases.push_back({"Gelu", "Gelu", {{{2, 3, 7}}}, {}, 20});
  cases.push_back({"Gelu tanh", "Gelu", {{{2, 3, 7}}}, {{"approximate", std::string("tanh")}}, 20});
  cases.push_back({"Swish", "Swish", {{{2, 3, 7}}}, {{"alpha", 1.3f}}, 24});
  cases.push_back({"BiasGelu", "BiasGelu", {{{2, 3, 7}}, {{7}}}, {}, 17, "com.microsoft"});
  cases.push_back({"FastGelu", "FastGelu", {{{2, 3, 7}}, {{7}}}, {}, 17, "com.microsoft"});
  cases.push_back({"QuickGelu", "QuickGelu", {{{2, 3, 7}}}, {}, 17, "com.microsoft"});
  return cases;
}

std::vector<Case> arithmeticCases() {
  return {
      {"Add broadcast", "Add", {{{2, 3, 4}}, {{3, 1}}}},
      {"Sub", "Sub", {{{4}}, {{2, 3, 4}}}},
      {"Mul", "Mul", {{{2, 3, 4}}, {{1, 3, 1}}}},
      {"Mul scalar", "Mul", {{{2, 3, 4}}, {{}}}},
      {"Div", "Div", {{{2, 3, 4}}, {{3, 4}, Given::positive}}},
      {"Pow 3", "Pow", {{{2, 3}, Given::positive}, fixed({1}, Given::positive)}},
      {"Pow 2 of an integer", "Pow", {{{2, 6}}, ints({2})}},
      {"PRelu", "PRelu", {{{2, 3, 4}}, {{3, 1}}}},
      {"Sum", "Sum", {{{2, 3}}, {{3}}, {{2, 1}}}},
      {"Mean", "Mean", {{{2, 3}}, {{3}}, {{2, 1}}}},
      {"Max", "Max", {{{2, 3, 4}}, fixed({2, 1, 1})}},
      {"Min", "Min", {{{30}}, fixed({1})}},
      {"Where", "Where", {fixed({2, 3}, Given::choices), {{2, 3}}, {{3}}}},
  };
}

std::vector<Case> movementCases() {
  return {
      {"Concat", "Concat", {{{2, 3}}, {{2, 1}}, {{2, 2}}}, {{"axis", std::int64_t{1}}}},
      {"Split", "Split", {{{2, 6}}, ints({1, 2, 3})}, {{"axis", std::int64_t{1}}}, 17, {}, 3},
      {"Slice", "Slice", {{{4, 6}}, ints({3, 1}), ints({-5, 6}), ints({0, 1}), ints({-2, 2})}},
      {"Reshape", "Reshape", {{{4, 6}}, ints({3, -1})}},
      {"Flatten", "Flatten", {{{2, 3, 4}}}},
      {"Transpose", "Transpose", {{{2, 3, 4}}}, {{"perm", Ints{2, 0, 1}}}},
      {"Transpose all", "Transpose", {{{2, 3, 4}}}},
      {"Squeeze", "Squeeze", {{{2, 1, 4}}, ints({1})}},
      {"Unsqueeze", "Unsqueeze", {{{2, 4}}, ints({0, 2})}},
      {"Identity", "Identity", {{{2, 4}}}},
      {"Dropout", "Dropout", {{{2, 4}}}},
      {"Gather rows", "Gather", {{{5, 3}}, ints({0, 4, -1, 0})}},
      {"Gather columns", "Gather", {{{5, 3}}, ints({2, 2, 0, 1})}, {{"axis", std::int64_t{1}}}},
      {"Expand", "Expand", {{{3, 1}}, ints({2, 3, 4})}},
      {"Tile", "Tile", {{{2, 3}}, ints({2, 2})}},
      {"Pad", "Pad", {{{3, 4}}, ints({1, 0, 2, 1}), {{}}}},
      {"Pad reflect", "Pad", {{{3, 4}}, ints({1, 2, 2, 1})}, {{"mode", std::string("reflect")}}},
      {"DepthToSpace", "DepthToSpace", {{{1, 8, 2, 3}}}, {{"blocksize", std::int64_t{2}}}},
      {"SpaceToDepth", "SpaceToDepth", {{{1, 2, 4, 6}}}, {{"blocksize", std::int64_t{2}}}},
      {"Crop", "Crop", {{{1, 2, 4, 5}}}, {{"border", Ints{1, 1, 0, 2}}}, 7},
      {"Upsample", "Upsample", {{{1, 2, 2, 3}}}, {{"scales", std::vector<float>{1, 1, 2, 2}}}, 7},
      {"Trilu", "Trilu", {{{4, 4}}}},
      {"Cast", "Cast", {{{4, 4}}}, {{"to", std::int64_t{11}}}},
  };
}

std::vector<Case> productCases() {
  return {
      {"MatMul", "MatMul", {{{4, 5}}, {{5, 3}}}},
      {"MatMul of a batch", "MatMul", {{{2, 4, 5}}, {{5, 3}}}},
      {"MatMul batched", "MatMul", {{{2, 1, 4, 5}}, {{3, 5, 3}}}},
      {"MatMul row", "MatMul", {{{5}}, {{2, 5, 3}}}},
      {"MatMul column", "MatMul", {{{2, 4, 5}}, {{5}}}},
      {"MatMul dot", "MatMul", {{{5}}, {{5}}}},
      {"Einsum", "Einsum", {{{2, 4, 5}}, {{3, 5}}}, {{"equation", std::string("bik, jk -> bji")}}},
      {"Einsum of three", "Einsum", {{{2, 3}}, {{3, 4}}, {{4}}}, {{"equation", std::string("ij,jk,k->i")}}},
      {"Gemm", "Gemm", {{{4, 5}}, {{5, 3}}, {{3}}}, {{"alpha", 0.7f}, {"beta", 1.5f}}},
      {"Gemm transB", "Gemm", {{{4, 5}}, {{3, 5}}, {{4, 1}}}, {{"transB", std::int64_t{1}}}},
      {"Gemm transA", "Gemm", {{{5, 4}}, {{5, 3}}}, {{"transA", std::int64_t{1}}}},
      {"Gemm both", "Gemm", {{{5, 4}}, {{3, 5}}}, {{"transA", std::int64_t{1}}, {"transB", std::int64_t{1}}}},
      {"Conv", "Conv", {{{2, 3, 6, 7}}, {{4, 3, 3, 3}}, {{4}}}, {{"pads", Ints{1, 0, 2, 1}}}},
      {"Conv strided",
       "Conv",
       {{{1, 2, 8, 9}}, {{3, 2, 3, 2}}},
       {{"strides", Ints{2, 3}}, {"dilations", Ints{2, 1}}, {"pads", Ints{1, 1, 0, 0}}}},
      {"Conv groups", "Conv", {{{1, 4, 5, 5}}, {{6, 2, 3, 3}}, {{6}}}, {{"group", std::int64_t{2}}}},
      {"Conv depthwise",
       "Conv",
       {{{1, 8, 6, 6}}, {{8, 1, 3, 3}}, {{8}}},
       {{"group", std::int64_t{8}}, {"strides", Ints{2, 2}}, {"auto_pad", std::string("SAME_UPPER")}}},
      {"Conv 1-D", "Conv", {{{2, 3, 9}}, {{4, 3, 4}}}, {{"strides", Ints{2}}}},
      {"Conv 3-D", "Conv", {{{1, 2, 4, 4, 4}}, {{2, 2, 2, 2, 2}}}},
      {"ConvTranspose",
       "ConvTranspose",
       {{{1, 3, 4, 4}}, {{3, 2, 3, 3}}, {{2}}},
       {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}, {"output_padding", Ints{1, 1}}}},
      {"ConvTranspose to a shape",
       "ConvTranspose",
       {{{1, 3, 4, 4}}, {{3, 2, 3, 3}}},
       {{"strides", Ints{2, 2}}, {"output_shape", Ints{8, 7}}}},
      {"ConvTranspose of the same size",
       "ConvTranspose",
       {{{1, 3, 4, 5}}, {{3, 2, 3, 3}}},
       {{"strides", Ints{2, 2}}, {"auto_pad", std::string("SAME_UPPER")}}},
      {"ConvTranspose groups",
       "ConvTranspose",
       {{{1, 4, 3, 3}}, {{4, 2, 2, 3}}},
       {{"group", std::int64_t{2}}, {"dilations", Ints{2, 1}}}},
  };
}

std::vector<Case> normalizationCases() {
  const Attribute wide = 0.1f;
  return {
      {"BatchNormalization",
       "BatchNormalization",
       {{{2, 3, 4}}, {{3}}, {{3}}, fixed({3}), fixed({3}, Given::positive)}},
      {"LayerNormalization", "LayerNormalization", {{{2, 3, 4}}, {{4}}, {{4}}}, {{"epsilon", wide}}},
      {"LayerNormalization of planes",
       "LayerNormalization",
       {{{2, 3, 4}}, {{3, 4}}},
       {{"axis", std::int64_t{1}}}},
      {"InstanceNormalization", "InstanceNormalization", {{{2, 3, 4, 2}}, {{3}}, {{3}}}},
      {"GroupNormalization 18",
       "GroupNormalization",
       {{{2, 4, 3}}, {{2}}, {{2}}},
       {{"num_groups", std::int64_t{2}}},
       18},
      {"GroupNormalization 21",
       "GroupNormalization",
       {{{2, 4, 3}}, {{4}}, {{4}}},
       {{"num_groups", std::int64_t{2}}},
       21},
      {"RMSNormalization", "RMSNormalization", {{{2, 3, 4}}, {{4}}}, {{"epsilon", wide}}, 23},
      {"Softmax", "Softmax", {{{2, 3, 4}}}},
      {"Softmax axis 1", "Softmax", {{{2, 3, 4}}}, {{"axis", std::int64_t{1}}}},
      {"Softmax 11", "Softmax", {{{2, 3, 4}}}, {}, 11},
      {"LogSoftmax", "LogSoftmax", {{{2, 3, 4}}}, {{"axis", std::int64_t{1}}}},
  };
}

/// All directions, layouts and inputs; steps 3, batch 2, 4 features, 3 units; sequences of different lengths.
std::vector<Case> recurrentCases() {
  const auto lengths = [] { return Given{{2}, Given::integers, {3, 2}, false}; };
  const auto one = [](const char* name, const char* op, std::int64_t gates, std::int64_t directions,
                      std::map<std::string, Attribute> attributes, std::vector<Given> more,
                      std::size_t outputs) {
    std::vector<Given> inputs = {{{3, 2, 4}},
                                 {{directions, gates * 3, 4}},
                                 {{directions, gates * 3, 3}},
                                 {{directions, 2 * gates * 3}}};
    inputs.insert(inputs.end(), more.begin(), more.end());
    for (Given& input : inputs) {
      input.kind = input.kind == Given::spread ? Given::small : input.kind;
    }
    attributes["hidden_size"] = std::int64_t{3};
    return Case{name, op, std::move(inputs), std::move(attributes), 14, {}, outputs};
  };
  const Attribute both = std::string("bidirectional");
  const Attribute back = std::string("reverse");
  const Given state{{1, 2, 3}};
  const Given states{{2, 2, 3}};
  std::vector<Case> cases = {
      one("RNN", "RNN", 1, 1, {}, {lengths(), state}, 2),
      one("RNN bidirectional", "RNN", 1, 2, {{"direction", both}}, {lengths(), states}, 2),
      one("RNN softsign", "RNN", 1, 1, {{"activations", std::vector<std::string>{"Softsign"}}}, {}, 1),
      one("GRU", "GRU", 3, 1, {}, {lengths(), state}, 2),
      one("GRU reverse, linear before reset", "GRU", 3, 1,
          {{"direction", back}, {"linear_before_reset", std::int64_t{1}}}, {lengths(), state}, 2),
      one("GRU bidirectional", "GRU", 3, 2, {{"direction", both}}, {lengths(), states}, 2),
      one("LSTM", "LSTM", 4, 1, {}, {lengths(), state, state, {{1, 9}}}, 3),
      one("LSTM coupled", "LSTM", 4, 1, {{"input_forget", std::int64_t{1}}}, {lengths(), state, state}, 3),
      one("LSTM bidirectional", "LSTM", 4, 2, {{"direction", both}}, {lengths(), states, states, {{2, 9}}},
          3),
      one("LSTM clipped", "LSTM", 4, 1, {{"clip", 50.0f}, {"direction", back}}, {}, 3),
  };
  Case batchFirst = one("LSTM batch first", "LSTM", 4, 2, {{"direction", both}, {"layout", std::int64_t{1}}},
                        {lengths(), {{2, 2, 3}, Given::small}, {{2, 2, 3}, Given::small}}, 3);
  batchFirst.inputs[0].shape = {2, 3, 4};
  cases.push_back(std::move(batchFirst));
  return cases;
}

std::vector<Case> reductionCases() {
  std::vector<Case> cases;
  for (const char* op : {"ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
                         "ReduceSumSquare"}) {
    cases.push_back({op, op, {{{2, 3, 4}}}, {{"axes", Ints{0, -1}}, {"keepdims", std::int64_t{0}}}});
  }
  cases.push_back({"ReduceLogSum", "ReduceLogSum", {{{2, 3}, Given::positive}}});
  cases.push_back({"ReduceSum", "ReduceSum", {{{2, 3, 4}}, ints({1})}});
  cases.push_back({"ReduceMean of all", "ReduceMean", {{{2, 3, 4}}}});
  cases.push_back({"GlobalAveragePool", "GlobalAveragePool", {{{2, 3, 4, 5}}}});
  cases.push_back({"GlobalMaxPool", "GlobalMaxPool", {{{2, 3, 4, 5}}}});
  const std::map<std::string, Attribute> windows = {
      {"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 0, 1, 1}}};
  cases.push_back({"MaxPool", "MaxPool", {{{2, 3, 6, 5}}}, windows});
  auto ceiling = windows;
  ceiling["ceil_mode"] = std::int64_t{1};
  cases.push_back({"AveragePool", "AveragePool", {{{2, 3, 6, 5}}}, windows, 19});
  cases.push_back({"AveragePool ceiling", "AveragePool", {{{2, 3, 6, 6}}}, ceiling, 19});
  ceiling["count_include_pad"] = std::int64_t{1};
  cases.push_back({"AveragePool with padding", "AveragePool", {{{2, 3, 6, 6}}}, ceiling, 19});
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    for (const char* way : {"half_pixel", "align_corners"}) {
      cases.push_back({std::string("Resize ") + mode + " " + way,
                       "Resize",
                       {{{1, 2, 4, 5}}, ints({}), ints({}), ints({1, 2, 7, 3})},
                       {{"mode", std::string(mode)}, {"coordinate_transformation_mode", std::string(way)}}});
    }
  }
  return cases;
}

} // namespace

class GradientsTest : public test::TestCase {
  Q_OBJECT

private slots:
  void rules_data() {
    QTest::addColumn<int>("family");
    QTest::addColumn<int>("index");
    for (int family = 0; family < int(families().size()); ++family) {
      for (int i = 0; i < int(families()[std::size_t(family)].size()); ++i) {
        QTest::newRow(families()[std::size_t(family)][std::size_t(i)].name.c_str()) << family << i;
      }
    }
  }

  void rules() {
    QFETCH(const int, family);
    QFETCH(const int, index);
    const Case of = families()[std::size_t(family)][std::size_t(index)];
    const Network network = networkOf(of);
    const auto executor = Executor::create(network.model);
    VERIFY_OK(executor);
    const auto outputs = executor->run(inputsOf(network), {});
    VERIFY_OK(outputs);
    const auto seeds = seedsFor(*outputs);
    const auto made = gradients(*executor, inputsOf(network), seeds, network.wanted, {});
    VERIFY_OK(made);
    for (const std::string& name : network.wanted) {
      VERIFY_OK(made->at(name));
      QCOMPARE(made->at(name)->shape(), network.shapes.at(name));
      std::vector<float> gradient = toFloats(*made->at(name), {}).value();
      const auto probes = probesOf(*executor, network, name, seeds, gradient);
      const double error = errorOf(gradient, probes);
      QVERIFY2(error < kTolerance, qPrintable(QString("%1: %2").arg(name.c_str()).arg(error)));
      const bool isZero = std::all_of(gradient.begin(), gradient.end(), [](float g) { return g == 0.0f; });
      if (isZero) { // only steps have none
        QVERIFY((std::set<std::string>{"Ceil", "Floor", "Round", "Sign"}.contains(of.op)));
        continue;
      }
      std::vector<float> wrong = gradient;
      for (float& g : wrong) {
        g *= 1.02f;
      }
      QVERIFY(errorOf(wrong, probes) > kTolerance);
      const std::vector<float> right = gradient;
      std::rotate(gradient.begin(), gradient.begin() + 1, gradient.end());
      if (gradient != right) { // sums and means have the same everywhere
        QVERIFY(errorOf(gradient, probes) > kTolerance);
      }
    }
  }

  void everyRuleIsTested() {
    std::set<std::pair<std::string, std::string>> tested;
    for (const auto& family : families()) {
      for (const Case& one : family) {
        tested.emplace(one.domain, one.op);
      }
    }
    // Codes have no differences: see roundingIsPassedThrough. The rest share a rule that is tested.
    for (const char* op : {"QuantizeLinear", "DequantizeLinear", "GatherElements", "GatherND",
                           "ScatterElements", "ScatterND", "SimplifiedLayerNormalization"}) {
      tested.emplace("", op);
    }
    tested.emplace("com.microsoft", "Gelu");
    tested.emplace("com.microsoft", "SimplifiedLayerNormalization");
    for (const auto& family : {arithmeticGradients(), convolutionGradients(), functionGradients(),
                               movementGradients(), normalizationGradients(), poolingGradients(),
                               productGradients(), recurrentGradients(), reductionGradients()}) {
      for (const GradientEntry& entry : family) {
        QVERIFY2((tested.contains({std::string(entry.domain), std::string(entry.opType)})),
                 std::string(entry.opType).c_str());
      }
    }
  }

  void wholeNetwork() { // weights as a model has them: constants, used by fused and blocked operators
    const auto model = test::smallNetwork();
    const Executor executor = Executor::create(model).value();
    const auto inputs = test::SmallSamples(4).inputs(1).value();
    const auto outputs = executor.run(inputs, {}).value();
    const auto seeds = seedsFor(outputs);
    const std::vector<std::string> names = {"c1.w", "c2.w", "fc.w", "c1.b"};
    const auto made = gradients(executor, inputs, seeds, names, {});
    VERIFY_OK(made);
    for (const std::string& name : names) {
      const auto gradient = toFloats(*made->at(name), {}).value();
      const Tensor& weight = *model->graph.constant(name);
      double largest = 0.0;
      for (int draw = 0; draw < 3; ++draw) {
        const auto direction = toFloats(test::randomTensor(weight.shape(), 70 + unsigned(draw)), {}).value();
        const auto at = [&](double step) {
          auto values = toFloats(weight, {}).value();
          for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] += static_cast<float>(step * double(direction[i]));
          }
          auto given = inputs;
          given[name] = test::tensorOf(weight.shape(), values);
          return lossOf(executor.run(given, {}).value(), seeds);
        };
        const double difference = (at(1e-3) - at(-1e-3)) / 2e-3;
        double said = 0.0;
        double scale = 0.0;
        for (std::size_t i = 0; i < gradient.size(); ++i) {
          said += double(gradient[i]) * double(direction[i]);
          scale += std::abs(double(gradient[i]) * double(direction[i]));
        }
        largest = std::max(largest, std::abs(said - difference) / scale);
      }
      QVERIFY2(largest < 0.01, qPrintable(QString("%1: %2").arg(name.c_str()).arg(largest)));
    }
    const auto again = gradients(executor, inputs, seeds, names, {}).value();
    QCOMPARE(toFloats(*again.at("c1.w"), {}).value(), toFloats(*made->at("c1.w"), {}).value());
  }

  void unknownOperatorsSpoilOnlyWhatIsBeforeThem() {
    auto model = std::make_shared<Model>(*test::smallNetwork());
    for (Node& node : model->graph.nodes) {
      if (node.name == "r2") {
        node.opType = "CumSum"; // known to the executor, not to the gradients
        node.inputs.push_back("axis");
      }
    }
    model->graph.addInitializer("axis", integersTensor({3}));
    const Executor executor = Executor::create(model).value();
    const auto inputs = test::SmallSamples(1).inputs(0).value();
    const auto outputs = executor.run(inputs, {});
    VERIFY_OK(outputs);
    const auto made = gradients(executor, inputs, seedsFor(*outputs), {"c1.w", "c2.w", "fc.w"}, {});
    VERIFY_OK(made);
    VERIFY_OK(made->at("fc.w"));
    QVERIFY(!made->at("c2.w"));
    QVERIFY(!made->at("c1.w"));
    const Error& error = made->at("c1.w").error();
    QCOMPARE(error.kind, ErrorKind::unsupported);
    QVERIFY2(error.message().find("r2") != std::string::npos &&
                 error.message().find("CumSum") != std::string::npos,
             error.message().c_str());
  }

  void shapesAndPlacesAreNoWayBack() { // y = x·w + zeros of its shape, + whether it is larger, + its
                                       // largest's place
    auto model = std::make_shared<Model>();
    model->opsets[""] = 17;
    Graph& graph = model->graph;
    graph.addInitializer("w", test::tensorOf({2}, {3.0f, 4.0f}));
    Node toFloat = test::operation("Cast", "t", {"g"}, {"h"});
    toFloat.attributes["to"] = std::int64_t{1};
    Node place = test::operation("Cast", "u", {"k"}, {"l"});
    place.attributes["to"] = std::int64_t{1};
    graph.nodes = {test::operation("Mul", "m", {"x", "w"}, {"a"}),
                   test::operation("Shape", "s", {"a"}, {"b"}),
                   test::operation("ConstantOfShape", "c", {"b"}, {"d"}),
                   test::operation("Add", "n", {"a", "d"}, {"e"}),
                   test::operation("Greater", "r", {"a", "x"}, {"g"}),
                   toFloat,
                   test::operation("Add", "o", {"e", "h"}, {"i"}),
                   test::operation("ArgMax", "p", {"a"}, {"k"}),
                   place,
                   test::operation("Add", "q", {"i", "l"}, {"y"})};
    graph.inputs = {test::floatValue("x", {2})};
    graph.outputs = {test::floatValue("y", {2})};
    const Executor executor = Executor::create(model).value();
    const auto made = gradients(executor, {{"x", test::tensorOf({2}, {5.0f, 6.0f})}},
                                {{"y", test::tensorOf({2}, {1.0f, 2.0f})}}, {"w"}, {});
    VERIFY_OK(made);
    VERIFY_OK(made->at("w"));
    QCOMPARE(toFloats(*made->at("w"), {}).value(), (std::vector<float>{5.0f, 12.0f}));
  }

  void wrongSeedsAndNamesAreRefused() {
    const auto model = test::smallNetwork();
    const Executor executor = Executor::create(model).value();
    const auto inputs = test::SmallSamples(1).inputs(0).value();
    const auto seed = test::randomTensor({1, 10}, 1);
    QVERIFY(!gradients(executor, inputs, {{"y", test::randomTensor({10}, 1)}}, {"fc.w"}, {}));
    QVERIFY(!gradients(executor, inputs, {{"nothing", seed}}, {"fc.w"}, {}));
    QVERIFY(!gradients(executor, inputs, {{"y", seed}}, {"nothing"}, {}));
    std::stop_source stop;
    stop.request_stop();
    const auto stopped = gradients(executor, inputs, {{"y", seed}}, {"fc.w"}, JobContext(stop.get_token()));
    QVERIFY(!stopped && stopped.error().kind == ErrorKind::cancelled);
  }

  void roundingIsPassedThrough() { // x → codes → x: the slope is 1 but where codes saturate
    auto model = std::make_shared<Model>();
    model->opsets[""] = 17;
    Graph& graph = model->graph;
    graph.addInitializer("s", test::tensorOf({}, {0.1f}));
    graph.addInitializer("z", Tensor::own(ElementType::int8, {}, {std::byte{0}}).value());
    graph.nodes = {test::operation("QuantizeLinear", "q", {"x", "s", "z"}, {"c"}),
                   test::operation("DequantizeLinear", "d", {"c", "s", "z"}, {"y"})};
    graph.inputs = {test::floatValue("x", {3})};
    graph.outputs = {test::floatValue("y", {3})};
    const Executor executor = Executor::create(model).value();
    const auto made = gradients(executor, {{"x", test::tensorOf({3}, {0.52f, -1.0f, 90.0f})}},
                                {{"y", test::tensorOf({3}, {2.0f, 3.0f, 4.0f})}}, {"x"}, {});
    VERIFY_OK(made);
    VERIFY_OK(made->at("x"));
    QCOMPARE(toFloats(*made->at("x"), {}).value(), (std::vector<float>{2.0f, 3.0f, 0.0f}));
  }

private:
  static const std::vector<std::vector<Case>>& families() {
    static const std::vector<std::vector<Case>> all = {
        functionCases(),      arithmeticCases(), movementCases(), productCases(),
        normalizationCases(), recurrentCases(),  reductionCases()};
    return all;
  }
};

QTEST_GUILESS_MAIN(GradientsTest)
#include "tst_gradients.moc"
