#include "core/quant/scheme_grammar.h"
#include "tests/support/test_case.h"
#include "tests/widgets/example_document.h"
#include "widgets/viewmodels/command_line_text.h"
#include "widgets/viewmodels/layer_explorer.h"
#include "widgets/viewmodels/plan_quantizer.h"
#include "widgets/viewmodels/results_text.h"

#include <QProcess>
#include <QSignalSpy>

using namespace halfstep;

namespace {
Scheme scheme(const char* text) {
  return parseScheme(text).value();
}
} // namespace

class DocumentTest : public test::TestCase {
  Q_OBJECT
private slots:
  void editsAreUndoable() {
    Document document;
    document.open(test::exampleModel(), test::int8Plan());
    QVERIFY(!document.hasUnsavedPlan());
    document.setSchemes({0, 2}, scheme("int4:group64"));
    QCOMPARE(document.undoStack().undoText(), QStringLiteral("int4:group64 for 2 layers"));
    QVERIFY(document.hasUnsavedPlan());
    QVERIFY(document.scheme(0) == scheme("int4:group64"));
    QVERIFY(document.scheme(1) == scheme("int8"));
    document.undoStack().undo();
    QVERIFY(document.scheme(0) == scheme("int8"));
    QVERIFY(!document.hasUnsavedPlan());
    document.undoStack().redo();
    QVERIFY(document.scheme(2) == scheme("int4:group64"));
    document.setSchemes({0, 2}, scheme("int4:group64")); // no change, no step
    QCOMPARE(document.undoStack().count(), 1);
  }

  void gesturesMerge() {
    Document document;
    document.open(test::exampleModel(), test::int8Plan());
    for (int i = 1; i <= 20; ++i) {
      Scheme dragged = scheme("int8");
      dragged.range = {RangeRule::Kind::fixed, 0.0, -0.01 * i, 0.01 * i};
      document.setSchemes({1}, dragged, 7);
    }
    QCOMPARE(document.undoStack().count(), 1);
    document.undoStack().undo();
    QVERIFY(document.scheme(1) == scheme("int8"));
  }

  void aDragIsComparedWithWhatWasBefore() {
    Document document;
    document.open(test::exampleModel(), test::int8Plan());
    const auto compute = [&](double squaredErrors) {
      LayerSummary summary{document.scheme(1), {}, 100, 8.0};
      summary.errors.squaredErrors = squaredErrors;
      document.setSummaries({{1, summary}});
    };
    compute(1.0);
    for (int i = 1; i <= 3; ++i) {
      Scheme dragged = scheme("int8");
      dragged.range = {RangeRule::Kind::fixed, 0.0, -0.01 * i, 0.01 * i};
      document.setSchemes({1}, dragged, 7);
      QCOMPARE(document.previousSummary(1)->errors.squaredErrors, 1.0); // while it is computed, too
      compute(1.0 + i);
      QCOMPARE(document.previousSummary(1)->errors.squaredErrors, 1.0);
    }
    document.setSchemes({1}, scheme("int4"));
    QCOMPARE(document.previousSummary(1)->errors.squaredErrors, 4.0);
    compute(9.0);
    QCOMPARE(document.previousSummary(1)->errors.squaredErrors, 4.0);
    document.undoStack().undo();
    compute(4.0);
    QCOMPARE(document.previousSummary(1)->errors.squaredErrors, 9.0);
  }

  void plansComeAndGo() {
    Document document;
    document.open(test::exampleModel(), test::int8Plan());
    Plan plan;
    plan.fallback.weights = scheme("fp16");
    plan.layers["fc"].weights = scheme("uint4:group32");
    document.setPlan(plan, QStringLiteral("Open plan"));
    QVERIFY(document.scheme(0) == scheme("fp16"));
    QVERIFY(document.plan().forLayer("fc").weights == scheme("uint4:group32"));
    document.markSaved(QStringLiteral("x.halfstep.json"));
    QVERIFY(!document.hasUnsavedPlan());
    document.undoStack().undo();
    QVERIFY(document.hasUnsavedPlan());
  }

