// Every ONNX file at hand opens: the real models with the parameter count of their index, and the models of
// Debian's libonnx-testdata.
#include "plugins/host/plugin_host.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QDirIterator>

using namespace halfstep;

class OnnxModelsTest : public test::TestCase {
  Q_OBJECT

  PluginHost m_host;

  /// file → parameters, of the rows of INDEX.md whose format is ONNX.
  static std::map<QString, qint64> indexedModels(const QString& folder) {
    std::map<QString, qint64> models;
    QFile index(folder + "/INDEX.md");
    if (!index.open(QIODevice::ReadOnly)) {
      return models;
    }
    const auto lines = QString::fromUtf8(index.readAll()).split('\n');
    for (const QString& line : lines) {
      const QStringList cells = line.split('|');
      if (cells.size() > 4 && cells[2].trimmed() == QStringLiteral("ONNX")) {
        models[cells[1].trimmed()] = cells[4].trimmed().toLongLong();
      }
    }
    return models;
  }

private slots:
  void initTestCase() { m_host.scan(HALFSTEP_BUILD_DIR "/lib/halfstep/plugins"); }

  void realModelsHaveTheirParameters() {
    const QString folder = test::sharedModels();
    if (folder.isEmpty()) {
      QSKIP("the folder of real models is not here");
    }
    const auto models = indexedModels(folder);
    QVERIFY(models.size() >= 10);
    for (const auto& [file, parameters] : models) {
      const auto model = m_host.loadModel((folder + "/" + file).toStdString(), JobContext());
      VERIFY_OK(model);
      QVERIFY2(
          (*model)->parameters == parameters,
          qPrintable(
              QStringLiteral("%1: %2, expected %3").arg(file).arg((*model)->parameters).arg(parameters)));
      qInfo("%s: %lld parameters, %zu layers, %zu warnings", qPrintable(file),
            static_cast<long long>((*model)->parameters), (*model)->layers.size(), (*model)->warnings.size());
    }
  }

  void onnxTestDataOpens() {
    const QString folder = qEnvironmentVariable("HALFSTEP_ONNX_TESTDATA", "/usr/share/libonnx-testdata/data");
    QDirIterator files(folder, {"*.onnx"}, QDir::Files, QDirIterator::Subdirectories);
    int opened = 0;
    while (files.hasNext()) {
      const QString file = files.next();
      const auto model = m_host.loadModel(file.toStdString(), JobContext());
      VERIFY_OK(model);
      QVERIFY2(!(*model)->graph.nodes.empty() || !(*model)->graph.outputs.empty(), qPrintable(file));
      ++opened;
    }
    if (opened == 0) {
      QSKIP("libonnx-testdata is not installed");
    }
    qInfo("%d models opened", opened);
  }
};

QTEST_GUILESS_MAIN(OnnxModelsTest)
#include "tst_onnx_models.moc"
