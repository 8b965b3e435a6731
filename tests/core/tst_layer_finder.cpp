// Layers are found with the right channel axis and the right decoding, on graphs built here.
#include "core/model/layer_finder.h"
#include "tests/support/test_case.h"

#include <numeric>

using namespace halfstep;

namespace {

Tensor zeros(ElementType type, Shape shape) {
  const std::size_t count = elementCount(shape).value();
  return Tensor::own(type, std::move(shape), std::vector<std::byte>(packedBytes(type, count))).value();
}
Tensor floats(Shape shape) {
  return zeros(ElementType::float32, std::move(shape));
}
Tensor integers(std::vector<std::int64_t> values) {
  const auto bytes = std::as_bytes(std::span(values));
  return Tensor::own(ElementType::int64, {static_cast<std::int64_t>(values.size())},
                     {bytes.begin(), bytes.end()})
      .value();
}
Tensor raw(ElementType type, Shape shape, std::vector<int> bytes) {
  std::vector<std::byte> converted;
  for (const int byte : bytes) {
    converted.push_back(static_cast<std::byte>(byte));
  }
  return Tensor::own(type, std::move(shape), std::move(converted)).value();
}

Node node(std::string opType, std::vector<std::string> inputs, std::vector<std::string> outputs,
          std::map<std::string, Attribute> attributes = {}, std::string name = {}, std::string domain = {}) {
  Node made;
  made.name = std::move(name);
  made.opType = std::move(opType);
  made.domain = std::move(domain);
  made.inputs = std::move(inputs);
  made.outputs = std::move(outputs);
  made.attributes = std::move(attributes);
  return made;
}

struct Found {
  std::vector<Layer> layers;
  std::vector<std::string> warnings;
};
Found find(Model& model) {
  model.graph.indexConstants();
  Found found;
  found.layers = findLayers(model, found.warnings);
  return found;
}

} // namespace

class LayerFinderTest : public test::TestCase {
  Q_OBJECT

private slots:
  void channelAxes_data() {
    QTest::addColumn<QString>("op");
    QTest::addColumn<int>("input");
    QTest::addColumn<int>("rank");
    QTest::addColumn<QString>("flag");
    QTest::addColumn<QList<int>>("axes");
    const auto row = [](const char* op, int input, int rank, const char* flag, QList<int> axes) {
      QTest::addRow("%s input %d rank %d %s", op, input, rank, flag) << op << input << rank << flag << axes;
    };
    row("Conv", 1, 4, "", {0});
    row("Conv", 1, 3, "group", {0});
    row("ConvTranspose", 1, 4, "", {1});
    row("ConvTranspose", 1, 4, "group", {1});
    row("Gemm", 1, 2, "", {1});
    row("Gemm", 1, 2, "transB", {0});
    row("Gemm", 0, 2, "", {0});
    row("Gemm", 0, 2, "transA", {1});
    row("MatMul", 1, 2, "", {1});
    row("MatMul", 1, 4, "", {3});
    row("MatMul", 0, 3, "", {1});
    row("Gather", 0, 2, "", {0});
    row("Gather", 0, 3, "axis", {1});
    row("LSTM", 1, 3, "", {0, 1});
    row("GRU", 2, 3, "", {0, 1});
    row("com.microsoft.FusedConv", 1, 4, "", {0});
    row("com.microsoft.FusedGemm", 1, 2, "transB", {0});
    row("com.microsoft.FusedMatMul", 1, 2, "transB", {0});
    row("com.microsoft.FusedMatMul", 1, 3, "transB", {1});
    row("com.microsoft.Attention", 1, 2, "", {1});
    row("com.microsoft.EmbedLayerNormalization", 2, 2, "", {0});
    row("com.microsoft.NhwcConv", 1, 4, "", {0});
    row("com.microsoft.MoE", 2, 3, "", {0, 1});
  }
  void channelAxes() {
    QFETCH(QString, op);
    QFETCH(int, input);
    QFETCH(int, rank);
    QFETCH(QString, flag);
    QFETCH(QList<int>, axes);
    Model model;
    Shape shape;
    for (int i = 0; i < rank; ++i) {
      shape.push_back(2 + i);
    }
    model.graph.addInitializer("w", floats(shape));
    model.graph.addInitializer("bias", floats({2}));
    std::vector<std::string> inputs = {"x", "y", "z"};
    inputs[static_cast<std::size_t>(input)] = "w";
    inputs.push_back("bias");
    std::map<std::string, Attribute> attributes;
    if (!flag.isEmpty()) {
      attributes[flag.toStdString()] = std::int64_t{1};
    }
    const QString domain = op.contains('.') ? op.section('.', 0, 1) : QString();
    model.graph.nodes.push_back(
        node(op.section('.', -1).toStdString(), inputs, {"out"}, attributes, "n", domain.toStdString()));
    const Found found = find(model);
    QCOMPARE(found.layers.size(), std::size_t{1}); // the bias is never one
    const Layer& layer = found.layers[0];
    QCOMPARE(QList<int>(layer.channelAxes.begin(), layer.channelAxes.end()), axes);
    QCOMPARE(layer.weightName, std::string("w"));
    QVERIFY(layer.name == "n" || layer.name.starts_with("n."));
    QCOMPARE(layer.output, std::string("out"));
    QVERIFY(found.warnings.empty());
  }

