// What the ONNX loader reads, what it refuses, and what that costs.
#include "core/quant/weight_matrix.h"
#include "plugins/host/plugin_host.h"
#include "tests/support/onnx_models.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QElapsedTimer>
#include <QTemporaryDir>

#include <cstring>
#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace halfstep;

namespace {

/// Private memory of this process that no file backs, in bytes.
qint64 anonymousMemory() {
  QFile status(QStringLiteral("/proc/self/status"));
  if (status.open(QIODevice::ReadOnly)) {
    for (const QByteArray& line : status.readAll().split('\n')) {
      if (line.startsWith("RssAnon:")) {
        return line.mid(8).simplified().split(' ')[0].toLongLong() * 1024;
      }
    }
  }
  return 0;
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) {
    bytes += static_cast<char>(value | 0x80);
  }
  return bytes + static_cast<char>(value);
}

/// A length-delimited field.
std::string field(int number, const std::string& content) {
  return varint(static_cast<std::uint64_t>(number) << 3 | 2) + varint(content.size()) + content;
}

} // namespace

class OnnxLoaderTest : public test::TestCase {
  Q_OBJECT

  PluginHost m_host;
  QTemporaryDir m_folder;

  std::string path(const char* name) const { return m_folder.filePath(name).toStdString(); }

  Result<std::shared_ptr<const Model>> load(const std::string& content, const char* name = "model.onnx") {
    test::writeFile(path(name), content);
    return m_host.loadModel(path(name), JobContext());
  }

  void expectError(const std::string& content, ErrorKind kind, const char* part) {
    const auto model = load(content);
    QVERIFY2(!model, part);
    QVERIFY2(model.error().message().find(part) != std::string::npos, model.error().message().c_str());
    QCOMPARE(model.error().kind, kind);
    QCOMPARE(model.error().file, path("model.onnx"));
  }

private slots:
  void initTestCase() {
    m_host.scan(HALFSTEP_BUILD_DIR "/lib/halfstep/plugins");
    QVERIFY(!m_host.loaders().empty());
  }

  void readsConvolutions() {
    const auto loaded = load(test::convolutionModel());
    VERIFY_OK(loaded);
    const Model& model = **loaded;
    QCOMPARE(model.format, std::string("ONNX"));
    QCOMPARE(model.irVersion, 8);
    QCOMPARE(model.opsets.at(""), 17);
    QCOMPARE(model.producer, std::string("halfstep tests"));
    QCOMPARE(model.parameters, 4 * 27 + 4 + 36 + 20);
    QCOMPARE(model.bytes, std::int64_t(std::filesystem::file_size(path("model.onnx"))));
    QVERIFY(model.warnings.empty());
    QCOMPARE(model.layers.size(), std::size_t{3});
    QCOMPARE(model.layers[1].name, std::string("block/dw"));
    QCOMPARE(model.layers[1].weight.valueAt(35), double{test::exampleValue(35)});
    QCOMPARE(model.layers[2].weight.type(), ElementType::float16);
    QCOMPARE(model.layers[2].weight.valueAt(0), 0.5);
    QCOMPARE(model.graph.inputs.size(), std::size_t{1});
    QCOMPARE(dimensionsText(model.graph.inputs[0]), std::string("[1, 3, 8, 8]"));
  }

  void weightsStayInTheMappedFile() {
    onnx::ModelProto model = test::emptyModel();
    const std::size_t count = 25'000'000; // 100 MB
    test::addRaw(*model.mutable_graph(), "raw", 1, {5000, 5000}, std::string(count * 4, '\x3f'));
    test::addNode(*model.mutable_graph(), "MatMul", "mm", {"x", "raw"}, {"y"});
    test::writeFile(path("large.onnx"), model.SerializeAsString());
    model.Clear();
    const qint64 before = anonymousMemory();
    QElapsedTimer timer;
    timer.start();
    const auto loaded = m_host.loadModel(path("large.onnx"), JobContext());
    const qint64 milliseconds = timer.elapsed();
    const qint64 grown = anonymousMemory() - before;
    VERIFY_OK(loaded);
    QCOMPARE((*loaded)->layers.size(), std::size_t{1});
    QCOMPARE((*loaded)->layers[0].weight.count(), count);
    qInfo("a 100 MB model: layers listed in %lld ms, memory grew by %lld KiB", milliseconds, grown / 1024);
    QVERIFY(milliseconds < 500);
    QVERIFY(grown < 4'000'000);
    std::filesystem::remove(path("large.onnx"));
  }

