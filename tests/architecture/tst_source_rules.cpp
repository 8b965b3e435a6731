// Every source file of the project keeps the rules of source_rules.h; and every rule catches what it is for.
#include "tests/architecture/source_rules.h"
#include "tests/architecture/source_text.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QDir>
#include <QDirIterator>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <map>

using namespace halfstep;
using test::Finding;

namespace {

QStringList sourceFiles() {
  QStringList files;
  const QDir root(QStringLiteral(HALFSTEP_SOURCE_DIR));
  for (const char* folder : {"core", "plugins", "widgets", "app", "benchmarks", "tests"}) {
    QDirIterator walk(root.filePath(folder), {"*.h", "*.cpp"}, QDir::Files, QDirIterator::Subdirectories);
    while (walk.hasNext()) {
      files << root.relativeFilePath(walk.next());
    }
  }
  files.sort();
  return files;
}

QByteArray contents(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

std::set<std::string> qtWidgetsHeaders() {
  std::set<std::string> names;
  for (const QString& name : QDir(QStringLiteral(HALFSTEP_QT_WIDGETS_HEADERS)).entryList(QDir::Files)) {
    names.insert(name.toStdString());
  }
  return names;
}

std::vector<Finding> allFindings(const std::string& path, std::string_view text) {
  static const std::set<std::string> widgets = qtWidgetsHeaders();
  auto findings = test::includeFindings(path, text, widgets);
  for (const auto& more : {test::codeFindings(path, text), test::sizeFindings(path, text)}) {
    findings.insert(findings.end(), more.begin(), more.end());
  }
  return findings;
}

} // namespace

class SourceRulesTest : public test::TestCase {
  Q_OBJECT

private slots:
  void everyFileKeepsTheRules() {
    std::map<std::string, int> filesOnFloor;
    QStringList found;
    for (const QString& path : sourceFiles()) {
      const QByteArray text = contents(QStringLiteral(HALFSTEP_SOURCE_DIR "/") + path);
      QVERIFY2(!text.isEmpty(), qPrintable(path));
      ++filesOnFloor[test::floorOf(path.toStdString())];
      for (const Finding& finding :
           allFindings(path.toStdString(), {text.constData(), std::size_t(text.size())})) {
        found << QString::fromStdString(finding.text());
      }
    }
    QVERIFY2(found.isEmpty(), qPrintable("\n  " + found.join("\n  ")));
    // The walk did see the house.
    for (const char* floor :
         {"core/support", "core/kernels", "core/tensor", "core/model", "core/quant", "core/io", "plugins/api",
          "plugins/host", "plugins/loaders/onnx", "widgets/jobs", "widgets/viewmodels", "widgets/plots",
          "widgets/panels", "app", "tests"}) {
      QVERIFY2(filesOnFloor[floor] > 0, floor);
    }
  }