  void reachesThroughMoves() {
    Model model;
    Graph& graph = model.graph;
    graph.addInitializer("w", floats({5, 7}));
    graph.addInitializer("shape", integers({7, 5, -1}));
    graph.nodes.push_back(node("MatMul", {"x", "wt"}, {"a"}, {}, "transposed"));
    graph.nodes.push_back(node("Transpose", {"w"}, {"wt"})); // not in topological order
    graph.addInitializer("v", zeros(ElementType::float16, {2, 3, 5, 4}));
    graph.addInitializer("flat", integers({-1, 4}));
    graph.nodes.push_back(node("Reshape", {"v", "flat"}, {"vr"}));
    graph.nodes.push_back(node("Cast", {"vr"}, {"vc"}));
    graph.nodes.push_back(node("MatMul", {"x", "vc"}, {"b"}, {}, "last"));
    graph.nodes.push_back(node("Gemm", {"x", "vc"}, {"c"}, {{"transB", std::int64_t{1}}}, "first"));
    graph.addInitializer("u", floats({2, 3, 5, 4}));
    graph.nodes.push_back(node("Reshape", {"u", "flat"}, {"ur"}));
    graph.nodes.push_back(node("Gemm", {"x", "ur"}, {"d"}, {{"transB", std::int64_t{1}}}, "merged"));
    graph.addInitializer("odd", integers({15, 8}));
    graph.addInitializer("t", floats({2, 3, 5, 4}));
    graph.nodes.push_back(node("Reshape", {"t", "odd"}, {"tr"}));
    graph.nodes.push_back(node("MatMul", {"x", "tr"}, {"e"}, {}, "split"));
    const Found found = find(model);
    QCOMPARE(found.layers.size(), std::size_t{4});
    QCOMPARE(found.layers[0].name, std::string("transposed"));
    QCOMPARE(found.layers[0].channelAxes, std::vector<int>{0});
    QCOMPARE(found.layers[0].weight.shape(), (Shape{5, 7}));
    QCOMPARE(found.layers[1].channelAxes, std::vector<int>{3});
    QCOMPARE(found.layers[1].note, std::string("shared by 2 nodes"));
    QCOMPARE(found.layers[1].nodes, (std::vector<std::string>{"last", "first"}));
    QCOMPARE(found.layers[2].channelAxes, (std::vector<int>{0, 1, 2}));
    QCOMPARE(found.layers[3].channelAxes, std::vector<int>{});
    QVERIFY(found.layers[3].note.find("cannot be told") != std::string::npos);
  }

  void reachesThroughReorderedGates() {
    Model model;
    Graph& graph = model.graph;
    graph.addInitializer("w", floats({8, 3}));
    for (const auto& [name, value] : {std::pair("0", 0), {"2", 2}, {"6", 6}, {"end", 1 << 30}}) {
      graph.addInitializer(name, integers({value}));
    }
    graph.nodes.push_back(node("Slice", {"w", "0", "2", "0"}, {"i"}));
    graph.nodes.push_back(node("Slice", {"w", "2", "6", "0"}, {"fg"}));
    graph.nodes.push_back(node("Slice", {"w", "6", "end", "0"}, {"o"}));
    graph.nodes.push_back(node("Concat", {"i", "o", "fg"}, {"iofg"}, {{"axis", std::int64_t{0}}}));
    graph.nodes.push_back(node("Unsqueeze", {"iofg", "0"}, {"W"}));
    graph.nodes.push_back(node("LSTM", {"x", "W", "r"}, {"y"}, {}, "lstm"));
    graph.nodes.push_back(node("Concat", {"i", "o"}, {"part"}, {{"axis", std::int64_t{0}}}));
    graph.nodes.push_back(node("Unsqueeze", {"part", "0"}, {"P"}));
    graph.nodes.push_back(node("GRU", {"x", "P", "r"}, {"y2"}, {}, "gru"));
    const Found found = find(model);
    QCOMPARE(found.layers.size(), std::size_t{1}); // a part of the gates is not the whole weight
    QCOMPARE(found.layers[0].name, std::string("lstm.W"));
    QCOMPARE(found.layers[0].channelAxes, std::vector<int>{0});
  }

