// What quantization does to a network's output: simulation, evaluation, the sweep over layers and schemes.
#include "core/analysis/layer_errors.h"
#include "core/analysis/rank_statistics.h"
#include "core/analysis/sensitivity.h"
#include "core/io/sensitivity_file.h"
#include "core/quant/scheme_grammar.h"
#include "tests/analysis/small_network.h"
#include "tests/support/test_case.h"

#include <QTemporaryDir>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

using namespace halfstep;
using test::tensorOf;

namespace {

Plan planOf(const char* weights, const char* activations = "fp32") {
  Plan plan;
  plan.fallback.weights = parseScheme(weights).value();
  plan.fallback.activations = parseActivationScheme(activations).value();
  return plan;
}

struct Network {
  std::shared_ptr<const Model> model = test::smallNetwork();
  Executor executor = Executor::create(model).value();
  test::SmallSamples samples{8};
};

std::vector<Scheme> schemes(std::initializer_list<const char*> names) {
  std::vector<Scheme> made;
  for (const char* name : names) {
    made.push_back(parseScheme(name).value());
  }
  return made;
}

} // namespace

class SensitivityTest : public test::TestCase {
  Q_OBJECT

private slots:
  void weightsAreReplacedByTheirDecodedValues() {
    const Network net;
    const Simulation simulation(net.model, nullptr);
    const auto simulated = simulatePlan(simulation, planOf("int4"), {});
    VERIFY_OK(simulated);
    QVERIFY(simulated->left.empty());
    // The same network with the decoded weights in its file.
    auto other = std::make_shared<Model>(*net.model);
    for (const Layer& layer : net.model->layers) {
      const auto weight = simulatedWeight(layer, parseScheme("int4").value(), {});
      VERIFY_OK(weight);
      QCOMPARE(weight->shape(), layer.weight.shape());
      other->graph.addInitializer(layer.weightName, *weight);
    }
    other->graph.indexConstants();
    const auto inputs = net.samples.inputs(0).value();
    const auto replaced = net.executor.run(inputs, {}, simulated->options);
    const auto expected = Executor::create(other).value().run(inputs, {});
    const auto untouched = net.executor.run(inputs, {});
    VERIFY_OK(replaced);
    const auto valuesOf = [](const auto& outputs) { return toFloats(outputs->at("y").tensor(), {}).value(); };
    QCOMPARE(valuesOf(replaced), valuesOf(expected));
    QVERIFY(valuesOf(replaced) != valuesOf(untouched));
  }

  void activationsAreQuantizedOnTheirWayIn() {
    const Network net;
    const auto calibration = calibrate(net.executor, net.samples, {}, {}).value();
    const Simulation simulation(net.model, calibration);
    const auto inputs = net.samples.inputs(0).value();
    const auto errorWith = [&](const char* activations) {
      const auto simulated = simulatePlan(simulation, planOf("fp32", activations), {}).value();
      const auto outputs = net.executor.run(inputs, {}, simulated.options).value();
      const auto reference = net.executor.run(inputs, {}).value();
      const auto figures = compareOutputs(outputRoles(*net.model), reference, outputs, {}).value();
      return figures.outputs.at(0).noise / figures.outputs.at(0).signal;
    };
    const double wide = errorWith("uint8:tensor");
    const double narrow = errorWith("uint4:tensor");
    const double dynamic = errorWith("dynamic:uint8:tensor");
    QVERIFY(wide > 0.0 && wide < 0.01);
    QVERIFY(narrow > 20.0 * wide);
    QVERIFY(dynamic < wide); // the range is this sample's own, not that of the bright one
    const auto group = simulatePlan(simulation, planOf("fp32", "uint8:channel"), {});
    QVERIFY(!group && group.error().kind == ErrorKind::usage);
    const Simulation without(net.model, nullptr);
    QCOMPARE(simulatePlan(without, planOf("fp32", "uint8:tensor"), {}).value().left.size(), std::size_t{3});
  }

