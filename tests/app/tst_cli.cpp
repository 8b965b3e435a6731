// The command line as a person or script meets it: the built program, run on small models.
#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "tests/app/command_line.h"
#include "tests/support/onnx_models.h"
#include "tests/support/paths.h"

#include <QDir>
#include <QElapsedTimer>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>

#include <cmath>
#include <cstring>

#include <signal.h>
#include <unistd.h>

using namespace halfstep;
using test::Finished;

namespace {

struct Npy {
  QByteArray descriptor;
  Shape shape;
  QByteArray data;
  template <class T>
  T at(std::size_t index) const {
    T value;
    std::memcpy(&value, data.constData() + index * sizeof(T), sizeof(T));
    return value;
  }
};

/// A reader from NumPy's description of the format.
Npy readNpy(const QString& path) {
  Npy npy;
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly) || file.read(8) != QByteArray("\x93NUMPY\x01\x00", 8)) {
    return npy;
  }
  const QByteArray length = file.read(2);
  const QString header = file.read(uchar(length[0]) + 256 * uchar(length[1]));
  if (file.pos() % 64 != 0 || !header.endsWith('\n')) {
    return npy;
  }
  static const QRegularExpression kHeader(
      "^\\{'descr': '([^']+)', 'fortran_order': False, 'shape': \\(([0-9, ]*)\\), \\} *\n$");
  const auto match = kHeader.match(header);
  npy.descriptor = match.captured(1).toLatin1();
  for (const QString& part : match.captured(2).split(',', Qt::SkipEmptyParts)) {
    if (!part.trimmed().isEmpty()) {
      npy.shape.push_back(part.toLongLong());
    }
  }
  npy.data = file.readAll();
  return npy;
}

} // namespace

class CliTest : public test::CommandLineTest {
  Q_OBJECT

  QString model(const char* name, const std::string& content) const {
    test::writeFile(path(name).toStdString(), content);
    return path(name);
  }

  static QStringList layerNames(const QJsonObject& json) {
    QStringList names;
    for (const auto& layer : json["layers"].toArray()) {
      names << layer.toObject()["name"].toString();
    }
    return names;
  }
  static QStringList schemes(const QJsonObject& json) {
    QStringList texts;
    for (const auto& layer : json["layers"].toArray()) {
      texts << layer.toObject()["scheme"].toString();
    }
    return texts;
  }

private slots:
  void inspectsAsJson() {
    const QString file = model("conv.onnx", test::convolutionModel());
    const Finished finished = run({"inspect", file, "--json"});
    QCOMPARE(finished.status, 0);
    QVERIFY(finished.errors.isEmpty());
    const QJsonObject json = finished.json();
    QCOMPARE(json["model"].toString(), file);
    QCOMPARE(json["format"].toString(), "ONNX");
    QCOMPARE(json["opset"].toInt(), 17);
    QCOMPARE(json["parameters"].toInt(), 168);
    QCOMPARE(json["bytes"].toInteger(), QFile(file).size());
    QCOMPARE(json["inputs"].toArray()[0].toObject()["shape"].toArray(), (QJsonArray{1, 3, 8, 8}));
    QCOMPARE(json["outputs"].toArray()[0].toObject()["name"].toString(), "y");
    QCOMPARE(layerNames(json), (QStringList{"conv1", "block/dw", "fc"}));
    const QJsonObject layer = json["layers"].toArray()[0].toObject();
    for (const char* key : {"name", "op", "weight", "shape", "dtype", "parameters", "channel_axis", "min",
                            "max", "mean", "std", "kurtosis", "zeros"}) {
      QVERIFY2(layer.contains(QLatin1String(key)), key);
    }
    double sum = 0.0;
    double magnitudes = 0.0;
    for (std::size_t i = 0; i < 108; ++i) {
      sum += test::exampleValue(i);
      magnitudes += std::abs(test::exampleValue(i));
    }
    // Kernels promise 1e-6 of the magnitudes, whatever the instruction set; leaving one value out is 1e-2.
    QVERIFY2(std::abs(layer["mean"].toDouble() - sum / 108) < 1e-6 * magnitudes / 108,
             qPrintable(QString::number(layer["mean"].toDouble() - sum / 108)));
    QCOMPARE(layer["zeros"].toInt(), 1); // sin(0)
    QCOMPARE(layer["channel_axis"].toInt(), 0);
    QCOMPARE(run({"--json", "inspect", file}).output, finished.output);
  }

