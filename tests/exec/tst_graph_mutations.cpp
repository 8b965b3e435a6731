// Damaged graphs, made from sound ones with a fixed seed: every one runs or gives an error that says where,
// soon and in bounded memory; so do their gradients. HALFSTEP_MUTATIONS sets another number of them,
// HALFSTEP_MUTATION_SEED another seed, HALFSTEP_MUTATION_FIRST the first one's number: with a number and the
// seed one of them comes again. HALFSTEP_MUTATION_LOG names each before it runs; HALFSTEP_MUTATION_MODEL
// takes only the graphs with this in their names.
#include "core/exec/elements.h"
#include "core/exec/executor.h"
#include "core/exec/gradients/backward.h"
#include "core/support/parallel.h"
#include "plugins/host/plugin_host.h"
#include "tests/exec/allocation_limit.h"
#include "tests/exec/graph_mutations.h"
#include "tests/exec/operator_examples.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <QDirIterator>
#include <QElapsedTimer>

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include <unistd.h>

using namespace halfstep;
using namespace halfstep::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSlowness = 8;
#else
constexpr int kSlowness = 1;
#endif
constexpr int kPatience = 1000 * kSlowness; ///< ms until a run is stopped
constexpr int kReaction = 2000 * kSlowness; ///< ms that it may then take: the machine may be busy
constexpr std::size_t kOnce = std::size_t{32} << 20;
constexpr std::size_t kTogether = std::size_t{256} << 20;

int setting(const char* name, int fallback) {
  bool given = false;
  const int value = qEnvironmentVariableIntValue(name, &given);
  return given ? value : fallback;
}

/// Asks a run to stop when it takes too long.
class Watch {
public:
  JobContext job() const { return JobContext(m_stop.get_token()); }

private:
  std::stop_source m_stop;
  std::mutex m_mutex;
  std::condition_variable_any m_done;
  std::jthread m_thread{[this](const std::stop_token& over) {
    std::unique_lock lock(m_mutex);
    m_done.wait_for(lock, over, std::chrono::milliseconds(kPatience), [] { return false; });
    if (!over.stop_requested()) {
      m_stop.request_stop();
    }
  }};
};

/// Values for inputs of which nothing else is known.
Values syntheticInputs(const Graph& graph) {
  Random random(3);
  Values inputs;
  for (const ValueInfo& input : graph.inputs) {
    Shape shape;
    for (const Dimension& dimension : input.shape) {
      shape.push_back(dimension.value > 0 ? dimension.value : 2);
    }
    if (input.container.empty()) {
      inputs[input.name] = randomTensor(input.type, shape, random, Content::plain);
    }
  }
  return inputs;
}

Result<Tensor> tensorOfOnes(const Shape& shape) {
  HALFSTEP_TRY(const auto made, newTensor<float>(shape));
  std::fill(made.values.begin(), made.values.end(), 1.0f);
  return made.finish();
}

/// A case of ONNX's own, with its data.
std::optional<RunnableModel> caseIn(const PluginHost& host, const QString& folder) {
  const std::string path = (folder + "/model.onnx").toStdString();
  const auto model = host.loadModel(path, {});
  if (!model) {
    return std::nullopt;
  }
  RunnableModel made{folder.section('/', -1).toStdString(), *model, {}};
  const auto loader = host.loaderFor(path).value();
  for (std::size_t i = 0; i < (*model)->graph.inputs.size(); ++i) {
    const ValueInfo& input = (*model)->graph.inputs[i];
    const QString file = QStringLiteral("%1/test_data_set_0/input_%2.pb").arg(folder).arg(i);
    if (auto value = loader->loadValue(file.toStdString(), input.container)) {
      made.inputs[input.name] = std::move(*value);
    }
  }
  return made;
}

} // namespace

class GraphMutationsTest : public test::TestCase {
  Q_OBJECT

  std::unique_ptr<PluginHost> m_host;
  std::vector<RunnableModel> m_models; ///< sound ones
  std::size_t m_examples = 0;          ///< how many of them, the first ones, are operatorExamples()

private slots:
  void initTestCase() {
    m_host = std::make_unique<PluginHost>();
    m_host->scan(PluginHost::folderFor(HALFSTEP_BUILD_DIR "/bin"));
    m_models = operatorExamples();
    m_examples = m_models.size();
    for (const char* name : {"digits_cnn", "digits_mlp", "sentences_lstm", "sequence_transformer"}) {
      const auto model =
          m_host->loadModel(std::string(HALFSTEP_SOURCE_DIR "/sample_models/") + name + ".onnx", {});
      VERIFY_OK(model);
      m_models.push_back({name, *model, syntheticInputs((*model)->graph)});
    }
    QStringList folders;
    for (const QString kind :
         {"node", "simple", "pytorch-operator", "pytorch-converted"}) { // Debian: libonnx-testdata
      QDirIterator found("/usr/share/libonnx-testdata/data/" + kind, QDir::Dirs | QDir::NoDotAndDotDot);
      while (found.hasNext()) {
        folders << found.next();
      }
    }
    folders.sort();
    for (const QString& folder : folders) {
      if (auto found = caseIn(*m_host, folder)) {
        m_models.push_back(std::move(*found));
      }
    }
    const std::string part = qgetenv("HALFSTEP_MUTATION_MODEL").toStdString();
    std::erase_if(m_models,
                  [&](const RunnableModel& one) { return one.name.find(part) == std::string::npos; });
    m_examples = part.empty() ? m_examples : m_models.size();
    QVERIFY(!m_models.empty());
  }

