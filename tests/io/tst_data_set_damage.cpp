// Data files that are damaged, hostile or do not fit: always an error that names file and place, never more.
#include "core/io/data_set.h"
#include "plugins/host/plugin_host.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QImage>
#include <QTemporaryDir>

#include <random>

using namespace halfstep;
using test::modelOf;
using test::npyBytes;
using test::rawBytes;
using test::valueOf;
using test::writeBytes;

class DataSetDamageTest : public test::TestCase {
  Q_OBJECT

  PluginHost m_host;
  QTemporaryDir m_folder;

  std::filesystem::path path(const std::string& name) const {
    return m_folder.filePath(QString::fromStdString(name)).toStdString();
  }
  Result<std::shared_ptr<const SampleSource>> open(const std::filesystem::path& file, const Model& model,
                                                   const DataSettings& settings = {}) const {
    DataReaders readers;
    readers.images = m_host.imageReader();
    readers.archives = m_host.archiveReader();
    readers.tensors = m_host.loaders().empty() ? nullptr : m_host.loaders()[0].get();
    return openDataSet(file, model, settings, readers, {});
  }
  static Model model() { return modelOf({valueOf("x", ElementType::float32, {1, 1, 2, 2})}, {1, 3}); }

  /// Opens `file` and reads every sample: the first error.
  Result<void> readAll(const std::filesystem::path& file, const Model& used,
                       const DataSettings& settings = {}) const {
    HALFSTEP_TRY(const auto samples, open(file, used, settings));
    for (std::size_t i = 0; i < std::min<std::size_t>(samples->count(), 10); ++i) {
      HALFSTEP_CHECK(samples->inputs(i));
      samples->targets(i);
      samples->name(i);
    }
    return {};
  }
  void expectError(const std::filesystem::path& file, const std::string& part, const Model& used,
                   const DataSettings& settings = {}) const {
    const auto done = readAll(file, used, settings);
    QVERIFY2(!done, file.c_str());
    const std::string message = done.error().message();
    QVERIFY2(message.find(part) != std::string::npos, message.c_str());
    QVERIFY2(message.find(file.filename().string()) != std::string::npos, message.c_str());
    QVERIFY2(message.find('\n') == std::string::npos, message.c_str());
  }

private slots:
  void initTestCase() {
    m_host.scan(std::filesystem::path(HALFSTEP_BUILD_DIR) / "lib" / "halfstep" / "plugins");
  }

