// A thousand damaged ONNX files, made from good ones with a fixed seed: every one opens or gives an error,
// quickly, in bounded memory; and what opens can be decoded. HALFSTEP_MUTATIONS sets another number of files,
// HALFSTEP_MUTATION_SEED another seed.
#include "core/quant/weight_matrix.h"
#include "plugins/host/plugin_host.h"
#include "tests/support/onnx_models.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QElapsedTimer>
#include <QTemporaryDir>

#include <random>

using namespace halfstep;

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) {
  return limit == 0 ? 0 : static_cast<std::size_t>(random() % limit);
}

void flipBits(std::string& file, Random& random) {
  for (std::size_t i = 0, count = 1 + below(random, 8); i < count; ++i) {
    file[below(random, file.size())] ^= static_cast<char>(1u << below(random, 8));
  }
}

void truncate(std::string& file, Random& random) {
  file.resize(below(random, file.size()));
}

/// A length, a dimension or an enumerator becomes another number: small, huge or negative.
void lieAboutNumber(std::string& file, Random& random) {
  static const std::string kNumbers[] = {std::string(1, '\0'),
                                         "\x01",
                                         "\x7f",
                                         "\xff\x7f",
                                         "\xff\xff\xff\xff\x07",
                                         "\xff\xff\xff\xff\x0f",
                                         "\x80\x80\x80\x80\x80\x80\x80\x80\x40",
                                         "\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                                         "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"};
  for (std::size_t i = 0, count = 1 + below(random, 3); i < count; ++i) {
    const std::size_t at = below(random, file.size());
    file.replace(at, below(random, 3), kNumbers[below(random, std::size(kNumbers))]);
  }
}

void splice(std::string& file, const std::string& other, Random& random) {
  const std::size_t from = below(random, other.size());
  const std::string piece = other.substr(from, 1 + below(random, 400));
  const std::size_t at = below(random, file.size());
  file.replace(at, below(random, 2) == 0 ? 0 : piece.size(), piece);
}

void removePiece(std::string& file, Random& random) {
  file.erase(below(random, file.size()), 1 + below(random, 40));
}

/// Changes within the structure: the lengths around stay right, so that the damage reaches further in.
void lieWithinStructure(std::string& file, Random& random) {
  onnx::ModelProto model;
  if (!model.ParseFromString(file) || model.graph().initializer_size() == 0) {
    return;
  }
  auto& graph = *model.mutable_graph();
  const auto pick = [&](int size) { return static_cast<int>(below(random, static_cast<std::size_t>(size))); };
  auto& tensor = *graph.mutable_initializer(pick(graph.initializer_size()));
  static const std::int64_t kDims[] = {0,         -1,       1, 2, 3, 7, 1 << 20, std::int64_t{1} << 40,
                                       INT64_MAX, INT64_MIN};
  switch (below(random, 6)) {
  case 0:
    tensor.set_data_type(pick(30));
    break;
  case 1:
    tensor.add_dims(kDims[below(random, std::size(kDims))]);
    break;
  case 2:
    if (tensor.dims_size() > 0) {
      tensor.set_dims(pick(tensor.dims_size()), kDims[below(random, std::size(kDims))]);
    }
    break;
  case 3:
    if (graph.node_size() > 0) {
      auto& node = *graph.mutable_node(pick(graph.node_size()));
      static const char* const kOperators[] = {"Transpose", "Reshape",          "Concat", "Slice",  "Squeeze",
                                               "Unsqueeze", "DequantizeLinear", "LSTM",   "Gather", "Flatten",
                                               "If"};
      node.set_op_type(kOperators[below(random, std::size(kOperators))]);
    }
    break;
  case 4:
    if (graph.node_size() > 0) {
      auto& node = *graph.mutable_node(pick(graph.node_size()));
      for (auto& attribute : *node.mutable_attribute()) {
        attribute.set_i(kDims[below(random, std::size(kDims))]);
      }
      if (node.input_size() > 1) {
        node.mutable_input()->SwapElements(0, 1);
      }
    }
    break;
  default: // every weight becomes every other node's
    for (auto& node : *graph.mutable_node()) {
      if (node.input_size() > 1) {
        node.set_input(1, graph.initializer(pick(graph.initializer_size())).name());
      }
    }
  }
  file = model.SerializeAsString();
}

std::string mutated(const std::vector<std::string>& seeds, Random& random) {
  std::string file = seeds[below(random, seeds.size())];
  if (below(random, 5) < 2) {
    for (std::size_t i = 0, count = 1 + below(random, 4); i < count; ++i) {
      lieWithinStructure(file, random);
    }
    return file;
  }
  for (std::size_t i = 0, count = 1 + below(random, 3); i < count && !file.empty(); ++i) {
    switch (below(random, 7)) {
    case 0:
      flipBits(file, random);
      break;
    case 1:
      truncate(file, random);
      break;
    case 2:
    case 3:
      lieAboutNumber(file, random);
      break;
    case 4:
      splice(file, seeds[below(random, seeds.size())], random);
      break;
    case 5:
      removePiece(file, random);
      break;
    default:
      lieWithinStructure(file, random);
    }
  }
  return file;
}

qint64 peakMemory() {
  QFile status(QStringLiteral("/proc/self/status"));
  if (status.open(QIODevice::ReadOnly)) {
    for (const QByteArray& line : status.readAll().split('\n')) {
      if (line.startsWith("VmHWM:")) {
        return line.mid(6).simplified().split(' ')[0].toLongLong() * 1024;
      }
    }
  }
  return 0;
}

} // namespace

