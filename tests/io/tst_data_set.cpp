// Data sets of every form, made here, as the samples they ought to be.
#include "core/analysis/synthetic_samples.h"
#include "core/io/data_set.h"
#include "core/io/image_resize.h"
#include "core/io/tokenizer.h"
#include "plugins/host/plugin_host.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QImage>
#include <QTemporaryDir>

#include <algorithm>
#include <numeric>
#include <set>

using namespace halfstep;
using test::modelOf;
using test::npyBytes;
using test::rawBytes;
using test::valueOf;
using test::writeBytes;

namespace {

std::vector<float> floats(const Tensor& tensor) {
  return toFloats(tensor, {}).value();
}

std::vector<float> counted(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0F);
  return values;
}

} // namespace

class DataSetTest : public test::TestCase {
  Q_OBJECT

  PluginHost m_host;
  QTemporaryDir m_folder;

  std::filesystem::path path(const char* name) const { return m_folder.filePath(name).toStdString(); }
  Result<std::shared_ptr<const SampleSource>> open(const std::filesystem::path& file, const Model& model,
                                                   const DataSettings& settings = {}) const {
    DataReaders readers;
    readers.images = m_host.imageReader();
    readers.archives = m_host.archiveReader();
    readers.tensors = m_host.loaders().empty() ? nullptr : m_host.loaders()[0].get();
    return openDataSet(file, model, settings, readers, {});
  }
  static Tensor input(const SampleSource& samples, std::size_t index, const char* name = "x") {
    const auto values = samples.inputs(index);
    return values && values->contains(name) ? values->at(name).tensor() : Tensor();
  }
  static Model pictures(const std::vector<std::int64_t>& shape, std::int64_t classes = 10) {
    return modelOf({valueOf("x", ElementType::float32, shape)}, {1, classes});
  }

private slots:
  void initTestCase() {
    m_host.scan(std::filesystem::path(HALFSTEP_BUILD_DIR) / "lib" / "halfstep" / "plugins");
    QVERIFY(m_host.imageReader() != nullptr && m_host.archiveReader() != nullptr);
  }

  void arraysByName() {
    writeBytes(path("named/a_b.npy"), npyBytes("<f4", "3, 2", rawBytes(counted(6))));
    writeBytes(path("named/mask.npy"), npyBytes("<i4", "3, 2", rawBytes<std::int32_t>({1, 2, 3, 4, 5, 6})));
    writeBytes(path("named/rate.npy"), npyBytes("<i8", "", rawBytes<std::int64_t>({16000})));
    writeBytes(path("named/labels.npy"), npyBytes("|u1", "3,", QByteArray("\x02\x00\x01", 3)));
    const Model model =
        modelOf({valueOf("a/b", ElementType::float32, {-1, 2}), valueOf("mask", ElementType::int64, {1, 2}),
                 valueOf("rate", ElementType::int64, {})},
                {-1, 3});
    const auto samples = open(path("named"), model);
    VERIFY_OK(samples);
    QCOMPARE((*samples)->count(), std::size_t{3});
    QCOMPARE(input(**samples, 2, "a/b").shape(), (Shape{1, 2}));
    QCOMPARE(floats(input(**samples, 2, "a/b")), (std::vector<float>{4, 5}));
    QCOMPARE(input(**samples, 1, "mask").type(), ElementType::int64);
    QCOMPARE(toIntegers(input(**samples, 1, "mask")).value(), (std::vector<std::int64_t>{3, 4}));
    QCOMPARE(toIntegers(input(**samples, 2, "rate")).value(), (std::vector<std::int64_t>{16000}));
    QCOMPARE((*samples)->targets(0), std::vector<std::int64_t>{2});
    QVERIFY(!(*samples)->origin().synthetic);
  }

