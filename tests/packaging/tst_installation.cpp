// What `cmake --install` and cpack put on another machine: it starts from where it was put, finds its
// plug-ins and samples there, and the desktop's own validators accept what describes it.
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QCoreApplication>
#include <QDir>
#include <QDirIterator>
#include <QImage>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QMimeDatabase>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>

using namespace halfstep;

namespace {

constexpr int kPatience = 120'000; ///< milliseconds, for a machine that does other things

struct Outcome {
  int status = -1;
  QString output;
  QString errors;
};

/// Runs `program` as a stranger's machine without a display would: nothing points back to the build.
Outcome run(const QString& program, const QStringList& arguments, const QString& home) {
  QProcess process;
  QProcessEnvironment environment;
  environment.insert("PATH", "/usr/bin:/bin");
  environment.insert("HOME", home);
  environment.insert("XDG_RUNTIME_DIR", home);
  environment.insert("LC_ALL", "C.UTF-8");
  process.setProcessEnvironment(environment);
  process.setWorkingDirectory(home);
  process.start(program, arguments);
  if (!process.waitForFinished(kPatience) || process.exitStatus() != QProcess::NormalExit) {
    return {-1, {}, process.errorString()};
  }
  return {process.exitCode(), QString::fromUtf8(process.readAllStandardOutput()),
          QString::fromUtf8(process.readAllStandardError())};
}

} // namespace

class InstallationTest : public test::TestCase {
  Q_OBJECT

  QTemporaryDir m_folder;
  QString m_prefix;

  QString home() const { return m_folder.path(); }
  QString installed(const QString& path) const { return m_prefix + '/' + path; }
  Outcome run(const QString& program, const QStringList& arguments) const {
    return ::run(program, arguments, home());
  }

private slots:
  void initTestCase() {
    QVERIFY(m_folder.isValid());
    m_prefix = m_folder.filePath(QStringLiteral("prefix with a space"));
    const Outcome install = run(HALFSTEP_CMAKE, {"--install", HALFSTEP_BUILD_DIR, "--prefix", m_prefix});
    QVERIFY2(install.status == 0, qPrintable(install.output + install.errors));
  }

  void programsStart_data() {
    QTest::addColumn<QString>("program");
    QTest::newRow("window") << "bin/halfstep";
    QTest::newRow("command line") << "bin/halfstep-cli";
  }
  void programsStart() {
    QFETCH(const QString, program);
    const Outcome version = run(installed(program), {"--version"});
    QVERIFY2(version.status == 0, qPrintable(version.errors));
    QVERIFY2(version.output.contains(HALFSTEP_VERSION), qPrintable(version.output));
  }

  /// Libraries are found beside the programs, wherever the prefix is.
  void pathsAreRelative() {
    QDirIterator files(m_prefix, QDir::Files, QDirIterator::Subdirectories);
    int seen = 0;
    while (files.hasNext()) {
      const QString path = files.next();
      const bool binary = path.contains("/bin/") || path.contains(".so");
      if (!binary || files.fileInfo().isSymLink()) {
        continue;
      }
      const QString dynamic = run(HALFSTEP_READELF, {"--dynamic", "--wide", path}).output;
      for (const QString& line : dynamic.split('\n')) {
        if (line.contains("RUNPATH") || line.contains("RPATH")) {
          QVERIFY2(line.contains("[$ORIGIN"), qPrintable(path + ": " + line));
          QVERIFY2(!line.contains(HALFSTEP_BUILD_DIR), qPrintable(path + ": " + line));
        }
      }
      ++seen;
    }
    QVERIFY(seen >= 3); // the window, the core, a plug-in
  }

  void everyPluginLoads() {
    const QStringList modules = QDir(installed("lib/halfstep/plugins")).entryList({"*.so"}, QDir::Files);
    QVERIFY(!modules.isEmpty());
    const Outcome plugins = run(installed("bin/halfstep-cli"), {"plugins", "--json"});
    QVERIFY2(plugins.status == 0, qPrintable(plugins.errors));
    const QJsonArray list = QJsonDocument::fromJson(plugins.output.toUtf8())["plugins"].toArray();
    QCOMPARE(list.size(), modules.size());
    for (const QJsonValue& plugin : list) {
      QVERIFY2(plugin["loaded"].toBool(), qPrintable(QJsonDocument(plugin.toObject()).toJson()));
      QVERIFY2(plugin["file"].toString().startsWith(m_prefix), qPrintable(plugin["file"].toString()));
    }
  }

  void drawsAnInstalledSample() {
    const QString picture = m_folder.filePath("window.png");
    const Outcome drawn =
        run(installed("bin/halfstep"), {"--screenshot", picture, "--size", "1280x800",
                                        installed("share/halfstep/sample_models/digits_cnn.onnx")});
    QVERIFY2(drawn.status == 0, qPrintable(drawn.errors));
    QCOMPARE(QImage(picture).size(), QSize(1280, 800));
  }

  void saysThatThereIsNoDisplay() {
    const Outcome opened = run(installed("bin/halfstep"), {});
    QCOMPARE(opened.status, 1);
    QVERIFY2(opened.errors.startsWith("halfstep: no display can be opened"), qPrintable(opened.errors));
    QCOMPARE(opened.errors.count('\n'), 1);
    QCOMPARE(run(installed("bin/halfstep"), {"-platform", "offscreen", "a", "b"}).status,
             2); // got to its usage
    for (const char* question : {"--help", "--version"}) {
      const Outcome asked = run(installed("bin/halfstep"), {question});
      QVERIFY2(asked.status == 0 && !asked.output.isEmpty(), qPrintable(asked.errors));
    }
  }

