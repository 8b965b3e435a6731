// The whole window, driven as a person drives it: mouse and keyboard, through files on disk.
#include "app/screenshot.h"
#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "tests/app/program.h"
#include "tests/support/onnx_models.h"
#include "tests/support/test_case.h"
#include "widgets/panels/distribution_panel.h"
#include "widgets/panels/figures_table.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/page_stack.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/style/theme.h"

#include <QAccessible>
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QDropEvent>
#include <QFileDialog>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QMimeData>
#include <QStackedWidget>
#include <QTableView>
#include <QToolButton>
#include <QToolTip>

using namespace halfstep;
using test::kSamples;

namespace {

struct Program : test::Program {
  FiguresTable& figures() {
    QCoreApplication::processEvents(); // it shows them soon, not at once
    return *child<FiguresTable>("figures");
  }
  /// What a file manager does when files are let go over `widget`, with their addresses as text too; without
  /// files, a text. True where it was accepted as files are.
  bool drop(QWidget& widget, const QStringList& paths) {
    QMimeData data;
    QList<QUrl> urls;
    for (const QString& path : paths) {
      urls << QUrl::fromLocalFile(path);
    }
    if (!urls.isEmpty()) {
      data.setUrls(urls);
    }
    data.setText(paths.isEmpty() ? QStringLiteral("words") : urls.front().toString());
    QDragEnterEvent enter({5, 5}, Qt::CopyAction, &data, Qt::LeftButton, {});
    QDropEvent let({5, 5}, Qt::CopyAction, &data, Qt::LeftButton, {});
    QWidget* target = &widget; // as Qt looks for it
    while (target != nullptr && !target->acceptDrops()) {
      target = target->parentWidget();
    }
    if (target == nullptr) {
      return false;
    }
    QCoreApplication::sendEvent(target, &enter);
    const auto* field = qobject_cast<QLineEdit*>(target);
    const QString before = field != nullptr ? field->text() : QString();
    QCoreApplication::sendEvent(target, &let);
    return let.isAccepted() && (field == nullptr || field->text() == before);
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

  void aPlanGetsItsSuffix() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    program.child<QAction>("action_save_plan_as")->trigger();
    auto* dialog = program.window.findChild<QFileDialog*>();
    QVERIFY(dialog != nullptr);
    dialog->setDirectory(program.folder.path());
    dialog->findChild<QLineEdit*>("fileNameEdit")->setText("mine");
    QSignalSpy saved(&program.session, &Session::planSaved);
    QMetaObject::invokeMethod(dialog, "accept");
    QVERIFY(saved.wait(10000));
    QCOMPARE(saved.first().at(0).toString(), program.folder.filePath("mine.halfstep.json"));
  }

  void theSchemePanelIsAsWideAsItsText() {
    const QFont before = qApp->font();
    QFont large = before;
    large.setPointSizeF(before.pointSizeF() * 1.5);
    qApp->setFont(large);
    {
      Program program;
      QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
      auto* panel = program.child<QWidget>("scheme_panel");
      QCoreApplication::processEvents();
      const QRect inside(panel->mapToGlobal(QPoint()), panel->size());
      for (const QToolButton* button : panel->findChildren<QToolButton*>()) {
        if (button->isVisible()) {
          const QRect place(button->mapToGlobal(QPoint()), button->size());
          QVERIFY2(place.right() <= inside.right(), qPrintable(button->objectName()));
          QVERIFY2(button->fontMetrics().horizontalAdvance(button->text()) <= button->width(),
                   qPrintable(button->objectName()));
        }
      }
    }
    qApp->setFont(before);
  }

  void whatTheFileHoldsQuantizedStaysSo() {
    Program program;
    const std::string model = program.folder.filePath("stored.onnx").toStdString();
    test::writeFile(model, test::quantizedModel());
    QVERIFY(program.open(QString::fromStdString(model)));
    const Document& document = program.session.document();
    QVERIFY(document.layerCount() > 0);
    for (int i = 0; i < document.layerCount(); ++i) {
      QCOMPARE(program.schemeOf(i), std::string(document.layer(i).stored ? "fp32" : "int8"));
    }
    QCOMPARE(document.totals().bytesAfter, document.totals().bytesBefore);
    // The scales of its channels are there to read.
    const auto perAxis = document.model()->layerIndex("per_axis");
    QVERIFY(perAxis);
    program.session.selection().select({static_cast<int>(*perAxis)}, static_cast<int>(*perAxis));
    QVERIFY(program.settle());
    const PlotTable channels = program.child<Plot>("channel_ranges")->table();
    const auto column = channels.headers.indexOf("scale in the file");
    QVERIFY(column > 0);
    QCOMPARE(channels.columns[static_cast<std::size_t>(column)].size(), std::size_t{4});
    QCOMPARE(channels.columns[static_cast<std::size_t>(column)].back(), 1.0);
  }