  void manyLayers() {
    QElapsedTimer timer;
    timer.start();
    const auto loaded = load(test::longModel(5000));
    VERIFY_OK(loaded);
    QCOMPARE((*loaded)->layers.size(), std::size_t{5000});
    qInfo("5,000 layers in %lld ms", timer.elapsed());
  }

  void elementTypes_data() {
    QTest::addColumn<int>("type");
    QTest::addColumn<QByteArray>("raw");
    QTest::addColumn<QList<int>>("int32Data");
    QTest::addColumn<QList<double>>("values");
    const auto row = [](const char* name, int type, QByteArray raw, QList<int> int32Data,
                        QList<double> values) { QTest::newRow(name) << type << raw << int32Data << values; };
    row("uint8", 2, QByteArray("\x01\xff\x80", 3), {1, 255, 128}, {1, 255, 128});
    row("int8", 3, QByteArray("\x01\xff\x80", 3), {1, -1, -128}, {1, -1, -128});
    row("uint16", 4, QByteArray("\x01\x00\xff\xff", 4), {1, 65535}, {1, 65535});
    row("int16", 5, QByteArray("\x01\x00\xff\xff", 4), {1, -1}, {1, -1});
    row("bool", 9, QByteArray("\x00\x01", 2), {0, 1}, {0, 1});
    row("float16", 10, QByteArray("\x00\x3c\x00\xc0", 4), {0x3c00, 0xc000}, {1, -2});
    row("bfloat16", 16, QByteArray("\x80\x3f\x00\xc0", 4), {0x3f80, 0xc000}, {1, -2});
    row("float8e4m3fn", 17, QByteArray("\x38\xc0", 2), {0x38, 0xc0}, {1, -2});
    row("float8e5m2", 19, QByteArray("\x3c\xc0", 2), {0x3c, 0xc0}, {1, -2});
    row("uint4", 21, QByteArray("\x10\xf2\x03", 3), {0x10, 0xf2, 0x03}, {0, 1, 2, 15, 3});
    row("int4", 22, QByteArray("\x78\x0f", 2), {0x78, 0x0f}, {-8, 7, -1});
    row("float4e2m1", 23, QByteArray("\x42\x0a", 2), {0x42, 0x0a}, {1, 2, -1});
    row("float8e8m0", 24, QByteArray("\x7f\x80", 2), {0x7f, 0x80}, {1, 2});
    row("uint2", 25, QByteArray("\xe4\x1b", 2), {0xe4, 0x1b}, {0, 1, 2, 3, 3, 2, 1, 0});
    row("int2", 26, QByteArray("\xe4", 1), {0xe4}, {0, 1, -2, -1});
  }
  void elementTypes() {
    QFETCH(int, type);
    QFETCH(QByteArray, raw);
    QFETCH(QList<int>, int32Data);
    QFETCH(QList<double>, values);
    onnx::ModelProto model = test::emptyModel();
    auto& graph = *model.mutable_graph();
    test::addRaw(graph, "raw", type, {values.size()}, raw.toStdString());
    auto& typed = test::addRaw(graph, "typed", type, {values.size()}, "");
    typed.clear_raw_data();
    for (const int value : int32Data) {
      typed.add_int32_data(value);
    }
    const auto loaded = load(model.SerializeAsString());
    VERIFY_OK(loaded);
    for (const char* name : {"raw", "typed"}) {
      const Tensor* tensor = (*loaded)->graph.constant(name);
      QVERIFY2(tensor != nullptr, name);
      QCOMPARE(tensor->type(), ElementType(type));
      for (qsizetype i = 0; i < values.size(); ++i) {
        QCOMPARE(tensor->valueAt(static_cast<std::size_t>(i)), values[i]);
      }
    }
  }

