// What the built libraries and programs ask the dynamic linker for: the walls between the floors, as they
// stand in the files that are shipped.
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QDir>
#include <QProcess>
#include <QRegularExpression>

using namespace halfstep;

namespace {

const QString kBuild = QStringLiteral(HALFSTEP_BUILD_DIR);

/// The names of the libraries that the ELF file `path` needs directly.
QStringList neededBy(const QString& path) {
  QProcess readelf;
  readelf.start(QStringLiteral(HALFSTEP_READELF), {"--dynamic", "--wide", path});
  if (!readelf.waitForFinished() || readelf.exitCode() != 0) {
    return {};
  }
  static const QRegularExpression needed("\\(NEEDED\\).*\\[(.+)\\]");
  QStringList names;
  for (const QString& line : QString::fromUtf8(readelf.readAllStandardOutput()).split('\n')) {
    if (const auto match = needed.match(line); match.hasMatch()) {
      names << match.captured(1);
    }
  }
  return names;
}

} // namespace

class LinkLinesTest : public test::TestCase {
  Q_OBJECT

private slots:
  void needsNothingForbidden_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<QRegularExpression>("forbidden");
    const QRegularExpression drawing("Qt6(Widgets|Gui|Svg|PrintSupport|OpenGL)|QCustomPlot");
    QTest::newRow("core") << kBuild + "/lib/libhalfstep_core.so"
                          << QRegularExpression("Qt6|QCustomPlot|protobuf|onnx|hdf5|flatbuffers|zip");
    QTest::newRow("command line") << kBuild + "/bin/halfstep-cli" << drawing;
    QTest::newRow("view-models") << kBuild + "/tests/viewmodels_alone"
                                 << QRegularExpression(
                                        "Qt6(Widgets|Svg|PrintSupport)|QCustomPlot|protobuf|onnx");
    const QDir plugins(kBuild + "/lib/halfstep/plugins");
    for (const QString& name : plugins.entryList({"*.so"}, QDir::Files)) {
      // Nothing to draw with (QImage, which decodes pictures, is in Qt Gui), and no other plug-in.
      const QString library =
          name == "halfstep_images_qt.so" ? drawing.pattern().replace("|Gui", "") : drawing.pattern();
      QTest::newRow(qPrintable(name))
          << plugins.filePath(name) << QRegularExpression(library + "|halfstep_(?!core)");
    }
  }
  void needsNothingForbidden() {
    QFETCH(const QString, path);
    QFETCH(const QRegularExpression, forbidden);
    const QStringList needed = neededBy(path);
    QVERIFY2(needed.contains("libc.so.6"), "readelf says nothing");
    const QStringList wrong = needed.filter(forbidden);
    QVERIFY2(wrong.isEmpty(), qPrintable("needs " + wrong.join(", ")));
  }

  /// The same look at something that does need Qt Widgets sees it.
  void seesWhatIsThere() {
    const QStringList needed = neededBy(kBuild + "/bin/halfstep");
    QCOMPARE(needed.filter("libQt6Widgets").size(), 1);
    QCOMPARE(needed.filter("libhalfstep_core").size(), 1);
  }
};

QTEST_GUILESS_MAIN(LinkLinesTest)
#include "tst_link_lines.moc"