  void aModelThatBecomesShorterIsSaid() {
    Program program;
    const QString file = program.folder.filePath("cut.onnx");
    QVERIFY(QFile::copy(kSamples + "digits_mlp.onnx", file));
    QVERIFY(QFile::setPermissions(file, QFile::ReadOwner | QFile::WriteOwner));
    QVERIFY(program.open(file));
    QVERIFY(QFile::resize(file, 100));
    program.session.selection().select({1}, 1);
    QLabel* facts = program.child<QLabel>("layer_facts");
    QTRY_VERIFY2(facts->text().contains("cut.onnx: became shorter while it was open"),
                 qPrintable(facts->text()));
    QVERIFY(program.settle());
    // The file is whole again, and so is what is opened.
    QVERIFY(QFile::remove(file) && QFile::copy(kSamples + "digits_mlp.onnx", file));
    QVERIFY(program.open(file));
    program.session.selection().select({1}, 1);
    QTRY_VERIFY2(facts->text().contains("kurtosis"), qPrintable(facts->text()));
  }

  void reloadingKeepsThePlanAndTheLayer() {
    Program program;
    const QString plan = program.folder.filePath("plan.halfstep.json");
    Plan written;
    written.fallback.weights = parseScheme("int5").value();
    VERIFY_OK(savePlan(written, plan.toStdString()));
    QVERIFY(program.open(kSamples + "digits_mlp.onnx", plan));
    program.session.selection().select({2}, 2);
    QSignalSpy opened(&program.session, &Session::opened);
    QTest::keySequence(&program.window, QKeySequence(Qt::Key_F5));
    QVERIFY(opened.wait(10000));
    QCOMPARE(program.schemeOf(0), std::string("int5"));
    QCOMPARE(program.session.document().planPath(), plan);
    QCOMPARE(program.session.selection().currentLayer(), 2);
  }

  void takesFilesDroppedAnywhere() {
    Program program;
    QCOMPARE(program.drop(*program.child<QWidget>("start_page"), {kSamples + "digits_mlp.onnx"}), true);
    QTRY_VERIFY_WITH_TIMEOUT(program.session.document().model() != nullptr, 10000);
    QVERIFY(program.settle());
    const QString plan = program.folder.filePath("mixed.halfstep.json");
    Plan written;
    written.modelFile = "digits_mlp.onnx";
    written.fallback.weights = parseScheme("int6").value();
    VERIFY_OK(savePlan(written, plan.toStdString()));
    // A text field takes no file for text.
    auto* filter = program.child<QLineEdit>("layers_filter");
    QVERIFY(program.drop(*filter, {plan}));
    QTRY_COMPARE(program.schemeOf(0), std::string("int6"));
    QCOMPARE(filter->text(), QString());
    // A model with its plan, over a plot.
    QVERIFY(program.settle());
    QVERIFY(QFile::copy(kSamples + "digits_cnn.onnx", program.folder.filePath("cnn.onnx")));
    QSignalSpy opened(&program.session, &Session::opened);
    QVERIFY(program.drop(*program.child<HistogramPlot>("weight_histogram"),
                         {plan, program.folder.filePath("cnn.onnx")}));
    QVERIFY(opened.wait(10000));
    QCOMPARE(QString::fromStdString(program.session.document().model()->name), QString("cnn.onnx"));
    QCOMPARE(program.schemeOf(0), std::string("int6"));
    QVERIFY(!program.drop(*filter, {})); // text stays the field's own
  }