  void oneArrayWhateverItsName() {
    writeBytes(path("one/anything.npy"),
               npyBytes("<f8", "2, 1, 4", rawBytes<double>({1, 2, 3, 4, 5, 6, 7, 8})));
    writeBytes(path("one/targets.npy"), npyBytes("<i8", "2, 2", rawBytes<std::int64_t>({1, -1, 0, 2})));
    for (const auto& file : {path("one"), path("one/anything.npy")}) {
      const auto samples = open(file, pictures({1, 4}));
      VERIFY_OK(samples);
      QCOMPARE((*samples)->count(), std::size_t{2});
      QCOMPARE(input(**samples, 1).type(), ElementType::float32);
      QCOMPARE(floats(input(**samples, 1)), (std::vector<float>{5, 6, 7, 8}));
      QCOMPARE((*samples)->targets(1), (std::vector<std::int64_t>{0, 2}));
    }
  }

  void oneFileForEachSample() {
    for (int i = 0; i < 3; ++i) {
      writeBytes(path("series") / ("x_00" + std::to_string(i) + ".npy"),
                 npyBytes("<f4", "2, 2", rawBytes<float>({float(i), 1, 2, 3})));
    }
    writeBytes(path("series/labels.npy"), npyBytes("<i2", "3,", rawBytes<std::int16_t>({5, 6, 7})));
    const auto samples = open(path("series"), pictures({1, 2, 2}));
    VERIFY_OK(samples);
    QCOMPARE((*samples)->count(), std::size_t{3});
    QCOMPARE((*samples)->name(2), std::string("x_002.npy"));
    QCOMPARE(input(**samples, 2).shape(), (Shape{1, 2, 2}));
    QCOMPARE(floats(input(**samples, 2)), (std::vector<float>{2, 1, 2, 3}));
    QCOMPARE((*samples)->targets(1), std::vector<std::int64_t>{6});
  }

  void archives_data() {
    QTest::addColumn<int>("method");
    QTest::newRow("stored") << int(test::ZipMethod::stored);
    QTest::newRow("deflated") << int(test::ZipMethod::deflated);
  }
  void archives() {
    QFETCH(const int, method);
    QByteArray pixels;
    for (int i = 0; i < 2 * 2 * 2 * 3; ++i) {
      pixels.append(char(10 * i));
    }
    writeBytes(path("pictures.npz"),
               test::zipBytes({{"images.npy", npyBytes("|u1", "2, 2, 2, 3", pixels)},
                               {"labels.npy", npyBytes("<i8", "2,", rawBytes<std::int64_t>({3, 9}))},
                               {"readme.txt", "nothing"}},
                              test::ZipMethod(method)));
    DataSettings settings;
    settings.mean = {0.5, 0.25, 0};
    settings.std = {2};
    const auto samples = open(path("pictures.npz"), pictures({-1, 3, 2, 2}), settings);
    VERIFY_OK(samples);
    QCOMPARE((*samples)->count(), std::size_t{2});
    QCOMPARE((*samples)->targets(1), std::vector<std::int64_t>{9});
    const Tensor first = input(**samples, 0);
    QCOMPARE(first.shape(), (Shape{1, 3, 2, 2}));
    // Channel 1 of the pixel in row 1, column 0 is byte 7.
    QCOMPARE(floats(first)[4 + 2], static_cast<float>((70.0 / 255 - 0.25) / 2));
    const auto asTheyAre = open(path("pictures.npz"), pictures({1, 2, 2, 3}));
    VERIFY_OK(asTheyAre);
    QCOMPARE(floats(input(**asTheyAre, 0))[7], static_cast<float>(70.0 / 255));
    QVERIFY((*asTheyAre)->origin().fingerprint != (*samples)->origin().fingerprint);
  }