  void catches_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("what"); ///< empty: this one is allowed
    const auto row = [](const char* name, const char* path, const char* text, const char* what) {
      QTest::newRow(name) << path << text << what;
    };
    row("core upward", "core/kernels/a.cpp", "#include \"core/quant/scheme.h\"\n",
        "may not include core/quant");
    row("kernels see no tensor", "core/kernels/a.cpp", "#include \"core/tensor/tensor.h\"\n",
        "may not include");
    row("core downward", "core/quant/a.cpp", "#include \"core/kernels/errors.h\"\n", "");
    row("core to widgets", "core/io/a.cpp", "#include \"widgets/jobs/job_runner.h\"\n", "may not include");
    row("core to Qt", "core/io/a.cpp", "#include <QString>\n", "does not know Qt");
    row("core to Qt module", "core/io/a.cpp", "#  include <QtCore/QString>\n", "does not know Qt");
    row("core to protobuf", "core/io/a.cpp", "#include <google/protobuf/message.h>\n", "file format");
    row("core to HDF5", "core/io/a.cpp", "#include <H5Cpp.h>\n", "file format");
    row("plug-in to plug-in", "plugins/loaders/gguf/a.cpp",
        "#include \"plugins/loaders/onnx/onnx_loader.h\"\n", "may not include plugins/loaders/onnx");
    row("plug-in to host", "plugins/template/a.cpp", "#include \"plugins/host/plugin_host.h\"\n",
        "may not include");
    row("plug-in to itself", "plugins/loaders/onnx/a.cpp",
        "#include \"plugins/loaders/onnx/onnx_loader.h\"\n", "");
    row("plug-in's folder", "plugins/loaders/onnx/deep/a.cpp", "#include \"plugins/loaders/onnx/b.h\"\n", "");
    row("plug-in draws", "plugins/loaders/onnx/a.cpp", "#include <QLabel>\n", "Qt Widgets");
    row("host to plug-in", "plugins/host/a.cpp", "#include \"plugins/loaders/onnx/onnx_loader.h\"\n",
        "may not include");
    row("view-model draws", "widgets/viewmodels/a.cpp", "#include <QTableView>\n", "Qt Widgets");
    row("view-model draws, by module", "widgets/viewmodels/a.h",
        "#pragma once\n#include <QtWidgets/QLabel>\n", "draw nothing");
    row("view-model plots", "widgets/viewmodels/a.cpp", "#include <qcustomplot.h>\n", "draw nothing");
    row("view-model to panel", "widgets/viewmodels/a.cpp", "#include \"widgets/panels/log_panel.h\"\n",
        "may not include");
    row("view-model undoes", "widgets/viewmodels/a.cpp", "#include <QUndoStack>\n", "");
    row("widgets to app", "widgets/panels/a.cpp", "#include \"app/session.h\"\n", "may not include app");
    row("widgets to plug-ins", "widgets/panels/a.cpp", "#include \"plugins/host/plugin_host.h\"\n",
        "may not include");
    row("panel to panel", "widgets/panels/log_panel.cpp", "#include \"widgets/panels/jobs_panel.h\"\n",
        "by the window alone");
    row("panel part to panel", "widgets/panels/table_actions.cpp",
        "#include \"widgets/panels/jobs_panel.h\"\n", "by the window alone");
    row("panel to page", "widgets/panels/log_panel.cpp", "#include \"widgets/panels/start_page.h\"\n",
        "by the window alone");
    row("panel to itself", "widgets/panels/log_panel.cpp", "#include \"widgets/panels/log_panel.h\"\n", "");
    row("panel to its parts", "widgets/panels/log_panel.cpp", "#include \"widgets/panels/table_actions.h\"\n",
        "");
    row("window to panel", "app/main_window.cpp", "#include \"widgets/panels/log_panel.h\"\n", "");
    row("app to plug-in", "app/session.cpp", "#include \"plugins/loaders/onnx/onnx_loader.h\"\n",
        "may not include");
    row("command line draws", "app/cli/a.cpp", "#include <QApplication>\n", "Qt Widgets");
    row("not from the root", "core/quant/a.cpp", "#include \"scheme.h\"\n", "not written from");
    row("climbing", "core/quant/a.cpp", "#include \"../model/model.h\"\n", "not written from");
    row("unknown folder", "core/misc/a.cpp", "int a = 0;\n", "no rule says");
    row("commented out", "core/io/a.cpp", "// #include <QString>\n/*\n#include <QFile>\n*/\n", "");
    row("singleton", "app/a.cpp", "static Session& instance();\n", "a singleton");
    row("singleton of Qt", "core/io/a.cpp", "Q_GLOBAL_STATIC(Registry, registry)\n", "a singleton");
    row("shared counter", "core/io/a.cpp", "void f() {\n  static int calls = 0;\n}\n", "everything shares");
    row("shared table", "core/io/a.cpp", "  static std::map<int, int> cache;\n", "everything shares");
    row("constants", "core/io/a.cpp",
        "  static const std::map<int, int> table = {};\n  static constexpr int k = 1;\n", "");
    row("static functions", "core/io/a.h", "#pragma once\n  static Tensor zeros(int size);\n", "");
    row("words of Qt", "core/io/a.h", "#pragma once\nvoid f(int signals);\n", "where Qt came first");
    row("slots of a panel", "widgets/panels/a.h", "#pragma once\nclass A {\nprivate slots:\n};\n", "");
    row("events", "widgets/panels/a.cpp", "QCoreApplication::processEvents();\n", "waits for nothing");
    row("nested loop", "app/a.cpp", "QEventLoop loop;\n", "waits for nothing");
    row("printing", "core/io/a.cpp", "std::cerr << 1;\n", "prints nothing");
    row("aborting", "plugins/loaders/onnx/a.cpp", "std::abort();\n", "prints nothing");
    row("programs print", "app/main.cpp", "std::fprintf(stderr, \"x\");\n", "");
    row("snprintf", "core/io/a.cpp", "std::snprintf(buffer, 3, \"x\");\n", "");
    row("in a comment", "core/io/a.cpp", "// never std::cerr\n", "");
    row("in a string", "core/io/a.cpp", "f(\"std::cerr\", R\"(std::cerr)\", '\"'); // \"\n", "");
    row("after a string", "core/io/a.cpp", "f(\"\\\"\"); std::cerr << '\"';\n", "prints nothing");
    row("digit separators", "core/io/a.cpp", "f(1'000'000); std::cerr << 1'0;\n", "prints nothing");
    row("fast maths by pragma", "core/kernels/a.cpp", "#pragma GCC optimize(\"fast-math\")\n", "CMake");
    row("dice", "core/quant/a.cpp", "std::random_device device;\n", "no dice");
    row("no guard", "core/io/a.h", "int a();\n", "#pragma once");
    row("open namespace", "core/io/a.h", "#pragma once\nusing namespace std;\n", "namespace");
    QTest::newRow("too long") << "core/io/a.cpp" << QString(701, '\n') << "more than one question";
    QTest::newRow("long header") << "core/io/a.h"
                                 << "#pragma once\n" + QString(300, '\n') << "more than one question";
  }
  void catches() {
    QFETCH(const QString, path);
    QFETCH(const QString, text);
    QFETCH(const QString, what);
    QString found;
    for (const Finding& finding : allFindings(path.toStdString(), text.toStdString())) {
      found += QString::fromStdString(finding.text()) + "\n";
    }
    QVERIFY2(what.isEmpty() ? found.isEmpty() : found.contains(what), qPrintable("found: " + found));
  }

  void everyCommandComputesTheSame() {
    const QJsonArray commands =
        QJsonDocument::fromJson(contents(QStringLiteral(HALFSTEP_BUILD_DIR "/compile_commands.json")))
            .array();
    QVERIFY(commands.size() > 50);
    QStringList found;
    for (const QJsonValue& entry : commands) {
      for (const std::string& what : test::commandFindings(entry["command"].toString().toStdString())) {
        found << entry["file"].toString() + ": " + QString::fromStdString(what);
      }
    }
    QVERIFY2(found.isEmpty(), qPrintable("\n  " + found.join("\n  ")));
  }

  void catchesCommands() {
    QVERIFY(test::commandFindings("c++ -O2 -ffp-contract=off -c a.cpp").empty());
    QVERIFY(!test::commandFindings("c++ -O2 -c a.cpp").empty());
    for (const char* option :
         {"-ffast-math", "-Ofast", "-march=native", "-funsafe-math-optimizations", "-ffp-contract=fast"}) {
      QVERIFY2(!test::commandFindings(std::string("c++ -ffp-contract=off -c a.cpp ") + option).empty(),
               option);
    }
  }
};

QTEST_GUILESS_MAIN(SourceRulesTest)
#include "tst_source_rules.moc"