  void wideTypesAndStrings() {
    onnx::ModelProto model = test::emptyModel();
    auto& graph = *model.mutable_graph();
    const auto tensor = [&](const char* name, int type) -> onnx::TensorProto& {
      auto& made = test::addRaw(graph, name, type, {2}, "");
      made.clear_raw_data();
      return made;
    };
    tensor("int64", 7).mutable_int64_data()->Add(-5);
    graph.mutable_initializer(0)->add_int64_data(std::int64_t{1} << 40);
    auto& unsigned64 = tensor("uint64", 13);
    unsigned64.add_uint64_data(5);
    unsigned64.add_uint64_data(std::uint64_t{1} << 60);
    auto& unsigned32 = tensor("uint32", 12);
    unsigned32.add_uint64_data(5);
    unsigned32.add_uint64_data(4294967295u);
    auto& doubles = tensor("double", 11);
    doubles.add_double_data(0.1);
    doubles.add_double_data(-0.2);
    auto& strings = tensor("strings", 8);
    strings.add_string_data("a");
    strings.add_string_data(std::string("\xff\x00", 2));
    test::addRaw(graph, "scalar", 1, {}, test::bytesOf({2.5f}));
    test::addRaw(graph, "empty", 1, {0, 3}, "");
    const auto loaded = load(model.SerializeAsString());
    VERIFY_OK(loaded);
    const Graph& read = (*loaded)->graph;
    QCOMPARE(toIntegers(*read.constant("int64")).value(),
             (std::vector<std::int64_t>{-5, std::int64_t{1} << 40}));
    QCOMPARE(read.constant("uint64")->valueAt(1), std::ldexp(1.0, 60));
    QCOMPARE(read.constant("uint32")->valueAt(1), 4294967295.0);
    QCOMPARE(read.constant("double")->valueAt(0), 0.1);
    QCOMPARE(read.constant("strings")->strings()[1], std::string("\xff\x00", 2));
    QCOMPARE(read.constant("scalar")->valueAt(0), 2.5);
    QCOMPARE(read.constant("empty")->count(), std::size_t{0});
    QCOMPARE((*loaded)->parameters, 11);
  }

  void structureIsKept() {
    const auto loaded = load(test::structuredModel());
    VERIFY_OK(loaded);
    const Model& model = **loaded;
    const Graph& graph = model.graph;
    QCOMPARE(graph.constant("a_float")->valueAt(0), 1.5);
    QCOMPARE(graph.constant("some_floats")->count(), std::size_t{2});
    QCOMPARE(graph.constant("an_int")->valueAt(0), 7.0);
    QCOMPARE(graph.constant("some_ints")->valueAt(1), -8.0);
    QCOMPARE(graph.constant("a_string")->strings()[0], std::string("text"));
    QCOMPARE(graph.constant("some_strings")->shape(), Shape{1});
    QCOMPARE(graph.constant("a_tensor")->valueAt(3), double{test::exampleValue(3)});
    QCOMPARE(graph.constant("a_sparse")->valueAt(2), 4.0);
    const Tensor* sparse = graph.constant("sparse.weight");
    QCOMPARE(sparse->shape(), (Shape{3, 2}));
    QCOMPARE(sparse->valueAt(1), 3.0);
    QCOMPARE(sparse->valueAt(4), -2.0);
    QCOMPARE(model.metadata.at("author"), std::string("nobody"));
    QCOMPARE(graph.quantizationAnnotations.at("x").at("SCALE_TENSOR"), std::string("x_scale"));
    QCOMPARE(model.functions.size(), std::size_t{1});
    QCOMPARE(model.functions[0].body.nodes[0].referredAttributes.at("transB"), std::string("transposed"));
    QCOMPARE(graph.nodes[3].domain, std::string("example.unknown"));
    std::vector<std::string> names;
    for (const Layer& layer : model.layers) {
      names.push_back(layer.name);
    }
    QCOMPARE(names, (std::vector<std::string>{"choice/else_branch/product", "choice/then_branch/product",
                                              "call/gemm", "embedding"}));
    QVERIFY(model.warnings.empty());
  }

  void oldFilesListInitializersAsInputs() {
    onnx::ModelProto model = test::emptyModel();
    model.set_ir_version(3);
    test::addValue(*model.mutable_graph()->mutable_input(), "x", {1});
    test::addValue(*model.mutable_graph()->mutable_input(), "w", {2, 2});
    test::addFloats(*model.mutable_graph(), "w", {2, 2});
    const auto loaded = load(model.SerializeAsString());
    VERIFY_OK(loaded);
    QCOMPARE((*loaded)->graph.inputs.size(), std::size_t{1});
    model.set_ir_version(1); // without opsets, and attributes that do not say their type
    model.clear_opset_import();
    test::addInteger(test::addNode(*model.mutable_graph(), "Gemm", "g", {"x", "w"}, {"y"}), "transB", 1)
        .clear_type();
    const auto oldest = load(model.SerializeAsString());
    VERIFY_OK(oldest);
    QCOMPARE((*oldest)->opsets.at(""), 1);
    QCOMPARE((*oldest)->layers[0].channelAxes, std::vector<int>{0});
  }