  void labelsBesideAnArchive() {
    const QByteArray x = npyBytes("<f4", "2, 3", rawBytes(counted(6)));
    const QByteArray labels = npyBytes("<i8", "2,", rawBytes<std::int64_t>({4, 9}));
    writeBytes(path("beside/data.npz"), test::zipBytes({{"x.npy", x}}, test::ZipMethod::deflated));
    writeBytes(path("beside/labels.npy"), labels);
    const auto samples = open(path("beside"), pictures({1, 3}));
    VERIFY_OK(samples);
    QCOMPARE((*samples)->count(), std::size_t{2});
    QCOMPARE((*samples)->targets(1), std::vector<std::int64_t>{9});
    for (const char* name : {"label", "y", "targets", "labels"}) { // beside a single array, every name
      const std::filesystem::path folder = path("single") / name;
      writeBytes(folder / "x.npy", x);
      writeBytes(folder / (std::string(name) + ".npy"), labels);
      for (const auto& given : {folder / "x.npy", folder}) {
        const auto single = open(given, pictures({1, 3}));
        VERIFY_OK(single);
        QCOMPARE((*single)->targets(0), std::vector<std::int64_t>{4});
      }
    }
  }

  void oneArchiveForEachSample() {
    const Model model = modelOf(
        {valueOf("a", ElementType::float32, {1, 2}), valueOf("b/c", ElementType::int64, {1, 3})}, {1, 10});
    for (int i = 0; i < 3; ++i) { // with the batch's axis and without
      writeBytes(path("samples") / ("s" + std::to_string(i) + ".npz"),
                 test::zipBytes(
                     {{"a.npy", npyBytes("<f4", i == 1 ? "1, 2" : "2,", rawBytes<float>({float(i), 0.5F}))},
                      {"b_c.npy", npyBytes("<i4", "1, 3", rawBytes<std::int32_t>({i, 7, 8}))},
                      {"labels.npy", npyBytes("<i8", "", rawBytes<std::int64_t>({i + 5}))}},
                     test::ZipMethod::deflated));
    }
    const auto samples = open(path("samples"), model);
    VERIFY_OK(samples);
    QCOMPARE((*samples)->count(), std::size_t{3});
    QCOMPARE((*samples)->name(1), std::string("s1.npz"));
    for (std::size_t i = 0; i < 3; ++i) {
      QCOMPARE(input(**samples, i, "a").shape(), (Shape{1, 2}));
      QCOMPARE(floats(input(**samples, i, "a")), (std::vector<float>{float(i), 0.5F}));
      QCOMPARE(toIntegers(input(**samples, i, "b/c")).value(),
               (std::vector<std::int64_t>{std::int64_t(i), 7, 8}));
      QCOMPARE((*samples)->targets(i), std::vector<std::int64_t>{std::int64_t(i) + 5});
    }
    writeBytes(path("samples/labels.npy"), npyBytes("<i8", "3,", rawBytes<std::int64_t>({1, 2, 3})));
    const auto labelled = open(path("samples"), model);
    VERIFY_OK(labelled);
    QCOMPARE((*labelled)->targets(2), std::vector<std::int64_t>{3});
    QVERIFY((*labelled)->origin().fingerprint != (*samples)->origin().fingerprint);
    // An answer beside the input is no label; two samples in an archive are one too many.
    const auto answered = [&](const char* folder, const char* shape, std::size_t count) {
      for (const char* name : {"1.npz", "2.npz"}) {
        writeBytes(path(folder) / name,
                   test::zipBytes({{"x.npy", npyBytes("<f4", shape, rawBytes(counted(count)))},
                                   {"y.npy", npyBytes("<f4", "1,", rawBytes<float>({0.25F}))}},
                                  test::ZipMethod::stored));
      }
      return open(path(folder), pictures({1, 4}));
    };
    const auto values = answered("answers", "4,", 4);
    VERIFY_OK(values);
    QVERIFY((*values)->targets(0).empty());
    const auto several = answered("several", "2, 4", 8);
    QVERIFY(!several && several.error().kind == ErrorKind::usage);
    QVERIFY2(several.error().message().find("2 samples") != std::string::npos,
             several.error().message().c_str());
  }

