// The pages that run the network, driven as a person drives them: data, sensitivity, error, activations,
// latency, trade-off.
#include "core/quant/scheme_grammar.h"
#include "tests/app/program.h"
#include "tests/support/test_case.h"
#include "widgets/panels/data_dialog.h"
#include "widgets/panels/export_dialog.h"
#include "widgets/panels/page_stack.h"
#include "widgets/plots/activation_plot.h"
#include "widgets/plots/latency_plot.h"
#include "widgets/plots/trade_off_plot.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/latency_model.h"
#include "widgets/viewmodels/layer_errors_model.h"
#include "widgets/viewmodels/layers_model.h"
#include "widgets/viewmodels/plan_difference_model.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <QAbstractItemModelTester>
#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QPlainTextEdit>
#include <QSlider>
#include <QSpinBox>
#include <QTableView>
#include <QTableWidget>
#include <QToolButton>

#include <limits>
#include <numeric>

using namespace halfstep;
using test::kPatience;
using test::kSamples;

namespace {

struct Program : test::Program {
  explicit Program(const QString& model) {
    if (!open(kSamples + model)) {
      qFatal("does not open");
    }
  }
  /// Opens a data set through its dialog.
  bool useData(const QString& path) {
    child<QAction>("action_open_data")->trigger();
    auto* dialog = child<DataDialog>("data_dialog");
    auto* source = dialog->findChild<QLineEdit*>("data_source");
    source->setText(path);
    QTest::keyClick(source, Qt::Key_Return);
    auto* ok = dialog->findChild<QDialogButtonBox*>()->button(QDialogButtonBox::Ok);
    if (!QTest::qWaitFor([ok] { return ok->isEnabled(); }, 10000)) {
      return false;
    }
    QTest::mouseClick(ok, Qt::LeftButton);
    return QTest::qWaitFor([this] { return !session.analysis().samples()->origin().synthetic; }, 5000);
  }
};

} // namespace

class NetworkPagesTest : public test::TestCase {
  Q_OBJECT
private slots:
  void initTestCase() { applyTheme(*qApp, lightTheme()); }

  void opensDataWithAPreview() {
    Program program("digits_cnn.onnx");
    QVERIFY(program.session.analysis().samples()->origin().synthetic);
    QCOMPARE(program.child<QToolButton>("data_button")->text(), QStringLiteral("Data: drawn"));
    program.child<QAction>("action_open_data")->trigger();
    auto* dialog = program.child<DataDialog>("data_dialog");
    auto* source = dialog->findChild<QLineEdit*>("data_source");
    auto* message = dialog->findChild<QLabel*>("data_message");
    auto* ok = dialog->findChild<QDialogButtonBox*>()->button(QDialogButtonBox::Ok);
    QVERIFY(!ok->isEnabled());
    source->setText(program.folder.filePath("nothing"));
    QTest::keyClick(source, Qt::Key_Return);
    QTRY_VERIFY(message->text().contains("nothing")); // the error names the path
    QVERIFY(!ok->isEnabled());
    source->setFocus();
    source->setText(kSamples + "data/digits_cnn");
    QTest::keyClick(source, Qt::Key_Return);
    QTRY_VERIFY(ok->isEnabled());
    auto* list = dialog->findChild<QListWidget*>("data_preview");
    QCOMPARE(list->count(), 12);
    QVERIFY(!list->item(0)->icon().isNull());
    QTest::mouseClick(ok, Qt::LeftButton);
    QTRY_VERIFY(!program.session.analysis().samples()->origin().synthetic);
    QVERIFY(program.session.document().plan().data.has_value()); // kept in the plan
    program.child<QAction>("action_draw_data")->trigger();
    QVERIFY(program.session.analysis().samples()->origin().synthetic);
  }

