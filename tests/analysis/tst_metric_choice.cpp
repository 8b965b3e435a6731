// Which metric judges a network: where one output's distributions show everything, and where layers lead past
// them.
#include "core/analysis/fisher.h"
#include "core/analysis/metric_choice.h"
#include "core/analysis/search_space.h"
#include "core/quant/scheme_grammar.h"
#include "tests/analysis/small_network.h"
#include "tests/support/test_case.h"

#include <algorithm>
#include <cmath>

using namespace halfstep;
using test::floatValue;
using test::operation;

namespace {

/// The small network, changed.
template <class Change>
std::shared_ptr<const Model> changed(Change change) {
  auto model = std::make_shared<Model>(*test::smallNetwork());
  change(model->graph);
  model->graph.indexConstants();
  model->layers = findLayers(*model, model->warnings);
  return model;
}

/// With a head for boxes beside the classes; layer "box" is the last.
std::shared_ptr<const Model> twoHeads() {
  return changed([](Graph& graph) {
    graph.addInitializer("box.w", test::randomTensor({4, 8}, 9));
    Node box = operation("Gemm", "box", {"g", "box.w"}, {"boxes"});
    box.attributes["transB"] = std::int64_t{1};
    graph.nodes.push_back(box);
    graph.outputs.push_back(floatValue("boxes", {1, 4}));
  });
}

MetricChoice choiceFor(const std::shared_ptr<const Model>& model, std::optional<OutputMetric> asked = {}) {
  const Executor executor = Executor::create(model).value();
  return chooseMetric(executor, test::SmallSamples(2), asked, {}).value();
}

SensitivityOptions int2() {
  SensitivityOptions options;
  options.schemes = {parseScheme("int2").value()};
  options.samples = 4;
  return options;
}

} // namespace

class MetricChoiceTest : public test::TestCase {
  Q_OBJECT

private slots:
  void distributionsThatShowEverythingAreJudged() {
    QCOMPARE(choiceFor(test::smallNetwork()).metric, OutputMetric::kl);
    // A hidden value, moved.
    const auto hidden = changed([](Graph& graph) {
      Node move = operation("Transpose", "move", {"e"}, {"features"});
      move.attributes["perm"] = std::vector<std::int64_t>{0, 2, 3, 1};
      graph.nodes.push_back(move);
      graph.outputs.insert(graph.outputs.begin(), floatValue("features", {1, 8, 8, 8}));
    });
    const MetricChoice choice = choiceFor(hidden);
    QCOMPARE(choice.metric, OutputMetric::kl);
    QCOMPARE(choice.outputs, std::vector<std::string>{"y"});
    QVERIFY(choice.note.empty());
    // What is made of the scores alone.
    const auto both = changed([](Graph& graph) {
      graph.nodes.push_back(operation("Softmax", "softmax", {"y"}, {"p"}));
      graph.outputs.push_back(floatValue("p", {1, 10}));
    });
    QCOMPARE(choiceFor(both).metric, OutputMetric::kl);
  }

  void theStateOfALayerIsNoOutputOfItsOwn() {
    Model model; // x → LSTM → Squeeze → Gemm → y, with the last hidden state
    model.opsets[""] = 17;
    model.graph.nodes = {operation("LSTM", "lstm", {"x", "w", "r"}, {"states", "last"}),
                         operation("Squeeze", "one", {"states"}, {"s"}),
                         operation("Gemm", "fc", {"s", "v"}, {"y"}),
                         operation("Squeeze", "two", {"last"}, {"h"})};
    model.graph.inputs = {floatValue("x", {2, 1, 3})};
    model.graph.outputs = {floatValue("y", {2, 4}), floatValue("h", {1, 3})};
    const auto outputs = std::map<std::string, Value>{{"y", test::randomTensor({2, 4}, 1)},
                                                      {"h", test::randomTensor({1, 3}, 2)}};
    const auto reference = OutputReference::of(outputRoles(model), outputs, {}).value();
    QCOMPARE(standardMetric(GraphReach(model), reference).metric, OutputMetric::kl);
    model.graph.nodes[0].opType = "Split"; // one half would not show the other
    QCOMPARE(standardMetric(GraphReach(model), reference).metric, OutputMetric::relativeError);
  }

  void aHeadBesideTheClassesIsNotHarmless() {
    const auto model = twoHeads();
    const MetricChoice choice = choiceFor(model);
    QCOMPARE(choice.metric, OutputMetric::relativeError);
    QCOMPARE(choice.outputs, (std::vector<std::string>{"y", "boxes"}));
    QVERIFY2(choice.note.find("boxes") != std::string::npos, choice.note.c_str());
    const Executor executor = Executor::create(model).value();
    const Simulation simulation(model, nullptr);
    const test::SmallSamples samples(4);
    const auto sweep = measureSensitivity(executor, simulation, samples, int2(), nullptr, {});
    VERIFY_OK(sweep);
    QCOMPARE((*sweep)->metric, OutputMetric::relativeError);
    QCOMPARE((*sweep)->metricNote, choice.note);
    QCOMPARE((*sweep)->layers.back(), std::string("box"));
    QVERIFY((*sweep)->value(3, 0) > 0.01);
    QCOMPARE(reliabilityOf(**sweep, 0).order.size(), std::size_t{4});
    Plan plan;
    plan.fallback.weights = parseScheme("int2").value();
    const auto evaluation = evaluate(executor, simulation, plan, samples, {}, {});
    VERIFY_OK(evaluation);
    QCOMPARE((*evaluation)->standard, OutputMetric::relativeError);
  }