  void idx_data() {
    QTest::addColumn<bool>("compressed");
    QTest::newRow("plain") << false;
    QTest::newRow("gzip") << true;
  }
  void idx() {
    QFETCH(const bool, compressed);
    const QByteArray images = test::idxBytes({2, 2, 2}, QByteArray("\x00\x33\xff\x01\x02\x03\x04\x05", 8));
    const QByteArray labels = test::idxBytes({2}, QByteArray("\x07\x01", 2));
    const std::filesystem::path folder = path(compressed ? "idx-gz" : "idx");
    const std::string suffix = compressed ? ".gz" : "";
    writeBytes(folder / ("t10k-images-idx3-ubyte" + suffix), compressed ? test::gzipBytes(images) : images);
    writeBytes(folder / ("t10k-labels-idx1-ubyte" + suffix), compressed ? test::gzipBytes(labels) : labels);
    const auto samples = open(folder, pictures({1, 1, 2, 2}));
    VERIFY_OK(samples);
    QCOMPARE((*samples)->count(), std::size_t{2});
    QCOMPARE((*samples)->targets(0), std::vector<std::int64_t>{7});
    QCOMPARE(floats(input(**samples, 0))[1], 0.2F);
    const auto flat = open(folder, pictures({-1, 4}));
    VERIFY_OK(flat);
    QCOMPARE(floats(input(**flat, 0)), floats(input(**samples, 0)));
  }

  void foldersOfPictures() {
    QImage image(8, 4, QImage::Format_RGB888);
    image.fill(QColor(255, 0, 51));
    std::filesystem::create_directories(path("photos"));
    for (const char* name : {"b.png", "a.bmp", "c.PNG"}) {
      QVERIFY(image.save(m_folder.filePath(QString("photos/") + name)));
    }
    writeBytes(path("photos/labels.csv"), "file,\"class_index_0_9\",name\na.bmp,4,\"x, y\"\nb.png,5,z\n");
    DataSettings settings;
    settings.channels = PixelChannels::bgr;
    const auto samples = open(path("photos"), pictures({1, 3, 2, 2}), settings);
    VERIFY_OK(samples);
    QCOMPARE((*samples)->count(), std::size_t{3});
    QCOMPARE((*samples)->name(0), std::string("a.bmp"));
    QCOMPARE((*samples)->targets(0), std::vector<std::int64_t>{4});
    QCOMPARE((*samples)->targets(2), std::vector<std::int64_t>{-1});
    const std::vector<float> values = floats(input(**samples, 0));
    QCOMPARE(values[0], 0.2F);
    QCOMPARE(values[8], 1.0F);
    QVERIFY(open(path("photos/b.png"), pictures({1, 3, 2, 2})));

    const auto open4 = open(path("photos"), pictures({1, 3, -1, -1}));
    QVERIFY(!open4);
    QVERIFY2(open4.error().what.find("--crop") != std::string::npos, open4.error().what.c_str());
  }

  void classesFromSubFolders() {
    QImage image(2, 2, QImage::Format_Grayscale8);
    image.fill(51);
    for (const char* folder : {"cats", "birds"}) {
      std::filesystem::create_directories(path("classes") / folder);
      QVERIFY(image.save(m_folder.filePath(QString("classes/") + folder + "/1.png")));
    }
    const auto samples = open(path("classes"), pictures({1, 2, 2, 1}));
    VERIFY_OK(samples);
    QCOMPARE((*samples)->name(1), std::string("cats/1.png"));
    QCOMPARE((*samples)->targets(1), std::vector<std::int64_t>{1});
    QCOMPARE(floats(input(**samples, 1)), (std::vector<float>{0.2F, 0.2F, 0.2F, 0.2F}));
  }