  void sweepsAndUsesWhatItFound() {
    Program program("digits_cnn.onnx");
    QVERIFY(program.useData(kSamples + "data/digits_cnn"));
    program.window.pages().setCurrentPage("sensitivity");
    QTRY_VERIFY(program.session.analysis().cost().has_value());
    auto* schemes = program.child<QLineEdit>("sensitivity_schemes");
    schemes->setText("int8, nonsense");
    program.press("sensitivity_measure");
    QVERIFY(program.child<QLabel>("sensitivity_cost")->text().contains("nonsense"));
    QVERIFY(!program.session.analysis().sweepRuns());
    schemes->setText("int8, int2");
    program.child<QSpinBox>("sensitivity_samples")->setValue(6);
    program.press("sensitivity_measure");
    QVERIFY(program.session.analysis().sweepRuns());
    QTRY_VERIFY_WITH_TIMEOUT(!program.session.analysis().sweepRuns() && program.session.analysis().sweep(),
                             kPatience);
    const auto sweep = program.session.analysis().sweep();
    QVERIFY(sweep->sweep->isComplete());
    QCOMPARE(sweep->reliabilities.size(), std::size_t{2});
    QVERIFY2(sweep->fisher && sweep->fisherProblem.empty(), sweep->fisherProblem.c_str());
    QCOMPARE(sweep->fisherCorrelation.size(), std::size_t{2});
    QVERIFY(sweep->fisherCorrelation[0] > 0.7);
    QVERIFY(program.child<QLabel>("sensitivity_reliability")->text().contains("Fisher estimate would rank"));

    // Sorted by the scheme of the bars, worst first; a click selects the layer everywhere.
    auto* table = program.child<QTableView>("sensitivity_table");
    const QModelIndex worst = table->model()->index(0, 0);
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(worst).center());
    const int current = program.session.selection().currentLayer();
    QCOMPARE(QString::fromStdString(program.session.document().layer(current).name), worst.data().toString());
    const auto damage = [&](int row) {
      return table->model()->index(row, 2).data(SensitivityModel::sortRole).toDouble();
    };
    for (int row = 1; row < table->model()->rowCount(); ++row) {
      QVERIFY(damage(row - 1) >= damage(row));
    }
    QTest::mouseClick(program.child<QToolButton>("sensitivity_figure_fisher"), Qt::LeftButton);
    QCOMPARE(table->model()->headerData(3, Qt::Horizontal).toString(),
             QStringLiteral("Fisher estimate at int2"));
    QVERIFY(damage(0) > 0.0);
    QTest::mouseClick(program.child<QToolButton>("sensitivity_figure_measured"), Qt::LeftButton);
    program.child<QAction>("action_copy_command")->trigger();
    const QString command = QApplication::clipboard()->text();
    QVERIFY2(command.contains("sensitivity") && command.contains("--schemes int8,int2") &&
                 command.contains("--samples 6") && command.contains("digits_cnn"),
             qPrintable(command));
    program.press("sensitivity_use");
    QCOMPARE(printScheme(program.session.document().scheme(current)), std::string("int2"));

