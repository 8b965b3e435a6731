// The whole window, driven as a person drives it: mouse and keyboard, through files on disk.
#include "app/screenshot.h"
#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "tests/app/program.h"
#include "tests/support/test_case.h"
#include "widgets/panels/distribution_panel.h"
#include "widgets/panels/figures_table.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/page_stack.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QStackedWidget>
#include <QTableView>
#include <QToolButton>

using namespace halfstep;
using test::kSamples;

namespace {

struct Program : test::Program {
  FiguresTable& figures() {
    QCoreApplication::processEvents(); // it shows them soon, not at once
    return *child<FiguresTable>("figures");
  }
  std::string schemeOf(int layer) { return printScheme(session.document().scheme(layer)); }
};

} // namespace

class MainWindowTest : public test::TestCase {
  Q_OBJECT
private slots:
  void initTestCase() { applyTheme(*qApp, lightTheme()); }

  void startsWithTheSamples() {
    Program program;
    QVERIFY(program.child<QWidget>("start_page")->isVisible());
    for (const char* sample :
         {"sample_digits_mlp", "sample_digits_cnn", "sample_sequence_transformer", "sample_sentences_lstm"}) {
      QVERIFY2(program.child<QAbstractButton>(sample) != nullptr, sample);
    }
    QSignalSpy opened(&program.session, &Session::opened);
    QTest::mouseClick(program.child<QAbstractButton>("sample_digits_mlp"), Qt::LeftButton);
    QVERIFY(opened.wait(10000));
    QVERIFY(!program.child<QWidget>("start_page")->isVisible());
    QCOMPARE(program.session.document().layerCount(), 3);
    QCOMPARE(program.session.recentFiles().size(), 1);
  }