  /// By hand: 4 → 2 pixels have a triangle 4 pixels wide, weights 3 and 1 inside, cut off at the border.
  void resizesAsPillowDoes() {
    PixelImage image{4, 1, 1, {0, 40, 80, 240}};
    // left: centre 1, weights of pixels 0, 1, 2: 0.75, 0.75, 0.25 → (0 + 30 + 20) / 1.75 = 28.57
    // right: centre 3, weights of pixels 1, 2, 3: 0.25, 0.75, 0.75 → (10 + 60 + 180) / 1.75 = 142.86
    const PixelImage half = resizedImage(image, {1, 2});
    QCOMPARE(half.pixels, (std::vector<std::uint8_t>{29, 143}));
    // Larger: between the pixels' centres, no wider.
    const PixelImage twice = resizedImage({2, 1, 1, {0, 100}}, {1, 4});
    QCOMPARE(twice.pixels, (std::vector<std::uint8_t>{0, 25, 75, 100}));
    QVERIFY(twice.pixels != (std::vector<std::uint8_t>{0, 33, 67, 100})); // with the corners aligned
    const PixelImage cropped = croppedImage({5, 1, 1, {1, 2, 3, 4, 5}}, {1, 2});
    QCOMPARE(cropped.pixels, (std::vector<std::uint8_t>{3, 4})); // round(1.5) is 2, and even
    QCOMPARE(withChannels({1, 1, 3, {255, 0, 0}}, 1).pixels, std::vector<std::uint8_t>{76});
  }

  void text() {
    writeBytes(path("text/a.txt"), "abcdefgh");
    const Model model = modelOf({valueOf("ids", ElementType::int64, {1, 3})}, {1, 3, 256});
    DataSettings settings;
    const auto without = open(path("text"), model, settings);
    QVERIFY(!without && without.error().what.find("--tokenizer") != std::string::npos);
    settings.tokenizer = "bytes";
    const auto samples = open(path("text"), model, settings);
    VERIFY_OK(samples);
    QCOMPARE((*samples)->count(), std::size_t{2});
    QCOMPARE(toIntegers(input(**samples, 1, "ids")).value(), (std::vector<std::int64_t>{'d', 'e', 'f'}));
    QCOMPARE((*samples)->targets(1), (std::vector<std::int64_t>{'e', 'f', 'g'}));
    settings.samples = 1;
    writeBytes(path("vocabulary"), "a\nb\nab\nc\ncd\ne\nf\ng\nh\n");
    settings.tokenizer = path("vocabulary").string();
    const auto words = open(path("text/a.txt"), model, settings);
    VERIFY_OK(words);
    QCOMPARE((*words)->count(), std::size_t{1});
    QCOMPARE(toIntegers(input(**words, 0, "ids")).value(), (std::vector<std::int64_t>{2, 4, 5}));
  }

  void mergesPairs() {
    QByteArray file = rawBytes<std::int32_t>({8});
    const auto add = [&](const QByteArray& token, float score) {
      file += rawBytes<float>({score}) + rawBytes<std::int32_t>({std::int32_t(token.size())}) + token;
    };
    for (const char* mark : {"<unk>", "\n<s>\n", "\n</s>\n"}) {
      add(mark, 0);
    }
    for (int i = 0; i < 256; ++i) {
      add("<0x" + QByteArray::number(i, 16).toUpper().rightJustified(2, '0') + ">", 0);
    }
    for (const char* token : {" ", "a", "b", "c"}) { // 259 … 262
      add(token, -10);
    }
    add("ab", -2); // 263
    add("bc", -1); // 264: better than ab
    add(" a", -3); // 265
    writeBytes(path("tokenizer.bin"), file);
    const auto tokenizer = openTokenizer(path("tokenizer.bin"));
    VERIFY_OK(tokenizer);
    std::vector<std::int32_t> tokens;
    VERIFY_OK((*tokenizer)
                  ->encode("abc\nabü",
                           [&](std::span<const std::int32_t> more) -> Result<void> {
                             tokens.insert(tokens.end(), more.begin(), more.end());
                             return {};
                           },
                           {}));
    QCOMPARE(tokens, (std::vector<std::int32_t>{265, 264, 3 + '\n', 263, 3 + 0xc3, 3 + 0xbc}));
    DataSettings settings;
    settings.tokenizer = path("tokenizer.bin").string();
    writeBytes(path("pairs.txt"), "abc\nabü");
    const auto samples =
        open(path("pairs.txt"), modelOf({valueOf("ids", ElementType::int32, {4})}, {4, 300}), settings);
    VERIFY_OK(samples);
    QCOMPARE((*samples)->count(), std::size_t{2});
    QCOMPARE(toIntegers(input(**samples, 1, "ids")).value(), (std::vector<std::int64_t>{1, 263, 198, 191}));
    QCOMPARE((*samples)->targets(1), (std::vector<std::int64_t>{263, 198, 191, -1}));
    QCOMPARE((*samples)->targets(0), (std::vector<std::int64_t>{265, 264, 13, 263}));
  }

