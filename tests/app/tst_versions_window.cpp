// Named versions in the window, driven as a person drives them: kept by the keyboard, listed, renamed,
// compared, restored, deleted and had back; on the Trade-off page without and with a sweep; and trials that
// go on after a restart.
#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "tests/app/program.h"
#include "tests/support/test_case.h"
#include "widgets/panels/page_stack.h"
#include "widgets/panels/save_version_dialog.h"
#include "widgets/panels/table_actions.h"
#include "widgets/panels/versions_dialog.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QComboBox>
#include <QDirIterator>
#include <QLabel>
#include <QLineEdit>
#include <QTableView>

using namespace halfstep;
using test::kPatience;
using test::kSamples;

namespace {

struct Program : test::Program {
  explicit Program(const QString& model, const QString& plan = {}) {
    if (!open(kSamples + model, plan)) {
      qFatal("does not open");
    }
  }
  /// Through the menu's action and the dialog.
  void keep(const QString& name) {
    child<QAction>("action_save_version")->trigger();
    auto* field =
        window.findChildren<QLineEdit*>("version_name").last(); // one that closes may still be there
    field->selectAll();
    QTest::keyClicks(field, name);
    QTest::keyClick(field, Qt::Key_Return);
    if (!QTest::qWaitFor([this] { return child<SaveVersionDialog>("save_version_dialog") == nullptr; })) {
      qFatal("the dialog stays");
    }
  }
  bool savePlan(const QString& path) {
    QSignalSpy saved(&session, &Session::planSaved);
    session.savePlan(path);
    return saved.wait(10000);
  }
};

Scheme scheme(const char* text) {
  return parseScheme(text).value();
}

} // namespace

class VersionsWindowTest : public test::TestCase {
  Q_OBJECT
private slots:
  void initTestCase() { applyTheme(*qApp, lightTheme()); }

