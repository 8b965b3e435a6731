// Named versions in the plan file: kept to the bit, read from files without them, faults named; and a version
// by its name behind the file's.
#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "tests/support/test_case.h"

#include <QFile>
#include <QTemporaryDir>

using namespace halfstep;

class PlanVersionsTest : public test::TestCase {
  Q_OBJECT

  static Plan example() {
    Plan plan;
    plan.modelFile = "net.onnx";
    plan.fallback.weights = parseScheme("int8").value();
    plan.layers["c1"].weights = parseScheme("int4:group64").value();
    PlanVersion bare;
    bare.name = "all int8";
    bare.fallback.weights = parseScheme("int8").value();
    PlanVersion full;
    full.name = "int4 body #3, \"übrig\"";
    full.date = "2026-11-21T22:50:00Z";
    full.note = "before the\nhead was touched";
    full.fallback.weights = parseScheme("int4:mse").value();
    full.layers["c1"] = {parseScheme("fp16").value(), parseActivationScheme("dynamic:uint8").value()};
    full.layers["of another model"].weights = parseScheme("nf4:group64").value();
    full.bytes = 123456;
    full.measured = PlanFigures{"64 images of photos/",
                                true,
                                64,
                                PlanFigure{"kl", 1.0 / 3.0, 0.1, 0.7},
                                {{"kl", 1.0 / 3.0, 0.1, 0.7}, {"sqnr", -3.5, {}, {}}}};
    plan.versions = {bare, full};
    return plan;
  }

  static QString faultOf(const char* versions) {
    const auto plan = planFromJson(R"({"halfstep_plan":1,"versions":)" + std::string(versions) + "}");
    return plan ? QString() : QString::fromStdString(plan.error().message());
  }

private slots:
  void roundTrip() {
    const auto again = planFromJson(planToJson(example()));
    VERIFY_OK(again);
    QVERIFY(*again == example());
    QCOMPARE(planToJson(*again), planToJson(example()));
    Plan other = example(); // the comparison can fail
    other.versions[1].measured->figures[1].value = -3.4;
    QVERIFY(*again != other);
  }

  void filesWithoutVersionsStayAsTheyWere() {
    Plan plan = example();
    plan.versions.clear();
    QVERIFY(planToJson(plan).find("versions") == std::string::npos);
    const auto old = planFromJson(R"({"halfstep_plan":1,"default":{"weights":"int8"}})");
    VERIFY_OK(old);
    QVERIFY(old->versions.empty());
    QVERIFY(planFromJson(R"({"halfstep_plan":1,"versions":[]})")->versions.empty());
  }

  void whatLaterVersionsAddIsPassedOver() {
    const auto plan = planFromJson(
        R"({"halfstep_plan":1,"later":{},"versions":[{"name":"a","colour":"red","default":{"weights":"int4"},
            "measured":{"data":"x","samples":3,"watts":7,"figures":[{"metric":"kl","value":1,"p":2}]}}]})");
    VERIFY_OK(plan);
    QCOMPARE(plan->versions.size(), std::size_t{1});
    QVERIFY(plan->versions[0].fallback.weights == parseScheme("int4").value());
    QCOMPARE(plan->versions[0].measured->figures[0].value, 1.0);
    QVERIFY(!plan->versions[0].measured->figures[0].low);
    QVERIFY(!plan->versions[0].measured->damage);
  }

  void faultsAreNamed() {
    QVERIFY(faultOf("{}").contains("expected a list of versions"));
    QVERIFY(faultOf("[7]").contains("expected an object (version 1)"));
    QVERIFY(faultOf(R"([{"layers":{}}])").contains("needs a name (version 1)"));
    QVERIFY(faultOf(R"([{"name":"  "}])").contains("needs a name"));
    QVERIFY(faultOf(R"([{"name":"a"},{"name":"a"}])").contains("already a version \"a\" (version 2)"));
    QVERIFY(faultOf(R"([{"name":7}])").contains("\"name\" must be text"));
    QVERIFY(faultOf(R"([{"name":"a","bytes":-1}])").contains("\"bytes\""));
    QVERIFY(faultOf(R"([{"name":"a","default":{"weights":"int9"}}])").contains("version a, default"));
    QVERIFY(faultOf(R"([{"name":"a","layers":{"c1":{"weights":"int9"}}}])").contains("version a, layer c1"));
    QVERIFY(faultOf(R"([{"name":"a","layers":[]}])").contains("version a, layers"));
    QVERIFY(faultOf(R"([{"name":"a","measured":{"samples":1.5}}])").contains("\"samples\""));
    QVERIFY(faultOf(R"([{"name":"a","measured":{"synthetic":1}}])").contains("\"synthetic\""));
    QVERIFY(faultOf(R"([{"name":"a","measured":{"damage":{"metric":"kl"}}}])").contains("damage"));
    QVERIFY(
        faultOf(R"([{"name":"a","measured":{"figures":[{"metric":"kl","value":"1"}]}}])").contains("value"));
    QVERIFY(faultOf(R"([{"name":"a","measured":{"figures":{}}}])").contains("list of figures"));
  }

  void namesAreCheckedAndFound() {
    const Plan plan = example();
    QVERIFY(!checkVersionName(plan.versions, "all int8"));
    QVERIFY(!checkVersionName(plan.versions, " \t"));
    VERIFY_OK(checkVersionName(plan.versions, "all int4"));
    QVERIFY(plan.findVersion("nothing") == nullptr);
    const Plan restored = plan.withSchemesOf(*plan.findVersion("all int8"));
    QVERIFY(restored.forLayer("c1").weights == parseScheme("int8").value());
    QVERIFY(restored.versions == plan.versions);
    QCOMPARE(restored.modelFile, plan.modelFile);
  }

  void versionsAreNamedBehindTheFile() {
    const QTemporaryDir folder;
    const std::string path = folder.filePath("p#1.halfstep.json").toStdString();
    VERIFY_OK(savePlan(example(), path));
    QVERIFY(loadPlanOrVersion(path).value() == example()); // the # is the file's own
    const auto version = loadPlanOrVersion(path + "#int4 body #3, \"übrig\"");
    VERIFY_OK(version);
    QVERIFY(version->forLayer("c1").weights == parseScheme("fp16").value());
    QVERIFY(version->forLayer("fc").weights == parseScheme("int4:mse").value());
    QVERIFY(version->versions == example().versions);
    const auto missing = loadPlanOrVersion(path + "#int4");
    QVERIFY(!missing);
    QCOMPARE(missing.error().kind, ErrorKind::usage);
    const QString message = QString::fromStdString(missing.error().message());
    QVERIFY2(message.contains("no version int4; it has all int8, int4 body"), qPrintable(message));
    const std::string none = folder.filePath("none.json").toStdString();
    QVERIFY(!loadPlanOrVersion(none + "#a"));
    QCOMPARE(planReference(none + "#a").file, std::filesystem::path(none + "#a"));
  }
};

QTEST_GUILESS_MAIN(PlanVersionsTest)
#include "tst_plan_versions.moc"