  /// The table of examples itself: what is to be damaged must be sound.
  void examplesRun() {
    for (const RunnableModel& example : operatorExamples()) {
      const auto executor = Executor::create(example.model);
      VERIFY_OK(executor);
      const auto outputs = executor->run(example.inputs, {});
      QVERIFY2(outputs, outputs ? "" : outputs.error().message().c_str());
    }
  }

  /// What damaged graphs once brought to light. Each ends soon; `error`: with an error that says this.
  void mendedFaults_data() {
    QTest::addColumn<QString>("op");
    QTest::addColumn<int>("opset");
    QTest::addColumn<QString>("inputs");
    QTest::addColumn<QString>("attributes");
    QTest::addColumn<QString>("error");
    const auto row = [](const char* name, const char* op, int opset, const char* inputs,
                        const char* attributes, const char* error) {
      QTest::newRow(name) << op << opset << inputs << attributes << error;
    };
    row("the end of a slice overflowed", "Split", 2, "f32[4,3]", "axis=0 split=[2,9223372036854775807]",
        "Split");
    row("the smallest integer has no absolute value", "Pad", 2, "f32[4]", "pads=[-9223372036854775808,0]",
        "absurdly large");
    row("a kernel was added unseen", "MaxUnpool", 11, "f32[1,1,2,2] i64[1,1,2,2]",
        "kernel_shape=[9223372036854775807,2] pads=[1,1,1,1]", "makes no sense");
    row("windows were walked outside of the input", "MaxPool", 11, "f32[1,1,4,4]",
        "kernel_shape=[1073741824,4] strides=[1073741824,1] pads=[1073741823,3,1073741823,3]", "");
    row("the product of a kernel's lengths overflowed", "MaxPool", 11, "f32[1,1,4,4,4,4]",
        "kernel_shape=[1073741824,1073741824,1073741824,1073741824] "
        "pads=[1073741823,1073741823,1073741823,1073741823,1073741823,1073741823,1073741823,1073741823]",
        "2^48");
    row("a zero point was no code", "DequantizeLinear", 13, "i32[4] f32:0.1 i64:-9223372036854775808", "",
        "zero point");
    row("integers overflowed", "PRelu", 9, "i64:-9223372036854775808 i64:9223372036854775807", "", "");
    row("a padding was computed from any output_shape", "ConvTranspose", 11, "f32[1,1,3,3] f32[1,1,3,3]",
        "output_shape=[10,-9223372036854775808]", "makes no sense");
    row("oneDNN takes long for much padding", "Conv", 11, "f32[1,1,4] f32[1,1,1]", "pads=[1048576,1048576]",
        "");
  }

  void mendedFaults() {
    QFETCH(const QString, op);
    QFETCH(const int, opset);
    QFETCH(const QString, inputs);
    QFETCH(const QString, attributes);
    QFETCH(const QString, error);
    const RunnableModel example =
        exampleOf("", opset, op.toStdString(), inputs.toStdString(), attributes.toStdString());
    const Executor executor = Executor::create(example.model).value();
    QElapsedTimer timer;
    timer.start();
    const auto outputs = executor.run(example.inputs, {});
    QVERIFY(timer.elapsed() < 1000 * kSlowness);
    QCOMPARE(outputs.has_value(), error.isEmpty());
    QVERIFY2(outputs || outputs.error().message().find(error.toStdString()) != std::string::npos,
             outputs ? "" : outputs.error().message().c_str());
  }

  void statisticsOfTooManyDimensionsAreRefused() { // oneDNN threw, behind a convolution in its own layout
    RunnableModel example = exampleOf("", 13, "Conv", "f32[1,4,6,5] f32[4,4,3,3]", "");
    auto model = std::make_shared<Model>(*example.model);
    model->graph.addInitializer("statistics", *tensorOfOnes(Shape(18, 1)));
    Node node = model->graph.nodes.front();
    node.opType = "BatchNormalization";
    node.inputs = {"y0", "statistics", "statistics", "statistics", "statistics"};
    node.outputs = {"z"};
    model->graph.nodes.push_back(node);
    model->graph.outputs.front().name = "z";
    const auto outputs = Executor::create(model).value().run(example.inputs, {});
    QVERIFY(!outputs && !outputs.error().where.empty());
  }

  void shapesOfNothingDoNotOverflow() { // as factors of strides, counts and offsets they did
    QVERIFY(!elementCount({3, std::int64_t{1} << 62, 0}));
    QCOMPARE(*elementCount({3, std::int64_t{1} << 40, 0}), std::size_t{0});
  }