  void selects() {
    writeBytes(path("many.npy"), npyBytes("<f4", "50, 1", rawBytes(counted(50))));
    const Model model = pictures({1, 1});
    DataSettings settings;
    settings.samples = 7;
    const auto first = open(path("many.npy"), model, settings);
    VERIFY_OK(first);
    QCOMPARE((*first)->count(), std::size_t{7});
    QCOMPARE(floats(input(**first, 6)), std::vector<float>{6});
    settings.shuffle = 3;
    const auto mixed = open(path("many.npy"), model, settings);
    const auto again = open(path("many.npy"), model, settings);
    VERIFY_OK(mixed);
    std::set<float> seen;
    for (std::size_t i = 0; i < 7; ++i) {
      seen.insert(floats(input(**mixed, i))[0]);
      QCOMPARE(floats(input(**mixed, i)), floats(input(**again, i)));
    }
    QCOMPARE(seen.size(), std::size_t{7});
    QVERIFY(*seen.rbegin() > 6);
    QCOMPARE((*mixed)->origin(), (*again)->origin());
    QVERIFY((*mixed)->origin().fingerprint != (*first)->origin().fingerprint);
  }

  void drawsSamples() {
    Model model = modelOf(
        {valueOf("x", ElementType::float32, {-1, 3, 50, 50}), valueOf("ids", ElementType::int64, {1, 500})},
        {1, 10});
    Node gather;
    gather.opType = "Gather";
    gather.inputs = {"table", "ids"};
    gather.outputs = {"y"};
    model.graph.nodes.push_back(gather);
    model.graph.addInitializer("table",
                               Tensor::own(ElementType::int8, {4, 1}, std::vector<std::byte>(4)).value());
    SyntheticSettings settings;
    settings.shapes["x"] = {1, 3, 50, 50};
    const auto samples = SyntheticSamples::create(model, settings);
    VERIFY_OK(samples);
    QVERIFY((*samples)->origin().synthetic);
    const std::vector<float> values = floats(input(**samples, 3));
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
    QVERIFY(std::abs(mean) < 5 / std::sqrt(7500.0));
    QCOMPARE(floats(input(**samples, 3)), values);
    QVERIFY(floats(input(**samples, 4)) != values);
    const auto ids = toIntegers(input(**samples, 0, "ids")).value();
    QCOMPARE(std::set<std::int64_t>(ids.begin(), ids.end()), (std::set<std::int64_t>{0, 1, 2, 3}));
    settings.shapes["x"] = {1, 4, 50, 50};
    QVERIFY(!SyntheticSamples::create(model, settings));
    settings.shapes = {{"nobody", {1}}};
    QVERIFY(!SyntheticSamples::create(model, settings));
  }

  void sharedData() {
    const QString shared = test::sharedModels();
    if (shared.isEmpty()) {
      QSKIP("no shared models: set HALFSTEP_MODELS");
    }
    const auto samples = open((shared + "/data/mnist").toStdString(), pictures({1, 1, 28, 28}));
    VERIFY_OK(samples);
    QCOMPARE((*samples)->count(), std::size_t{10000});
    QCOMPARE((*samples)->targets(0), std::vector<std::int64_t>{7}); // the first test digit is a seven
    const auto photos =
        open((shared + "/data/imagenet-sample").toStdString(), pictures({1, 3, 224, 224}, 1000));
    VERIFY_OK(photos);
    QCOMPARE((*photos)->count(), std::size_t{100});
    VERIFY_OK((*photos)->inputs(99));
  }
};

QTEST_GUILESS_MAIN(DataSetTest)
#include "tst_data_set.moc"