  void biasBecomesInt32() {
    const Network net;
    const auto calibration = calibrate(net.executor, net.samples, {}, {}).value();
    const Simulation simulation(net.model, calibration);
    const auto simulated = simulatePlan(simulation, planOf("int8:tensor", "uint8:tensor"), {}).value();
    const Node& conv = net.model->graph.nodes[0];
    std::vector<Value> inputs = {test::randomTensor({1, 3, 8, 8}, 1), *net.model->graph.constant("c1.w"),
                                 *net.model->graph.constant("c1.b")};
    VERIFY_OK(simulated.options.edits.at(&conv)(inputs));
    const auto bias = toFloats(inputs[2].tensor(), {}).value();
    const auto matrix = WeightMatrix::fromLayer(net.model->layers[0], {}).value();
    const auto weights = chooseParameters(*matrix, parseScheme("int8:tensor").value(), {}).value();
    const ValueRange range = activationRange(*calibration->find("x"), parseScheme("uint8:tensor").value());
    const double step = double(weights.scales[0]) * ((double(range.hi) - range.lo) / 255.0);
    for (const float b : bias) {
      const double code = b / step;
      QVERIFY2(std::abs(code - std::round(code)) < 1e-3, qPrintable(QString::number(code)));
    }
  }

  void divergenceOfKnownRows() { // MV-35 of the method notes
    const auto model = test::smallNetwork();
    auto three = std::make_shared<Model>(*model);
    three->graph.outputs = {test::floatValue("y", {2, 3})};
    const std::map<std::string, Value> a = {{"y", tensorOf({2, 3}, {2.0f, 1.0f, 0.1f, 2.0f, 1.0f, 0.1f})}};
    const std::map<std::string, Value> b = {{"y", tensorOf({2, 3}, {1.9f, 1.1f, 0.0f, 1.9f, 1.1f, 0.0f})}};
    const std::vector<std::int64_t> target = {1, -1};
    const auto figures = compareOutputs(outputRoles(*three), a, b, target);
    VERIFY_OK(figures);
    const std::vector<OutputFigures> one = {*figures};
    QVERIFY(std::abs(metricOf(OutputMetric::kl, one) - 3.797771e-3) < 1e-8);
    QCOMPARE(metricOf(OutputMetric::top1, one), 1.0);
    QCOMPARE(metricOf(OutputMetric::accuracy, one), 0.0);
    QVERIFY(std::abs(metricOf(OutputMetric::mse, one) - 0.01) < 1e-7);
    const double sum = std::exp(2.0) + std::exp(1.0) + std::exp(0.1f);
    QVERIFY(std::abs(metricOf(OutputMetric::floatPerplexity, one) - sum / std::exp(1.0)) < 1e-5);
    QVERIFY(std::isnan(estimateOf(OutputMetric::kl, one, 1).low)); // one sample has no interval
  }

  void evaluationHasIntervals() {
    const Network net;
    const Simulation simulation(net.model, nullptr);
    const auto evaluation = evaluate(net.executor, simulation, planOf("int3"), net.samples, {}, {});
    VERIFY_OK(evaluation);
    QCOMPARE((*evaluation)->samples.size(), std::size_t{8});
    QCOMPARE((*evaluation)->standard, OutputMetric::kl);
    const Estimate kl = estimateOf(OutputMetric::kl, (*evaluation)->samples, 5);
    QVERIFY(kl.value > 0.0 && kl.low < kl.value && kl.value < kl.high);
    const Estimate again = estimateOf(OutputMetric::kl, (*evaluation)->samples, 5);
    QCOMPARE(again.low, kl.low); // seeded
    const auto unchanged = evaluate(net.executor, simulation, planOf("fp32"), net.samples, {}, {});
    QCOMPARE(metricOf(OutputMetric::kl, (*unchanged)->samples), 0.0);
    QCOMPARE(metricOf(OutputMetric::top1, (*unchanged)->samples), 1.0);
  }

