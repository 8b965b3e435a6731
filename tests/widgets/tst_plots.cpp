#include "core/quant/scheme_grammar.h"
#include "tests/analysis/small_network.h"
#include "tests/support/test_case.h"
#include "tests/widgets/example_document.h"
#include "widgets/plots/activation_plot.h"
#include "widgets/plots/channel_range_plot.h"
#include "widgets/plots/clipping_curve_plot.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/plots/rounding_error_plot.h"
#include "widgets/plots/transfer_plot.h"

#include <QHelpEvent>
#include <QSignalSpy>
#include <QSvgRenderer>
#include <QToolTip>

#include <algorithm>
#include <numeric>

using namespace halfstep;

/// A window's worth of view-models around the example model, with layer 1 shown.
struct Scene {
  Document document;
  Selection selection;
  JobRunner runner;
  LayerExplorer explorer{document, selection, runner};

  explicit Scene(const char* scheme) {
    document.open(test::exampleModel(), test::int8Plan());
    document.setSchemes({1}, parseScheme(scheme).value());
    selection.select({1}, 1);
    const bool ready =
        QTest::qWaitFor([this] { return explorer.view() && explorer.curve() && runner.isIdle(); }, 5000);
    Q_ASSERT(ready);
    Q_UNUSED(ready);
  }
};

/// On the screen, with the scene's layer.
bool isShown(HistogramPlot& histogram, const Scene& scene) {
  histogram.resize(600, 300);
  histogram.setView(scene.explorer.view());
  histogram.show();
  return QTest::qWaitForWindowExposed(&histogram);
}

namespace {

/// Draws a rectangle with the mouse.
void zoom(Plot& plot, const QPoint& from, const QPoint& to) {
  QTest::mousePress(&plot, Qt::LeftButton, {}, from);
  QTest::mouseMove(&plot, plot.axisRect()->center());
  QTest::mouseRelease(&plot, Qt::LeftButton, {}, to);
}

} // namespace

class PlotsTest : public test::TestCase {
  Q_OBJECT
private slots:
  void savesEveryKindOfFile() {
    Scene scene("int4:tensor:pct99");
    HistogramPlot histogram;
    ChannelRangePlot channels;
    ClippingCurvePlot curve;
    TransferPlot transfer;
    RoundingErrorPlot errors;
    histogram.setView(scene.explorer.view());
    channels.setView(scene.explorer.view());
    transfer.setView(scene.explorer.view());
    errors.setView(scene.explorer.view());
    curve.setCurve(scene.explorer.curve());
    QTemporaryDir folder;
    for (Plot* plot : std::initializer_list<Plot*>{&histogram, &channels, &curve, &transfer, &errors}) {
      plot->resize(400, 300);
      for (const char* suffix : {"png", "svg", "pdf", "csv", "tsv"}) {
        const QString path = folder.filePath(plot->objectName() + '.' + suffix);
        VERIFY_OK(plot->save(path));
        QVERIFY(QFileInfo(path).size() > 100);
      }
      QVERIFY(QSvgRenderer(folder.filePath(plot->objectName() + ".svg")).isValid());
      QCOMPARE(QImage(folder.filePath(plot->objectName() + ".png")).size(), QSize(800, 600));
      const PlotTable table = plot->table();
      QCOMPARE(static_cast<int>(table.columns.size()), table.headers.size());
      QVERIFY(table.columns[0].size() > 5);
      QVERIFY(!plot->save(folder.filePath("x.bmp")));
      QVERIFY(!plot->save("/no/such/folder/x.png"));
    }
  }

  void histogramCountsEveryValue() {
    Scene scene("int4:tensor");
    HistogramPlot histogram;
    histogram.setView(scene.explorer.view());
    const PlotTable table = histogram.table();
    double values = 0.0;
    for (const double count : table.columns[2]) {
      values += count;
    }
    QCOMPARE(values, 16.0 * 8 * 3 * 3);
    double atLevels = 0.0;
    for (const double count : table.columns[4]) {
      atLevels += count;
    }
    QCOMPARE(atLevels, values);
    QCOMPARE(table.columns[3].size(), std::size_t{15}); // restricted int4
  }