  void metricsThatDoNotApplyAreRefused() {
    class Unlabelled : public test::SmallSamples {
    public:
      using SmallSamples::SmallSamples;
      std::vector<std::int64_t> targets(std::size_t index) const override {
        return index == m_labelled ? std::vector<std::int64_t>{3} : std::vector<std::int64_t>{-1};
      }
      std::size_t m_labelled = 99;
    };
    const auto classifier = test::smallNetwork();
    const auto regression = changed([](Graph& graph) { // values of a picture
      graph.nodes.resize(5);
      graph.outputs = {floatValue("e", {1, 8, 8, 8})};
    });
    Unlabelled samples(4);
    const auto problemOf = [&](const auto& model, OutputMetric metric) {
      const Executor executor = Executor::create(model).value();
      SensitivityOptions options = int2();
      options.metric = metric;
      const auto sweep =
          measureSensitivity(executor, Simulation(model, nullptr), samples, options, nullptr, {});
      if (sweep) {
        return std::string();
      }
      return sweep.error().kind == ErrorKind::usage ? sweep.error().message() : "of another kind";
    };
    const auto names = [](const std::string& problem, const char* metric, const char* why) {
      return problem.find(std::string("the metric ") + metric + " ") != std::string::npos &&
             problem.find(why) != std::string::npos;
    };
    QVERIFY(names(problemOf(regression, OutputMetric::kl), "kl", "none of the outputs (e)"));
    QVERIFY(names(problemOf(regression, OutputMetric::top5), "top5", "distributions"));
    QVERIFY(names(problemOf(regression, OutputMetric::accuracy), "accuracy", "distributions"));
    QCOMPARE(problemOf(regression, OutputMetric::sqnr), std::string());
    QVERIFY(names(problemOf(classifier, OutputMetric::accuracy), "accuracy", "no labels"));
    QVERIFY(names(problemOf(classifier, OutputMetric::perplexity), "perplexity", "no labels"));
    QVERIFY(names(problemOf(classifier, OutputMetric::floatAccuracy), "float-accuracy", "no layer"));
    QCOMPARE(problemOf(classifier, OutputMetric::top1), std::string());
    samples.m_labelled = 2; // not the first
    QCOMPARE(problemOf(classifier, OutputMetric::accuracy), std::string());
    QVERIFY(names(problemOf(classifier, OutputMetric::perplexity), "perplexity", "sequences"));
  }

  void layersThatDoNotReachTheMeasuredOutputAreNotRanked() {
    const auto model = twoHeads();
    const Executor executor = Executor::create(model).value();
    const Simulation simulation(model, nullptr);
    const test::SmallSamples samples(4);
    SensitivityOptions options = int2();
    options.metric = OutputMetric::kl;
    const auto sweep = measureSensitivity(executor, simulation, samples, options, nullptr, {});
    VERIFY_OK(sweep);
    QVERIFY((*sweep)->isComplete());
    QCOMPARE((*sweep)->left[3], std::string("does not reach the measured output y"));
    QVERIFY(std::isnan((*sweep)->value(3, 0)));
    QVERIFY((*sweep)->value(2, 0) > 0.0);
    const auto order = reliabilityOf(**sweep, 0).order;
    QCOMPARE(order.size(), std::size_t{3});
    QVERIFY(std::find(order.begin(), order.end(), std::size_t{3}) == order.end());
    // A search leaves it as it is, instead of taking it for the cheapest one to save at.
    const auto space = makeSearchSpace(*model, **sweep, {});
    VERIFY_OK(space);
    QCOMPARE(space->fixed.at("box").weights.format, NumberFormat::fp32);
    FisherOptions fisher;
    fisher.schemes = options.schemes;
    fisher.samples = 4;
    fisher.beside = OutputMetric::kl;
    const auto estimate = estimateFisher(executor, simulation, samples, fisher, {});
    VERIFY_OK(estimate);
    QCOMPARE((*estimate)->metric, OutputMetric::kl);
    QCOMPARE((*estimate)->left[3], (*sweep)->left[3]);
    QVERIFY(std::isnan((*estimate)->value(3, 0)) && (*estimate)->value(2, 0) > 0.0);
  }
};

QTEST_GUILESS_MAIN(MetricChoiceTest)
#include "tst_metric_choice.moc"
