// Every built plug-in loads; every file that is not one of ours is diagnosed without running its code.
#include "plugins/host/plugin_host.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QDir>
#include <QTemporaryDir>

using namespace halfstep;

class PluginHostTest : public test::TestCase {
  Q_OBJECT

  static std::filesystem::path built(const char* folder) {
    return std::filesystem::path(HALFSTEP_BUILD_DIR) / folder;
  }
  static const PluginRecord* find(const PluginHost& host, const std::string& name) {
    for (const auto& plugin : host.plugins()) {
      if (std::filesystem::path(plugin.file).filename() == name) {
        return &plugin;
      }
    }
    return nullptr;
  }

private slots:
  void everyBuiltPluginLoads() {
    PluginHost host;
    host.scan(built("lib/halfstep/plugins"));
    const QDir folder(QStringLiteral(HALFSTEP_BUILD_DIR "/lib/halfstep/plugins"));
    QCOMPARE(host.plugins().size(), std::size_t(folder.entryList({"*.so"}, QDir::Files).size()));
    for (const auto& plugin : host.plugins()) {
      QVERIFY2(plugin.loaded(), (plugin.file + ": " + plugin.problem).c_str());
      QVERIFY2(std::filesystem::path(plugin.file).is_absolute(), plugin.file.c_str());
      QVERIFY(!plugin.name.empty());
    }
    QVERIFY(host.imageReader() != nullptr && host.archiveReader() != nullptr);
    QVERIFY(host.loaders().size() + host.exporters().size() + 3 >= host.plugins().size());
  }

  void theTemplateWorks() {
    PluginHost host;
    host.scan(built("lib/halfstep/template"));
    QCOMPARE(host.plugins().size(), std::size_t{1});
    QVERIFY2(host.plugins()[0].loaded(), host.plugins()[0].problem.c_str());
    const auto exporter = host.exporterFor("layer-names");
    VERIFY_OK(exporter);
    auto model = std::make_shared<Model>();
    model->layers.resize(2);
    model->layers[0].name = "conv1";
    model->layers[1].name = "fc";
    QTemporaryDir folder;
    const std::filesystem::path path = folder.filePath("names.txt").toStdString();
    const auto report = (*exporter)->write({model, {}, "0"}, path, JobContext());
    VERIFY_OK(report);
    QFile file(folder.filePath("names.txt"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll(), QByteArray("conv1\nfc\n"));
    QCOMPARE(report->lost.size(), std::size_t{2});
  }

  void diagnosesWhatIsNotOurs_data() {
    QTest::addColumn<QString>("module");
    QTest::addColumn<QString>("reason");
    QTest::newRow("another program's") << "foreign_plugin.so"
                                       << "org.example.Unrelated";
    QTest::newRow("another version's") << "outdated_plugin.so"
                                       << "API version 999";
    QTest::newRow("kind and interface") << "mismatched_plugin.so"
                                        << "contradict";
    QTest::newRow("throws") << "throwing_plugin.so"
                            << "no licence found";
  }
  void diagnosesWhatIsNotOurs() {
    QFETCH(QString, module);
    QFETCH(QString, reason);
    PluginHost host;
    host.scan(built("tests/modules"));
    const PluginRecord* record = find(host, module.toStdString());
    QVERIFY(record != nullptr);
    QVERIFY(!record->loaded());
    QVERIFY2(record->problem.find(reason.toStdString()) != std::string::npos, record->problem.c_str());
    QVERIFY(host.loaders().empty() && host.exporters().empty());
  }

  void diagnosesFilesThatAreNoPlugins() {
    QTemporaryDir folder;
    QFile text(folder.filePath("a_text.so"));
    QVERIFY(text.open(QIODevice::WriteOnly) && text.write("not a module\n") > 0);
    text.close();
    QFile empty(folder.filePath("b_empty.so"));
    QVERIFY(empty.open(QIODevice::WriteOnly));
    empty.close();
    QVERIFY(QFile::copy(QStringLiteral(HALFSTEP_BUILD_DIR "/lib/libhalfstep_core.so"),
                        folder.filePath("c_library.so")));
    QFile notes(folder.filePath("notes.txt"));
    QVERIFY(notes.open(QIODevice::WriteOnly));
    PluginHost host;
    host.scan(folder.path().toStdString());
    QCOMPARE(host.plugins().size(), std::size_t{3});
    for (const auto& plugin : host.plugins()) {
      QVERIFY2(plugin.problem.starts_with("is not a Qt plug-in"), plugin.problem.c_str());
    }
  }

  void theSecondOfOneIdIsRejected() {
    QTemporaryDir folder;
    const QString original = QStringLiteral(HALFSTEP_BUILD_DIR "/lib/halfstep/template/halfstep_template.so");
    QVERIFY(QFile::copy(original, folder.filePath("one.so")));
    QVERIFY(QFile::copy(original, folder.filePath("two.so")));
    PluginHost host;
    host.scan(folder.path().toStdString());
    QVERIFY2(find(host, "one.so")->loaded(), find(host, "one.so")->problem.c_str());
    QVERIFY(find(host, "two.so")->problem.find("already has the id \"layer-names\"") != std::string::npos);
  }

  void aMissingFolderHoldsNone() {
    PluginHost host;
    host.scan("/no/such/folder");
    QVERIFY(host.plugins().empty());
    QVERIFY(!host.exporterFor("plan"));
    const auto loader = host.loaderFor(HALFSTEP_SOURCE_DIR "/README.md");
    QVERIFY(!loader);
    QCOMPARE(loader.error().kind, ErrorKind::unsupported);
  }
};

QTEST_GUILESS_MAIN(PluginHostTest)
#include "tst_plugin_host.moc"