  void keepsAndListsByTheKeyboard() {
    Program program("digits_mlp.onnx");
    Document& document = program.session.document();
    QCOMPARE(program.child<QAction>("action_save_version")->shortcut(),
             QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_S));
    program.child<QAction>("action_save_version")->trigger();
    auto* field = program.child<QLineEdit>("version_name");
    QCOMPARE(field->text(), QStringLiteral("int8")); // proposed
    QTest::keyClick(field, Qt::Key_Return);
    QTRY_COMPARE(document.versions().size(), std::size_t{1});
    QVERIFY(program.window.isWindowModified());
    // A name that is taken is said before it is saved.
    program.child<QAction>("action_save_version")->trigger();
    field = program.window.findChildren<QLineEdit*>("version_name").last();
    QCOMPARE(field->text(), QStringLiteral("int8 2"));
    field->setText("int8");
    auto* dialog = program.window.findChildren<SaveVersionDialog*>().last();
    QVERIFY(!dialog->findChild<QPushButton*>("version_save")->isEnabled());
    QVERIFY(dialog->findChild<QLabel*>("version_problem")->text().contains("already"));
    QTest::keyClick(field, Qt::Key_Escape);
    document.setSchemes({0, 1}, scheme("int4:group64"));
    program.keep("small");
    QCOMPARE(document.versions().size(), std::size_t{2});
    // The list.
    program.child<QAction>("action_versions")->trigger();
    auto* list = program.child<VersionsDialog>("versions_dialog");
    auto* table = list->findChild<QTableView*>("versions_table");
    QCOMPARE(table->model()->rowCount(), 2);
    QVERIFY(!list->findChild<QPushButton*>("versions_restore")->isEnabled()); // it is the present plan
    table->setFocus();
    QTest::keyClick(table, Qt::Key_Up);
    QVERIFY(list->findChild<QPushButton*>("versions_restore")->isEnabled());
    QTest::mouseClick(list->findChild<QPushButton*>("versions_restore"), Qt::LeftButton);
    QVERIFY(document.scheme(0) == scheme("int8"));
    QCOMPARE(document.undoStack().undoText(), QStringLiteral("Restore version int8"));
    document.undoStack().undo();
    QVERIFY(document.scheme(0) == scheme("int4:group64"));
    // Renamed in place, deleted, had back.
    QTest::mouseClick(list->findChild<QPushButton*>("versions_rename"), Qt::LeftButton);
    auto* editor = table->findChild<QLineEdit*>();
    QVERIFY(editor != nullptr);
    editor->selectAll();
    QTest::keyClicks(editor, "begin");
    QTest::keyClick(editor, Qt::Key_Return);
    QTRY_VERIFY(document.findVersion("begin") != nullptr);
    QTest::mouseClick(list->findChild<QPushButton*>("versions_delete"), Qt::LeftButton);
    QVERIFY(document.findVersion("begin") == nullptr);
    QCOMPARE(table->model()->rowCount(), 1);
    document.undoStack().undo();
    QVERIFY(document.findVersion("begin") != nullptr);
    QVERIFY(tableText(*table, '\t', false).contains("begin\t"));
    // To the page where it is compared.
    table->selectRow(0);
    QTest::mouseClick(list->findChild<QPushButton*>("versions_compare"), Qt::LeftButton);
    QCOMPARE(program.window.pages().currentPage(), QStringLiteral("trade-off"));
    QCOMPARE(program.child<QComboBox>("difference_to")->currentText(), QStringLiteral("begin"));
    list->close();
  }

  void outlivesTheProgram() {
    QTemporaryDir folder;
    const QString path = folder.filePath("plan.halfstep.json");
    {
      Program program("digits_mlp.onnx");
      program.keep("start");
      program.session.document().setSchemes({0, 1, 2}, scheme("int4:group64"));
      program.keep("small");
      program.session.document().setSchemes({2}, scheme("fp16"));
      QVERIFY(program.savePlan(path));
      QVERIFY(!program.window.isWindowModified());
    }
    Program again("digits_mlp.onnx", path);
    Document& document = again.session.document();
    QCOMPARE(document.versions().size(), std::size_t{2});
    QVERIFY(document.scheme(2) == scheme("fp16") && !document.hasUnsavedPlan());
    // A version by its name behind the file's: an edit of the plan that was opened.
    Program version("digits_mlp.onnx", path + "#small");
    QVERIFY(version.session.document().scheme(2) == scheme("int4:group64"));
    QCOMPARE(version.session.document().planPath(), path);
    QVERIFY(version.session.document().hasUnsavedPlan());
    QVERIFY(version.session.document().savedPlan()->forLayer(document.layer(2).name).weights ==
            scheme("fp16"));
    // One that is not there.
    QSignalSpy failed(&version.session, &Session::openFailed);
    version.session.openModel(kSamples + "digits_mlp.onnx", path + "#none");
    QVERIFY(failed.wait(10000));
    QVERIFY(failed.front().front().toString().contains("it has start, small"));
    QVERIFY(version.session.document().model() != nullptr); // what was open stays open
  }

  void comparesWithoutASweep() {
    Program program("digits_cnn.onnx");
    Document& document = program.session.document();
    program.keep("start");
    document.setSchemes({0, 1}, scheme("int4:group64"));
    program.keep("small");
    program.window.pages().setCurrentPage("trade-off");
    auto* from = program.child<QComboBox>("difference_from");
    auto* to = program.child<QComboBox>("difference_to");
    auto* table = program.child<QTableView>("trade_off_table");
    auto* apply = program.child<QPushButton>("trade_off_apply");
    QVERIFY(from->isVisible() && table->isVisible());
    QCOMPARE(to->currentText(), QStringLiteral("small")); // the newest
    QCOMPARE(table->model()->rowCount(), 0);
    QVERIFY(!apply->isEnabled());
    to->setFocus();
    QTest::keyClick(to, Qt::Key_Up);
    QCOMPARE(to->currentText(), QStringLiteral("start"));
    QCOMPARE(table->model()->rowCount(), 3); // two layers and their sum
    QCOMPARE(apply->text(), QStringLiteral("Restore"));
    const QString copied = tableText(*table, '\t', false);
    QVERIFY2(copied.startsWith("Layer\tFrom\tTo\tSize, bytes\tDamage\n"), qPrintable(copied));
    QVERIFY2(copied.contains("stem\tint4 g64\tint8\t72\t\n"), qPrintable(copied)); // damage is not known
    QVERIFY(program.child<QLabel>("trade_off_summary")->text().contains("2 of "));
    QVERIFY(!program.child<QPushButton>("trade_off_measure_this")->isEnabled()); // no sweep yet
    QTest::mouseClick(apply, Qt::LeftButton);
    QVERIFY(document.scheme(0) == scheme("int8"));
    document.undoStack().undo();
    QVERIFY(document.scheme(0) == scheme("int4:group64"));
  }

  void showsVersionsInTheTradeOff() {
    Program program("digits_cnn.onnx");
    Document& document = program.session.document();
    std::vector<int> all;
    for (int i = 0; i < document.layerCount(); ++i) {
      all.push_back(i);
    }
    document.setSchemes(all, scheme("int4:mse"));
    program.keep("tight");
    document.setSchemes(all, scheme("int8"));
    program.window.pages().setCurrentPage("trade-off");
    program.session.analysis().setSweepFolder(program.folder.filePath("sweeps"));
    QTRY_VERIFY(!document.modelHash().empty());
    auto request = sweepRequest("int8, int4:mse");
    VERIFY_OK(request);
    request->samples = 6;
    program.session.analysis().startSweep(*request);
    TradeOff& tradeOff = program.session.tradeOff();
    QTRY_VERIFY_WITH_TIMEOUT(tradeOff.space() && tradeOff.chosen() && program.session.isSettled(), kPatience);
    // Not measured: predicted, and said so.
    const auto versionPoint = [&]() -> const TradeOffPoint& {
      for (const TradeOffPoint& point : tradeOff.points()) {
        if (point.kind == TradeOffPoint::Kind::version) {
          return point;
        }
      }
      qFatal("no point");
    };
    QVERIFY(versionPoint().source == TradeOffPoint::Source::predicted);
    QVERIFY(versionPoint().origin.contains("not measured"));
    QVERIFY(versionPoint().damage.value > 0.0 && versionPoint().choices);
    // Measured through the card.
    auto* to = program.child<QComboBox>("difference_to");
    program.session.comparison().setTo({PlanChoice::Kind::version, "tight"});
    QCOMPARE(to->currentText(), QStringLiteral("tight"));
    program.press("trade_off_measure_this");
    QTRY_VERIFY_WITH_TIMEOUT(versionPoint().source == TradeOffPoint::Source::measured && !tradeOff.measures(),
                             kPatience);
    const double measured = versionPoint().damage.value;
    QVERIFY(program.child<QLabel>("trade_off_summary")->text().contains("tight measured"));
    // A version that is kept now keeps the figure with its origin.
    VERIFY_OK(document.restoreVersion("tight"));
    program.keep("known");
    const auto& kept = document.findVersion("known")->measured;
    QVERIFY(kept && kept->damage && kept->synthetic);
    QCOMPARE(kept->damage->value, measured);
    QCOMPARE(kept->samples, std::size_t{6});
    // The trials are on disk: another session runs nothing anew.
    const QString sweeps = program.folder.filePath("sweeps");
    const auto trialLines = [&] {
      int lines = 0;
      QDirIterator files(sweeps, {"*.jsonl"}, QDir::Files);
      while (files.hasNext()) {
        QFile file(files.next());
        if (file.open(QIODevice::ReadOnly) && file.readLine().contains("halfstep_trials")) {
          lines += static_cast<int>(file.readAll().count('\n'));
        }
      }
      return lines;
    };
    QCOMPARE(trialLines(), 1);
    const QString path = program.folder.filePath("plan.halfstep.json");
    QVERIFY(program.savePlan(path));
    Program again("digits_cnn.onnx", path);
    again.session.analysis().setSweepFolder(sweeps);
    again.session.analysis().startSweep(*request);
    TradeOff& resumed = again.session.tradeOff();
    QTRY_VERIFY_WITH_TIMEOUT(resumed.space() && resumed.chosen() && again.session.isSettled(), kPatience);
    const TradeOffPoint* point = pointOf(trialKey(resumed.space()->space, document.plan()), resumed.points());
    QVERIFY(point != nullptr);
    const auto named = [&](const char* name) {
      for (const TradeOffPoint& one : resumed.points()) {
        if (one.name == QLatin1String(name)) {
          return one;
        }
      }
      return TradeOffPoint();
    };
    QVERIFY(named("known").source == TradeOffPoint::Source::kept);
    QCOMPARE(named("known").damage.value, measured);
    QVERIFY(named("known").origin.contains("6 of"));
    resumed.measurePlan(again.session.document().plan());
    QTRY_VERIFY_WITH_TIMEOUT(!resumed.measures() && again.session.isSettled(), kPatience);
    QCOMPARE(trialLines(), 1); // it was known
    QCOMPARE(named("tight").damage.value, measured);
    resumed.measurePlans();
    QTRY_VERIFY_WITH_TIMEOUT(!resumed.measures() && again.session.isSettled(), kPatience);
    QVERIFY(trialLines() > 2);
  }
};

QTEST_MAIN(VersionsWindowTest)
#include "tst_versions_window.moc"
