#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "tests/support/test_case.h"

#include <QFile>
#include <QTemporaryDir>

using namespace halfstep;

class PlanFileTest : public test::TestCase {
  Q_OBJECT

  static Plan example() {
    Plan plan;
    plan.modelFile = "résumé \"x\".onnx";
    plan.modelSha256 = std::string(64, 'a');
    plan.fallback.weights = parseScheme("int8").value();
    plan.layers["layer2.0.conv2"] = {parseScheme("int4:asym:group64:mse:gptq").value(),
                                     parseActivationScheme("dynamic:uint8:tensor:mse").value()};
    plan.layers["a/b"] = {parseScheme("fp32").value(), {}};
    return plan;
  }

private slots:
  void roundTrips() {
    const auto again = planFromJson(planToJson(example()));
    VERIFY_OK(again);
    QVERIFY(*again == example());
    QCOMPARE(planToJson(*again), planToJson(example()));
  }

  void writesAtomically() {
    QTemporaryDir folder;
    const std::filesystem::path path = folder.filePath("p.halfstep.json").toStdString();
    VERIFY_OK(savePlan(example(), path));
    VERIFY_OK(savePlan(example(), path));
    QCOMPARE(QDir(folder.path()).entryList(QDir::Files | QDir::Hidden), QStringList{"p.halfstep.json"});
    QVERIFY(loadPlan(path).value() == example());
    const auto failed = savePlan(example(), folder.filePath("no/such/p.json").toStdString());
    QVERIFY(!failed);
    QVERIFY(failed.error().message().find("no/such/p.json") != std::string::npos);
  }

  void keepsTheData() {
    Plan plan = example();
    QVERIFY(planToJson(plan).find("data") == std::string::npos);
    plan.data.emplace();
    plan.data->source = "photos";
    QVERIFY(planFromJson(planToJson(plan)).value() == plan);
    plan.data->samples = 100;
    plan.data->shuffle = 0;
    plan.data->resize = parseResize("256").value();
    plan.data->crop = parseImageSize("240x320").value();
    plan.data->scale = parseScale("1/255").value();
    plan.data->mean = parseChannelValues("0.485,0.456,0.406").value();
    plan.data->std = {0.229, 0.224, 0.225};
    plan.data->layout = PixelLayout::nhwc;
    plan.data->channels = PixelChannels::bgr;
    plan.data->tokenizer = "bytes";
    plan.data->shapes["x"] = {1, 3, 240, 320};
    const auto again = planFromJson(planToJson(plan));
    VERIFY_OK(again);
    QVERIFY(*again == plan);
    QCOMPARE(planToJson(*again), planToJson(plan));
  }

  void namesTheFaultInTheData_data() {
    QTest::addColumn<QByteArray>("data");
    QTest::addColumn<QByteArray>("part");
    const auto row = [](const char* name, const char* data, const char* part) {
      QTest::newRow(name) << QByteArray(data) << QByteArray(part);
    };
    row("list", "[]", "expected an object (data)");
    row("key", R"({"sauce":""})", "unknown key (data, \"sauce\")");
    row("type", R"({"source":7})", "must be text (data, \"source\")");
    row("negative", R"({"samples":-1})", "data, \"samples\"");
    row("none at all", R"({"samples":0})", "samples must be at least 1");
    row("resize", R"({"resize":"1000000"})", "data, \"resize\"");
    row("crop", R"({"crop":"0x1"})", "data, \"crop\"");
    row("scale", R"({"scale":0})", "scale must be");
    row("std", R"({"std":[1,0]})", "std must be");
    row("mean", R"({"mean":[1,2,3,4,5]})", "mean must be");
    row("mean text", R"({"mean":"1"})", "data, \"mean\"");
    row("layout", R"({"layout":"chw"})", "expected nchw or nhwc");
    row("channels", R"({"channels":"xyz"})", "expected rgb, bgr or grey");
    row("shape", R"({"shapes":{"x":[0]}})", "the shape of x");
    row("shape size", R"({"shapes":{"x":[99999999999]}})", "the shape of x");
    row("shape type", R"({"shapes":{"x":[1.5]}})", "the shape of x");
  }
  void namesTheFaultInTheData() {
    QFETCH(QByteArray, data);
    QFETCH(QByteArray, part);
    const auto plan = planFromJson(R"({"halfstep_plan":1,"data":)" + data.toStdString() + "}");
    QVERIFY(!plan);
    QCOMPARE(plan.error().kind, ErrorKind::damagedFile);
    QVERIFY2(plan.error().message().find(part.toStdString()) != std::string::npos,
             plan.error().message().c_str());
  }

  void namesTheFault_data() {
    QTest::addColumn<QByteArray>("json");
    QTest::addColumn<QByteArray>("part");
    QTest::newRow("text") << QByteArray("hello") << QByteArray("is not JSON (line 1, column 1)");
    QTest::newRow("line") << QByteArray("{\n \"a\": 1,\n \"\xc3\xa4\": ?\n}")
                          << QByteArray("is not JSON (line 3, column 7)");
    QTest::newRow("cut") << QByteArray("{\n")
                         << QByteArray("is not JSON: it ends too early (line 2, column 1)");
    QTest::newRow("empty") << QByteArray() << QByteArray("is not JSON: it is empty");
    QTest::newRow("number") << QByteArray("{\"a\": 1e999}") << QByteArray("holds a number that is too large");
    QTest::newRow("other") << QByteArray("{}") << QByteArray("not a Halfstep plan");
    QTest::newRow("version") << QByteArray(R"({"halfstep_plan": 2})") << QByteArray("version 2");
    QTest::newRow("scheme") << QByteArray(R"({"halfstep_plan":1,"layers":{"c1":{"weights":"int9"}}})")
                            << QByteArray("layer c1");
    QTest::newRow("type") << QByteArray(R"({"halfstep_plan":1,"layers":{"c1":{"weights":7}}})")
                          << QByteArray("layer c1");
    QTest::newRow("key") << QByteArray(R"({"halfstep_plan":1,"default":{"weight":"int8"}})")
                         << QByteArray("\"weight\"");
    QTest::newRow("layers") << QByteArray(R"({"halfstep_plan":1,"layers":[]})") << QByteArray("layers");
  }
  void namesTheFault() {
    QFETCH(QByteArray, json);
    QFETCH(QByteArray, part);
    const auto plan = planFromJson(json.toStdString());
    QVERIFY(!plan);
    QVERIFY2(plan.error().message().find(part.toStdString()) != std::string::npos,
             plan.error().message().c_str());
    QVERIFY(plan.error().message().find("json.exception") == std::string::npos);
  }

  void listsMismatches() {
    Model model;
    model.layers.resize(1);
    model.layers[0].name = "a/b";
    QCOMPARE(planMismatches(example(), model, std::string(64, 'a')).size(), std::size_t{1});
    QCOMPARE(planMismatches(example(), model, std::string(64, 'b')).size(), std::size_t{2});
    QCOMPARE(planMismatches(example(), model, {}).size(), std::size_t{1});
  }
};

QTEST_GUILESS_MAIN(PlanFileTest)
#include "tst_plan_file.moc"