  void pixelsAreNoComb() {
    // 256 levels 20 bins apart: columns as narrow as the bins would be mostly empty.
    auto statistics = std::make_shared<ActivationStatistics>();
    statistics->name = "pixels";
    std::vector<float> values(2560);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(i % 256) / 255.0f;
    }
    VERIFY_OK(statistics->observe(test::tensorOf({1, 2560}, values), 0));
    ActivationPlot plot;
    plot.resize(600, 300);
    plot.setStatistics(statistics, statistics.get(), {});
    const auto columns = [&plot] { return plot.table().columns[1]; };
    const auto sum = [](const std::vector<double>& counts) {
      return std::accumulate(counts.begin(), counts.end(), 0.0);
    };
    const auto whole = columns();
    QVERIFY(whole.size() > 40 && whole.size() <= 161);
    QCOMPARE(sum(whole), 2550.0); // zeros are told apart
    const auto empty = std::count(whole.begin(), whole.end() - 1, 0.0);
    QVERIFY2(empty <= 1, qPrintable(QString::number(empty)));
    plot.xAxis->setRange(0.4, 0.41); // a few levels
    QVERIFY(columns().size() > 1000);
    QCOMPARE(sum(columns()), 2550.0);
  }

  void handlesDrag_data() {
    QTest::addColumn<QString>("scheme");
    QTest::addColumn<bool>("mirrored");
    QTest::newRow("symmetric") << "int4:tensor" << true;
    QTest::newRow("asymmetric") << "int4:asym:tensor" << false;
  }
  void handlesDrag() {
    QFETCH(QString, scheme);
    QFETCH(bool, mirrored);
    Scene scene(scheme.toLatin1());
    HistogramPlot histogram;
    QVERIFY(isShown(histogram, scene));
    QSignalSpy dragged(&histogram, &HistogramPlot::clippingDragged);
    const QPoint handle = histogram.handlePosition(true);
    const double highBefore = static_cast<double>(scene.explorer.view()->clipping.hi);
    QTest::mousePress(&histogram, Qt::LeftButton, {}, handle);
    QTest::mouseMove(&histogram, handle - QPoint(30, 0));
    QTest::mouseMove(&histogram, handle - QPoint(60, 0));
    QTest::mouseRelease(&histogram, Qt::LeftButton, {}, handle - QPoint(60, 0));
    QVERIFY(dragged.count() >= 2);
    const double low = dragged.last().at(0).toDouble();
    const double high = dragged.last().at(1).toDouble();
    QVERIFY(high < 0.95 * highBefore && high > 0.0);
    QCOMPARE(low == -high, mirrored);
    QCOMPARE(dragged.last().at(2).toBool(), true);

    QSignalSpy reset(&histogram, &HistogramPlot::clippingReset);
    QTest::mouseDClick(&histogram, Qt::LeftButton, {}, handle);
    QCOMPARE(reset.count(), 1);
    dragged.clear();
    QTest::keyClick(&histogram, Qt::Key_Left);
    QCOMPARE(dragged.count(), 1);
    QVERIFY(dragged.last().at(1).toDouble() < highBefore);
  }

  void clicksPickChannels() {
    Scene scene("int8");
    ChannelRangePlot channels;
    channels.resize(600, 200);
    channels.setView(scene.explorer.view());
    channels.show();
    QVERIFY(QTest::qWaitForWindowExposed(&channels));
    QSignalSpy picked(&channels, &ChannelRangePlot::channelPicked);
    const QPoint at(static_cast<int>(channels.xAxis->coordToPixel(5.0)), channels.axisRect()->center().y());
    QTest::mouseClick(&channels, Qt::LeftButton, {}, at);
    QCOMPARE(picked.count(), 1);
    QCOMPARE(picked.last().at(0).toInt(), 5);
    QTest::keyClick(&channels, Qt::Key_Right);
    QCOMPARE(picked.last().at(0).toInt(), 1);
  }

  void showsTheWholeClippingRange() {
    Scene scene("int8"); // mirrored: as far up as down, which the values are not
    scene.document.setSchemes({1}, parseScheme("int8:fixed(-1,1)").value());
    QTRY_COMPARE(static_cast<double>(scene.explorer.view()->clipping.hi), 1.0);
    const Moments& moments = scene.explorer.view()->profile->moments;
    QVERIFY(moments.max < 0.9 && moments.max - moments.min > 0.6);
    HistogramPlot histogram;
    ChannelRangePlot channels;
    histogram.setView(scene.explorer.view());
    channels.setView(scene.explorer.view());
    for (const QCPRange& shown : {histogram.xAxis->range(), channels.yAxis->range()}) {
      QVERIFY(shown.contains(1.0) && shown.contains(-1.0));
    }
    // Far beyond the values it may leave the picture rather than flatten them.
    scene.document.setSchemes({1}, parseScheme("int8:fixed(-100,100)").value());
    QTRY_COMPARE(static_cast<double>(scene.explorer.view()->clipping.hi), 100.0);
    channels.setView(scene.explorer.view());
    QVERIFY(channels.yAxis->range().size() < 5.0);
  }

  void zoomsAndComesBack() {
    Scene scene("int8");
    HistogramPlot histogram;
    QVERIFY(isShown(histogram, scene));
    const QCPRange whole = histogram.xAxis->range();
    const QPoint center = histogram.axisRect()->center();
    zoom(histogram, center - QPoint(60, 40), center + QPoint(40, 40));
    QVERIFY(histogram.xAxis->range().size() < 0.5 * whole.size());
    QTest::keyClick(&histogram, Qt::Key_Escape);
    QCOMPARE(histogram.xAxis->range().size(), whole.size());
  }

  void aFlatRectangleZoomsAlongTheValuesOnly() {
    Scene scene("int8");
    HistogramPlot histogram;
    QVERIFY(isShown(histogram, scene));
    const QCPRange whole = histogram.xAxis->range();
    const QCPRange counts = histogram.yAxis->range();
    const QPoint center = histogram.axisRect()->center();
    zoom(histogram, center - QPoint(60, 2), center + QPoint(40, 1));
    QVERIFY(histogram.xAxis->range().size() < 0.5 * whole.size());
    QCOMPARE(histogram.yAxis->range().lower, counts.lower);
    QCOMPARE(histogram.yAxis->range().upper, counts.upper);
  }

  void aRestingMouseKeepsTheValues() {
    Scene scene("int4");
    ClippingCurvePlot curve;
    curve.resize(300, 200);
    curve.setCurve(scene.explorer.curve());
    curve.replot();
    const QPoint inside = curve.axisRect()->center();
    QHelpEvent rest(QEvent::ToolTip, inside, curve.mapToGlobal(inside));
    QCoreApplication::sendEvent(&curve, &rest); // the values are there since the mouse came
    QCOMPARE(QToolTip::text(), QString());
  }

  void goesBackThroughTheViews() {
    Scene scene("int8");
    HistogramPlot histogram;
    QVERIFY(isShown(histogram, scene));
    const QCPRange whole = histogram.xAxis->range();
    const QPoint center = histogram.axisRect()->center();
    const auto drag = [&](Qt::KeyboardModifiers modifiers, const QPoint& from, const QPoint& to) {
      QTest::mousePress(&histogram, Qt::LeftButton, modifiers, from);
      QTest::mouseMove(&histogram, (from + to) / 2);
      QMouseEvent move(QEvent::MouseMove, to, histogram.mapToGlobal(to), Qt::NoButton, Qt::LeftButton,
                       modifiers);
      QCoreApplication::sendEvent(&histogram, &move);
      QTest::mouseRelease(&histogram, Qt::LeftButton, modifiers, to);
    };
    drag({}, center - QPoint(80, 40), center + QPoint(40, 40));
    const QCPRange zoomed = histogram.xAxis->range();
    QVERIFY(zoomed.size() < 0.5 * whole.size());
    drag(Qt::ControlModifier, center, center + QPoint(50, 0));
    const QCPRange panned = histogram.xAxis->range();
    QVERIFY(panned != zoomed);
    QVERIFY(std::abs(panned.size() - zoomed.size()) < 1e-6 * zoomed.size());
    QTest::keyClick(&histogram, Qt::Key_Space);
    QCOMPARE(histogram.xAxis->range().size(), whole.size());
    for (const QCPRange& expected :
         {panned, zoomed, whole, whole}) { // the last: there is nothing to go back to
      QTest::keyClick(&histogram, Qt::Key_Backspace);
      QCOMPARE(histogram.xAxis->range().lower, expected.lower);
      QCOMPARE(histogram.xAxis->range().upper, expected.upper);
    }
    // One turn of the wheel, however many notches it has, is one step back.
    for (int notch = 0; notch < 3; ++notch) {
      QWheelEvent wheel(center, histogram.mapToGlobal(center), {}, {0, 120}, Qt::NoButton, {},
                        Qt::NoScrollPhase, false);
      wheel.setTimestamp(5000 + 50 * notch);
      QCoreApplication::sendEvent(&histogram, &wheel);
    }
    QVERIFY(histogram.xAxis->range().size() < 0.8 * whole.size());
    QTest::keyClick(&histogram, Qt::Key_Backspace);
    QCOMPARE(histogram.xAxis->range().size(), whole.size());
    // Another layer begins anew.
    drag({}, center - QPoint(80, 40), center + QPoint(40, 40));
    scene.selection.select({0}, 0);
    QTRY_VERIFY(scene.explorer.view() && scene.explorer.view()->layer == 0);
    histogram.setView(scene.explorer.view());
    const QCPRange other = histogram.xAxis->range();
    QTest::keyClick(&histogram, Qt::Key_Backspace);
    QVERIFY(histogram.xAxis->range() == other);
  }

  void narrowAxesHaveMoreThanOneNumber() {
    Scene scene("int8:tensor:fixed(-0.62,0.62)");
    TransferPlot transfer;
    transfer.resize(130, 150);
    transfer.setView(scene.explorer.view());
    QVector<double> ticks;
    QVector<QString> labels;
    transfer.xAxis->ticker()->generate(transfer.xAxis->range(), QLocale::c(), 'g', 6, ticks, nullptr,
                                       &labels);
    QVERIFY2(labels.size() > 1, qPrintable(QStringList(labels).join(' ')));
  }

  void theCurvesDataTellsWhereTheEstimatorsStand() {
    Scene scene("int4");
    ClippingCurvePlot curve;
    curve.setCurve(scene.explorer.curve());
    const PlotTable table = curve.table();
    for (const char* mark : {"optimum", "minmax", "mse", "kl", "aciq"}) {
      const auto column = table.headers.indexOf(QLatin1String(mark));
      QVERIFY2(column > 0, mark);
      QCOMPARE(table.columns[static_cast<std::size_t>(column)].size(), std::size_t{1});
    }
    QCOMPARE(table.columns[static_cast<std::size_t>(table.headers.indexOf("optimum"))][0],
             scene.explorer.curve()->ratio[scene.explorer.curve()->best]);
  }

  void everySchemeCanBeDrawn_data() {
    QTest::addColumn<QString>("scheme");
    for (const char* scheme :
         {"fp32", "fp16", "bf16", "fp8e4m3", "fp8e5m2:tensor", "int2", "int16", "uint8", "uint3:sym:group32",
          "int4:absmax", "int8:pow2:tensor", "int4:kl", "int4:aciq:tensor", "int5:stochastic"}) {
      QTest::newRow(scheme) << scheme;
    }
  }
  void everySchemeCanBeDrawn() {
    QFETCH(QString, scheme);
    Scene scene(scheme.toLatin1());
    HistogramPlot histogram;
    TransferPlot transfer;
    RoundingErrorPlot errors;
    ClippingCurvePlot curve;
    for (Plot* plot : std::initializer_list<Plot*>{&histogram, &transfer, &errors, &curve}) {
      plot->resize(300, 200);
    }
    histogram.setView(scene.explorer.view());
    transfer.setView(scene.explorer.view());
    errors.setView(scene.explorer.view());
    curve.setCurve(scene.explorer.curve());
    for (Plot* plot : std::initializer_list<Plot*>{&histogram, &transfer, &errors, &curve}) {
      QVERIFY(!plot->grab().isNull());
    }
    histogram.setView(nullptr);
    transfer.setView(nullptr);
    errors.setView(nullptr);
    curve.setCurve(nullptr);
  }
};

QTEST_MAIN(PlotsTest)
#include "tst_plots.moc"