  void inspectsAsText() {
    const Finished finished = run({"inspect", model("conv.onnx", test::convolutionModel())});
    QCOMPARE(finished.status, 0);
    QVERIFY2(finished.output.contains("opset 17, 168 parameters"), finished.output.constData());
    QVERIFY(finished.output.contains("block/dw  Conv  [4, 1, 3, 3]  float32"));
    QVERIFY(run({"inspect", model("s.onnx", test::structuredModel())}).output.contains("call/gemm"));
  }

  void inspectsWhatIsAlreadyQuantized() {
    const Finished finished = run({"inspect", model("q.onnx", test::quantizedModel()), "--json"});
    QCOMPARE(finished.status, 0);
    const QJsonArray layers = finished.json()["layers"].toArray();
    QCOMPARE(layers.size(), 4);
    QCOMPARE(layers[0].toObject()["dtype"].toString(), "int8");
    QCOMPARE(layers[0].toObject()["min"].toDouble(), -32.0); // 0.25 · −128
    QCOMPARE(layers[3].toObject()["dtype"].toString(), "uint4");
    QCOMPARE(layers[3].toObject()["stored"].toObject()["block_size"].toInt(), 16);
    const QJsonObject perAxis = layers[1].toObject()["stored"].toObject();
    QCOMPARE(perAxis["code_min"].toInt(), -128);
    QCOMPARE(perAxis["code_max"].toInt(), 124);
    QCOMPARE(perAxis["scales"].toInt(), 4);
    QCOMPARE(perAxis["scale_max"].toDouble(), 1.0);
    QCOMPARE(layers[2].toObject()["stored"].toObject()["zero_point_min"].toInt(), 128);
    QVERIFY(run({"inspect", path("q.onnx")})
                .output.contains("per_axis: in the file (DequantizeLinear): int8 codes −128…124, 4 scales "
                                 "0.125…1.00, zero point 0"));
  }

  void dumpsWhatTheFileHolds() {
    const QString folder = path("stored");
    const Finished finished =
        run({"inspect", model("q.onnx", test::quantizedModel()), "--dump", folder, "--json"});
    QCOMPARE(finished.status, 0);
    QCOMPARE(finished.json()["layers"].toArray()[1].toObject()["dumped_as"].toString(), "per_axis");
    const Npy codes = readNpy(folder + "/per_axis.codes.npy");
    const Npy scales = readNpy(folder + "/per_axis.scales.npy");
    const Npy decoded = readNpy(folder + "/per_axis.dequantized.npy");
    QCOMPARE(codes.descriptor, "|i1");
    QCOMPARE(codes.shape, (Shape{4, 16}));
    QCOMPARE(scales.shape, Shape{4});
    QVERIFY(!QFile::exists(folder + "/per_axis.zero_points.npy")); // the file has none
    for (std::size_t i = 0; i < 64; ++i) {
      QCOMPARE(int{codes.at<std::int8_t>(i)}, static_cast<int>(i) * 4 - 128);
      QCOMPARE(decoded.at<float>(i), scales.at<float>(i / 16) * static_cast<float>(codes.at<std::int8_t>(i)));
    }
    QCOMPARE(int{readNpy(folder + "/integer.zero_points.npy").at<std::uint8_t>(0)}, 128);
    // Four bits a code in the file, one byte each here: 0x20 holds 0 and 2.
    const Npy packed = readNpy(folder + "/packed.codes.npy");
    QCOMPARE(packed.descriptor, "|u1");
    QCOMPARE(packed.shape, (Shape{1, 16}));
    QCOMPARE(int{packed.at<std::uint8_t>(0)}, 0);
    QCOMPARE(int{packed.at<std::uint8_t>(1)}, 2);
    // The decoded values come in the weight's own order, though its channels are the columns.
    const Npy moved = readNpy(folder + "/per_tensor.dequantized.npy");
    QCOMPARE(moved.at<float>(1), 0.25f * -124.0f);
  }

  void quantizes() {
    const QString file = model("conv.onnx", test::convolutionModel());
    const QJsonObject json = run({"quantize", file, "--weights", "int8", "--json"}).json();
    QCOMPARE(layerNames(json), (QStringList{"conv1", "block/dw", "fc"}));
    double before = 0;
    for (const auto& value : json["layers"].toArray()) {
      const QJsonObject layer = value.toObject();
      for (const char* key : {"scheme", "bits_per_weight", "bytes", "mse", "mse_rounding", "mse_clipping",
                              "sqnr_db", "max_error", "mean_error", "cosine", "clipped"}) {
        QVERIFY2(layer.contains(QLatin1String(key)), key);
      }
      QVERIFY(layer["bits_per_weight"].toDouble() >= 8.0);
      before += layer["bytes"].toDouble();
    }
    const QJsonObject total = json["total"].toObject();
    QCOMPARE(total["bytes_before"].toInteger(), QFile(file).size());
    QCOMPARE(total["bytes_after"].toDouble(), double(QFile(file).size()) - 4 * (108 + 36) - 2 * 20 + before);
    QVERIFY(std::abs(total["ratio"].toDouble() -
                     total["bytes_before"].toDouble() / total["bytes_after"].toDouble()) < 1e-12);
    QVERIFY(total["sqnr_db"].toDouble() > 30.0);
  }