  void whatIsNoLayer() {
    Model model;
    Graph& graph = model.graph;
    graph.addInitializer("indices", zeros(ElementType::int64, {4, 4}));
    graph.addInitializer("vector", floats({4}));
    graph.addInitializer("w", floats({4, 4}));
    graph.addInitializer("empty", floats({0, 4}));
    graph.nodes.push_back(node("Gather", {"indices", "i"}, {"a"}));
    graph.nodes.push_back(node("MatMul", {"x", "vector"}, {"b"}));
    graph.nodes.push_back(node("MatMul", {"x", "empty"}, {"b2"}));
    graph.nodes.push_back(node("Add", {"x", "w"}, {"c"}));
    graph.nodes.push_back(node("MatMul", {"x", "y"}, {"d"}));
    graph.nodes.push_back(node("Relu", {"w"}, {"computed"}));
    graph.nodes.push_back(node("MatMul", {"x", "computed"}, {"e"}));
    graph.nodes.push_back(node("Identity", {"loop2"}, {"loop1"}));
    graph.nodes.push_back(node("Identity", {"loop1"}, {"loop2"}));
    graph.nodes.push_back(node("MatMul", {"x", "loop1"}, {"f"}));
    graph.nodes.push_back(node("Conv", {}, {}));
    const Found found = find(model);
    QVERIFY(found.layers.empty());
    QCOMPARE(found.warnings, (std::vector<std::string>{
                                 "Weight computed of MatMul is left out: Relu computes it from constants."}));
  }

  void namesAreUnique() {
    Model model;
    Graph& graph = model.graph;
    for (const char* name : {"w1", "w2", "w3", "w4", "n (2)"}) {
      graph.addInitializer(name, floats({2, 2}));
    }
    graph.nodes.push_back(node("MatMul", {"x", "w1"}, {"a"}, {}, "n"));
    graph.nodes.push_back(node("MatMul", {"x", "w2"}, {"b"}, {}, "n (2)"));
    graph.nodes.push_back(node("MatMul", {"x", "w3"}, {"c"}, {}, "n"));
    graph.nodes.push_back(node("MatMul", {"x", "w4"}, {"d"}));
    const Found found = find(model);
    std::vector<std::string> names;
    for (const Layer& layer : found.layers) {
      names.push_back(layer.name);
    }
    QCOMPARE(names, (std::vector<std::string>{"n", "n (2)", "n (3)", "w4"}));
  }

  void whatIsLeftOutIsSaid() {
    Model model;
    Graph& graph = model.graph;
    graph.addInitializer("codes", zeros(ElementType::int8, {4, 8}));
    graph.addInitializer("scale", floats({}));
    graph.addInitializer("packed", zeros(ElementType::uint8, {2048}));
    graph.addInitializer("few", zeros(ElementType::uint8, {16}));
    graph.nodes.push_back(node("Cast", {"codes"}, {"real"}, {{"to", std::int64_t{1}}}));
    graph.nodes.push_back(node("Mul", {"real", "scale"}, {"w"}));
    graph.nodes.push_back(node("MatMul", {"x", "w"}, {"a"}, {}, "by_hand"));
    graph.nodes.push_back(node("MatMul", {"x", "a"}, {"b"}, {}, "no_weight"));
    graph.nodes.push_back(node("MatMulBnb4", {"x", "packed", "few"}, {"c"}, {}, "four", "com.microsoft"));
    const Found found = find(model);
    QCOMPARE(found.layers.size(), std::size_t{0});
    QCOMPARE(found.warnings, (std::vector<std::string>{
                                 "Weight w of MatMul by_hand is left out: Mul computes it from constants.",
                                 "Constant packed of com.microsoft MatMulBnb4 four is no layer: what that "
                                 "operator does with it is not known."}));
  }

