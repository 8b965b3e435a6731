// The Fisher estimate: against what it predicts, measured; where there is nothing to estimate; its seeds.
#include "core/analysis/fisher.h"
#include "core/analysis/output_projections.h"
#include "core/analysis/rank_statistics.h"
#include "core/exec/gradients/backward.h"
#include "core/io/data_set.h"
#include "core/quant/scheme_grammar.h"
#include "plugins/host/plugin_host.h"
#include "tests/analysis/small_network.h"
#include "tests/support/paths.h"
#include "tests/support/test_case.h"

#include <cmath>

using namespace halfstep;

namespace {

std::vector<Scheme> schemes(std::initializer_list<const char*> names) {
  std::vector<Scheme> made;
  for (const char* name : names) {
    made.push_back(parseScheme(name).value());
  }
  return made;
}

struct Both {
  std::shared_ptr<const FisherEstimate> estimate;
  std::shared_ptr<const Sensitivity> measured;
};

Both bothOf(const std::shared_ptr<const Model>& model, const SampleSource& samples, FisherOptions options,
            std::uint64_t seed = 1) {
  const Executor executor = Executor::create(model).value();
  const Simulation simulation(model, nullptr);
  const JobContext job({}, {}, {}, seed);
  SensitivityOptions sweep;
  sweep.schemes = options.schemes;
  sweep.samples = options.samples;
  sweep.metric = options.beside;
  return {estimateFisher(executor, simulation, samples, options, job).value(),
          measureSensitivity(executor, simulation, samples, sweep, nullptr, job).value()};
}

} // namespace

class FisherTest : public test::TestCase {
  Q_OBJECT

  PluginHost m_host;

  std::shared_ptr<const Model> sample(const char* name) const {
    const std::string path = std::string(HALFSTEP_SOURCE_DIR "/sample_models/") + name + ".onnx";
    const auto made = m_host.loadModel(path, {});
    return made ? *made : nullptr;
  }
  std::shared_ptr<const SampleSource> samplesOf(const char* name, const Model& model) const {
    const std::string path = std::string(HALFSTEP_SOURCE_DIR "/sample_models/data/") + name;
    const auto made = openDataSet(path, model, {}, {}, {});
    return made ? *made : nullptr;
  }

private slots:
  void initTestCase() { m_host.scan(PluginHost::folderFor(HALFSTEP_BUILD_DIR "/bin")); }

  void smallChangesAreWhatIsMeasured_data() {
    QTest::addColumn<QString>("metric");
    QTest::newRow("divergence") << "kl";
    QTest::newRow("relative error") << "relative-error";
  }

  void smallChangesAreWhatIsMeasured() {
    QFETCH(const QString, metric);
    FisherOptions options;
    options.schemes = schemes({"int8", "int7"});
    options.samples = 6;
    options.beside = metricFromName(metric.toStdString());
    const auto [estimate, measured] = bothOf(test::smallNetwork(), test::SmallSamples(6), options);
    QVERIFY(estimate->exact); // ten classes, ten ways back
    QCOMPARE(estimate->metric, *options.beside);
    for (std::size_t layer = 0; layer < estimate->layers.size(); ++layer) {
      for (std::size_t scheme = 0; scheme < 2; ++scheme) {
        const double expected = measured->value(layer, scheme);
        const double ratio = estimate->value(layer, scheme) / expected;
        // The last layer is linear in its weights, so the squared error is no estimate; before a Relu, what
        // crosses its kink is not foreseen.
        const bool isLinear = layer == 2 && metric == QLatin1String("relative-error");
        const double allowed = isLinear ? 1e-4 : 0.12;
        QVERIFY2(std::abs(ratio - 1.0) < allowed, qPrintable(QString("%1, scheme %2: %3 of %4")
                                                                 .arg(estimate->layers[layer].c_str())
                                                                 .arg(scheme)
                                                                 .arg(ratio)
                                                                 .arg(expected)));
        QVERIFY(std::abs(0.5 * ratio - 1.0) > allowed && std::abs(2.0 * ratio - 1.0) > allowed);
      }
    }
  }

  void projectionsComeToTheSame() {
    FisherOptions options;
    options.schemes = schemes({"int6"});
    options.samples = 8;
    const auto exact = bothOf(test::smallNetwork(), test::SmallSamples(8), options).estimate;
    options.passes = 9; // fewer than classes: random
    const auto random = bothOf(test::smallNetwork(), test::SmallSamples(8), options).estimate;
    const auto again = bothOf(test::smallNetwork(), test::SmallSamples(8), options).estimate;
    const auto other = bothOf(test::smallNetwork(), test::SmallSamples(8), options, 2).estimate;
    QVERIFY(exact->exact && !random->exact);
    QCOMPARE(random->values, again->values);
    QVERIFY(random->values != other->values);
    for (std::size_t i = 0; i < exact->values.size(); ++i) { // 72 draws of relative deviation √2 at most
      QVERIFY2(std::abs(random->values[i] / exact->values[i] - 1.0) < 0.5,
               qPrintable(QString::number(random->values[i] / exact->values[i])));
    }
  }

