#include "core/quant/scheme_grammar.h"
#include "tests/support/test_case.h"
#include "tests/widgets/example_document.h"
#include "widgets/viewmodels/layers_model.h"
#include "widgets/viewmodels/log_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>

using namespace halfstep;

namespace {

std::pair<int, LayerSummary> figures(const Document& document, int layer, double noise) {
  LayerSummary summary{document.scheme(layer), {}, 100, 8.0};
  summary.errors.count = 1;
  summary.errors.squares = 1.0;
  summary.errors.squaredErrors = noise;
  return {layer, summary};
}

} // namespace

class LayersModelTest : public test::TestCase {
  Q_OBJECT
private slots:
  void staysConsistent() {
    Document document;
    LayersModel model(document);
    LayersProxyModel proxy(document, model);
    const QAbstractItemModelTester testers[] = {
        QAbstractItemModelTester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest),
        QAbstractItemModelTester(&proxy, QAbstractItemModelTester::FailureReportingMode::QtTest)};
    QCOMPARE(model.rowCount(), 0);
    document.open(test::exampleModel(), test::int8Plan());
    QCOMPARE(model.rowCount(), 3);
    proxy.sort(LayersModel::sizeColumn, Qt::DescendingOrder);
    QCOMPARE(proxy.shownLayers(), (std::vector<int>{2, 1, 0}));
    proxy.sort(-1);
    QCOMPARE(proxy.shownLayers(), (std::vector<int>{0, 1, 2}));
    document.close();
    QCOMPARE(model.rowCount(), 0);
  }

  void editsSchemesInPlace() {
    Document document;
    LayersModel model(document);
    document.open(test::exampleModel(), test::int8Plan());
    QSignalSpy rejected(&model, &LayersModel::schemeRejected);
    const QModelIndex cell = model.index(1, LayersModel::schemeColumn);
    QVERIFY(model.flags(cell).testFlag(Qt::ItemIsEditable));
    QVERIFY(model.setData(cell, QStringLiteral(" INT4:Group32 "), Qt::EditRole));
    QCOMPARE(cell.data().toString(), QStringLiteral("int4:group32"));
    QVERIFY(!model.setData(cell, QStringLiteral("int9"), Qt::EditRole));
    QVERIFY(!model.setData(cell, QStringLiteral("nf4"), Qt::EditRole));
    QCOMPARE(rejected.count(), 2);
    QCOMPARE(cell.data().toString(), QStringLiteral("int4:group32"));
  }

  void filters_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<std::vector<int>>("shown");
    const auto row = [](const char* text, std::vector<int> shown) { QTest::newRow(text) << text << shown; };
    row("", {0, 1, 2});
    row("conv", {0, 1});
    row("CONV2", {1});
    row("/^f/", {2});
    row("op:Conv", {0, 1});
    row("op:*", {0, 1, 2});
    row("op:Con", {});
    row("op:Conv params>1000", {1});
    row("params>=1e3", {1, 2});
    row("channels=10", {2});
    row("scheme:int4*", {1});
    row("sqnr<20", {1});
    row("sqnr>20", {0}); // layer 2 has no figures yet
  }
  void filters() {
    QFETCH(QString, text);
    QFETCH(std::vector<int>, shown);
    Document document;
    LayersModel model(document);
    LayersProxyModel proxy(document, model);
    document.open(test::exampleModel(), test::int8Plan());
    document.setSchemes({1}, parseScheme("int4:group32").value());
    document.setSummaries({figures(document, 0, 1e-4), figures(document, 1, 0.1)});
    VERIFY_OK(proxy.setFilterText(text));
    QCOMPARE(proxy.shownLayers(), shown);
  }

  void rowsComeWithTheirFigures() {
    Document document;
    LayersModel model(document);
    LayersProxyModel proxy(document, model);
    QSignalSpy refiltered(&proxy, &LayersProxyModel::refiltered);
    document.open(test::exampleModel(), test::int8Plan());
    VERIFY_OK(proxy.setFilterText("sqnr<20"));
    QCOMPARE(proxy.shownLayers(), std::vector<int>{});
    document.setSummaries({figures(document, 0, 1e-4), figures(document, 1, 0.1)});
    QVERIFY(refiltered.wait(10000));
    QCOMPARE(proxy.shownLayers(), std::vector<int>{1});
    // What an edit makes of a row that is there does not take it away…
    document.setSchemes({1}, parseScheme("int16").value());
    document.setSummaries({figures(document, 1, 1e-9), figures(document, 2, 0.1)});
    QVERIFY(refiltered.wait(10000));
    QCOMPARE(proxy.shownLayers(), (std::vector<int>{1, 2}));
    // … and the same model again begins anew.
    document.open(test::exampleModel(), test::int8Plan());
    QCOMPARE(proxy.shownLayers(), std::vector<int>{});
    document.setSummaries({figures(document, 0, 0.1), figures(document, 1, 1e-4)});
    QVERIFY(refiltered.wait(10000));
    QCOMPARE(proxy.shownLayers(), std::vector<int>{0});
  }

  void filterNamesWhatItDoesNotUnderstand() {
    for (const char* text : {"size>big", "foo<3", "/(/"}) {
      const auto filter = LayerFilter::parse(QString::fromLatin1(text));
      QVERIFY(!filter);
      QCOMPARE(filter.error().kind, ErrorKind::usage);
    }
  }

  void logKeepsItsShape() {
    LogModel log;
    const QAbstractItemModelTester tester(&log, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QSignalSpy alerts(&log, &LogModel::alerted);
    log.add(LogModel::Level::information, "fine");
    log.add(LogModel::Level::error, "broken");
    QCOMPARE(alerts.count(), 1);
    QCOMPARE(log.asText().count('\n'), 2);
    log.clear();
    QCOMPARE(log.rowCount(), 0);
  }
};

QTEST_GUILESS_MAIN(LayersModelTest)
#include "tst_layers_model.moc"