  void dequantizedWeights() {
    Model model;
    Graph& graph = model.graph;
    graph.addInitializer("q", zeros(ElementType::int8, {3, 5}));
    graph.addInitializer("one", floats({}));
    graph.addInitializer("five", floats({5}));
    graph.addInitializer("zeros", zeros(ElementType::int8, {5}));
    graph.addInitializer("wrong", floats({4}));
    graph.addInitializer("q4", zeros(ElementType::uint4, {32, 5}));
    graph.addInitializer("blocks", floats({2, 5}));
    const auto dequantized = [&](const char* q, const char* s, const char* z, const char* out,
                                 std::map<std::string, Attribute> attributes = {}) {
      graph.nodes.push_back(node("DequantizeLinear", {q, s, z}, {out}, std::move(attributes)));
      graph.nodes.push_back(node("Transpose", {out}, {std::string(out) + "t"}));
      graph.nodes.push_back(node("Gemm", {"x", std::string(out) + "t"}, {std::string(out) + "y"},
                                 {{"transB", std::int64_t{1}}}, out));
    };
    graph.addInitializer("q2", zeros(ElementType::int8, {3, 5}));
    graph.addInitializer("q3", zeros(ElementType::int8, {3, 5}));
    dequantized("q", "one", "", "tensor");
    dequantized("q2", "five", "zeros", "axis");
    dequantized("q3", "wrong", "", "odd");
    dequantized("q4", "blocks", "", "blocked", {{"axis", std::int64_t{0}}, {"block_size", std::int64_t{16}}});
    const Found found = find(model);
    QCOMPARE(found.layers.size(), std::size_t{3});
    QCOMPARE(found.warnings.size(), std::size_t{1});
    QVERIFY2(found.warnings[0].find("q3") != std::string::npos, found.warnings[0].c_str());
    const auto& tensor = *found.layers[0].stored;
    QVERIFY(!tensor.axis && !tensor.zeroPoints && tensor.blockSize == 0);
    QCOMPARE(tensor.origin, std::string("DequantizeLinear"));
    QCOMPARE(found.layers[0].channelAxes, std::vector<int>{1});
    const auto& axis = *found.layers[1].stored;
    QCOMPARE(*axis.axis, 1);
    QVERIFY(axis.zeroPoints.has_value());
    const auto& blocked = *found.layers[2].stored;
    QCOMPARE(*blocked.axis, 0);
    QCOMPARE(blocked.blockSize, 16);
    QCOMPARE(blocked.scales.shape(), (Shape{2, 5}));
  }

  void quantizedOperators() {
    Model model;
    Graph& graph = model.graph;
    graph.addInitializer("s", floats({}));
    graph.addInitializer("s4", floats({4}));
    graph.addInitializer("z", zeros(ElementType::uint8, {}));
    for (const char* name : {"c", "m", "i", "j", "q"}) {
      graph.addInitializer(name, zeros(ElementType::uint8, {4, 4}));
    }
    const std::string ms = "com.microsoft";
    graph.nodes.push_back(node("QLinearConv", {"x", "s", "z", "c", "s4", "z", "s", "z"}, {"1"}, {}, "conv"));
    graph.nodes.push_back(node("QLinearMatMul", {"x", "s", "z", "m", "s", "z", "s", "z"}, {"2"}, {}, "mm"));
    graph.nodes.push_back(node("MatMulInteger", {"x", "i", "xz", "z"}, {"3"}, {}, "dynamic"));
    graph.nodes.push_back(node("Cast", {"3"}, {"4"}));
    graph.nodes.push_back(node("Mul", {"xs", "s4"}, {"5"}));
    graph.nodes.push_back(node("Mul", {"4", "5"}, {"6"}));
    graph.nodes.push_back(node("MatMulInteger", {"x", "j"}, {"7"}, {}, "bare"));
    graph.nodes.push_back(node("QAttention", {"x", "q", "b", "s", "s4"}, {"8"}, {}, "attention", ms));
    const Found found = find(model);
    QCOMPARE(found.warnings, std::vector<std::string>{});
    QCOMPARE(found.layers.size(), std::size_t{5});
    QCOMPARE(*found.layers[0].stored->axis, 0);
    QCOMPARE(found.layers[0].stored->zeroPoints->count(), std::size_t{4}); // one for all, repeated
    QVERIFY(!found.layers[1].stored->axis);
    QCOMPARE(*found.layers[2].stored->axis, 1);
    QCOMPARE(found.layers[2].note, std::string());
    QVERIFY(found.layers[3].note.find("scale 1") != std::string::npos);
    QCOMPARE(*found.layers[4].stored->axis, 1);
  }