  void namesTheFault_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("part");
    const auto row = [](const char* name, const char* file, const QByteArray& content, const char* part) {
      QTest::newRow(name) << file << content << part;
    };
    const QByteArray four = rawBytes<float>({1, 2, 3, 4});
    const QByteArray good = npyBytes("<f4", "1, 1, 2, 2", four);
    row("empty", "a.npy", {}, "is empty");
    row("npy: no magic", "b.npy", "hello, this is text", "is no NumPy file");
    row("npy: cut in the header", "c.npy", good.left(40), "ends within its header");
    row("npy: cut in the data", "d.npy", good.left(good.size() - 1), "");
    row("npy: too long", "e.npy", good + "x", "");
    row("npy: too many elements", "f.npy", npyBytes("<f4", "4611686018427387904, 4, 2, 2", four), "");
    row("npy: negative", "g.npy", npyBytes("<f4", "-1, 1, 2, 2", four), "no shape");
    row("npy: objects", "h.npy", npyBytes("|O", "1,", four), "|O");
    row("npy: big-endian", "i.npy", npyBytes(">f4", "1, 1, 2, 2", four), ">f4");
    row("npy: another shape", "j.npy", npyBytes("<f4", "1, 4", four), "x is [1, 1, 2, 2] of float32");
    row("npy: no samples", "k.npy", npyBytes("<f4", "0, 1, 2, 2", {}), "holds no samples");
    row("npy: text", "l.npy", npyBytes("<c8", "1, 1, 2, 1", four), "complex64");
    row("zip: cut", "a.npz", test::zipBytes({{"x.npy", good}}, test::ZipMethod::stored).left(200), "zip");
    row("zip: no arrays", "b.npz", test::zipBytes({{"x.txt", good}}, test::ZipMethod::stored), "no arrays");
    row("zip: empty", "c.npz", test::zipBytes({}, test::ZipMethod::stored), "");
    row("zip: claims more", "d.npz", test::zipBytes({{"x.npy", good}}, test::ZipMethod::deflated, 0x7fffffff),
        "member x");
    // 10 MB of nothing in 10 KB, announced as one picture.
    row("zip: bomb", "e.npz",
        test::zipBytes({{"x.npy", good + QByteArray(10 << 20, '\0')}}, test::ZipMethod::deflated),
        "member x");
    row("zip: impossible", "f.npz",
        test::zipBytes({{"x.npy", npyBytes("<f4", "1000000000, 1, 2, 2", four)}}, test::ZipMethod::deflated,
                       0xfffffff0),
        "cannot hold");
    row("zip: several", "g.npz", test::zipBytes({{"a.npy", good}, {"b.npy", good}}, test::ZipMethod::stored),
        "no array for");
    row("idx: cut", "a-idx3-ubyte", test::idxBytes({1, 2, 2}, "abc"), "");
    row("idx: absurd", "b-idx3-ubyte", test::idxBytes({0xffffffff, 0xffffffff, 0xffffffff}, "abcd"), "");
    row("idx: cut in the header", "c-idx3-ubyte", QByteArray("\0\0\x08\x03\0\0", 6),
        "ends within its header");
    row("idx: floats", "d-idx3-ubyte", QByteArray("\0\0\x0d\x01\0\0\0\x01\0\0\0\0", 12), "several bytes");
    row("gzip: cut", "a.gz", test::gzipBytes(test::idxBytes({1, 2, 2}, "abcd")).left(20), "ends within");
    row("gzip: no array", "b.gz", test::gzipBytes("hello hello hello"), "is no NumPy file");
    row("gzip: bomb", "c.gz", test::gzipBytes(test::idxBytes({1, 2, 2}, QByteArray(10 << 20, '\0'))),
        "goes on after");
    row("gzip: impossible", "d.gz", test::gzipBytes(test::idxBytes({0x7fffffff, 2, 2}, "abcd")),
        "cannot hold");
    row("picture: damaged", "a.png", "\x89PNG\r\n\x1a\n and nothing", "");
    row("picture: text", "b.jpg", "no picture at all", "no picture");
    // A bitmap of 100,000 × 100,000 pixels in 54 bytes.
    QByteArray bitmap("BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\xa0\x86\x01\0\xa0\x86\x01\0\x01\0\x18\0", 30);
    row("picture: huge", "c.bmp", bitmap + QByteArray(24, '\0'), "");
    row("nothing known", "a.bin", "some bytes", "is no data set");
  }
  void namesTheFault() {
    QFETCH(const QString, file);
    QFETCH(const QByteArray, content);
    QFETCH(const QString, part);
    const auto at = path("faults/" + file.toStdString());
    writeBytes(at, content);
    expectError(at, part.toStdString(), model());
  }

  void folders() {
    std::filesystem::create_directories(path("empty"));
    expectError(path("empty"), "holds no data set", model());
    expectError(path("nowhere"), "no such file", model());
    const QByteArray good = npyBytes("<f4", "2, 1, 2, 2", rawBytes(std::vector<float>(8)));
    writeBytes(path("two/x.npz"), test::zipBytes({{"x.npy", good}}, test::ZipMethod::stored));
    writeBytes(path("two/x.npy"), good);
    expectError(path("two"), "several data sets", model());
    writeBytes(path("missing/x.npy"), good);
    const Model both = modelOf(
        {valueOf("x", ElementType::float32, {1, 1, 2, 2}), valueOf("a/z", ElementType::float32, {1, 2})},
        {1, 3});
    expectError(path("missing"), "no array for the model's input a/z (expected one called a_z", both);
    writeBytes(path("missing/a_z.npy"), npyBytes("<f4", "3, 2", rawBytes(std::vector<float>(6))));
    const auto uneven = open(path("missing"), both);
    QVERIFY(!uneven && uneven.error().message().find("3 samples") != std::string::npos);
    writeBytes(path("sets/test_data_set_0/input_0.pb"), "\xff\xff\xff");
    const auto protobuf = open(path("sets"), model());
    QVERIFY(!protobuf && protobuf.error().file.find("input_0.pb") != std::string::npos);
    writeBytes(path("sets2/test_data_set_0/other"), "");
    const auto without = open(path("sets2"), model());
    QVERIFY(!without && without.error().message().find("input_0.pb: is missing") != std::string::npos);
  }

  void labels_data() {
    QTest::addColumn<QByteArray>("labels");
    QTest::addColumn<QString>("part");
    QTest::newRow("beyond") << npyBytes("<i8", "2,", rawBytes<std::int64_t>({0, 3})) << "(label 1)";
    QTest::newRow("below") << npyBytes("<i8", "2,", rawBytes<std::int64_t>({-2, 0})) << "(label 0)";
    QTest::newRow("too few") << npyBytes("<i8", "1,", rawBytes<std::int64_t>({0})) << "2 samples";
    QTest::newRow("floats") << npyBytes("<f4", "2,", rawBytes<float>({0, 1})) << "integers";
  }
  void labels() {
    QFETCH(const QByteArray, labels);
    QFETCH(const QString, part);
    writeBytes(path("labels/x.npy"), npyBytes("<f4", "2, 1, 2, 2", rawBytes(std::vector<float>(8))));
    writeBytes(path("labels/labels.npy"), labels);
    const auto samples = open(path("labels"), model());
    QVERIFY(!samples);
    const std::string message = samples.error().message();
    QVERIFY2(message.find(part.toStdString()) != std::string::npos, message.c_str());
    QVERIFY2(message.find("labels.npy") != std::string::npos, message.c_str());
  }

  void labelTables_data() {
    QTest::addColumn<QByteArray>("table");
    QTest::addColumn<QString>("part");
    QTest::newRow("no header") << QByteArray("a.png,1\n") << "names no column";
    QTest::newRow("no class") << QByteArray("file,wnid\na.png,1\n") << "no column class_index";
    QTest::newRow("no number") << QByteArray("file,label\na.png,one\n")
                               << "\"one\" is no class; expected a whole number (line 2)";
    QTest::newRow("short") << QByteArray("file,label\na.png\n") << "(line 2)";
    QTest::newRow("beyond") << QByteArray("file,label\na.png,3\n") << "3 classes (line 2)";
    QTest::newRow("others") << QByteArray("file,label\nb.png,1\n") << "names none of the pictures";
  }
  void labelTables() {
    QFETCH(const QByteArray, table);
    QFETCH(const QString, part);
    QImage image(2, 2, QImage::Format_RGB888);
    image.fill(Qt::red);
    std::filesystem::create_directories(path("table"));
    QVERIFY(image.save(QString::fromStdString(path("table/a.png").string())));
    writeBytes(path("table/labels.csv"), table);
    const auto samples = open(path("table"), model());
    QVERIFY(!samples);
    const std::string message = samples.error().message();
    QVERIFY2(message.find(part.toStdString()) != std::string::npos, message.c_str());
    QVERIFY2(message.find("labels.csv") != std::string::npos, message.c_str());
  }

  void settingsThatDoNotFit() {
    QImage image(4, 2, QImage::Format_RGB888);
    image.fill(Qt::red);
    std::filesystem::create_directories(path("fit"));
    QVERIFY(image.save(QString::fromStdString(path("fit/a.png").string())));
    DataSettings settings;
    settings.channels = PixelChannels::rgb;
    expectError(path("fit"), "--channels rgb", model(), settings);
    settings = {};
    settings.mean = {1, 2, 3};
    expectError(path("fit"), "--mean has 3 numbers", model(), settings);
    settings = {};
    settings.crop = ImageSize{3, 3};
    expectError(path("fit"), "--crop 3", model(), settings);
    settings = {};
    settings.resize = parseResize("1").value();
    expectError(path("fit/a.png"), "too small for a crop", model(), settings);
    expectError(path("fit"), "--layout", modelOf({valueOf("x", ElementType::float32, {1, 5, 5, 5})}, {1, 3}));
    settings.resize = ImageResize{ImageResize::Kind::exact, {0, 100000}};
    QVERIFY(!open(path("fit"), model(), settings));
  }

  void tokenizers_data() {
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("part");
    const QByteArray head("\x04\0\0\0", 4);
    QTest::newRow("empty") << QByteArray() << "no tokens";
    QTest::newRow("cut") << head + QByteArray("\0\0\0\0\x03", 5) << "(token 0)";
    QTest::newRow("long") << head + QByteArray("\0\0\0\0\xff\xff\xff\x7f", 8) << "(token 0)";
    QTest::newRow("negative") << head + QByteArray("\0\0\0\0\xff\xff\xff\xff", 8) << "(token 0)";
    QTest::newRow("few") << head + QByteArray("\0\0\0\0\x01\0\0\0a", 9) << "at least 259";
  }
  void tokenizers() {
    QFETCH(const QByteArray, content);
    QFETCH(const QString, part);
    writeBytes(path("tokenizer"), content);
    writeBytes(path("a.txt"), "abc");
    DataSettings settings;
    settings.tokenizer = path("tokenizer").string();
    const auto samples =
        open(path("a.txt"), modelOf({valueOf("ids", ElementType::int64, {1, 2})}, {1, 2, 9}), settings);
    QVERIFY(!samples);
    const std::string message = samples.error().message();
    QVERIFY2(message.find(part.toStdString()) != std::string::npos, message.c_str());
    QVERIFY2(message.find("tokenizer") != std::string::npos, message.c_str());
  }

  void texts() {
    const Model tokens = modelOf({valueOf("ids", ElementType::int64, {1, 4})}, {1, 4, 9});
    DataSettings settings;
    settings.tokenizer = "bytes";
    writeBytes(path("short.txt"), "abc");
    expectError(path("short.txt"), "3 tokens, fewer than the 4", tokens, settings);
    expectError(path("short.txt"), "--shape ids=1,64",
                modelOf({valueOf("ids", ElementType::int64, {-1, -1})}, {1, 4, 9}), settings);
    writeBytes(path("vocabulary.txt"), "a\nb\n");
    settings.tokenizer = path("vocabulary.txt").string();
    expectError(path("short.txt"), "(byte 2)", tokens, settings);
  }

  /// Any bytes give samples or an error.
  void survivesMutations() {
    const QByteArray npy = npyBytes("<f4", "3, 1, 2, 2", rawBytes(std::vector<float>(12)));
    const QByteArray labels = npyBytes("|u1", "3,", QByteArray("\x01\x02\x00", 3));
    const QByteArray idx = test::idxBytes({3, 2, 2}, QByteArray(12, '\x05'));
    const std::vector<std::pair<std::string, QByteArray>> seeds = {
        {"m.npy", npy},
        {"m-idx3-ubyte", idx},
        {"m-idx3-ubyte.gz", test::gzipBytes(idx)},
        {"stored.npz", test::zipBytes({{"x.npy", npy}, {"y.npy", labels}}, test::ZipMethod::stored)},
        {"deflated.npz", test::zipBytes({{"x.npy", npy}, {"y.npy", labels}}, test::ZipMethod::deflated)}};
    std::mt19937 random(20260);
    int failed = 0;
    int read = 0;
    for (const auto& [name, sound] : seeds) {
      VERIFY_OK(([&] {
        writeBytes(path("mutants/" + name), sound);
        return readAll(path("mutants/" + name), model());
      }()));
      for (int round = 0; round < 120; ++round) {
        QByteArray bytes = sound;
        for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
          const auto at = static_cast<qsizetype>(random() % static_cast<unsigned>(bytes.size()));
          switch (random() % 4) {
          case 0:
            bytes[at] = static_cast<char>(random());
            break;
          case 1:
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
            break;
          case 2:
            bytes.truncate(at + 1);
            break;
          default:
            bytes.insert(at, bytes.mid(at / 2, 8));
            break;
          }
        }
        writeBytes(path("mutants/" + name), bytes);
        ++(readAll(path("mutants/" + name), model()) ? read : failed);
      }
    }
    QVERIFY(failed > 100 && read > 20);
  }
};

QTEST_GUILESS_MAIN(DataSetDamageTest)
#include "tst_data_set_damage.moc"