class OnnxMutationsTest : public test::TestCase {
  Q_OBJECT

  static std::vector<std::string> seeds() {
    std::vector<std::string> seeds = {test::convolutionModel(), test::quantizedModel(),
                                      test::structuredModel(), test::longModel(20)};
    QStringList files = {QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/digits_cnn.onnx")};
    if (!test::sharedModels().isEmpty()) {
      files << test::sharedModels() + "/mnist-cntk-onnx/mnist.onnx"
            << test::sharedModels() + "/silero-vad/silero_vad_16k_op15.onnx";
    }
    for (const QString& name : files) {
      QFile file(name);
      if (file.open(QIODevice::ReadOnly)) {
        seeds.push_back(file.readAll().toStdString());
      }
    }
    return seeds;
  }

private slots:
  void damagedFilesOpenOrGiveAnError() {
    bool given = false;
    const int wanted = qEnvironmentVariableIntValue("HALFSTEP_MUTATIONS", &given);
    const int count = given ? wanted : 1000;
    const int seed = qEnvironmentVariableIntValue("HALFSTEP_MUTATION_SEED", &given);
    Random random(given ? static_cast<std::uint64_t>(seed) : 20240229u);
    PluginHost host;
    host.scan(HALFSTEP_BUILD_DIR "/lib/halfstep/plugins");
    QVERIFY(!host.loaders().empty());
    QTemporaryDir folder;
    const std::string path = folder.filePath("mutated.onnx").toStdString();
    const auto originals = seeds();
    std::map<ErrorKind, int> errors;
    int opened = 0;
    std::size_t decoded = 0;
    qint64 slowest = 0;
    for (int i = 0; i < count; ++i) {
      test::writeFile(path, mutated(originals, random));
      QElapsedTimer timer;
      timer.start();
      const auto model = host.loadModel(path, JobContext());
      slowest = std::max(slowest, timer.elapsed());
      QVERIFY2(timer.elapsed() < 5000, qPrintable(QStringLiteral("file %1 took too long").arg(i)));
      if (!model) {
        QVERIFY2(!model.error().what.empty() && model.error().file == path, model.error().message().c_str());
        ++errors[model.error().kind];
        continue;
      }
      ++opened;
      for (const Layer& layer : (*model)->layers) {
        const auto matrix = WeightMatrix::fromLayer(layer, JobContext());
        QVERIFY2(matrix.has_value(), matrix ? "" : matrix.error().message().c_str());
        decoded += (*matrix)->count();
      }
    }
    qInfo("%d files from %zu good ones: %d open (%zu weights decoded), %d damaged, %d unsupported, %d other; "
          "slowest %lld ms; peak memory %lld MB",
          count, originals.size(), opened, decoded, errors[ErrorKind::damagedFile],
          errors[ErrorKind::unsupported], errors[ErrorKind::failed], slowest, peakMemory() >> 20);
    QVERIFY(opened > count / 20 && opened < count); // the damage is neither too little nor too much
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    QVERIFY(peakMemory() < qint64{400} << 20);
#endif
  }
};

QTEST_GUILESS_MAIN(OnnxMutationsTest)
#include "tst_onnx_mutations.moc"