  void panelsComeBackAsWideAsTheyWere() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_cnn.onnx"));
    const auto width = [&](const char* panel) { return program.child<QWidget>(panel)->width(); };
    const int layers = width("layers_panel");
    const int scheme = width("scheme_panel");
    auto* pages = program.child<PageStack>("page_stack");
    pages->setCurrentPage("trade-off"); // it takes the room of both
    QTRY_VERIFY(!program.child<QWidget>("layers_panel")->isVisible());
    pages->setCurrentPage("distribution");
    QTRY_COMPARE(width("layers_panel"), layers);
    QTRY_COMPARE(width("scheme_panel"), scheme);
    pages->setCurrentPage("sensitivity");
    pages->setCurrentPage("activations");
    QTRY_COMPARE(width("layers_panel"), layers);
    QTRY_COMPARE(width("scheme_panel"), scheme);
  }

  void quantizesWhileYouWatch() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    const QString before = program.figures().value("sqnr");
    QVERIFY(before.contains("dB"));
    QTest::mouseClick(program.child<QToolButton>("bits_4"), Qt::LeftButton);
    QVERIFY(program.settle());
    QCOMPARE(program.schemeOf(0), std::string("int4"));
    const QString after = program.figures().value("sqnr");
    QVERIFY(after != before);
    QCOMPARE(program.figures().compared("sqnr"), "was " + before);
    // The arrow key moves on to the next choice.
    QTest::keyClick(program.child<QToolButton>("bits_4"), Qt::Key_Right);
    QCOMPARE(program.schemeOf(0), std::string("int5"));
    QTest::keySequence(&program.window, QKeySequence(Qt::CTRL | Qt::Key_Z));
    QTest::keySequence(&program.window, QKeySequence(Qt::CTRL | Qt::Key_Z));
    QCOMPARE(program.schemeOf(0), std::string("int8"));
    QTest::keySequence(&program.window, QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z));
    QCOMPARE(program.schemeOf(0), std::string("int4"));
  }

  void draggingAHandleIsOneUndoStep() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    QTest::mouseClick(program.child<QToolButton>("granularity_tensor"), Qt::LeftButton);
    QVERIFY(program.settle());
    auto& histogram = *program.child<HistogramPlot>("weight_histogram");
    QPoint at = histogram.handlePosition(true);
    const int steps = program.session.document().undoStack().count();
    QTest::mousePress(&histogram, Qt::LeftButton, {}, at);
    for (int i = 0; i < 10; ++i) {
      at.rx() -= 4;
      QTest::mouseMove(&histogram, at);
      QTest::qWait(2);
    }
    QTest::mouseRelease(&histogram, Qt::LeftButton, {}, at);
    QVERIFY(program.settle());
    const Scheme& scheme = program.session.document().scheme(0);
    QCOMPARE(scheme.range.kind, RangeRule::Kind::fixed);
    QVERIFY(program.session.document().summary(0)->errors.clipped > 0);
    QCOMPARE(program.session.document().undoStack().count(), steps + 1);
    QVERIFY(std::abs(histogram.handlePosition(true).x() - at.x()) <= 1); // the handle stays under the mouse
    QTest::mouseDClick(&histogram, Qt::LeftButton, {}, at);
    QCOMPARE(program.session.document().scheme(0).range.kind, RangeRule::Kind::minmax);
  }

  void appliesToWhatTheFilterShows() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_cnn.onnx"));
    QTest::keySequence(&program.window, QKeySequence(Qt::CTRL | Qt::Key_F));
    auto* filter = program.child<QLineEdit>("layers_filter");
    QTest::keyClicks(filter, "depthwise");
    auto* table = program.child<QTableView>("layers_table");
    QCOMPARE(table->model()->rowCount(), 4);
    table->setFocus();
    table->selectAll();
    QCOMPARE(program.session.selection().layers().size(), std::size_t{4});
    auto* text = program.child<QLineEdit>("scheme_text");
    text->setFocus();
    text->selectAll();
    QTest::keyClicks(text, "int3:tensor");
    QTest::keyClick(text, Qt::Key_Return);
    int changed = 0;
    for (int i = 0; i < program.session.document().layerCount(); ++i) {
      changed += program.schemeOf(i) == "int3:tensor" ? 1 : 0;
    }
    QCOMPARE(changed, 4);
    QCOMPARE(program.session.document().undoStack().count(), 1);
    // What is no scheme changes nothing and says why.
    text->selectAll();
    QTest::keyClicks(text, "int3:tensr");
    QTest::keyClick(text, Qt::Key_Return);
    QVERIFY(program.child<QLabel>("scheme_message")->text().contains("tensor"));
    QCOMPARE(program.session.document().undoStack().count(), 1);
  }

  void applyMenuReachesAllOfOneOperator() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_cnn.onnx"));
    QTest::mouseClick(program.child<QToolButton>("bits_6"), Qt::LeftButton);
    QMenu* menu = program.child<QPushButton>("apply_to")->menu();
    emit menu->aboutToShow();
    QAction* convs = nullptr;
    for (QAction* action : menu->actions()) {
      convs = action->text().startsWith("All Conv") ? action : convs;
    }
    QVERIFY(convs != nullptr);
    convs->trigger();
    for (int i = 0; i < program.session.document().layerCount(); ++i) {
      QCOMPARE(program.schemeOf(i), program.session.document().layer(i).op == "Conv" ? "int6" : "int8");
    }
  }

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
    program.window.commands().open(path); // by its suffix
    QCOMPARE(program.schemeOf(0), std::string("int3"));
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

  void tellsWhyAFileDoesNotOpen() {
    Program program;
    const QString path = program.folder.filePath("torn.onnx");
    QFile torn(path);
    QVERIFY(torn.open(QIODevice::WriteOnly));
    QFile whole(kSamples + "digits_mlp.onnx");
    QVERIFY(whole.open(QIODevice::ReadOnly));
    torn.write(whole.read(5000));
    torn.close();
    QSignalSpy failed(&program.session, &Session::openFailed);
    program.window.commands().open(path);
    QVERIFY(failed.wait(10000));
    QVERIFY(failed.first().at(0).toString().contains("torn.onnx"));
    QCOMPARE(failed.first().at(1).toInt(), 3);
    QVERIFY(program.child<QWidget>("start_page")->isVisible());
  }

  void pinsAResult() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    const QString before = program.figures().value("sqnr");
    QTest::mouseClick(program.child<QPushButton>("pin_result"), Qt::LeftButton);
    QTest::mouseClick(program.child<QToolButton>("bits_2"), Qt::LeftButton);
    QTest::mouseClick(program.child<QToolButton>("bits_5"), Qt::LeftButton);
    QVERIFY(program.settle());
    QCOMPARE(program.figures().compared("sqnr"), "pinned " + before);
  }

  void copiesTheCommand() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    QTest::keySequence(&program.window, QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_C));
    QVERIFY(QApplication::clipboard()->text().startsWith("halfstep-cli quantize "));
  }

  void drawsItselfInBothThemes_data() {
    QTest::addColumn<bool>("dark");
    QTest::addColumn<QSize>("size");
    QTest::newRow("light") << false << QSize(1280, 800);
    QTest::newRow("dark large") << true << QSize(1920, 1200);
  }
  void drawsItselfInBothThemes() {
    QFETCH(bool, dark);
    QFETCH(QSize, size);
    applyTheme(*qApp, dark ? darkTheme() : lightTheme());
    Program program;
    program.window.resize(size);
    QVERIFY(program.open(kSamples + "sentences_lstm.onnx"));
    const QString path = program.folder.filePath("out.png");
    int status = -1;
    takeScreenshot(program.session, program.window, {path, "distribution", false, {}, size},
                   [&](int code, const QString&) { status = code; });
    QTRY_COMPARE_WITH_TIMEOUT(status, 0, 10000);
    const QImage picture(path);
    QCOMPARE(picture.size(), size);
    QVERIFY((picture.pixelColor(size.width() / 2, 3).lightness() < 128) == dark);
    applyTheme(*qApp, lightTheme());
  }

  void everyControlHasAName() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    for (const QWidget* widget : program.window.findChildren<QWidget*>()) {
      const bool control = qobject_cast<const QAbstractButton*>(widget) ||
                           qobject_cast<const QLineEdit*>(widget) ||
                           qobject_cast<const QTableView*>(widget) || qobject_cast<const Plot*>(widget);
      const bool internal =
          widget->objectName().startsWith("qt_") || qobject_cast<const QLineEdit*>(widget) == nullptr
              ? widget->objectName().startsWith("qt_")
              : qobject_cast<const QAbstractSpinBox*>(widget->parent()) != nullptr;
      if (control && !internal && widget->focusPolicy() != Qt::NoFocus) {
        QVERIFY2(!widget->objectName().isEmpty(), widget->metaObject()->className());
      }
    }
  }
};

QTEST_MAIN(MainWindowTest)
#include "tst_main_window.moc"