  void fieldsNewerThanTheLibrary() {
    onnx::ModelProto model = test::emptyModel();
    model.set_ir_version(13);
    auto& function = *model.add_functions();
    function.set_name("F");
    function.set_domain("d");
    onnx::AttributeProto fallback;
    fallback.set_name("transposed");
    fallback.set_type(onnx::AttributeProto::INT);
    fallback.set_i(1);
    function.mutable_unknown_fields()->AddLengthDelimited(11, fallback.SerializeAsString());
    function.mutable_unknown_fields()->AddLengthDelimited(13, "second");
    auto& call = test::addNode(*model.mutable_graph(), "F", "call", {}, {});
    call.set_domain("d");
    call.mutable_unknown_fields()->AddLengthDelimited(8, "second");
    call.mutable_unknown_fields()->AddLengthDelimited(1234, std::string(1000, 'x'));
    const auto loaded = load(model.SerializeAsString());
    VERIFY_OK(loaded);
    QCOMPARE((*loaded)->graph.nodes[0].overload, std::string("second"));
    QCOMPARE((*loaded)->functions[0].overload, std::string("second"));
    QCOMPARE(std::get<std::int64_t>((*loaded)->functions[0].attributeDefaults.at("transposed")), 1);
  }

  void unknownElementTypesAreLeftOut() {
    onnx::ModelProto model = test::emptyModel();
    test::addRaw(*model.mutable_graph(), "future", 99, {2}, "??");
    test::addFloats(*model.mutable_graph(), "w", {2, 2});
    const auto loaded = load(model.SerializeAsString());
    VERIFY_OK(loaded);
    QCOMPARE((*loaded)->parameters, 4);
    QCOMPARE((*loaded)->warnings.size(), std::size_t{1});
    QVERIFY((*loaded)->warnings[0].find("initializer future") != std::string::npos);
  }

  void storedQuantizationDecodes() {
    const auto loaded = load(test::quantizedModel());
    VERIFY_OK(loaded);
    QCOMPARE((*loaded)->warnings, std::vector<std::string>{});
    QCOMPARE((*loaded)->layers.size(), std::size_t{4});
    std::vector<std::vector<float>> values;
    for (const Layer& layer : (*loaded)->layers) {
      const auto matrix = WeightMatrix::fromLayer(layer, JobContext());
      VERIFY_OK(matrix);
      values.emplace_back((*matrix)->values().begin(), (*matrix)->values().end());
    }
    QCOMPARE(values[0][1], 0.25f * (4 * 4 - 128)); // [16,4], channels last: row 0 is column 0
    QCOMPARE(values[1][16], 0.25f * (16 * 4 - 128));
    QCOMPARE(values[2][16], 0.25f * (192 - 128)); // byte 16·4 − 128 is the unsigned code 192
    QCOMPARE(values[3][0], 0.25f * (0 - 8));
    QCOMPARE(values[3][15], 0.25f * (15 - 8));
  }

  void externalData() {
    const std::vector<float> weights = {1, 2, 3, 4, 5, 6};
    std::filesystem::create_directories(path("sub"));
    test::writeFile(path("sub/weights.bin"), "skip" + test::bytesOf(weights));
    const auto loaded = load(externalModel("sub/weights.bin", "4", "24"));
    VERIFY_OK(loaded);
    QCOMPARE((*loaded)->layers[0].weight.valueAt(5), 6.0);
    QCOMPARE((*loaded)->bytes, std::int64_t(std::filesystem::file_size(path("model.onnx")) + 28));
    VERIFY_OK(load(externalModel("sub/weights.bin", "4", "")));
    VERIFY_OK(load(externalModel("./sub//weights.bin", "4", "24")));
  }

  void externalDataAboveTwoGigabytes() {
    { std::ofstream(path("huge.bin")).put('x'); }
    const std::uintmax_t offset = std::uintmax_t{5} << 30;
    std::filesystem::resize_file(path("huge.bin"), offset); // a hole: takes no space
    std::ofstream(path("huge.bin"), std::ios::app | std::ios::binary) << test::bytesOf({1, 2, 3, 4, 5, 6});
    const auto loaded = load(externalModel("huge.bin", std::to_string(offset), "24"));
    VERIFY_OK(loaded);
    QCOMPARE((*loaded)->layers[0].weight.valueAt(5), 6.0);
    std::filesystem::remove(path("huge.bin"));
  }