  void samplesAreWhole() {
    QFile file(installed("share/halfstep/sample_models/manifest.json"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QJsonArray models = QJsonDocument::fromJson(file.readAll())["models"].toArray();
    QVERIFY(models.size() >= 4);
    for (const QJsonValue& model : models) {
      for (const QString& path : {model["file"].toString(), model["labels"].toString()}) {
        QVERIFY2(QFile::exists(installed("share/halfstep/sample_models/") + path), qPrintable(path));
      }
    }
    QDirIterator programs(installed("share"), {"*.py", "*.pyc"}, QDir::Files, QDirIterator::Subdirectories);
    QVERIFY2(!programs.hasNext(), "the programs that made the samples belong to the sources");
  }

  void desktopAcceptsIt_data() {
    QTest::addColumn<QString>("validator");
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("file");
    QTest::newRow("desktop entry") << "desktop-file-validate" << QStringList()
                                   << "share/applications/org.halfstep.halfstep.desktop";
    QTest::newRow("metainfo") << "appstreamcli" << QStringList{"validate", "--no-net"}
                              << "share/metainfo/org.halfstep.halfstep.metainfo.xml";
  }
  void desktopAcceptsIt() {
    QFETCH(const QString, validator);
    QFETCH(const QStringList, arguments);
    QFETCH(const QString, file);
    if (QStandardPaths::findExecutable(validator).isEmpty()) {
      QSKIP(qPrintable(validator + " is not installed"));
    }
    const Outcome accepted = run(validator, arguments + QStringList{installed(file)});
    QVERIFY2(accepted.status == 0, qPrintable(accepted.output + accepted.errors));
    // A validator that accepts anything would be none.
    const QString broken = m_folder.filePath(QFileInfo(file).fileName());
    QFile::remove(broken);
    QFile original(installed(file));
    QFile copy(broken);
    QVERIFY(original.open(QIODevice::ReadOnly) && copy.open(QIODevice::WriteOnly));
    copy.write(original.readAll().replace("Type=Application", "Type=").replace("<name>", "<nom>"));
    copy.close();
    QVERIFY(run(validator, arguments + QStringList{broken}).status != 0);
  }

  void filesHaveTheirTypes() {
    // QMimeDatabase reads $XDG_DATA_HOME/mime/packages when it is first asked; no cache is needed.
    qputenv("XDG_DATA_HOME", installed("share").toUtf8());
    const QMimeDatabase types;
    QCOMPARE(types.mimeTypeForFile("resnet50.onnx", QMimeDatabase::MatchExtension).name(),
             QStringLiteral("application/x-onnx"));
    QCOMPARE(types.mimeTypeForFile("resnet50.halfstep.json", QMimeDatabase::MatchExtension).name(),
             QStringLiteral("application/x-halfstep-plan+json"));
    QCOMPARE(types.mimeTypeForFile("resnet50.json", QMimeDatabase::MatchExtension).name(),
             QStringLiteral("application/json"));
  }

  void iconIsThere() {
    QVERIFY(QFile::exists(installed("share/icons/hicolor/scalable/apps/org.halfstep.halfstep.svg")));
  }

  /// The Debian package names the libraries it needs, and not its own.
  void debianPackage() {
    for (const char* tool : {"dpkg-shlibdeps", "dpkg-deb"}) {
      if (QStandardPaths::findExecutable(tool).isEmpty()) {
        QSKIP("dpkg's tools are not installed");
      }
    }
    const Outcome packed = run(HALFSTEP_CPACK, {"--config", HALFSTEP_BUILD_DIR "/CPackConfig.cmake", "-B",
                                                m_folder.filePath("cpack")});
    QVERIFY2(packed.status == 0, qPrintable(packed.output + packed.errors));
    const QDir made(m_folder.filePath("cpack"));
    QCOMPARE(made.entryList({"halfstep*.tar.gz"}).size(), 1);
    const QStringList packages = made.entryList({"halfstep_*.deb"});
    QCOMPARE(packages.size(), 1);
    const QString package = made.filePath(packages.first());
    const QString depends = run("dpkg-deb", {"--field", package, "Depends"}).output;
    for (const char* library : {"libqt6widgets6", "libqt6svg6", "libqcustomplot2.1-qt6", "libonnx1",
                                "libprotobuf32", "libgomp1", "libc6"}) {
      QVERIFY2(depends.contains(library), qPrintable(QString(library) + " is not in: " + depends));
    }
    QVERIFY2(!depends.contains("halfstep"), qPrintable(depends));
    const QString content = run("dpkg-deb", {"--contents", package}).output;
    for (const char* path : {"./usr/bin/halfstep", "./usr/lib/halfstep/plugins/",
                             "./usr/share/applications/org.halfstep.halfstep.desktop",
                             "./usr/share/halfstep/sample_models/manifest.json"}) {
      QVERIFY2(content.contains(path), path);
    }
  }
};

QTEST_GUILESS_MAIN(InstallationTest)
#include "tst_installation.moc"