  void rootsOfTheThreeKindsAgree() { // Σ (vᵀdz)² over all directions is the divergence, whatever z is
    const std::vector<double> p = {0.5, 0.3, 0.15, 0.05};
    const std::vector<double> change = {0.01, -0.02, 0.005, 0.03}; // of the logits
    double mean = 0.0;
    for (std::size_t i = 0; i < 4; ++i) {
      mean += p[i] * change[i];
    }
    double expected = 0.0;
    for (std::size_t i = 0; i < 4; ++i) {
      expected += 0.5 * p[i] * (change[i] - mean) * (change[i] - mean);
    }
    for (const OutputKind kind :
         {OutputKind::logits, OutputKind::logProbabilities, OutputKind::probabilities}) {
      std::vector<float> values;
      std::vector<double> moved;
      for (std::size_t i = 0; i < 4; ++i) {
        const bool isShare = kind == OutputKind::probabilities;
        values.push_back(static_cast<float>(isShare ? p[i] : std::log(p[i])));
        moved.push_back(kind == OutputKind::logits ? change[i] : (isShare ? p[i] : 1.0) * (change[i] - mean));
      }
      const std::vector<OutputRole> roles = {{"y", kind}};
      const auto made = divergenceProjections(roles, {{"y", test::tensorOf({1, 4}, values)}}, 4, 1, 0);
      VERIFY_OK(made);
      QVERIFY(made->exact);
      QCOMPARE(made->rows, std::int64_t{1});
      double sum = 0.0;
      for (const OutputProjection& one : made->vectors) {
        const auto seed = toFloats(one.seeds.at("y"), {}).value();
        double product = 0.0;
        for (std::size_t i = 0; i < 4; ++i) {
          product += double(seed[i]) * moved[i];
        }
        sum += one.weight * product * product;
      }
      QVERIFY2(std::abs(sum / expected - 1.0) < 1e-4, qPrintable(QString::number(sum / expected)));
    }
  }

  void layersBeforeUnknownOperatorsHaveAReason() {
    auto model = std::make_shared<Model>(*test::smallNetwork());
    for (Node& node : model->graph.nodes) {
      if (node.name == "r2") {
        node.opType = "CumSum";
        node.inputs.push_back("axis");
      }
    }
    model->graph.addInitializer("axis", integersTensor({3}));
    FisherOptions options;
    options.schemes = schemes({"int4"});
    options.samples = 2;
    const auto estimate = bothOf(model, test::SmallSamples(2), options).estimate;
    QCOMPARE(estimate->layers.size(), std::size_t{3});
    QVERIFY(std::isnan(estimate->value(0, 0)) && std::isnan(estimate->value(1, 0)));
    QVERIFY2(estimate->left[0].find("CumSum") != std::string::npos, estimate->left[0].c_str());
    QVERIFY(estimate->left[2].empty() && estimate->value(2, 0) > 0.0);
  }

  void littleMemoryChangesNothing() {
    FisherOptions options;
    options.schemes = schemes({"int8", "int4"});
    options.samples = 3;
    const auto together = bothOf(test::smallNetwork(), test::SmallSamples(3), options).estimate;
    options.memoryBudget = 1; // one layer at a time
    QCOMPARE(bothOf(test::smallNetwork(), test::SmallSamples(3), options).estimate->values, together->values);
  }

  void trainedNetworksRankAsMeasured_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("samples");
    QTest::newRow("convolutions") << "digits_cnn" << 16;
    QTest::newRow("a transformer") << "sequence_transformer" << 8;
    QTest::newRow("a recurrent network") << "sentences_lstm" << 8;
  }

  void trainedNetworksRankAsMeasured() {
    QFETCH(const QString, name);
    QFETCH(const int, samples);
    const auto model = sample(qPrintable(name));
    QVERIFY(model);
    const auto source = samplesOf(qPrintable(name), *model);
    QVERIFY(source);
    FisherOptions options;
    options.schemes = schemes({"int8", "int4"});
    options.samples = static_cast<std::size_t>(samples);
    const auto [estimate, measured] = bothOf(model, *source, options);
    for (const std::string& reason : estimate->left) {
      QVERIFY2(reason.empty(), reason.c_str());
    }
    const auto correlations = rankCorrelationsWith(*measured, estimate->values);
    for (const double rho : correlations) {
      QVERIFY2(rho > 0.7, qPrintable(QString::number(rho)));
    }
    auto turned = estimate->values; // the estimates of other layers
    std::rotate(turned.begin(), turned.begin() + 6, turned.end());
    QVERIFY(rankCorrelationsWith(*measured, turned).back() < 0.7);
  }
};

QTEST_GUILESS_MAIN(FisherTest)
#include "tst_fisher.moc"