  void hostileExternalData_data() {
    QTest::addColumn<QString>("location");
    QTest::addColumn<QString>("offset");
    QTest::addColumn<QString>("length");
    QTest::addColumn<QString>("part");
    QTest::newRow("absolute") << "/etc/passwd"
                              << "0"
                              << "24"
                              << "no path within";
    QTest::newRow("parent") << "../secret.bin"
                            << "0"
                            << "24"
                            << "no path within";
    QTest::newRow("hidden parent") << "sub/../../secret.bin"
                                   << "0"
                                   << "24"
                                   << "no path within";
    QTest::newRow("link out") << "link/secret.bin"
                              << "0"
                              << "24"
                              << "link that leads out of the model's folder, to ";
    QTest::newRow("linked file") << "linked.bin"
                                 << "0"
                                 << "24"
                                 << "link that leads out of the model's folder, to ";
    QTest::newRow("itself a folder") << "."
                                     << "0"
                                     << "24"
                                     << "";
    QTest::newRow("missing") << "missing.bin"
                             << "0"
                             << "24"
                             << "cannot be read";
    QTest::newRow("empty") << ""
                           << "0"
                           << "24"
                           << "no path within";
    QTest::newRow("beyond") << "in.bin"
                            << "1"
                            << "24"
                            << "beyond the end";
    QTest::newRow("overflow") << "in.bin"
                              << "18446744073709551615"
                              << "24"
                              << "beyond the end";
    QTest::newRow("negative") << "in.bin"
                              << "-1"
                              << "24"
                              << "expected a number";
    QTest::newRow("words") << "in.bin"
                           << "0x10"
                           << "24"
                           << "expected a number";
    QTest::newRow("too short") << "in.bin"
                               << "0"
                               << "20"
                               << "need 24";
  }
  void hostileExternalData() {
    QFETCH(QString, location);
    QFETCH(QString, offset);
    QFETCH(QString, length);
    QFETCH(QString, part);
    QTemporaryDir outside;
    test::writeFile(outside.filePath("secret.bin").toStdString(), std::string(24, 's'));
    test::writeFile(path("in.bin"), std::string(24, 'i'));
    std::error_code ignored;
    std::filesystem::create_directories(path("sub"));
    std::filesystem::remove(path("link"), ignored);
    std::filesystem::remove(path("linked.bin"), ignored);
    std::filesystem::create_symlink(outside.path().toStdString(), path("link"));
    std::filesystem::create_symlink(outside.filePath("secret.bin").toStdString(), path("linked.bin"));
    const auto loaded =
        load(externalModel(location.toStdString(), offset.toStdString(), length.toStdString()));
    QVERIFY(!loaded);
    QVERIFY2(loaded.error().message().find(part.toStdString()) != std::string::npos,
             loaded.error().message().c_str());
    QVERIFY2(loaded.error().where.find("initializer w") != std::string::npos,
             loaded.error().message().c_str());
  }

  void namesTheFault() {
    const std::string good = test::convolutionModel();
    expectError("", ErrorKind::damagedFile, "is empty");
    expectError("hello, this is text\n", ErrorKind::damagedFile, "is not an ONNX model");
    expectError("\x08\x08", ErrorKind::damagedFile, "holds no graph");
    expectError(good.substr(0, good.size() / 2), ErrorKind::damagedFile, "cut short");
    onnx::ModelProto model;
    model.ParseFromString(good);
    model.mutable_graph()->mutable_initializer(0)->set_dims(0, 5);
    expectError(model.SerializeAsString(), ErrorKind::damagedFile, "initializer conv1.weight");
    model.mutable_graph()->mutable_initializer(0)->set_dims(0, -4);
    expectError(model.SerializeAsString(), ErrorKind::damagedFile, "negative");
    model.mutable_graph()->mutable_initializer(0)->set_dims(0, std::int64_t{1} << 62);
    expectError(model.SerializeAsString(), ErrorKind::damagedFile, "2^48");
    model.mutable_graph()->mutable_initializer(0)->set_dims(0, 4);
    auto& constant = test::addNode(*model.mutable_graph(), "Constant", "c", {}, {"out"});
    auto& attribute = *constant.add_attribute();
    attribute.set_name("value");
    attribute.set_type(onnx::AttributeProto::TENSOR);
    attribute.mutable_t()->set_data_type(1);
    attribute.mutable_t()->add_dims(3);
    expectError(model.SerializeAsString(), ErrorKind::damagedFile, "node 7 (Constant c), attribute value");
  }