  void sweepEqualsTheNaiveLoop() {
    const Network net;
    const Simulation simulation(net.model, nullptr);
    SensitivityOptions options;
    options.schemes = schemes({"int8", "int4", "int2"});
    options.samples = 5;
    const auto fast = measureSensitivity(net.executor, simulation, net.samples, options, nullptr, {});
    VERIFY_OK(fast);
    QVERIFY((*fast)->isComplete());
    options.reuse = false;
    const auto naive = measureSensitivity(net.executor, simulation, net.samples, options, nullptr, {});
    options.reuse = true;
    options.memoryBudget = 5000; // not even one sample's values
    const auto tight = measureSensitivity(net.executor, simulation, net.samples, options, nullptr, {});
    for (std::size_t layer = 0; layer < 3; ++layer) {
      for (std::size_t scheme = 0; scheme < 3; ++scheme) {
        const double value = (*naive)->value(layer, scheme);
        QVERIFY(value > 0.0);
        QVERIFY(std::abs((*fast)->value(layer, scheme) - value) <= 1e-6 * std::max(1.0, value));
        QVERIFY(std::abs((*tight)->value(layer, scheme) - value) <= 1e-6 * std::max(1.0, value));
      }
      QVERIFY((*naive)->value(layer, 0) < (*naive)->value(layer, 2)); // eight bits hurt less than two
    }
    double now = 0.0;
    const auto cost = sensitivityCost(net.executor, net.samples, options, [&now] { return now += 0.5; }, {});
    VERIFY_OK(cost);
    QCOMPARE(cost->beside, 0.5 * 3 * 3); // an interval for every layer and scheme
    QCOMPARE(cost->seconds, 0.5 * cost->forwards + cost->beside);
    QCOMPARE(cost->naiveSeconds, 0.5 * cost->naiveForwards + cost->beside);
    // Runs differ, and the mean of several counts: here of three that take 1, 2 and 3 s.
    double length = 0.0;
    int readings = 0;
    const auto uneven = [&] {
      now += readings % 2 == 1 && readings < 6 ? length += 1.0 : 0.0;
      ++readings;
      return now;
    };
    const auto mean = sensitivityCost(net.executor, net.samples, options, uneven, {});
    VERIFY_OK(mean);
    QCOMPARE(mean->seconds, 2.0 * mean->forwards);
    const auto all =
        sensitivityCost(net.executor, net.samples, options, [&now] { return now += 0.5; }, {}, {true, 10});
    VERIFY_OK(all);
    const auto samples = static_cast<double>(options.samples);
    QCOMPARE(all->seconds - cost->seconds, samples * 0.5 * (2.0 + 1.0 + 2.0 * 10.0));
    QVERIFY(cost->forwards > 5.0 && cost->forwards < cost->naiveForwards);
  }