  void aFixedRangeBeginsWhereTheRangeIs() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    QTest::mouseClick(program.child<QToolButton>("granularity_tensor"), Qt::LeftButton);
    QVERIFY(program.settle());
    program.figures();
    const auto clipping = program.session.explorer().view()->clipping;
    QTest::mouseClick(program.child<QToolButton>("range_fixed"), Qt::LeftButton);
    const RangeRule fixed = program.session.document().scheme(0).range;
    QCOMPARE(fixed.kind, RangeRule::Kind::fixed);
    QVERIFY(std::abs(fixed.hi / static_cast<double>(clipping.hi) - 1.0) < 1e-4);
    // A typed number is one edit, of any magnitude.
    const int steps = program.session.document().undoStack().count();
    auto* high = program.child<QDoubleSpinBox>("range_high");
    high->setFocus();
    high->selectAll();
    QTest::keyClicks(high, "2.5e-7");
    QTest::keyClick(high, Qt::Key_Return);
    QCOMPARE(program.session.document().scheme(0).range.hi, 2.5e-7);
    QCOMPARE(program.session.document().undoStack().count(), steps + 1);
    QCOMPARE(high->text(), QString("2.5e-07"));
    high->selectAll();
    QTest::keyClicks(high, "-5");
    QTest::keyClick(high, Qt::Key_Return);
    QCOMPARE(program.session.document().undoStack().count(), steps + 1);
    QVERIFY(program.child<QLabel>("scheme_message")->isVisible());
    QTest::mouseClick(program.child<QToolButton>("range_pct"), Qt::LeftButton);
    auto* percentile = program.child<QDoubleSpinBox>("percentile");
    percentile->setFocus();
    percentile->selectAll();
    QTest::keyClicks(percentile, "99.9999");
    QTest::keyClick(percentile, Qt::Key_Return);
    QCOMPARE(program.schemeOf(0), std::string("int8:tensor:pct99.9999"));
    QVERIFY(percentile->text().startsWith("99.9999"));
  }

