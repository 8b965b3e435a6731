// Named versions of the plan without their widgets: kept, restored, renamed, deleted, each in one undo step;
// shown as a table; compared.
#include "core/quant/scheme_grammar.h"
#include "tests/support/test_case.h"
#include "tests/widgets/example_document.h"
#include "widgets/viewmodels/plan_comparison.h"
#include "widgets/viewmodels/plan_difference_model.h"
#include "widgets/viewmodels/plan_versions.h"
#include "widgets/viewmodels/versions_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>

#include <cmath>

using namespace halfstep;

namespace {

Scheme scheme(const char* text) {
  return parseScheme(text).value();
}

/// The example with what a session has beside it.
struct Bench {
  Document document;
  JobRunner runner;
  NetworkAnalysis analysis{document, runner};
  TradeOff tradeOff{document, analysis, runner};
  PlanComparison comparison{document, analysis, tradeOff};

  Bench() { document.open(test::exampleModel(), test::int8Plan()); }
  Result<void> keep(const char* name) {
    const QDateTime now(QDate(2026, 11, 21), QTime(22, 50), Qt::UTC);
    return document.saveVersion(
        presentVersion(QString::fromUtf8(name), QStringLiteral("a note"), now, document, analysis, tradeOff));
  }
};

} // namespace

class VersionsTest : public test::TestCase {
  Q_OBJECT
private slots:
  void everyEditIsOneStep() {
    Bench bench;
    Document& document = bench.document;
    QSignalSpy changes(&document, &Document::versionsChanged);
    VERIFY_OK(bench.keep("start"));
    QVERIFY(document.hasUnsavedPlan()); // a version is work that can be lost
    QCOMPARE(document.undoStack().undoText(), QStringLiteral("Save version start"));
    document.setSchemes({0, 1, 2}, scheme("int4:group64"));
    document.setActivations({1}, parseActivationScheme("dynamic:uint8").value());
    VERIFY_OK(bench.keep("small"));
    QVERIFY(!bench.keep("small"));
    QVERIFY(!bench.keep(" "));
    const int steps = document.undoStack().count();
    // Restoring is one step, there and back.
    VERIFY_OK(document.restoreVersion("start"));
    QCOMPARE(document.undoStack().count(), steps + 1);
    QVERIFY(document.scheme(0) == scheme("int8") && document.layerPlan(1).activations == ActivationScheme());
    document.undoStack().undo();
    QVERIFY(document.scheme(2) == scheme("int4:group64"));
    QVERIFY(document.layerPlan(1).activations.dynamic);
    VERIFY_OK(document.restoreVersion("small")); // what is there already is no step
    QVERIFY(document.undoStack().canRedo());
    // Names and notes.
    VERIFY_OK(document.renameVersion("start", "all int8"));
    QVERIFY(!document.renameVersion("all int8", "small"));
    QVERIFY(!document.renameVersion("start", "x"));
    VERIFY_OK(document.noteVersion("small", "better"));
    QCOMPARE(document.findVersion("small")->note, std::string("better"));
    document.undoStack().undo();
    document.undoStack().undo();
    QVERIFY(document.findVersion("start") != nullptr && document.findVersion("small")->note == "a note");
    // Deleting, and having it back as it was.
    const PlanVersion before = *document.findVersion("start");
    VERIFY_OK(document.removeVersion("start"));
    QVERIFY(!document.removeVersion("start"));
    QCOMPARE(document.versions().size(), std::size_t{1});
    document.undoStack().undo();
    QVERIFY(*document.findVersion("start") == before);
    QCOMPARE(document.versions().front().name, before.name); // in its place
    QVERIFY(changes.count() >= 8);
    QVERIFY(document.planToSave().versions == document.versions());
    QVERIFY(document.plan().versions.empty());
  }

  void openingAPlanBringsItsVersionsInOneStep() {
    Bench bench;
    VERIFY_OK(bench.keep("mine"));
    Plan other;
    other.fallback.weights = scheme("int6");
    other.versions.emplace_back();
    other.versions[0].name = "theirs";
    other.versions[0].layers["of another model"].weights = scheme("int3");
    const int steps = bench.document.undoStack().count();
    bench.document.setPlanAndVersions(other, "Open plan");
    QCOMPARE(bench.document.undoStack().count(), steps + 1);
    QVERIFY(bench.document.versions() == other.versions); // nothing is cut away
    QVERIFY(bench.document.scheme(0) == scheme("int6"));
    bench.document.undoStack().undo();
    QVERIFY(bench.document.findVersion("mine") != nullptr);
    QVERIFY(bench.document.scheme(0) == scheme("int8"));
    bench.document.undoStack().redo();
    bench.document.setPlanAndVersions(other, "Open plan");
    QCOMPARE(bench.document.undoStack().count(), steps + 1); // no change, no step
  }

  void namesAreProposed() {
    Bench bench;
    QCOMPARE(proposedVersionName(bench.document), QStringLiteral("int8"));
    VERIFY_OK(bench.keep("int8"));
    QCOMPARE(proposedVersionName(bench.document), QStringLiteral("int8 2"));
    bench.document.setSchemes({2}, scheme("int4:group64:mse")); // most of the weights
    QCOMPARE(proposedVersionName(bench.document), QStringLiteral("int4 body"));
    VERIFY_OK(bench.keep("int4 body"));
    VERIFY_OK(bench.keep("int4 body 2"));
    QCOMPARE(proposedVersionName(bench.document), QStringLiteral("int4 body 3"));
  }