  void plansAreBuiltInOrder() {
    const QString file = model("conv.onnx", test::convolutionModel());
    Plan plan;
    plan.fallback.weights = parseScheme("fp16").value();
    plan.layers["fc"].weights = parseScheme("uint4").value();
    VERIFY_OK(savePlan(plan, path("in.halfstep.json").toStdString()));
    const QString given = path("in.halfstep.json");
    QCOMPARE(schemes(run({"quantize", file, "--plan", given, "--json"}).json()),
             (QStringList{"fp16", "fp16", "uint4"}));
    QCOMPARE(schemes(run({"quantize", file, "--weights", "int6", "--plan", given, "--json"}).json()),
             (QStringList{"int6", "int6", "uint4"}));
    const QString saved = path("out.halfstep.json");
    const Finished finished =
        run({"quantize", file, "--plan", given, "--weights", "int6", "--set", "*=int8", "--set",
             "b?ock/[a-e]w=int4:mse", "--set", "fc=fp32", "--save-plan", saved, "--json"});
    QCOMPARE(schemes(finished.json()), (QStringList{"int8", "int4:mse", "fp32"}));
    const auto written = loadPlan(saved.toStdString());
    VERIFY_OK(written);
    QCOMPARE(written->modelFile, std::string("conv.onnx"));
    QCOMPARE(written->modelSha256.size(), std::size_t{64});
    QCOMPARE(printScheme(written->forLayer("block/dw").weights), std::string("int4:mse"));
    const Finished again = run({"quantize", file, "--plan", saved, "--json"});
    QCOMPARE(again.output, finished.output);
    QVERIFY(again.errors.isEmpty());
    const QString other = model("other.onnx", test::quantizedModel());
    const Finished warned = run({"quantize", other, "--plan", saved, "--json"});
    QCOMPARE(warned.status, 0);
    QVERIFY2(warned.errors.contains("warning") && warned.errors.contains("no layer block/dw"), warned.errors);
  }

  void dumpsCodes() {
    const QString file = model("conv.onnx", test::convolutionModel());
    const QString folder = path("dump");
    QCOMPARE(
        run({"quantize", file, "--weights", "int8", "--set", "fc=uint4:group16", "--dump", folder}).status,
        0);
    QCOMPARE(QDir(folder).entryList(QDir::Files).size(), 12);
    const Npy codes = readNpy(folder + "/conv1.codes.npy");
    const Npy scales = readNpy(folder + "/conv1.scales.npy");
    const Npy zeroPoints = readNpy(folder + "/conv1.zero_points.npy");
    const Npy decoded = readNpy(folder + "/conv1.dequantized.npy");
    QCOMPARE(codes.descriptor, "|i1");
    QCOMPARE(codes.shape, (Shape{4, 3, 3, 3}));
    QCOMPARE(scales.shape, Shape{4});
    QCOMPARE(zeroPoints.descriptor, "|i1");
    for (std::size_t channel = 0; channel < 4; ++channel) {
      float largest = 0.0f;
      for (std::size_t i = 0; i < 27; ++i) {
        largest = std::max(largest, std::abs(test::exampleValue(channel * 27 + i)));
      }
      const float scale = largest / 127.0f;
      QCOMPARE(scales.at<float>(channel), scale);
      QCOMPARE(zeroPoints.at<std::int8_t>(channel), std::int8_t{0});
      for (std::size_t i = channel * 27; i < (channel + 1) * 27; ++i) {
        const float code = std::nearbyint(test::exampleValue(i) / scale);
        QCOMPARE(codes.at<std::int8_t>(i), static_cast<std::int8_t>(code));
        QCOMPARE(decoded.at<float>(i), scale * code);
      }
    }
    QVERIFY(QFile::exists(folder + "/block_dw.codes.npy"));
    QCOMPARE(readNpy(folder + "/fc.codes.npy").descriptor, "|u1");
    QCOMPARE(readNpy(folder + "/fc.scales.npy").shape, (Shape{5, 1}));
    QCOMPARE(
        run({"quantize", file, "--weights", "fp16", "--set", "fc=int16:tensor", "--dump", folder}).status, 0);
    QCOMPARE(readNpy(folder + "/conv1.codes.npy").descriptor, "<u2");
    QCOMPARE(readNpy(folder + "/fc.codes.npy").descriptor, "<i2");
    QCOMPARE(readNpy(folder + "/fc.scales.npy").shape, Shape{1});
    const QString plain = path("plain");
    QCOMPARE(run({"quantize", file, "--weights", "fp32", "--dump", plain}).status, 0);
    QCOMPARE(QDir(plain).entryList(QDir::Files).size(), 3);
    QCOMPARE(readNpy(plain + "/fc.dequantized.npy").shape, (Shape{5, 4}));
  }