  // A Relu that is computed with the product before it makes 0 of NaN: what the output hides, the input
  // tells.
  void numbersThatAreNoneAreCounted() {
    Network net;
    const Simulation simulation(net.model, nullptr);
    const auto clean = evaluate(net.executor, simulation, planOf("int8"), net.samples, {}, {});
    VERIFY_OK(clean);
    QCOMPARE((*clean)->notFinite, NotFinite());
    const Tensor odd = test::tensorOf({3}, {1.0f, std::nanf(""), INFINITY});
    QCOMPARE(notFiniteIn({{"a", odd}, {"b", test::tensorOf({2}, {0.0f, -1e38f})}}), std::int64_t(2));
    class Broken : public test::SmallSamples {
    public:
      using test::SmallSamples::SmallSamples;
      Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
        HALFSTEP_TRY(auto given, test::SmallSamples::inputs(index));
        if (index == 1) {
          std::vector<float> values(3 * 8 * 8, 0.5f);
          values[7] = std::nanf("");
          given.begin()->second = test::tensorOf({1, 3, 8, 8}, values);
        }
        return given;
      }
    };
    const Broken samples(2);
    const auto broken = evaluate(net.executor, simulation, planOf("int8"), samples, {}, {});
    VERIFY_OK(broken);
    QCOMPARE((*broken)->notFinite.inputs, std::int64_t(1));
    QCOMPARE((*broken)->notFinite.samples, std::vector<std::string>{samples.name(1)});
  }

  void outputsThatALayerDoesNotTouchStay() {
    Network net;
    auto two = std::make_shared<Model>(*net.model); // a second head beside the first
    two->graph.addInitializer("head.w", test::randomTensor({4, 8}, 9));
    Node head = test::operation("Gemm", "head", {"g", "head.w"}, {"z"});
    head.attributes["transB"] = std::int64_t{1};
    two->graph.nodes.push_back(head);
    two->graph.outputs.push_back(test::floatValue("z", {1, 4}));
    two->graph.indexConstants();
    two->layers = findLayers(*two, two->warnings);
    const auto executor = Executor::create(two).value();
    const Simulation simulation(two, nullptr);
    SensitivityOptions options;
    options.schemes = schemes({"int4"});
    options.samples = 3;
    const auto fast = measureSensitivity(executor, simulation, net.samples, options, nullptr, {});
    options.reuse = false;
    const auto naive = measureSensitivity(executor, simulation, net.samples, options, nullptr, {});
    VERIFY_OK(fast);
    QCOMPARE((*fast)->layers.size(), std::size_t{4});
    for (std::size_t layer = 0; layer < 4; ++layer) {
      for (std::size_t sample = 0; sample < 3; ++sample) {
        const auto& a = (*fast)->cell(layer, 0).samples[sample].outputs;
        const auto& b = (*naive)->cell(layer, 0).samples[sample].outputs;
        QVERIFY(std::abs(a[0].noise - b[0].noise) <= 1e-6 * std::max(1.0, b[0].noise));
        QVERIFY(std::abs(a[1].noise - b[1].noise) <= 1e-6 * std::max(1.0, b[1].noise));
      }
    }
    QCOMPARE((*fast)->cell(2, 0).samples[0].outputs[1].noise, 0.0); // fc does not reach the second head
    QVERIFY((*fast)->cell(3, 0).samples[0].outputs[1].noise > 0.0);
  }

  void branchesThatNoSampleTakesAreNotMeasured() {
    // y = sum(x) > 0 ? x·a : x·b, on samples of which the sums are given.
    auto model = std::make_shared<Model>();
    model->opsets[""] = 17;
    Graph& graph = model->graph;
    graph.addInitializer("a", test::randomTensor({4, 3}, 1));
    graph.addInitializer("b", test::randomTensor({4, 3}, 2));
    graph.addInitializer("zero", tensorOf({}, {0.0f}));
    Node sum = test::operation("ReduceSum", "sum", {"x"}, {"s"});
    sum.attributes["keepdims"] = std::int64_t{0};
    Node choice = test::operation("If", "choice", {"c"}, {"y"});
    for (const auto& [branch, weight] : {std::pair{"then_branch", "a"}, {"else_branch", "b"}}) {
      auto body = std::make_shared<Graph>();
      body->nodes = {test::operation("MatMul", weight, {"x", weight}, {"p"})};
      body->outputs = {test::floatValue("p", {1, 3})};
      choice.attributes[branch] = std::shared_ptr<const Graph>(body);
    }
    graph.nodes = {sum, test::operation("Greater", "greater", {"s", "zero"}, {"c"}), choice};
    graph.inputs = {test::floatValue("x", {1, 4})};
    graph.outputs = {test::floatValue("y", {1, 3})};
    graph.indexConstants();
    model->layers = findLayers(*model, model->warnings);
    QCOMPARE(model->layers.size(), std::size_t{2});

    class Rows : public test::SmallSamples {
    public:
      explicit Rows(std::vector<float> sums)
          : SmallSamples(sums.size())
          , m_sums(std::move(sums)) {}
      Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
        return std::map<std::string, Value>{{"x", tensorOf({1, 4}, {m_sums[index], 1.0f, 0.5f, -1.5f})}};
      }

    private:
      std::vector<float> m_sums;
    };
    const auto executor = Executor::create(model).value();
    const Simulation simulation(model, nullptr);
    SensitivityOptions options;
    options.schemes = schemes({"int4", "int2"});
    const auto positive = measureSensitivity(executor, simulation, Rows({1.0f, 2.0f}), options, nullptr, {});
    VERIFY_OK(positive);
    const bool firstIsThen = (*positive)->layers[0].find("then") != std::string::npos;
    const std::size_t then = firstIsThen ? 0 : 1;
    QVERIFY((*positive)->value(then, 0) > 0.0 && (*positive)->left[then].empty());
    QVERIFY(std::isnan((*positive)->value(1 - then, 0)));
    QVERIFY((*positive)->left[1 - then].find("no sample") != std::string::npos);
    QVERIFY((*positive)->isComplete());
    QCOMPARE(reliabilityOf(**positive, 0).order, std::vector<std::size_t>{then});
    const auto both = measureSensitivity(executor, simulation, Rows({1.0f, -2.0f}), options, nullptr, {});
    VERIFY_OK(both);
    QVERIFY((*both)->value(0, 1) > 0.0 && (*both)->value(1, 1) > 0.0);
  }

  void goesOnWhereItWasStopped() {
    const Network net;
    const Simulation simulation(net.model, nullptr);
    SensitivityOptions options;
    options.schemes = schemes({"int8", "int4"});
    options.samples = 4;
    options.metric = OutputMetric::sqnr;
    const auto whole = measureSensitivity(net.executor, simulation, net.samples, options, nullptr, {});
    std::stop_source stop;
    Sensitivity partial;
    int layers = 0;
    options.onLayer = [&](const Sensitivity& so, std::size_t) {
      partial = so;
      if (++layers == 2) {
        stop.request_stop();
      }
    };
    const auto stopped = measureSensitivity(net.executor, simulation, net.samples, options, nullptr,
                                            JobContext(stop.get_token()));
    QVERIFY(!stopped && stopped.error().kind == ErrorKind::cancelled);
    QVERIFY(!partial.isComplete());
    QVERIFY(partial.progress() > 0.6 && partial.progress() < 0.7);
    layers = 0;
    options.onLayer = [&](const Sensitivity&, std::size_t) { ++layers; };
    const auto resumed = measureSensitivity(net.executor, simulation, net.samples, options, &partial, {});
    VERIFY_OK(resumed);
    QCOMPARE(layers, 1);
    QVERIFY((*resumed)->cells == (*whole)->cells);
    options.schemes = schemes({"int8"});
    QVERIFY(!measureSensitivity(net.executor, simulation, net.samples, options, &partial, {}));
  }

  void anotherCalibrationIsNotGoneOnWith() {
    const Network net;
    SensitivityOptions options;
    options.schemes = schemes({"int8"});
    options.activations = {parseActivationScheme("uint8:tensor").value()};
    options.samples = 2;
    CalibrationOptions less;
    less.samples = 2; // without the bright one
    const auto narrow = calibrate(net.executor, net.samples, less, {}).value();
    const auto wide = calibrate(net.executor, net.samples, {}, {}).value();
    const auto under = [&](const std::shared_ptr<const Calibration>& calibration,
                           const Sensitivity* previous) {
      return measureSensitivity(net.executor, Simulation(net.model, calibration), net.samples, options,
                                previous, {});
    };
    const auto first = under(narrow, nullptr).value();
    QVERIFY(!first->calibration.empty());
    QVERIFY(first->cells != under(wide, nullptr).value()->cells);
    const QTemporaryDir folder; // by way of a journal
    const std::filesystem::path path = folder.filePath(QStringLiteral("sweep.jsonl")).toStdString();
    VERIFY_OK(SensitivityJournal::create(path, *first, "abc"));
    const Sensitivity saved = loadSensitivity(path, "abc").value();
    VERIFY_OK(under(calibrate(net.executor, net.samples, less, {}).value(), &saved)); // the same ranges
    const auto other = under(wide, &saved);
    QVERIFY(!other && other.error().kind == ErrorKind::usage);
    QVERIFY(other.error().message().find("calibration") != std::string::npos);
    options.activations = {parseActivationScheme("dynamic:uint8").value()}; // takes none
    const auto dynamic = under(narrow, nullptr).value();
    QVERIFY(dynamic->calibration.empty());
    VERIFY_OK(under(wide, dynamic.get()));
  }

  void isolatedAndAccumulatedErrors() {
    const Network net;
    const Simulation simulation(net.model, nullptr);
    LayerErrorOptions options;
    options.samples = 3;
    const auto errors =
        measureLayerErrors(net.executor, simulation, planOf("int4"), net.samples, options, {});
    VERIFY_OK(errors);
    QCOMPARE((*errors)->samples, std::size_t{3});
    const auto& first = (*errors)->errors[0];
    // Nothing before the first layer is quantized: the two are the same.
    QVERIFY(std::abs(LayerErrors::sqnrDb(first.isolated) - LayerErrors::sqnrDb(first.accumulated)) < 1e-4);
    for (std::size_t layer : {1u, 2u}) { // the others also carry what came before
      const auto& later = (*errors)->errors[layer];
      QVERIFY(LayerErrors::sqnrDb(later.isolated) > LayerErrors::sqnrDb(later.accumulated));
      QVERIFY(LayerErrors::sqnrDb(later.accumulated) > 5.0);
    }
    const Estimate estimate = LayerErrors::sqnrEstimate(first.isolated, 1);
    QVERIFY(estimate.low <= estimate.value && estimate.value <= estimate.high);
  }

  void weightsBehindAReshapeHaveAnIsolatedError() {
    const auto model = std::make_shared<Model>(*test::smallNetwork());
    const auto shape = newTensor<std::int64_t>({4}).value();
    std::copy_n(std::array<std::int64_t, 4>{8, 8, 3, 3}.begin(), 4, shape.values.begin());
    model->graph.addInitializer("c2.shape", shape.finish());
    model->graph.nodes[2].inputs[1] = "c2.shaped";
    model->graph.nodes.push_back(test::operation("Reshape", "shaping", {"c2.w", "c2.shape"}, {"c2.shaped"}));
    model->graph.indexConstants();
    model->layers = findLayers(*model, model->warnings);
    const Executor executor = Executor::create(model).value();
    const test::SmallSamples samples(3);
    const auto errors =
        measureLayerErrors(executor, Simulation(model, nullptr), planOf("int4"), samples, {}, {});
    VERIFY_OK(errors);
    for (const auto& layer : (*errors)->errors) {
      const double isolated = LayerErrors::sqnrDb(layer.isolated);
      QVERIFY2(isolated > 5.0 && isolated < 60.0, qPrintable(QString::number(isolated)));
    }
  }

  void journalsSurviveBeingCutShort() {
    const Network net;
    const Simulation simulation(net.model, nullptr);
    SensitivityOptions options;
    options.schemes = schemes({"int8", "int4:asym:group16"});
    options.samples = 3;
    const QTemporaryDir folder;
    const std::filesystem::path path = folder.filePath(QStringLiteral("sweep.jsonl")).toStdString();
    std::optional<SensitivityJournal> journal;
    options.onLayer = [&](const Sensitivity& so, std::size_t layer) {
      if (!journal) {
        Sensitivity empty = so;
        std::fill(empty.cells.begin(), empty.cells.end(), SensitivityCell{});
        journal.emplace(SensitivityJournal::create(path, empty, "abc").value());
      }
      VERIFY_OK(journal->append(so, layer));
    };
    const auto whole =
        measureSensitivity(net.executor, simulation, net.samples, options, nullptr, {}).value();
    const auto loaded = loadSensitivity(path, "abc");
    VERIFY_OK(loaded);
    QVERIFY(loaded->cells == whole->cells);
    QCOMPARE(loaded->layers, whole->layers);
    QVERIFY(loaded->schemes == whole->schemes);
    QVERIFY(!loadSensitivity(path, "of another file"));
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 10);
    const auto cut = loadSensitivity(path, "abc");
    VERIFY_OK(cut);
    QVERIFY(!cut->isComplete() && cut->progress() > 0.6);
    std::ofstream(path, std::ios::trunc) << "{\"halfstep_sensitivity\":1}\n";
    QVERIFY(loadSensitivity(path, {}).error().kind == ErrorKind::damagedFile);
  }

  void theBaselineIsTheFloatNetworksOwn() {
    const Network net;
    SensitivityOptions options;
    options.schemes = schemes({"int2"});
    options.samples = 8;
    options.metric = OutputMetric::accuracy;
    double right = 0.0;
    for (std::size_t i = 0; i < 8; ++i) {
      const auto outputs = net.executor.run(net.samples.inputs(i).value(), {}).value();
      const auto y = toFloats(outputs.at("y").tensor(), {}).value();
      const auto best = std::max_element(y.begin(), y.end()) - y.begin();
      right += net.samples.targets(i) == std::vector<std::int64_t>{best} ? 1.0 : 0.0;
    }
    const Simulation simulation(net.model, nullptr);
    auto sweep = *measureSensitivity(net.executor, simulation, net.samples, options, nullptr, {}).value();
    QCOMPARE(sweep.baseline(), right / 8.0);
    QVERIFY(right < 8.0); // and not 1
    for (const auto& [metric, baseline] : {std::pair{OutputMetric::kl, 0.0},
                                           {OutputMetric::top1, 1.0},
                                           {OutputMetric::cosine, 1.0},
                                           {OutputMetric::sqnr, double(INFINITY)}}) {
      sweep.metric = metric;
      QCOMPARE(sweep.baseline(), baseline);
    }
    sweep.metric = OutputMetric::perplexity;
    OutputFigures text;
    text.rows = text.labelled = 4;
    text.surpriseFloat = 4.0 * std::log(3.0);
    text.surpriseQuantized = 4.0 * std::log(5.0);
    sweep.cells[0].samples = std::vector<OutputFigures>(9, text);
    QVERIFY(std::abs(sweep.baseline() - 3.0) < 1e-12);
    sweep.cells.assign(sweep.cells.size(), {});
    QVERIFY(std::isnan(sweep.baseline()));
  }

  void rankingsTellHowFarToTrustThem() {
    const Network net;
    const Simulation simulation(net.model, nullptr);
    SensitivityOptions options;
    options.schemes = schemes({"int3"});
    options.samples = 8;
    const auto sweep =
        measureSensitivity(net.executor, simulation, net.samples, options, nullptr, {}).value();
    const RankingReliability reliability = reliabilityOf(*sweep, 0);
    QCOMPARE(reliability.order.size(), std::size_t{3});
    QVERIFY(sweep->damage(reliability.order[0], 0) >= sweep->damage(reliability.order[2], 0));
    QVERIFY(reliability.splitHalf >= -1.0 && reliability.splitHalf <= 1.0);
    QVERIFY(!reliability.tied[0]);
    Sensitivity same = *sweep; // two layers that do exactly the same
    same.cells[1] = same.cells[0];
    const RankingReliability tied = reliabilityOf(same, 0);
    QVERIFY(std::find(tied.tied.begin(), tied.tied.end(), true) != tied.tied.end());
  }

  void spearman() {
    const std::vector<double> a = {1, 2, 3, 4, 5};
    const std::vector<double> b = {2, 1, 4, 3, 5};
    QVERIFY(std::abs(rankCorrelation(a, b) - 0.8) < 1e-12); // 1 − 6·4/(5·24)
    QCOMPARE(ranksOf(std::vector<double>{3, 1, 3}), (std::vector<double>{2.5, 1, 2.5}));
    QVERIFY(std::isnan(rankCorrelation(a, std::vector<double>{1, 1, 1, 1, 1})));
  }
};

QTEST_GUILESS_MAIN(SensitivityTest)
#include "tst_sensitivity.moc"
