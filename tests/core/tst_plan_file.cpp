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

  void namesTheFault_data() {
    QTest::addColumn<QByteArray>("json");
    QTest::addColumn<QByteArray>("part");
    QTest::newRow("text") << QByteArray("hello") << QByteArray("byte 1");
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