  void quantizerFillsTheFigures() {
    Document document;
    JobRunner runner;
    PlanQuantizer quantizer(document, runner);
    document.open(test::exampleModel(), test::int8Plan());
    QTRY_COMPARE(document.totals().layersDone, 3);
    const double before = document.summary(1)->errors.sqnrDb();
    QVERIFY(before > 35.0 && before < 60.0);
    document.setSchemes({1}, scheme("int4"));
    QVERIFY(document.summary(1) == nullptr);
    QTRY_VERIFY(document.summary(1) != nullptr);
    QVERIFY(document.summary(1)->errors.sqnrDb() < before - 15.0);
    QCOMPARE(document.previousSummary(1)->errors.sqnrDb(), before);
    const PlanTotals totals = document.totals();
    QCOMPARE(totals.bytesBefore, document.model()->bytes);
    std::int64_t bytes = 0;
    for (int i = 0; i < 3; ++i) {
      bytes += document.summary(i)->bytes;
    }
    QCOMPARE(totals.bytesAfter, bytes);
  }

  void explorerFollowsSelectionAndScheme() {
    Document document;
    Selection selection;
    JobRunner runner;
    LayerExplorer explorer(document, selection, runner);
    document.open(test::exampleModel(), test::int8Plan());
    selection.select({2}, 2);
    QTRY_VERIFY(explorer.view() != nullptr);
    QTRY_VERIFY(explorer.curve() != nullptr);
    QCOMPARE(explorer.view()->layer, 2);
    const auto matrix = explorer.view()->matrix;
    explorer.pin();
    // A drag: the view ends at the last position, without rereading the layer, in one undo step.
    const int gesture = explorer.newGesture();
    for (int i = 1; i <= 50; ++i) {
      explorer.setFixedRange(-0.001 * i, 0.001 * i, gesture);
    }
    QTRY_COMPARE(explorer.view()->scheme.range.hi, 0.05);
    QCOMPARE(explorer.view()->matrix, matrix);
    QCOMPARE(document.undoStack().count(), 1);
    QVERIFY(explorer.view()->quantization->total.clipped > 0);
    QVERIFY(explorer.pinned()->quantization->total.clipped == 0);
    explorer.resetRange();
    QTRY_VERIFY(explorer.view()->scheme.range.kind == RangeRule::Kind::minmax);
    selection.selectChannel(3);
    QTRY_COMPARE(explorer.view()->channel, 3);
    document.close();
    selection.clear();
    QVERIFY(explorer.view() == nullptr);
  }

  void figuresSayWhatTheyWere() {
    LayerSummary now;
    now.errors.count = 4;
    now.errors.squares = 100.0;
    now.errors.squaredErrors = 1.0;
    LayerSummary before = now;
    before.errors.squaredErrors = 10.0;
    const auto rows = figureRows(&now, &before, nullptr, 16);
    QCOMPARE(rows[0].name, QStringLiteral("sqnr"));
    QCOMPARE(rows[0].value, QStringLiteral("20.0\u202fdB"));
    QCOMPARE(rows[0].was, QStringLiteral("was 10.0\u202fdB"));
    QCOMPARE(figureRows(nullptr, nullptr, nullptr, 16)[0].value, QStringLiteral("…"));
    for (const FigureRow& row : rows) {
      QVERIFY2(!row.explanation.isEmpty(), qPrintable(row.name));
    }
  }

  void commandLineIsQuotedForTheShell() {
    Document document;
    auto model = std::make_shared<Model>(*test::exampleModel());
    model->path = "/models/it's here/m.onnx";
    model->layers[1].name = "a*b [1] 'c'";
    document.open(model, test::int8Plan());
    document.setSchemes({1}, scheme("int4:fixed(-1,1)"));
    // The shell takes it apart as it was put together.
    QProcess shell;
    shell.start("/bin/sh", {"-c", "printf '%s\\n' " + quantizeCommand(document).section(' ', 1)});
    QVERIFY(shell.waitForFinished());
    QCOMPARE(QString::fromUtf8(shell.readAllStandardOutput()).split('\n', Qt::SkipEmptyParts),
             (QStringList{"quantize", "/models/it's here/m.onnx", "--weights", "int8", "--set",
                          "a[*]b [[]1] 'c'=int4:fixed(-1,1)"}));
  }
};

QTEST_GUILESS_MAIN(DocumentTest)
#include "tst_document.moc"