  void matMulNBits() {
    // The vector of a 4-bit asymmetric block of 16 along K, N = 1: codes 0 2 4 5 6 6 7 7 8 9 10 10 11 13
    // 13 15.
    const std::vector<int> bytes = {0x20, 0x54, 0x66, 0x77, 0x98, 0xaa, 0xdb, 0xfd};
    Model model;
    Graph& graph = model.graph;
    graph.addInitializer("b", raw(ElementType::uint8, {1, 1, 8}, bytes));
    graph.addInitializer("b2", raw(ElementType::uint8, {1, 1, 8}, bytes));
    graph.addInitializer("s", floats({1}));
    graph.addInitializer("z", raw(ElementType::uint8, {1}, {0x86}));
    const auto attributes = [](std::int64_t k) {
      return std::map<std::string, Attribute>{
          {"N", std::int64_t{1}}, {"K", k}, {"bits", std::int64_t{4}}, {"block_size", std::int64_t{16}}};
    };
    graph.nodes.push_back(
        node("MatMulNBits", {"x", "b", "s", "z"}, {"1"}, attributes(16), "a", "com.microsoft"));
    graph.nodes.push_back(node("MatMulNBits", {"x", "b2", "s"}, {"2"}, attributes(13), "b", "com.microsoft"));
    const Found found = find(model);
    QCOMPARE(found.warnings, std::vector<std::string>{});
    QCOMPARE(found.layers.size(), std::size_t{2});
    const auto& stored = *found.layers[0].stored;
    const std::vector<std::int64_t> codes = {0, 2, 4, 5, 6, 6, 7, 7, 8, 9, 10, 10, 11, 13, 13, 15};
    QCOMPARE(toIntegers(stored.codes).value(), codes);
    QCOMPARE(stored.codes.shape(), (Shape{1, 16}));
    QCOMPARE(stored.codes.bytes().data(), graph.constant("b")->bytes().data()); // not copied
    QCOMPARE(stored.zeroPoints->valueAt(0), 6.0);
    QCOMPARE(found.layers[0].channelAxes, std::vector<int>{0});
    const auto& cut = *found.layers[1].stored;
    QCOMPARE(toIntegers(cut.codes).value(), std::vector<std::int64_t>(codes.begin(), codes.begin() + 13));
    QCOMPARE(cut.zeroPoints->valueAt(0), 8.0);
  }

  void subgraphsAndFunctions() {
    Model model;
    auto branch = std::make_shared<Graph>();
    branch->addInitializer("inner", floats({2, 2}));
    branch->nodes.push_back(node("MatMul", {"x", "inner"}, {"a"}, {}, "mm"));
    branch->nodes.push_back(node("MatMul", {"x", "outer"}, {"b"}, {}, "mm2"));
    model.graph.addInitializer("outer", floats({3, 3}));
    std::shared_ptr<const Graph> shared = branch;
    model.graph.nodes.push_back(node("If", {"c"}, {"y"}, {{"then_branch", shared}}, "choice"));
    Function linear;
    linear.domain = "local";
    linear.name = "Linear";
    linear.body.inputs = {{"in"}, {"weight"}};
    linear.body.outputs = {{"out"}};
    linear.body.nodes.push_back(node("Gemm", {"in", "weight"}, {"out"}, {}, "gemm"));
    linear.body.nodes[0].referredAttributes["transB"] = "transposed";
    linear.attributeDefaults["transposed"] = std::int64_t{1};
    linear.body.nodes.push_back(
        node("Linear", {"in", "weight"}, {"again"}, {}, "self", "local")); // recursion
    model.functions.push_back(linear);
    model.graph.addInitializer("w", floats({4, 4}));
    model.graph.addInitializer("v", floats({4, 4}));
    model.graph.nodes.push_back(node("Linear", {"x", "w"}, {"f"}, {}, "call1", "local"));
    model.graph.nodes.push_back(
        node("Linear", {"x", "v"}, {"g"}, {{"transposed", std::int64_t{0}}}, "call2", "local"));
    const Found found = find(model);
    QCOMPARE(found.layers.size(), std::size_t{4});
    QCOMPARE(found.layers[0].name, std::string("choice/then_branch/mm"));
    QCOMPARE(found.layers[1].weightName, std::string("outer"));
    QCOMPARE(found.layers[2].name, std::string("call1/gemm"));
    QCOMPARE(found.layers[2].weightName, std::string("w"));
    QCOMPARE(found.layers[2].channelAxes, std::vector<int>{0});
    QCOMPARE(found.layers[3].channelAxes, std::vector<int>{1});
    QCOMPARE(found.warnings.size(), std::size_t{1}); // the recursion
  }
};

QTEST_GUILESS_MAIN(LayerFinderTest)
#include "tst_layer_finder.moc"