  void tablesGiveTheirNumbersInFull() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    auto* table = program.child<QTableView>("layers_table");
    table->setFocus();
    table->selectRow(0);
    QTest::keySequence(table, QKeySequence::Copy);
    QStringList lines = QApplication::clipboard()->text().split('\n');
    QCOMPARE(lines[0], QString("Layer\tWeights\tScheme\tBits\tSQNR dB\tOperator"));
    QStringList cells = lines[1].split('\t');
    QCOMPARE(cells[1].toInt(), 78400);
    QCOMPARE(cells[5], QString("Gemm"));
    QCOMPARE(cells[4].toDouble(), program.session.document().summary(0)->errors.sqnrDb());
    program.figures().setFocus();
    QTest::keySequence(&program.figures(), QKeySequence::Copy);
    lines = QApplication::clipboard()->text().split('\n');
    QCOMPARE(lines[1].split('\t').first(), QString("SQNR, dB"));
    QCOMPARE(lines[1].split('\t')[1].toDouble(), program.session.document().summary(0)->errors.sqnrDb());
    QVERIFY(lines.filter("Size, bytes").size() == 1);
    // Sorting needs no mouse either.
    auto* menu = program.child<QMenu>("layers_table_sort_menu");
    emit menu->aboutToShow();
    menu->actions().at(1)->trigger();
    QCOMPARE(table->model()->index(0, 0).data().toString(), QString("fc3"));
    emit menu->aboutToShow();
    menu->actions().at(1)->trigger();
    QCOMPARE(table->model()->index(0, 0).data().toString(), QString("fc1"));
    // By what another column's cells show, too.
    emit menu->aboutToShow();
    QAction* byOperator =
        menu->actions().at(menu->actions().size() - 3); // before a line and the model's order
    QCOMPARE(byOperator->text(), QString("Operator"));
    byOperator->trigger();
    QVERIFY(table->isColumnHidden(table->horizontalHeader()->sortIndicatorSection()));
    emit menu->aboutToShow();
    menu->actions().back()->trigger();
    QCOMPARE(table->horizontalHeader()->sortIndicatorSection(), -1);
  }

  void keepsChosenColumnWidths() {
    QTemporaryDir folder;
    const QString settings = folder.filePath("settings.ini");
    int width = 0;
    {
      Session session(settings);
      MainWindow window(session);
      window.resize(1280, 800);
      window.show();
      QSignalSpy opened(&session, &Session::opened);
      session.openModel(kSamples + "digits_mlp.onnx");
      QVERIFY(opened.wait(10000));
      auto* table = window.findChild<QTableView*>("layers_table");
      width = table->columnWidth(2) + 37;
      table->horizontalHeader()->resizeSection(2, width);
      session.document().setSchemes({0}, parseScheme("int4:asym:group64:mse").value());
      QCOMPARE(table->columnWidth(2), width);
      session.document().undoStack().setClean();
      QVERIFY(window.close());
    }
    Session session(settings);
    MainWindow window(session);
    window.show();
    QSignalSpy opened(&session, &Session::opened);
    session.openModel(kSamples + "digits_mlp.onnx");
    QVERIFY(opened.wait(10000));
    QCOMPARE(window.findChild<QTableView*>("layers_table")->columnWidth(2), width);
  }

  void namesAreNeverMarkup() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    QCoreApplication::processEvents();
    for (const QLabel* label : program.window.findChildren<QLabel*>()) {
      if (label->isVisible()) {
        QVERIFY2(label->textFormat() != Qt::AutoText, qPrintable(label->objectName() + label->text()));
      }
    }
    if (QGuiApplication::platformName() == QLatin1String("offscreen")) {
      QTest::ignoreMessage(QtWarningMsg, "This plugin does not support raise()");
    }
    QToolTip::showText(program.window.mapToGlobal(QPoint(50, 50)), "<b>layer</b>", &program.window);
    int tips = 0;
    for (const QWidget* widget : QApplication::topLevelWidgets()) {
      if (const auto* tip = qobject_cast<const QLabel*>(widget); tip != nullptr && tip->isVisible()) {
        QCOMPARE(tip->textFormat(), Qt::PlainText);
        ++tips;
      }
    }
    QCOMPARE(tips, 1);
    QToolTip::hideText();
  }

  void savesTheLog() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    const QString path = program.folder.filePath("halfstep.log");
    program.session.saveLog(path);
    QTRY_VERIFY(QFile::exists(path));
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QString text = QString::fromUtf8(file.readAll());
    QVERIFY2(text.contains("Qt ") && text.contains("Opened ") && text.contains("digits_mlp.onnx"),
             qPrintable(text));
    QSignalSpy failed(&program.session, &Session::failed);
    program.session.saveLog("/no/such/folder/halfstep.log");
    QTRY_COMPARE(failed.count(), 1);
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
    int controls = 0;
    for (const QString& page : program.window.pages().pages()) {
      program.window.pages().setCurrentPage(page);
      QCoreApplication::processEvents();
      for (QWidget* widget : program.window.findChildren<QWidget*>()) {
        const bool internal = widget->objectName().startsWith("qt_") ||
                              qobject_cast<const QAbstractSpinBox*>(widget->parent()) != nullptr ||
                              qobject_cast<const QComboBox*>(widget->parent()) != nullptr ||
                              qobject_cast<const QMainWindow*>(widget->parent()) != nullptr; // tabs of docks
        if (internal || widget->focusPolicy() == Qt::NoFocus || !widget->isVisible()) {
          continue;
        }
        ++controls;
        const QString which = page + ": " + widget->metaObject()->className() + " " + widget->objectName();
        QVERIFY2(!widget->objectName().isEmpty(), qPrintable(which));
        QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(widget);
        QVERIFY2(interface != nullptr && !interface->text(QAccessible::Name).isEmpty(), qPrintable(which));
      }
    }
    QVERIFY(controls > 100);
  }

  void theTabKeyReachesEverything() {
    Program program;
    QVERIFY(program.open(kSamples + "digits_mlp.onnx"));
    QTest::qWait(50);
    program.window.activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(&program.window));
    auto* first = program.child<QLineEdit>("layers_filter");
    first->setFocus();
    QStringList reached;
    do {
      reached << QApplication::focusWidget()->objectName();
      QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
      QVERIFY(QApplication::focusWidget() != nullptr);
    } while (QApplication::focusWidget() != first && reached.size() < 200);
    QVERIFY2(reached.size() < 200, "a trap");
    for (const char* name :
         {"layers_filter", "layers_table", "weight_histogram", "channel_ranges", "clipping_curve",
          "transfer_function", "rounding_error", "scheme_text", "bits_8", "mapping_sym",
          "granularity_channel", "range_minmax", "code_range_restricted", "rounding_even", "apply_to",
          "pin_result", "figures", "data_button", "export_button"}) {
      QVERIFY2(reached.contains(name), qPrintable(QString(name) + " is not among " + reached.join(' ')));
    }
    // In reading order: what stands further down the Scheme panel comes later.
    QVERIFY2(reached.indexOf("scheme_text") < reached.indexOf("bits_8") &&
                 reached.indexOf("bits_8") < reached.indexOf("mapping_sym") &&
                 reached.indexOf("mapping_sym") < reached.indexOf("granularity_channel") &&
                 reached.indexOf("granularity_channel") < reached.indexOf("range_minmax") &&
                 reached.indexOf("range_minmax") < reached.indexOf("code_range_restricted") &&
                 reached.indexOf("code_range_restricted") < reached.indexOf("rounding_even") &&
                 reached.indexOf("rounding_even") < reached.indexOf("apply_to") &&
                 reached.indexOf("pin_result") < reached.indexOf("figures"),
             qPrintable(reached.join(' ')));
  }
};

QTEST_MAIN(MainWindowTest)
#include "tst_main_window.moc"
