// Plans through the whole window: saved, opened, asked about before they are lost, and what does not fit
// said.
#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "tests/app/program.h"
#include "tests/support/test_case.h"
#include "widgets/style/theme.h"

#include <QAction>
#include <QApplication>
#include <QFile>
#include <QLabel>
#include <QMessageBox>
#include <QSignalSpy>
#include <QToolButton>

using namespace halfstep;
using test::kSamples;

namespace {

struct Program : test::Program {
  std::string schemeOf(int layer) { return printScheme(session.document().scheme(layer)); }
};

} // namespace

class PlansWindowTest : public test::TestCase {
  Q_OBJECT
private slots:
  void initTestCase() { applyTheme(*qApp, lightTheme()); }

  void savesAndOpensPlans() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    QTest::mouseClick(program.child<QToolButton>("bits_3"), Qt::LeftButton);
    QVERIFY(program.window.isWindowModified());
    const QString path = program.folder.filePath("mixed.halfstep.json");
    QSignalSpy saved(&program.session, &Session::planSaved);
    program.session.savePlan(path);
    QVERIFY(saved.wait(10000));
    QVERIFY(!program.window.isWindowModified());
    const auto plan = loadPlan(path.toStdString());
    VERIFY_OK(plan);
    QCOMPARE(plan->modelSha256.size(), std::size_t{64});
    QCOMPARE(printScheme(plan->forLayer("fc1").weights), std::string("int3"));
    program.session.document().undoStack().undo();
    QSignalSpy opened(&program.session, &Session::planOpened);
    program.window.commands().open(path); // by its suffix
    QVERIFY(opened.wait(10000));
    QCOMPARE(program.schemeOf(0), std::string("int3"));
  }

  void aPlanOpensTheModelBesideIt() {
    Program program;
    const QString plan = program.folder.filePath("plan.json");
    Plan written;
    written.modelFile = "digits_mlp.onnx";
    written.fallback.weights = parseScheme("int5").value();
    VERIFY_OK(savePlan(written, plan.toStdString()));
    QSignalSpy failed(&program.session, &Session::failed);
    program.window.commands().open(plan);
    QVERIFY(failed.wait(10000));
    QVERIFY2(failed.first().at(0).toString().contains("digits_mlp.onnx"), "it says which model it wants");
    QVERIFY(QFile::copy(kSamples + "digits_mlp.onnx", program.folder.filePath("digits_mlp.onnx")));
    QVERIFY(program.open(plan));
    QCOMPARE(program.schemeOf(0), std::string("int5"));
    QCOMPARE(program.session.document().planPath(), plan);
  }

  void aSchemeThatIsNotThereYetIsSaid() {
    Program program;
    const QString plan = program.folder.filePath("later.halfstep.json");
    Plan written;
    written.fallback.weights = parseScheme("int8").value();
    written.layers["fc1"].weights = parseScheme("nf4:group64").value();
    VERIFY_OK(savePlan(written, plan.toStdString()));
    QVERIFY(program.open(kSamples + "digits_mlp.onnx", plan));
    QLabel* facts = program.child<QLabel>("layer_facts");
    QTRY_VERIFY2(facts->text().contains("'nf4' is known but not there yet"), qPrintable(facts->text()));
    QVERIFY(!facts->text().contains("reading"));
    QTest::mouseClick(program.child<QToolButton>("bits_4"), Qt::LeftButton);
    QVERIFY(program.settle());
    QVERIFY2(facts->text().contains("kurtosis"), qPrintable(facts->text()));
  }

  void aMethodThatIsNotThereYetGivesWay() {
    Program program;
    const QString plan = program.folder.filePath("later.halfstep.json");
    Plan written;
    written.fallback.weights = parseScheme("int4:gptq").value();
    VERIFY_OK(savePlan(written, plan.toStdString()));
    QSignalSpy mismatched(&program.session, &Session::planMismatched);
    QVERIFY(program.open(kSamples + "digits_mlp.onnx", plan));
    QVERIFY(!mismatched.isEmpty());
    const QString told = mismatched.first().at(0).toStringList().join('\n');
    QVERIFY2(told.contains("Layer fc1") && told.contains("'gptq'"), qPrintable(told));
    QTest::mouseClick(program.child<QToolButton>("bits_8"), Qt::LeftButton);
    QVERIFY(program.settle());
    QCOMPARE(program.schemeOf(0), std::string("int8"));
    QCOMPARE(program.schemeOf(1), std::string("int4:gptq"));
  }

  void aPlanForAnotherFileIsSaid() {
    Program program;
    const QString plan = program.folder.filePath("other.halfstep.json");
    Plan written;
    written.modelFile = "other.onnx";
    written.modelSha256 = std::string(64, 'a');
    written.layers["fc1"].weights = parseScheme("int4").value();
    VERIFY_OK(savePlan(written, plan.toStdString()));
    QSignalSpy mismatched(&program.session, &Session::planMismatched);
    QVERIFY(program.open(kSamples + "digits_mlp.onnx", plan)); // before the file's hash is known
    QCOMPARE(mismatched.size(), 1);
    QVERIFY(mismatched.first().at(0).toStringList().join('\n').contains("other.onnx"));
  }

  void theOpenModelIsNotWrittenOver() {
    Program program;
    const QString file = program.folder.filePath("own.onnx");
    QVERIFY(QFile::copy(kSamples + "digits_mlp.onnx", file));
    QVERIFY(program.open(file));
    QSignalSpy failed(&program.session, &Session::failed);
    program.session.savePlan(file);
    QVERIFY(failed.wait(10000));
    QVERIFY2(failed.first().at(0).toString().contains("own.onnx: is open as an input"),
             qPrintable(failed.first().at(0).toString()));
    for (const auto& exporter : program.session.plugins().exporters()) {
      program.session.exporting().write(*exporter, file);
      QVERIFY(failed.wait(10000));
    }
    QFile before(kSamples + "digits_mlp.onnx");
    QFile after(file);
    QVERIFY(before.open(QIODevice::ReadOnly) && after.open(QIODevice::ReadOnly));
    QVERIFY(before.readAll() == after.readAll());
  }

  void savingThatFailsClosesNothingLater() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    program.session.document().markSaved("/no/such/folder/mixed.halfstep.json");
    QTest::mouseClick(program.child<QToolButton>("bits_3"), Qt::LeftButton);
    QVERIFY(program.settle());
    QSignalSpy failed(&program.session, &Session::failed);
    QSignalSpy saved(&program.session, &Session::planSaved);
    program.child<QAction>("action_close")->trigger();
    auto* question = program.child<QMessageBox>("unsaved_question");
    QVERIFY(question != nullptr);
    question->button(QMessageBox::Save)->click();
    QVERIFY(failed.wait(10000));
    QVERIFY(program.session.document().model() != nullptr);
    program.session.savePlan(program.folder.filePath("later.halfstep.json"));
    QVERIFY(saved.wait(10000));
    QCoreApplication::processEvents();
    QVERIFY(program.session.document().model() != nullptr);
    for (QMessageBox* box : program.window.findChildren<QMessageBox*>()) {
      box->close(); // it said what did not work
    }
    // Where it works, what was asked for goes on.
    QTest::mouseClick(program.child<QToolButton>("bits_4"), Qt::LeftButton);
    QVERIFY(program.settle());
    program.child<QAction>("action_close")->trigger();
    QTRY_VERIFY(program.child<QMessageBox>("unsaved_question") != nullptr);
    program.child<QMessageBox>("unsaved_question")->button(QMessageBox::Save)->click();
    QTRY_VERIFY(program.session.document().model() == nullptr);
    QCOMPARE(
        printScheme(
            loadPlan(program.folder.filePath("later.halfstep.json").toStdString())->forLayer("fc1").weights),
        std::string("int4"));
  }

  void whatIsEditedWhileSavingStaysUnsaved() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    QTest::mouseClick(program.child<QToolButton>("bits_3"), Qt::LeftButton);
    QSignalSpy saved(&program.session, &Session::planSaved);
    program.session.savePlan(program.folder.filePath("mixed.halfstep.json"));
    QTest::mouseClick(program.child<QToolButton>("bits_2"), Qt::LeftButton); // while the job is under way
    QVERIFY(saved.wait(10000));
    QVERIFY(program.session.document().hasUnsavedPlan());
    QVERIFY(program.window.isWindowModified());
    program.session.savePlan(program.folder.filePath("mixed.halfstep.json"));
    QVERIFY(saved.wait(10000));
    QVERIFY(!program.session.document().hasUnsavedPlan());
  }

  void asksBeforeLosingAPlan() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    QTest::mouseClick(program.child<QToolButton>("bits_3"), Qt::LeftButton);
    QVERIFY(!program.window.close());
    auto* question = program.child<QMessageBox>("unsaved_question");
    QVERIFY(question != nullptr);
    question->button(QMessageBox::Cancel)->click();
    QVERIFY(program.window.isVisible());
    QVERIFY(!program.window.close());
    QTRY_VERIFY(program.child<QMessageBox>("unsaved_question") != nullptr);
    program.child<QMessageBox>("unsaved_question")->button(QMessageBox::Discard)->click();
    QTRY_VERIFY(!program.window.isVisible());
  }
};

QTEST_MAIN(PlansWindowTest)
#include "tst_plans_window.moc"