    // The layers table shows the same as strips.
    program.window.pages().setCurrentPage("distribution");
    auto* layers = program.child<QTableView>("layers_table");
    QVERIFY(!layers->isColumnHidden(LayersModel::sensitivityColumn));
    QCOMPARE(layers->model()
                 ->index(0, LayersModel::sensitivityColumn)
                 .data(LayersModel::stripRole)
                 .toList()
                 .size(),
             2);
  }

  void aSweepPausesAndStops() {
    Program program("digits_cnn.onnx");
    program.window.pages().setCurrentPage("sensitivity");
    program.child<QSpinBox>("sensitivity_samples")->setValue(16);
    program.press("sensitivity_measure");
    QTRY_VERIFY_WITH_TIMEOUT(program.session.analysis().sweep() || !program.session.analysis().sweepRuns(),
                             kPatience);
    if (program.session.analysis().sweepRuns()) { // a quick machine may be done already
      program.press("sensitivity_measure");       // now it is Stop
      QTRY_VERIFY(!program.session.analysis().sweepRuns());
    }
    QVERIFY(program.settle());
    QCOMPARE(program.child<QPushButton>("sensitivity_measure")->text(), QStringLiteral("Measure"));
  }

  void showsWhereErrorGrows() {
    Program program("sequence_transformer.onnx");
    QVERIFY(program.useData(kSamples + "data/sequence_transformer"));
    program.window.pages().setCurrentPage("error");
    program.child<QSpinBox>("error_samples")->setValue(4);
    program.press("error_measure");
    QTRY_VERIFY_WITH_TIMEOUT(!program.session.analysis().errorsRun() && program.session.analysis().errors(),
                             kPatience);
    const auto errors = program.session.analysis().errors();
    QCOMPARE(errors->errors->samples, std::size_t{4});
    QVERIFY(program.child<QLabel>("error_summary")->text().contains("<b>"));
    const QAbstractItemModel& table = *program.child<QTableView>("error_table")->model();
    for (const int column : {LayerErrorsModel::isolatedColumn, LayerErrorsModel::accumulatedColumn}) {
      const QString interval = table.index(0, column).data(Qt::ToolTipRole).toString();
      QVERIFY2(interval.contains("95 % interval"), qPrintable(interval));
    }
    QVERIFY(!program.session.analysis().errorsAreOld());
    QTRY_VERIFY(program.child<QLabel>("plan_totals_text")->text().contains("KL"));
    program.session.document().setSchemes({0}, parseScheme("int2").value());
    QVERIFY(program.session.analysis().errorsAreOld());
    QVERIFY(program.child<QLabel>("error_origin")->text().contains("edited"));
  }

  void errorsOfStaticActivationsAreThePlans() {
    Program program("digits_mlp.onnx");
    const auto measure = [&] {
      program.window.pages().setCurrentPage("error");
      program.child<QSpinBox>("error_samples")->setValue(4);
      program.press("error_measure");
      if (!program.settle() || !program.session.analysis().errors()) {
        return std::numeric_limits<double>::quiet_NaN();
      }
      for (const auto& [metric, estimate] : program.session.analysis().errors()->output) {
        if (metric == OutputMetric::sqnr) {
          return estimate.value;
        }
      }
      return std::numeric_limits<double>::quiet_NaN();
    };
    const double weightsOnly = measure();
    Document& document = program.session.document();
    std::vector<int> all(static_cast<std::size_t>(document.layerCount()));
    std::iota(all.begin(), all.end(), 0);
    document.setActivations(all, parseActivationScheme("uint3:tensor").value());
    QVERIFY(!program.session.analysis().calibration());
    const double both = measure();
    QVERIFY(program.session.analysis().calibration()); // whose ranges are used from now on
    QCOMPARE(program.session.analysis().calibration()->sampleNames.size(), std::size_t{4});
    QVERIFY2(both < weightsOnly - 10.0, qPrintable(QStringLiteral("%1 %2").arg(both).arg(weightsOnly)));
    for (const std::string& left : program.session.analysis().errors()->errors->left) {
      QCOMPARE(left, std::string());
    }
  }

  void calibratesAndQuantizesActivations() {
    Program program("digits_cnn.onnx");
    QVERIFY(program.useData(kSamples + "data/digits_cnn"));
    program.window.pages().setCurrentPage("activations");
    program.child<QSpinBox>("calibration_samples")->setValue(8);
    program.press("calibrate");
    QTRY_VERIFY_WITH_TIMEOUT(program.session.analysis().calibration(), kPatience);
    QVERIFY(program.child<QLabel>("activation_facts")->text().contains("zeros"));
    const auto calibration = program.session.analysis().calibration();
    const QString file = program.folder.filePath("c.h5");
    QSignalSpy saved(&program.session, &Session::calibrationSaved);
    program.session.saveCalibration(file);
    QVERIFY(saved.wait(10000));
    program.session.openCalibration(file);
    QTRY_VERIFY(program.session.analysis().calibration() != calibration);
    const auto reopened = program.session.analysis().calibration();
    QCOMPARE(reopened->values.size(), calibration->values.size());
    for (std::size_t i = 0; i < calibration->values.size(); ++i) {
      const ActivationStatistics& before = calibration->values[i];
      const ActivationStatistics& after = reopened->values[i];
      QCOMPARE(after.name, before.name);
      QVERIFY(after.histogram == before.histogram && after.samples == before.samples);
      QVERIFY(after.channelRanges == before.channelRanges && after.movingAverage == before.movingAverage);
      QCOMPARE(after.moments.m2, before.moments.m2);
    }
    auto* scheme = program.child<QLineEdit>("activation_scheme");
    scheme->setFocus();
    scheme->setText("uint8:channel");
    QTest::keyClick(scheme, Qt::Key_Return);
    QVERIFY(program.child<QLabel>("activation_message")->text().contains("tensor"));
    scheme->setText("uint8:tensor:pct99.9");
    QTest::keyClick(scheme, Qt::Key_Return);
    QCOMPARE(printActivationScheme(program.session.document().layerPlan(0).activations),
             std::string("uint8:tensor:pct99.9"));
    program.session.document().undoStack().undo();
    QCOMPARE(printActivationScheme(program.session.document().layerPlan(0).activations), std::string("fp32"));
    program.session.document().undoStack().redo();
    // Its range is dragged as a weight's is, in one undo step, and goes back to its estimator.
    auto* plot = program.child<ActivationPlot>("activation_histogram");
    QVERIFY(program.settle());
    QTRY_VERIFY(plot->handlePosition(true).x() > plot->axisRect()->left());
    const QString facts = program.child<QLabel>("activation_facts")->text();
    QVERIFY2(facts.startsWith("As uint8:tensor:pct99.9: SQNR"), qPrintable(facts));
    const int steps = program.session.document().undoStack().count();
    const QPoint from = plot->handlePosition(true);
    QTest::mousePress(plot, Qt::LeftButton, {}, from);
    for (int i = 1; i <= 10; ++i) {
      QTest::mouseMove(plot, from - QPoint(4 * i, 0));
      QCoreApplication::processEvents();
    }
    QTest::mouseRelease(plot, Qt::LeftButton, {}, from - QPoint(40, 0));
    const auto& dragged = program.session.document().layerPlan(0).activations.scheme.range;
    QVERIFY(dragged.kind == RangeRule::Kind::fixed);
    QCOMPARE(program.session.document().undoStack().count(), steps + 1);
    QVERIFY(program.child<Plot>("activation_curve")->table().columns.size() > 3);
    QTest::mouseDClick(plot, Qt::LeftButton, {}, plot->handlePosition(true));
    QCOMPARE(printActivationScheme(program.session.document().layerPlan(0).activations),
             std::string("uint8:tensor:pct99.9"));
    // One sample, and another set, over all samples.
    auto* ranges = program.child<Plot>("activation_samples");
    const QPoint third(static_cast<int>(ranges->xAxis->coordToPixel(2)), ranges->axisRect()->center().y());
    QTest::mouseClick(ranges, Qt::LeftButton, {}, third);
    QTRY_VERIFY(program.session.analysis().other().calibration);
    QCOMPARE(program.session.analysis().other().sample, 2);
    const auto* one = program.session.analysis().other().calibration->find(reopened->values[1].name);
    QVERIFY(one != nullptr);
    QCOMPARE(one->samples.front().max, reopened->values[1].samples[2].max);
    program.session.compareCalibration(file);
    QTRY_VERIFY(!program.session.analysis().other().drifts.empty());
    QCOMPARE(program.session.analysis().other().drifts.front().distance, 0.0); // the same samples
    const QString caption = program.child<QLabel>("activation_caption")->text();
    QVERIFY2(caption.contains("c.h5") && caption.contains("distance 0"), qPrintable(caption));
  }

  void measuresLatency() {
    Program program("digits_mlp.onnx");
    program.window.pages().setCurrentPage("latency");
    program.press("latency_measure");
    QTRY_VERIFY_WITH_TIMEOUT(
        !program.session.analysis().latencyRuns() && program.session.analysis().latency(), kPatience);
    auto* table = program.child<QTableView>("latency_table");
    QCOMPARE(table->model()->rowCount(), 3);
    for (int row = 0; row < 3; ++row) {
      QVERIFY(table->model()->index(row, LatencyModel::firstTypeColumn).data().toString() !=
              QStringLiteral("–"));
    }
    // The stacked bars: their totals are the layers' sums, and a click on a segment selects its layer.
    auto* stacks = program.child<LatencyPlot>("latency_stacks");
    const Latency& latency = *program.session.analysis().latency();
    const PlotTable sums = stacks->table();
    QCOMPARE(sums.columns.size(), kLatencyTypes.size() + 2);
    for (std::size_t type = 0; type < kLatencyTypes.size(); ++type) {
      double total = 0.0;
      for (const double seconds : sums.columns[1 + type]) {
        total += seconds;
      }
      QVERIFY(std::abs(total - latency.total(kLatencyTypes[type])) <= 1e-12);
    }
    // int8 weights with 8-bit inputs compute in int8; weights alone stay in float32.
    QCOMPARE(sums.columns.back(), sums.columns[1]);
    LayerPlan integers = program.session.document().layerPlan(0);
    integers.activations = parseActivationScheme("uint8:tensor").value();
    Plan everywhere;
    everywhere.fallback = integers;
    program.session.document().setPlan(everywhere, "integers");
    QCOMPARE(stacks->table().columns.back(), sums.columns[3]);
    // The status bar has the plan's latency, and says where it is from.
    auto* totals = program.child<QLabel>("plan_totals_text");
    double planned = 0.0;
    const PlotTable asPlanned = stacks->table();
    for (const double seconds : asPlanned.columns.back()) {
      planned += seconds;
    }
    QTRY_VERIFY2(totals->text().endsWith("latency " + timeText(planned)), qPrintable(totals->text()));
    QVERIFY(totals->toolTip().contains("Latency page"));
    const auto placeOf = [&](int layer) {
      for (int y = 0; y < stacks->height(); ++y) {
        for (int x = 0; x < stacks->width(); ++x) {
          if (stacks->layerAt({x, y}) == layer) {
            return QPoint(x, y);
          }
        }
      }
      return QPoint();
    };
    QVERIFY(!placeOf(1).isNull());
    QTest::mouseClick(stacks, Qt::LeftButton, {}, placeOf(1));
    QCOMPARE(program.session.selection().currentLayer(), 1);
    auto* device = program.child<QComboBox>("latency_device");
    QVERIFY(device->count() > 1);
    device->setCurrentIndex(1);
    QVERIFY(program.child<QLabel>("latency_origin")->text().contains("Estimate"));
  }

  // What was measured when it is stopped stays, and says that it is a part.
  void stoppedLatencyKeepsItsPart() {
    Program program("digits_cnn.onnx");
    NetworkAnalysis& analysis = program.session.analysis();
    program.window.pages().setCurrentPage("latency");
    connect(&analysis, &NetworkAnalysis::latencyChanged, &program.window, [&] {
      if (analysis.latencyRuns() && analysis.latency()) {
        analysis.stop(NetworkAnalysis::latencyKey());
      }
    });
    program.press("latency_measure");
    QTRY_VERIFY_WITH_TIMEOUT(!analysis.latencyRuns(), kPatience);
    QVERIFY(analysis.latency() && !analysis.latency()->layers.empty());
    QVERIFY(!analysis.latency()->isComplete() && !analysis.wholeLatency());
    const QString origin = program.child<QLabel>("latency_origin")->text();
    QVERIFY2(origin.contains("Partial, stopped after"), qPrintable(origin));
    QVERIFY(program.child<QTableView>("latency_table")->model()->rowCount() > 0);
    QVERIFY(!program.child<QLabel>("plan_totals_text")->text().contains("latency"));
  }

  void findsAPlanWithinABudget() {
    Program program("digits_cnn.onnx");
    program.window.pages().setCurrentPage("trade-off");
    program.press("trade_off_start"); // the sweep, and then plans
    TradeOff& tradeOff = program.session.tradeOff();
    QTRY_VERIFY_WITH_TIMEOUT(tradeOff.space() && tradeOff.points().size() > 8 && !tradeOff.measures(),
                             kPatience);
    QTRY_VERIFY(tradeOff.chosen());
    QVERIFY(program.child<QTableView>("trade_off_table")->model()->rowCount() > 0);
    // Names stay at their points, and within the plot, when it changes its size.
    auto* plot = program.window.findChild<TradeOffPlot*>();
    plot->resize(plot->width() - 120, plot->height() - 80);
    plot->replot();
    int names = 0;
    for (int i = 0; i < plot->itemCount(); ++i) {
      const auto* label = qobject_cast<QCPItemText*>(plot->item(i));
      if (label == nullptr || label->position->type() != QCPItemPosition::ptAbsolute) {
        continue;
      }
      const QPointF at = label->position->pixelPosition();
      const bool isAtAPoint =
          std::any_of(tradeOff.points().begin(), tradeOff.points().end(), [&](const TradeOffPoint& point) {
            const double cost = tradeOff.space()->cost(point.totals) / 1024.0; // the axis is in KiB
            return std::abs(plot->xAxis->coordToPixel(cost) - at.x()) < 1.0;
          });
      QVERIFY2(isAtAPoint, qPrintable(label->text()));
      QVERIFY2(plot->axisRect()->top() <= at.y() && at.y() <= plot->axisRect()->bottom(),
               qPrintable(label->text()));
      ++names;
    }
    QVERIFY(names > 3);
    // The budget moves, the plan follows and stays within it.
    auto* slider = program.child<QSlider>("trade_off_budget");
    const double before = tradeOff.budget();
    slider->setFocus();
    QTest::keyClick(slider, Qt::Key_PageUp);
    QTest::keyClick(slider, Qt::Key_PageUp);
    QVERIFY(tradeOff.budget() > before);
    QTRY_VERIFY(tradeOff.space()->cost(tradeOff.chosen()->totals) > before);
    QVERIFY(tradeOff.space()->cost(tradeOff.chosen()->totals) <= tradeOff.budget() * (1.0 + 1e-9));
    program.child<QToolButton>("trade_off_presets_compact")->click();
    QTRY_VERIFY(tradeOff.space()->cost(tradeOff.chosen()->totals) < before);
    QTRY_VERIFY(program.session.isSettled());
    // Exchanges: measured to be no worse than the predicted optimum.
    program.press("trade_off_measure_this");
    QTRY_VERIFY_WITH_TIMEOUT(tradeOff.chosenPoint() != nullptr && !tradeOff.measures(), kPatience);
    const double predicted = tradeOff.chosenPoint()->damage.value;
    program.press("trade_off_improve");
    QTRY_VERIFY_WITH_TIMEOUT(!tradeOff.measures() && tradeOff.chosenPoint() != nullptr, kPatience);
    QVERIFY(tradeOff.chosenPoint()->damage.value <= predicted);
    QVERIFY(tradeOff.space()->cost(tradeOff.chosen()->totals) <= tradeOff.budget() * (1.0 + 1e-9));
    // Apply is one step.
    const Plan plan = tradeOff.chosenPlan();
    const Plan present = program.session.document().plan();
    QVERIFY(plan.layers != present.layers);
    program.press("trade_off_apply");
    QVERIFY(program.session.document().plan().layers == plan.layers);
    QVERIFY(!program.child<QPushButton>("trade_off_apply")->isEnabled());
    // The present plan's point is the plan's that was applied, and what it was before is a measured one.
    const auto presentKeys = [&] {
      std::vector<std::string> keys;
      for (const TradeOffPoint& point : tradeOff.points()) {
        if (point.kind == TradeOffPoint::Kind::present) {
          keys.push_back(point.key);
        }
      }
      return keys;
    };
    QTRY_VERIFY(presentKeys() == std::vector{trialKey(tradeOff.space()->space, plan)});
    QVERIFY(pointOf(trialKey(tradeOff.space()->space, present), tradeOff.points()) != nullptr);
    program.session.document().undoStack().undo();
    QTRY_VERIFY(presentKeys() == std::vector{trialKey(tradeOff.space()->space, present)});
    QVERIFY(program.session.document().plan().layers == present.layers);
    program.child<QAction>("action_copy_command")->trigger();
    const QString command = QApplication::clipboard()->text();
    QVERIFY2(command.contains("search") && command.contains("--budget size=") && command.contains("int6:mse"),
             qPrintable(command));
    // Other scales, and layers that go together.
    program.child<QToolButton>("trade_off_across_bops")->click();
    QTRY_VERIFY(tradeOff.space() && tradeOff.space()->across == PlanQuantity::bops);
    program.child<QAction>("trade_off_tie_sums")->trigger();
    QTRY_VERIFY(!tradeOff.space()->space.problem.ties.empty());
    QTRY_VERIFY(program.session.isSettled());
    for (const auto& tie : tradeOff.space()->space.problem.ties) {
      for (const std::size_t layer : tie) {
        QCOMPARE(tradeOff.chosen()->choices[layer], tradeOff.chosen()->choices[tie.front()]);
      }
    }
    pinsAndTiesSelectedLayers(program);
  }

  static void pinsAndTiesSelectedLayers(Program& program) {
    TradeOff& tradeOff = program.session.tradeOff();
    program.child<QAction>("trade_off_tie_sums")->trigger();
    QTRY_VERIFY(program.session.isSettled() && tradeOff.space()->space.problem.ties.empty());
    program.session.document().setSchemes({1}, parseScheme("int3:group32").value());
    program.session.selection().select({1}, 1);
    program.child<QAction>("trade_off_pin")->trigger();
    program.session.selection().select({2, 5}, 2);
    program.child<QAction>("trade_off_tie")->trigger();
    QCOMPARE(program.child<QPushButton>("trade_off_rules")->text(), QStringLiteral("Rules: 2"));
    QTRY_VERIFY(program.session.isSettled() && tradeOff.space()->space.problem.ties.size() == 1);
    const Plan plan = tradeOff.chosenPlan();
    const auto schemeOf = [&](int layer) {
      return printScheme(plan.forLayer(program.session.document().layer(layer).name).weights);
    };
    QCOMPARE(schemeOf(1), std::string("int3:group32"));
    QCOMPARE(schemeOf(2), schemeOf(5));
    program.child<QAction>("action_copy_command")->trigger();
    const QString command = QApplication::clipboard()->text();
    QVERIFY2(command.contains("--pin block1.expand=int3:group32") &&
                 command.contains("--tie block1.depthwise,block2.depthwise"),
             qPrintable(command));
    // The menu takes them back.
    QMenu* menu = program.child<QPushButton>("trade_off_rules")->menu();
    emit menu->aboutToShow();
    menu->actions().back()->trigger();
    QCOMPARE(tradeOff.rules(), SearchRules());
    QTRY_VERIFY(program.session.isSettled() && tradeOff.space()->space.fixed.empty());
  }

  void showsWhatAnExportWouldWrite() {
    Program program("digits_cnn.onnx");
    QVERIFY(program.useData(kSamples + "data/digits_cnn"));
    Document& document = program.session.document();
    document.setSchemes({2}, parseScheme("int4:group64").value());
    program.child<QAction>("action_export_ort-overrides")->trigger();
    auto* dialog = program.child<ExportDialog>("export_dialog");
    QVERIFY(dialog != nullptr);
    auto* write = dialog->findChild<QPushButton*>("export_write");
    QTRY_VERIFY_WITH_TIMEOUT(write->isEnabled(), kPatience);
    auto* text = dialog->findChild<QPlainTextEdit*>("export_text");
    QVERIFY(text->toPlainText().contains("scale"));
    auto* losses = dialog->findChild<QTableWidget*>("export_losses");
    QVERIFY(losses->rowCount() > 0 &&
            losses->item(0, 0)->text().contains(QString::fromStdString(document.layer(2).name)));
    QTest::mouseClick(dialog->findChild<QPushButton*>("export_copy"), Qt::LeftButton);
    QCOMPARE(QApplication::clipboard()->text(), text->toPlainText());
    // A model with static ranges: calibrate from here, then write, and hear what running it again gave.
    document.setActivations({1}, parseActivationScheme("uint8:tensor").value());
    dialog->chooseFormat("onnx-qdq");
    auto* calibrate = dialog->findChild<QPushButton*>("export_calibrate");
    QTRY_VERIFY(calibrate->isVisible());
    QVERIFY(!write->isEnabled());
    QTest::mouseClick(calibrate, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(write->isEnabled(), kPatience);
    QSignalSpy exported(&program.session.exporting(), &Exporting::exported);
    const auto exporter = program.session.plugins().exporterFor("onnx-qdq");
    VERIFY_OK(exporter);
    const QString file = program.folder.filePath("q.onnx");
    program.session.exporting().write(**exporter, file);
    QVERIFY(exported.wait(kPatience));
    QCOMPARE(exported.front().at(0).toStringList().front(), file);
    QVERIFY2(exported.front().at(2).toString().contains("forecast"),
             qPrintable(exported.front().at(2).toString()));
    dialog->close();
  }

  void theListPanelGivesItsRoomToPagesThatListLayers() {
    Program program("digits_mlp.onnx");
    auto* layers = program.child<QWidget>("layers_dock");
    QVERIFY(layers->isVisible());
    program.window.pages().setCurrentPage("sensitivity");
    QVERIFY(!layers->isVisible());
    auto* scheme = program.child<QWidget>("scheme_dock");
    QVERIFY(scheme->isVisible());
    program.window.pages().setCurrentPage("trade-off");
    QVERIFY(!scheme->isVisible());
    program.window.pages().setCurrentPage("distribution");
    QVERIFY(layers->isVisible() && scheme->isVisible());
  }

  void modelsKeepTheirContracts() {
    SensitivityModel sensitivity;
    LatencyModel latency;
    LayerErrorsModel errors;
    PlanDifferenceModel difference;
    const QAbstractItemModelTester fourth(&difference, QAbstractItemModelTester::FailureReportingMode::Fatal);
    Model two;
    two.layers.resize(2);
    two.layers[0].name = "a";
    two.layers[1].name = "b";
    Plan from, to;
    to.layers["b"].weights = parseScheme("int3:group64:mse").value();
    difference.setPlans(two, from, to, nullptr);
    QCOMPARE(difference.layers(), 1);
    QCOMPARE(difference.rowCount(), 2); // and the sum
    QCOMPARE(difference.layerAt(0), 1);
    QCOMPARE(difference.layerAt(1), -1);
    QCOMPARE(difference.index(0, PlanDifferenceModel::toColumn).data().toString(),
             QStringLiteral("int3 g64 mse"));
    difference.clear();
    const QAbstractItemModelTester first(&sensitivity, QAbstractItemModelTester::FailureReportingMode::Fatal);
    const QAbstractItemModelTester second(&latency, QAbstractItemModelTester::FailureReportingMode::Fatal);
    const QAbstractItemModelTester third(&errors, QAbstractItemModelTester::FailureReportingMode::Fatal);
    auto sweep = std::make_shared<Sensitivity>();
    sweep->layers = {"a", "b"};
    sweep->left = {"", "computes elsewhere"};
    sweep->schemes = {parseScheme("int8").value()};
    sweep->cells.resize(2);
    OutputFigures figures;
    figures.rows = 1;
    figures.divergence = 0.5;
    sweep->cells[0].samples = {figures, figures};
    auto view = std::make_shared<SweepView>();
    view->sweep = sweep;
    view->estimates = {sweep->estimate(0, 0), sweep->estimate(1, 0)};
    view->reliabilities = {reliabilityOf(*sweep, 0)};
    sensitivity.setView(view);
    QCOMPARE(sensitivity.index(0, 1).data().toString(), QStringLiteral("0.500"));
    QCOMPARE(sensitivity.index(1, 1).data().toString(), QStringLiteral("–"));
    sensitivity.setFigure(SensitivityModel::Figure::fisher);
    QCOMPARE(sensitivity.index(0, 1).data().toString(), QStringLiteral("–")); // there is none
    auto estimate = std::make_shared<FisherEstimate>();
    estimate->schemes = sweep->schemes;
    estimate->layers = sweep->layers;
    estimate->left = {"", "no gradient"};
    estimate->values = {0.25, std::nan("")};
    view = std::make_shared<SweepView>(*view);
    view->fisher = estimate;
    sensitivity.setView(view);
    QCOMPARE(sensitivity.index(0, 1).data().toString(), QStringLiteral("0.250"));
    QVERIFY(sensitivity.figureTitle().contains("Fisher") &&
            sensitivity.figureTitle().contains("not measured"));
    QVERIFY(sensitivity.index(1, 1).data(Qt::ToolTipRole).toString().contains("no gradient"));
    sensitivity.setFigure(SensitivityModel::Figure::measured);
    QVERIFY(sensitivity.index(0, 1).data(Qt::ToolTipRole).toString().contains("Fisher estimate 0.250"));
    sensitivity.setView(std::make_shared<SweepView>(*view)); // the same shape: no reset
    QCOMPARE(sensitivity.colorEnds(), std::pair(0.5, 0.5));
    QVERIFY(!sensitivity.hasBelowColors());
    view = std::make_shared<SweepView>(*view);
    view->estimates[1].value = 1e-9; // beyond the six decades of the colours
    sensitivity.setView(view);
    QCOMPARE(sensitivity.colorEnds(), std::pair(0.5e-6, 0.5));
    QVERIFY(sensitivity.hasBelowColors());
    auto decibels = std::make_shared<Sensitivity>(*sweep);
    decibels->metric = OutputMetric::sqnr;
    view = std::make_shared<SweepView>(*view);
    view->sweep = decibels;
    view->estimates[0].value = 10.0;
    view->estimates[1].value = 40.0;
    sensitivity.setView(view);
    QCOMPARE(sensitivity.colorEnds(), std::pair(40.0, 10.0)); // the colours begin where the damage is least
    sensitivity.setView(nullptr);
    QCOMPARE(sensitivity.rowCount(), 0);
  }
};

QTEST_MAIN(NetworkPagesTest)
#include "tst_network_pages.moc"