  void aVersionKeepsItsSizeAndDate() {
    Bench bench;
    VERIFY_OK(bench.keep("start"));
    const PlanVersion& version = bench.document.versions().front();
    QCOMPARE(version.date, std::string("2026-11-21T22:50:00Z"));
    // int8 per channel: a byte a weight and a float32 scale for each of 8 + 16 + 10 channels.
    QCOMPARE(*version.bytes, bench.document.model()->parameters + 4 * (8 + 16 + 10));
    QVERIFY(!version.measured); // nothing was measured, nothing is made up
  }

  void theTableKeepsItsContract() {
    Bench bench;
    VersionsModel model(bench.document);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
    QSignalSpy refused(&model, &VersionsModel::refused);
    VERIFY_OK(bench.keep("start"));
    bench.document.setSchemes({0, 2}, scheme("int4"));
    VERIFY_OK(bench.keep("small"));
    QCOMPARE(model.rowCount(), 2);
    const auto text = [&](int row, int column) { return model.index(row, column).data().toString(); };
    QCOMPARE(text(0, VersionsModel::nameColumn), QStringLiteral("start"));
    QCOMPARE(text(0, VersionsModel::layersColumn), QStringLiteral("2"));
    QCOMPARE(text(1, VersionsModel::layersColumn), QStringLiteral("0"));
    QCOMPARE(text(1, VersionsModel::damageColumn), QStringLiteral("not measured"));
    QVERIFY(model.setData(model.index(0, VersionsModel::nameColumn), " first ", Qt::EditRole));
    QCOMPARE(bench.document.versions()[0].name, std::string("first"));
    QVERIFY(model.setData(model.index(1, VersionsModel::noteColumn), "tight", Qt::EditRole));
    QVERIFY(!model.setData(model.index(1, VersionsModel::nameColumn), "first", Qt::EditRole));
    QCOMPARE(refused.count(), 1);
    QVERIFY(!(model.flags(model.index(0, VersionsModel::sizeColumn)) & Qt::ItemIsEditable));
    PlanVersion measured = bench.document.versions()[0];
    measured.name = "measured";
    measured.measured = PlanFigures{"photos", true, 16, PlanFigure{"kl", 0.25, 0.2, 0.3}, {}};
    VERIFY_OK(bench.document.saveVersion(measured));
    QVERIFY2(text(2, VersionsModel::damageColumn).contains("0.250 (0.200 to 0.300)"),
             qPrintable(text(2, VersionsModel::damageColumn)));
    QCOMPARE(text(2, VersionsModel::originColumn), QStringLiteral("16 of photos, drawn at random"));
  }

  void anyTwoPlansAreCompared() {
    Bench bench;
    PlanComparison& comparison = bench.comparison;
    using Kind = PlanChoice::Kind;
    QCOMPARE(comparison.entries().size(), std::size_t{1}); // only the present plan
    QVERIFY(!comparison.canApply());
    VERIFY_OK(bench.keep("start"));
    bench.document.markSaved("/somewhere/plan.halfstep.json");
    QCOMPARE(comparison.entries().size(), std::size_t{3});
    QCOMPARE(comparison.to(), (PlanChoice{Kind::version, "start"})); // until a person chooses
    bench.document.setSchemes({2}, scheme("int4:group64:mse"));
    VERIFY_OK(bench.keep("small"));
    QCOMPARE(comparison.to(), (PlanChoice{Kind::version, "small"}));
    comparison.setTo({Kind::saved, {}});
    bench.document.setSchemes({0}, scheme("fp16"));
    VERIFY_OK(bench.keep("third"));
    QCOMPARE(comparison.to(), (PlanChoice{Kind::saved, {}})); // a choice stays
    QVERIFY(comparison.planOf(comparison.to()).forLayer("fc").weights == scheme("int8"));
    // The difference, with what it costs and saves.
    comparison.setFrom({Kind::version, "start"});
    comparison.setTo({Kind::version, "small"});
    PlanDifferenceModel difference;
    const QAbstractItemModelTester tester(&difference, QAbstractItemModelTester::FailureReportingMode::Fatal);
    difference.setPlans(*bench.document.model(), comparison.planOf(comparison.from()),
                        comparison.planOf(comparison.to()), nullptr);
    QCOMPARE(difference.layers(), 1);
    QCOMPARE(difference.index(0, PlanDifferenceModel::layerColumn).data().toString(), QStringLiteral("fc"));
    const auto saved = [&](int row) {
      return difference.index(row, PlanDifferenceModel::sizeColumn)
          .data(PlanDifferenceModel::sortRole)
          .toDouble();
    };
    // fc: 2560 weights; int8 with 10 scales against 4 bits with 4 scales for each of 10 rows.
    QCOMPARE(saved(0), (1280.0 + 4.0 * 40) - (2560.0 + 4.0 * 10));
    QCOMPARE(saved(1), saved(0));
    QVERIFY(std::isnan(difference.index(1, PlanDifferenceModel::damageColumn)
                           .data(PlanDifferenceModel::sortRole)
                           .toDouble()));
    // Restoring from here is one step with the version's name.
    QVERIFY(comparison.canApply());
    comparison.apply();
    QCOMPARE(bench.document.undoStack().undoText(), QStringLiteral("Restore version small"));
    QVERIFY(bench.document.scheme(0) == scheme("int8") && !comparison.canApply());
    // A version that goes is no choice any more; renamed ones as well.
    VERIFY_OK(bench.document.removeVersion("small"));
    QCOMPARE(comparison.to(), (PlanChoice{Kind::version, "third"}));
    VERIFY_OK(bench.document.renameVersion("start", "begin"));
    QCOMPARE(comparison.from(), PlanChoice());
    comparison.setTo({Kind::version, "start"});
    QCOMPARE(comparison.to(), (PlanChoice{Kind::version, "third"}));
  }
};

QTEST_GUILESS_MAIN(VersionsTest)
#include "tst_versions.moc"
