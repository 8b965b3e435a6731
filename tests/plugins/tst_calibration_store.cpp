// Calibrations in HDF5 files: they come back as they were, and damaged ones are refused with the place.
#include "core/analysis/calibration.h"
#include "plugins/host/plugin_host.h"
#include "tests/analysis/small_network.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QTemporaryDir>

using namespace halfstep;

class CalibrationStoreTest : public test::TestCase {
  Q_OBJECT

  PluginHost m_host;
  QTemporaryDir m_folder;

  std::filesystem::path file(const char* name) const { return m_folder.filePath(name).toStdString(); }
  static std::shared_ptr<const Calibration> measured() {
    const Executor executor = Executor::create(test::smallNetwork()).value();
    return calibrate(executor, test::SmallSamples(4), {}, {}).value();
  }

private slots:
  void initTestCase() {
    m_host.scan(PluginHost::folderFor(HALFSTEP_BUILD_DIR "/bin"));
    QVERIFY(m_host.calibrationStore() != nullptr);
  }

  void whatWasSavedIsLoaded() {
    const auto calibration = measured();
    VERIFY_OK(m_host.calibrationStore()->save({calibration, "small.onnx", "abc"}, file("good.h5"), {}));
    const auto loaded = m_host.calibrationStore()->load(file("good.h5"), {});
    VERIFY_OK(loaded);
    QCOMPARE(loaded->modelSha256, std::string("abc"));
    QVERIFY(loaded->calibration->sampleNames == calibration->sampleNames);
    QCOMPARE(loaded->calibration->values.size(), calibration->values.size());
    for (std::size_t i = 0; i < calibration->values.size(); ++i) {
      QVERIFY(loaded->calibration->values[i].samples == calibration->values[i].samples);
      QVERIFY(loaded->calibration->values[i].histogram == calibration->values[i].histogram);
    }
  }

  void samplesThatThereAreNotAreRefused() {
    auto damaged = std::make_shared<Calibration>(*measured());
    damaged->values[1].samples[2].sample = 4; // the last one is 3
    VERIFY_OK(m_host.calibrationStore()->save({damaged, "small.onnx", {}}, file("bad.h5"), {}));
    const auto loaded = m_host.calibrationStore()->load(file("bad.h5"), {});
    QVERIFY(!loaded);
    QCOMPARE(loaded.error().kind, ErrorKind::damagedFile);
    const std::string message = loaded.error().message();
    QVERIFY2(message.find("bad.h5") != std::string::npos, message.c_str());
    QVERIFY2(message.find("/values/000001/sample_index") != std::string::npos, message.c_str());
  }
};

QTEST_GUILESS_MAIN(CalibrationStoreTest)
#include "tst_calibration_store.moc"