  void hostileNesting() {
    std::string graph = field(2, "innermost");
    for (int i = 0; i < 3000; ++i) { // graph ← attribute ← node ← graph …
      graph = field(1, field(5, field(6, graph)));
    }
    expectError("\x08\x08" + field(7, graph), ErrorKind::damagedFile, "nested");
    std::string groups;
    for (int i = 0; i < 100000; ++i) {
      groups += "\x7b"; // start of group 15
    }
    expectError("\x08\x08" + groups, ErrorKind::damagedFile, "damaged");
  }

  void memoryIsBounded_data() {
    QTest::addColumn<QByteArray>("content");
    std::string nodes;
    for (int i = 0; i < 2'000'000; ++i) {
      nodes += std::string("\x0a\x00", 2);
    }
    QTest::newRow("empty nodes") << QByteArray::fromStdString("\x08\x08" + field(7, nodes));
    std::string strings;
    for (int i = 0; i < 2'000'000; ++i) {
      strings += std::string("\x0a\x00", 2);
    }
    QTest::newRow("empty inputs") << QByteArray::fromStdString("\x08\x08" + field(7, field(1, strings)));
    QTest::newRow("long lists of integers") << QByteArray::fromStdString(
        "\x08\x08" + field(7, field(1, field(5, field(8, std::string(4'000'000, '\1'))))));
    std::string pieces;
    for (int i = 0; i < 2'000'000; ++i) {
      pieces += std::string("\x28\x01", 2); // int32_data, not packed
    }
    QTest::newRow("unpacked elements") << QByteArray::fromStdString("\x08\x08" + field(7, field(5, pieces)));
  }
  void memoryIsBounded() {
    QFETCH(QByteArray, content);
    const qint64 before = anonymousMemory();
    const auto loaded = load(content.toStdString());
    const qint64 grown = anonymousMemory() - before;
    qInfo("%s; %lld MB for a file of %lld MB", loaded ? "opens" : loaded.error().message().c_str(),
          grown >> 20, qint64(content.size()) >> 20);
#if !defined(__SANITIZE_ADDRESS__) &&                                                                        \
    !defined(__SANITIZE_THREAD__) // they keep freed memory and pad every block
    QVERIFY(grown < (qint64{64} << 20) + 40 * content.size());
#endif
  }

  void sparseBombs() {
    onnx::ModelProto model = test::emptyModel();
    auto& sparse = *model.mutable_graph()->add_sparse_initializer();
    onnx::GraphProto scratch;
    *sparse.mutable_values() = test::addRaw(scratch, "bomb", 1, {1}, test::bytesOf({1}));
    sparse.mutable_indices()->set_data_type(7);
    sparse.mutable_indices()->add_dims(1);
    sparse.mutable_indices()->add_int64_data(5);
    sparse.add_dims(std::int64_t{1} << 40);
    const auto loaded = load(model.SerializeAsString());
    VERIFY_OK(loaded); // it is left out
    QVERIFY((*loaded)->warnings[0].find("far more memory") != std::string::npos);
    sparse.set_dims(0, 5); // the index 5 lies outside
    expectError(model.SerializeAsString(), ErrorKind::damagedFile, "sparse index 5");
  }

  void stopsWhenAsked() {
    test::writeFile(path("model.onnx"), test::longModel(5000));
    std::stop_source stop;
    stop.request_stop();
    const auto loaded = m_host.loadModel(path("model.onnx"), JobContext(stop.get_token()));
    QVERIFY(!loaded);
    QCOMPARE(loaded.error().kind, ErrorKind::cancelled);
  }

private:
  static std::string externalModel(const std::string& location, const std::string& offset,
                                   const std::string& length) {
    onnx::ModelProto model = test::emptyModel();
    auto& tensor = test::addRaw(*model.mutable_graph(), "w", 1, {2, 3}, "");
    tensor.clear_raw_data();
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] :
         {std::pair("location", location), {"offset", offset}, {"length", length}}) {
      if (!value.empty() || std::string(key) == "location") {
        auto& entry = *tensor.add_external_data();
        entry.set_key(key);
        entry.set_value(value);
      }
    }
    test::addNode(*model.mutable_graph(), "MatMul", "mm", {"x", "w"}, {"y"});
    return model.SerializeAsString();
  }
};

QTEST_GUILESS_MAIN(OnnxLoaderTest)
#include "tst_onnx_loader.moc"