  void memoryThatOthersUseIsNotPromised() { // the system gave it, and ended the program when it was used
    const long long all = 1LL * ::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGE_SIZE);
    const auto refused = allocateBytes(static_cast<std::size_t>(all) - 1);
    QVERIFY(!refused && refused.error().message().find("memory") != std::string::npos);
  }

  void exceptionsReachWhoStartedALoop() { // out of memory on another thread ended the program
    QVERIFY_EXCEPTION_THROWN(parallelFor(64, [](std::size_t) { throw std::bad_alloc(); }), std::bad_alloc);
    QVERIFY_EXCEPTION_THROWN(parallelFor(1, [](std::size_t) { throw std::bad_alloc(); }), std::bad_alloc);
  }

  void mutatedGraphsEndInAnError() {
    const auto run = [](const RunnableModel& original, const RunnableModel& damaged) -> Result<void> {
      HALFSTEP_TRY(const Executor executor, Executor::create(damaged.model));
      const Watch watch;
      Result<void> outcome;
      for (const RunnableModel* given :
           {&original, &damaged}) { // what is kept from the first run must not mislead
        if (const auto outputs = executor.run(given->inputs, watch.job()); !outputs) {
          outcome = outputs.error();
        }
      }
      return outcome;
    };
    damage(setting("HALFSTEP_MUTATIONS", 4000 / kSlowness), run);
  }

  void theirGradientsEndInAnError() {
    const auto run = [](const RunnableModel&, const RunnableModel& damaged) -> Result<void> {
      HALFSTEP_TRY(const Executor executor, Executor::create(damaged.model));
      const Watch watch;
      std::vector<std::string> wanted = damaged.model->graph.initializerNames;
      HALFSTEP_TRY(const ForwardPass pass,
                   ForwardPass::run(executor, damaged.inputs, std::move(wanted), watch.job()));
      std::map<std::string, Tensor> seeds;
      Random random(4);
      for (const ValueInfo& output : damaged.model->graph.outputs) {
        const auto value = pass.values().find(output.name);
        if (value != pass.values().end() && value->second.isTensor()) {
          seeds[output.name] =
              randomTensor(ElementType::float32, value->second.tensor().shape(), random, Content::plain);
        }
      }
      HALFSTEP_TRY(const Gradients gradients, pass.backward(seeds, watch.job()));
      for (const auto& [name, gradient] : gradients) {
        if (!gradient) {
          return gradient.error();
        }
      }
      return {};
    };
    damage(setting("HALFSTEP_MUTATIONS", 1600 / kSlowness), run);
  }

private:
  using RunDamaged = Result<void> (*)(const RunnableModel& original, const RunnableModel& damaged);

  void damage(int count, RunDamaged run) {
    const int first = setting("HALFSTEP_MUTATION_FIRST", 0);
    const auto seed = static_cast<std::uint64_t>(setting("HALFSTEP_MUTATION_SEED", 20261121));
    const bool log = qEnvironmentVariableIsSet("HALFSTEP_MUTATION_LOG");
    const AllocationLimit limit(kOnce, kTogether);
    int errors = 0;
    qint64 slowest = 0;
    for (int i = first; i < first + count; ++i) {
      Random random(seed * 1000003 + static_cast<std::uint64_t>(i));
      const std::size_t among = pick(random, 4) == 0 ? m_examples : m_models.size();
      RunnableModel original = m_models[pick(random, among)];
      const std::string name = "mutation " + std::to_string(i) + " of " + original.name;
      auto damagedModel = std::make_shared<Model>(*original.model);
      fixInputs(*damagedModel, original.inputs, random);
      RunnableModel damaged{original.name, damagedModel, original.inputs};
      mutate(*damagedModel, damaged.inputs, random);
      if (log) {
        fprintf(stderr, "%s\n%s", name.c_str(),
                count == 1 ? described(*damagedModel, damaged.inputs).c_str() : "");
      }
      QElapsedTimer timer;
      timer.start();
      const Result<void> outcome = run(original, damaged);
      slowest = std::max(slowest, timer.elapsed());
      QVERIFY2(timer.elapsed() < kPatience + kReaction, (name + " took too long").c_str());
      if (!outcome) {
        ++errors;
        const std::string message = outcome.error().message();
        if (log) {
          fprintf(stderr, "  %s\n", message.c_str());
        }
        QVERIFY2(!outcome.error().what.empty(), name.c_str());
        QVERIFY2(message.find("memory") == std::string::npos || !outcome.error().where.empty(),
                 (name + ": " + message).c_str());
      }
    }
    qInfo("%d graphs damaged, from %zu sound ones: %d errors; slowest %lld ms", count, m_models.size(),
          errors, slowest);
    QVERIFY(count < 200 || (errors > count / 10 && errors < count)); // neither too little damage nor too much
  }
};

QTEST_GUILESS_MAIN(GraphMutationsTest)
#include "tst_graph_mutations.moc"