  void dumpsInTheWeightsOwnOrder() {
    onnx::ModelProto proto = test::emptyModel();
    test::addFloats(*proto.mutable_graph(), "w", {3, 4}); // channels are the columns
    test::addNode(*proto.mutable_graph(), "MatMul", "mm", {"x", "w"}, {"y"});
    const QString file = model("mm.onnx", proto.SerializeAsString());
    const QString folder = path("columns");
    QCOMPARE(run({"quantize", file, "--weights", "int8", "--dump", folder}).status, 0);
    const Npy codes = readNpy(folder + "/mm.codes.npy");
    const Npy scales = readNpy(folder + "/mm.scales.npy");
    const Npy decoded = readNpy(folder + "/mm.dequantized.npy");
    QCOMPARE(codes.shape, (Shape{3, 4}));
    QCOMPARE(scales.shape, Shape{4});
    for (std::size_t i = 0; i < 12; ++i) {
      QVERIFY(std::abs(decoded.at<float>(i) - test::exampleValue(i)) <= scales.at<float>(i % 4) * 0.5001f);
      QCOMPARE(decoded.at<float>(i), scales.at<float>(i % 4) * static_cast<float>(codes.at<std::int8_t>(i)));
    }
  }

  void hostileNamesStayInTheFolder() {
    onnx::ModelProto proto = test::emptyModel();
    auto& graph = *proto.mutable_graph();
    const std::vector<std::string> names = {"../../escape",
                                            "a/b",
                                            "a_b",
                                            "..",
                                            "\xff\xfe bad",
                                            "tab\tnew\nline\x1b[31m",
                                            std::string(500, 'n'),
                                            std::string(500, '\xff'),
                                            std::string(199, 'n') + "\u2192"};
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::string weight = "w" + std::to_string(i);
      test::addFloats(graph, weight, {2, 2});
      test::addNode(graph, "MatMul", names[i], {"x", weight}, {"y" + std::to_string(i)});
    }
    const QString file = model("names.onnx", proto.SerializeAsString());
    const QString folder = path("inner/dump");
    const Finished finished = run({"quantize", file, "--weights", "int8", "--dump", folder, "--json"});
    QCOMPARE(finished.status, 0);
    QVERIFY(!finished.json().isEmpty());
    const QStringList files = QDir(folder).entryList({"*.codes.npy"}, QDir::Files | QDir::Hidden);
    QCOMPARE(files.size(), static_cast<int>(names.size()));
    for (const QString& one : files) { // cut where a character ends
      QVERIFY2(!one.contains(QChar::ReplacementCharacter) || !one.startsWith('n'), qPrintable(one));
    }
    QSet<QString> told; // two names that are one as files are told apart in the output
    for (const auto& layer : finished.json()["layers"].toArray()) {
      told << layer.toObject()["dumped_as"].toString() + ".codes.npy";
    }
    QCOMPARE(told, QSet<QString>(files.begin(), files.end()));
    QVERIFY(files.contains("a_b.codes.npy") && files.contains("a_b_2.codes.npy"));
    QCOMPARE(QDir(path("inner")).entryList(QDir::AllEntries | QDir::NoDotAndDotDot), QStringList{"dump"});
    const Finished text = run({"inspect", file});
    QCOMPARE(text.status, 0);
    QVERIFY(!text.output.contains('\x1b'));
    QVERIFY(text.output.contains("tab\\x09new\\x0aline\\x1b[31m"));
    expectFailure({"quantize", file, "--set", "nothing\nhere=int8"}, 2,
                  "no layer is called nothing\\x0ahere");
  }

  void notFiniteValues() {
    onnx::ModelProto proto = test::emptyModel();
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float infinity = std::numeric_limits<float>::infinity();
    test::addRaw(*proto.mutable_graph(), "w", 1, {2, 2}, test::bytesOf({nan, infinity, 1.0f, -2.0f}));
    test::addRaw(*proto.mutable_graph(), "zero", 1, {2, 2}, std::string(16, '\0'));
    test::addNode(*proto.mutable_graph(), "MatMul", "odd", {"x", "w"}, {"y"});
    test::addNode(*proto.mutable_graph(), "MatMul", "zero", {"x", "zero"}, {"z"});
    const QString file = model("nan.onnx", proto.SerializeAsString());
    for (const QStringList& arguments :
         {QStringList{"inspect", file, "--json"}, {"quantize", file, "--weights", "int8:tensor", "--json"}}) {
      const Finished finished = run(arguments);
      QCOMPARE(finished.status, 0);
      QVERIFY(!finished.json().isEmpty());
      QVERIFY(!finished.output.contains("nan,") && !finished.output.contains("Infinity"));
    }
    const QJsonObject layer = run({"inspect", file, "--json"}).json()["layers"].toArray()[0].toObject();
    QCOMPARE(layer["nan"].toInt(), 1);
    QCOMPARE(layer["infinite"].toInt(), 1);
    QCOMPARE(layer["min"].toDouble(), -2.0);
    const QJsonObject zero =
        run({"quantize", file, "--weights", "int8", "--json"}).json()["layers"].toArray()[1].toObject();
    QVERIFY(zero["sqnr_db"].isNull());
  }

  void showsData() {
    const QString file = model("conv.onnx", test::convolutionModel());
    const Finished drawn = run({"data", file, "--samples", "3", "--json"});
    QCOMPARE(drawn.status, 0);
    QVERIFY(drawn.errors.startsWith("halfstep: warning: no --data"));
    QVERIFY(drawn.json()["synthetic"].toBool());
    QCOMPARE(drawn.json()["samples"].toInt(), 3);
    QCOMPARE(drawn.json()["inputs"].toArray()[0].toObject()["shape"].toArray(), (QJsonArray{1, 3, 8, 8}));

    // Two samples of 192 floats, 0 … 383, in the order that NumPy stores them.
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 8, 8), }";
    header += std::string(128 - 10 - header.size() - 1, ' ') + "\n";
    std::string npy = std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header;
    for (int i = 0; i < 384; ++i) {
      const auto value = static_cast<float>(i);
      npy.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    const QString data = model("x.npy", npy);
    const Finished given =
        run({"data", file, "--data", data, "--scale", "1/2", "--dump", path("first"), "--json"});
    QVERIFY2(given.status == 0 && given.errors.isEmpty(), given.errors.constData());
    QCOMPARE(given.json()["samples"].toInt(), 2);
    QCOMPARE(given.json()["inputs"].toArray()[0].toObject()["max"].toDouble(), 191.5);
    QCOMPARE(readNpy(path("first/x.npy")).at<float>(191), 95.5F);
    QVERIFY(run({"data", file, "--data", data}).output.contains("no labels"));

    expectFailure({"data", file, "--data", path("nowhere")}, 1, "nowhere: cannot be read");
    expectFailure({"data", file, "--data", model("cut.npy", npy.substr(0, 500))}, 3, "cut.npy");
    expectFailure({"data", file, "--data", data, "--crop", "0"}, 2, "--crop: \"0\": expected");
    expectFailure({"data", file, "--shape", "x"}, 2, "--shape: \"x\": expected an input and its shape");
    expectFailure({"data", file, "--shape", "x=1,3,9,9"}, 2, "is not what the model's input is");
  }

  void estimatesBesideWhatItMeasures() {
    const QString samples = QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/");
    const QStringList sweep = {"sensitivity", samples + "digits_mlp.onnx",
                               "--data",      samples + "data/digits_mlp",
                               "--samples",   "6",
                               "--schemes",   "int8,int4",
                               "--estimate",  "fisher"};
    const Finished both = run(sweep + QStringList{"--json"});
    QVERIFY2(both.status == 0, both.errors.constData());
    QCOMPARE(both.json()["estimate"].toObject()["metric"].toString(), QStringLiteral("kl"));
    QVERIFY(both.json()["estimate"].toObject()["exact"].toBool());   // ten classes
    const QJsonObject forecast = both.json()["forecast"].toObject(); // six samples, three layers, two schemes
    const double share = forecast["seconds"].toDouble() / forecast["naive_seconds"].toDouble();
    QVERIFY2(share > 0.2 && share < 1.0, qPrintable(QString::number(share)));
    QVERIFY(forecast["kept_bytes"].toInt() > 0);
    QVERIFY(!both.errors.contains("the sweep takes")); // nobody waits at a terminal
    for (const auto& reliability : both.json()["reliability"].toArray()) {
      QVERIFY(reliability.toObject()["fisher_estimate_rank_correlation"].isDouble());
    }
    for (const auto& layer : both.json()["layers"].toArray()) {
      const QJsonArray measured = layer.toObject()["values"].toArray();
      const QJsonArray estimated = layer.toObject()["fisher_estimates"].toArray();
      QCOMPARE(estimated.size(), 2);
      const double ratio = estimated[0].toDouble() / measured[0].toDouble();
      QVERIFY2(ratio > 0.6 && ratio < 1.6, qPrintable(QString::number(ratio))); // the same unit, at 8 bits
    }
    const QByteArray table = run(sweep).output;
    QVERIFY2(table.contains("rank correlation with the measured: weight error "), table.constData());
    QVERIFY(table.contains(", Fisher ") && table.contains("(95 % interval)"));
    const auto row = table.split('\n').at(1); // "fc1  2.1e−05 (1.2e−05 to 3.3e−05) …"
    QCOMPARE(row.count(" to "), 2);           // one interval for each scheme

    const Finished alone = run(sweep + QStringList{"--only-estimate", "--json"});
    QCOMPARE(alone.status, 0);
    QVERIFY(!alone.json().contains("reliability"));
    for (int layer = 0; layer < 3; ++layer) {
      QCOMPARE(alone.json()["layers"].toArray()[layer].toObject()["fisher_estimates"],
               both.json()["layers"].toArray()[layer].toObject()["fisher_estimates"]);
    }
    expectFailure({"sensitivity", samples + "digits_mlp.onnx", "--only-estimate"}, 2, "--estimate fisher");
    expectFailure({"sensitivity", samples + "digits_mlp.onnx", "--estimate", "guess"}, 2, "expected fisher");
  }

  void failuresHaveTheirStatus() {
    const QString file = model("conv.onnx", test::convolutionModel());
    const std::string good = test::convolutionModel();
    expectFailure({}, 2, "which command?");
    expectFailure({"frob"}, 2, "no command \"frob\"");
    expectFailure({"--json"}, 2, "which command?");
    expectFailure({"--help-me"}, 2, "no option --help-me; near: --help");
    expectFailure(
        {"quantize", "m.onnx", "--weigths", "int8"}, 2,
        "quantize has no option --weigths; near: --weights; halfstep-cli quantize --help tells more");
    expectFailure({"inspect", "m.onnx", "--jsn=1"}, 2, "inspect has no option --jsn; near: --json");
    expectFailure({"inspect", "m.onnx", "n.onnx"}, 2, "not expected: n.onnx");
    expectFailure({"inspct", "m.onnx"}, 2, "no command \"inspct\"; near: inspect; there are: inspect, ");
    expectFailure({"inspect"}, 2, "MODEL");
    expectFailure({"inspect", file, "--nonsense"}, 2, "--nonsense");
    expectFailure({"quantize", file}, 2, "which scheme?");
    expectFailure({"quantize", file, "--weights", "int9"}, 2, "int9");
    expectFailure({"quantize", file, "--set", "convv*=int8"}, 2, "near: conv1");
    expectFailure({"quantize", file, "--set", "conv1"}, 2, "expected GLOB=SCHEME");
    expectFailure({"quantize", file, "--weights", "nf4", "--json"}, 4, "--weights: scheme nf4");
    expectFailure({"quantize", file, "--weights", "int8", "--activations", "nf4"}, 4,
                  "--activations: scheme");
    const QString later = model("later.json", R"({"halfstep_plan": 1, "default": {"weights": "int4:gptq"},
                                                 "layers": {"fc": {"weights": "nf4"}}})");
    expectFailure({"quantize", file, "--plan", later}, 4, "later.json: scheme int4:gptq");
    expectFailure({"quantize", file, "--plan", later, "--weights", "int8"}, 4, "later.json: scheme nf4");
    expectFailure({"quantize", file, "--plan", later, "--weights", "int4:gptq"}, 4, "--weights: scheme int4");
    expectFailure({"inspect", path("missing.onnx"), "--json"}, 1, "missing.onnx: cannot be read");
    expectFailure({"inspect", m_folder.path()}, 1, "is not a regular file");
    expectFailure({"inspect", model("cut.onnx", good.substr(0, 300)), "--json"}, 3, "cut short");
    expectFailure({"inspect", model("text.txt", "hello\n")}, 4, "is not a model file");
    expectFailure({"quantize", file, "--plan", model("bad.json", "{")}, 3, "bad.json: is not JSON");
    expectFailure({"quantize", file, "--weights", "int8", "--save-plan", "/no/such/folder/p.json"}, 1,
                  "/no/such");
    expectFailure({"quantize", file, "--weights", "int8", "--dump", file}, 1, "cannot be made a folder");
    expectFailure({"export", file, "--weights", "int8", "--to", "nothing", "--out", "x"}, 2,
                  "no export format");
  }

  void helpAndVersion() {
    const Finished help = run({"--help"});
    QCOMPARE(help.status, 0);
    QVERIFY(help.output.contains("Examples:") && help.output.contains("Exit status"));
    for (const char* command : {"inspect", "quantize", "data", "export", "plugins", "kernels"}) {
      QVERIFY2(help.output.contains(command), command);
      QVERIFY2(run({command, "--help"}).output.contains("Example"), command);
    }
    const Finished version = run({"--version"});
    QCOMPARE(version.status, 0);
    QVERIFY(version.output.startsWith("halfstep-cli "));
  }

  void theWindowsProgramSaysWhatIsWrongToo() {
    const auto window = [](const QStringList& arguments, const QString& display = {}) {
      QProcess process;
      QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
      for (const char* screen : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}) {
        environment.remove(QLatin1String(screen));
      }
      if (!display.isEmpty()) {
        environment.insert("DISPLAY", display);
      }
      process.setProcessEnvironment(environment);
      process.start(HALFSTEP_BUILD_DIR "/bin/halfstep", arguments);
      process.waitForFinished(60000);
      return Finished{process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1,
                      process.readAllStandardOutput(), process.readAllStandardError()};
    };
    const auto fails = [&](const QStringList& arguments, int status, const char* part) {
      const Finished finished = window(arguments);
      QVERIFY2(finished.errors.startsWith("halfstep: ") && finished.errors.contains(part),
               finished.errors.constData());
      QCOMPARE(finished.errors.count('\n'), 1);
      QCOMPARE(finished.status, status);
    };
    const QString picture = path("picture.png");
    fails({}, 1, "no display");
    fails({"--screenshot", picture, "--nonsense"}, 2, "nonsense");
    fails({"--screenshot", picture, "--theme", "pink", "model.onnx"}, 2, "pink");
    fails({"--screenshot", picture, "--size", "0x0", "model.onnx"}, 2, "0x0");
    fails({"--screenshot", picture, "--page", "front", "model.onnx"}, 2, "front");
    fails({"--screenshot", picture, path("missing.onnx")}, 1, "missing.onnx");
    fails({"--screenshot", picture, model("cut2.onnx", test::convolutionModel().substr(0, 300))}, 3,
          "cut short");
    fails({"--screenshot", picture, "--layer", "nobody", model("conv.onnx", test::convolutionModel())}, 2,
          "nobody");
    fails({"--screenshot", picture, "--layer", "convv1", path("conv.onnx")}, 2, "convv1; near: conv1");
    fails({"--screenshot", picture,
           model("alone.json", R"({"halfstep_plan": 1, "model": {"file": "no.onnx"}})")},
          1, "no.onnx, which is not beside it");
    QVERIFY(!QFile::exists(picture));
    const QString plan = model("beside.json", R"({"halfstep_plan": 1,
        "model": {"file": "conv.onnx", "sha256": "0123456789abcdef"}, "layers": {"nobody": {"weights": "int4"}}})");
    for (const QStringList& arguments : {QStringList{plan}, {"--plan", plan, path("conv.onnx")}}) {
      const Finished drawn = window(QStringList{"--screenshot", picture} + arguments);
      QVERIFY2(drawn.status == 0 && QFile::exists(picture), drawn.errors.constData());
      QVERIFY2(
          drawn.errors.contains("halfstep: warning: " + plan.toUtf8() + ": The model has no layer nobody."),
          drawn.errors.constData());
      QVERIFY2(drawn.errors.contains("The plan was made for another file (conv.onnx"),
               drawn.errors.constData());
      QFile::remove(picture);
    }
    const QString dead = QStringLiteral("unix:6077"); // nobody has so many displays
    const Finished none = window({path("conv.onnx")}, dead);
    QCOMPARE(none.status, 1);
    QCOMPARE(none.errors.count('\n'), 1);
    QVERIFY2(none.errors.startsWith("halfstep: no display can be opened (DISPLAY=unix:6077)"),
             none.errors.constData());
    QCOMPARE(window({"--screenshot", picture, path("conv.onnx")}, dead).status, 0);
    QVERIFY(QFile::exists(picture));
    const Finished help = window({"--help"}, dead);
    QCOMPARE(help.status, 0);
    QVERIFY(help.output.contains("--screenshot"));
    QVERIFY(window({"--version"}).output.contains("halfstep "));
  }

  void listsPlugins() {
    const QJsonArray plugins = run({"plugins", "--json"}).json()["plugins"].toArray();
    QStringList ids;
    for (const auto& plugin : plugins) {
      ids << plugin.toObject()["id"].toString();
      QVERIFY(plugin.toObject()["loaded"].toBool());
    }
    QVERIFY(ids.contains("onnx") && ids.contains("plan") && ids.contains("report") &&
            ids.contains("ort-overrides"));
    QVERIFY(run({"plugins"}).output.contains("ONNX models"));
  }

  void listsKernels() {
    const QJsonObject json = run({"kernels", "--json"}).json();
    const QJsonArray supported = json["supported"].toArray();
    QVERIFY(!json["compiled"].toArray().isEmpty());
    QCOMPARE(json["chosen"].toString(), supported[0].toString());
    QVERIFY(json["kernels"].toArray().size() > 5);
    QVERIFY(run({"kernels"}).output.contains("quantize"));
  }

  void completes() {
    const auto completions = [](const QByteArray& words, int at) {
      QProcess bash;
      bash.start("bash", {"-c",
                          "source \"$1\"; COMP_WORDS=(" + words + "); COMP_CWORD=" + QByteArray::number(at) +
                              "; _halfstep_cli; echo \"${COMPREPLY[@]}\"",
                          "bash", HALFSTEP_BUILD_DIR "/share/bash-completion/completions/halfstep-cli"});
      bash.waitForFinished();
      return QString(bash.readAllStandardOutput()).split(' ');
    };
    QCOMPARE(completions("halfstep-cli qua", 1), QStringList{"quantize\n"});
    QCOMPARE(completions("halfstep-cli quantize m.onnx --sav", 3), QStringList{"--save-plan\n"});
    QVERIFY(completions("halfstep-cli quantize --weights int", 3).contains("int8"));
    QCOMPARE(completions(HALFSTEP_BUILD_DIR "/bin/halfstep-cli export m.onnx --to report-c", 4),
             QStringList{"report-csv\n"});
    // Bash takes ":" and "=" for words of their own.
    QVERIFY(completions("halfstep-cli quantize m.onnx --weights int4 : group6", 6) ==
            QStringList{"group64\n"});
    QVERIFY(completions("halfstep-cli quantize m.onnx --weights int4 :", 5).contains("asym"));
    QVERIFY(
        !completions("halfstep-cli quantize m.onnx --weights int4 :", 5).contains("gptq")); // not there yet
    QCOMPARE(completions("halfstep-cli quantize m.onnx --set conv1 = uint1", 6), QStringList{"uint16\n"});
    QCOMPARE(completions("halfstep-cli evaluate m.onnx --activations dyn", 4), QStringList{"dynamic:\n"});
    QCOMPARE(completions("halfstep-cli evaluate m.onnx --activations dynamic : uint1", 6),
             QStringList{"uint16\n"});
    QVERIFY(completions("halfstep-cli evaluate m.onnx --activations dynamic :", 5).contains("int8"));
    QCOMPARE(completions("halfstep-cli evaluate m.onnx --weights dyn", 4), QStringList{"\n"});
    QCOMPARE(completions("halfstep-cli sensitivity m.onnx --metric relat", 4),
             QStringList{"relative-error\n"});
    QCOMPARE(completions("halfstep-cli data m.onnx --layout nh", 4), QStringList{"nhwc\n"});
    QCOMPARE(completions(HALFSTEP_BUILD_DIR "/bin/halfstep-cli latency m.onnx --device rasp", 4),
             QStringList{"raspberry-pi-5\n"});
    QProcess made;
    made.start(HALFSTEP_BUILD_DIR "/bin/halfstep-cli", {"completion"});
    QVERIFY(made.waitForFinished());
    QFile installed(HALFSTEP_BUILD_DIR "/share/bash-completion/completions/halfstep-cli");
    QVERIFY(installed.open(QIODevice::ReadOnly));
    QCOMPARE(installed.readAll(), made.readAllStandardOutput());
  }
};

QTEST_GUILESS_MAIN(CliTest)
#include "tst_cli.moc"
