// The text that exporters share: patterns match what they are meant for and nothing else, names are read from
// weights and scopes, literals are what their languages read.
#include "core/quant/scheme_grammar.h"
#include "plugins/shared/text/literals.h"
#include "plugins/shared/text/module_names.h"
#include "plugins/shared/text/name_patterns.h"
#include "plugins/shared/text/target_plan.h"
#include "tests/support/test_case.h"

#include <QElapsedTimer>

using namespace halfstep;

namespace {

/// Names that an unescaped or unanchored pattern would confuse.
const std::vector<std::string>& trickyNames() {
  static const std::vector<std::string> names = {"layers.1",
                                                 "layers.10",
                                                 "layersx1",
                                                 "a.layers.1",
                                                 "layers.1.fc",
                                                 "layers.1\n",
                                                 "q[0]",
                                                 "q0",
                                                 "a+b",
                                                 "aab",
                                                 "a*b",
                                                 "axb",
                                                 "(x)",
                                                 "x",
                                                 "c:\\weights",
                                                 "c:weights",
                                                 "^start",
                                                 "start$",
                                                 "a|b",
                                                 "{2}",
                                                 "Conv?",
                                                 "Con",
                                                 "weights.weights",
                                                 "a.b.c-d/e",
                                                 "caf\xc3\xa9"};
  return names;
}

std::shared_ptr<Model> modelOf(const std::vector<std::string>& weights) {
  auto model = std::make_shared<Model>();
  for (const std::string& weight : weights) {
    Layer layer;
    layer.name = weight;
    layer.weightName = weight;
    layer.op = "MatMul";
    model->layers.push_back(std::move(layer));
  }
  return model;
}

} // namespace

class NamePatternsTest : public test::TestCase {
  Q_OBJECT

private slots:
  void escapedPatternsMatchOneName_data() {
    QTest::addColumn<int>("rule");
    QTest::newRow("exact") << int(MatchRule::exact);
    QTest::newRow("fnmatch") << int(MatchRule::fnmatch);
    QTest::newRow("re.match") << int(MatchRule::pythonMatch);
    QTest::newRow("re.search") << int(MatchRule::pythonSearch);
    QTest::newRow("std::regex_search") << int(MatchRule::regexSearch);
  }
  void escapedPatternsMatchOneName() {
    QFETCH(int, rule);
    const auto as = MatchRule(rule);
    for (const std::string& name : trickyNames()) {
      const bool isRegex = as != MatchRule::exact && as != MatchRule::fnmatch;
      const std::string pattern = isRegex                    ? "^" + regexEscaped(name) + "$"
                                  : as == MatchRule::fnmatch ? globEscaped(name)
                                                             : name;
      for (const std::string& other : trickyNames()) {
        const bool lowered =
            as == MatchRule::regexSearch && name.starts_with("Con"); // llama-quantize lowers patterns
        QVERIFY2(matches(as, pattern, other) == (other == name && !lowered),
                 (pattern + " on " + other).c_str());
      }
    }
  }

  void unescapedPatternsMatchMore() { // so that the test above can fail
    QVERIFY(matches(MatchRule::pythonMatch, "layers.1", "layers.10"));
    QVERIFY(matches(MatchRule::pythonMatch, "layers.1", "layersx1"));
    QVERIFY(!matches(MatchRule::pythonMatch, "layers.1", "a.layers.1"));
    QVERIFY(matches(MatchRule::pythonSearch, "layers.1", "a.layers.1"));
    QVERIFY(matches(MatchRule::regexSearch, "ATTN_Q", "blk.3.attn_q.weight"));
    QVERIFY(matches(MatchRule::fnmatch, "q[0]", "q0"));
    QVERIFY(!matches(MatchRule::fnmatch, "q[0]", "q[0]"));
    QVERIFY(matches(MatchRule::fnmatch, "c:\\weights", "c:\\weights")); // no escapes in Python's fnmatch
  }

  void anchorsHoldForTheirAlternativeOnly() {
    QVERIFY(matches(MatchRule::pythonSearch, "^a(;|$)", "a;b;"));
    QVERIFY(!matches(MatchRule::pythonSearch, "^a(;|$)", "ba;"));
    QVERIFY(matches(MatchRule::pythonSearch, "^a|b", "cb"));
    QVERIFY(matches(MatchRule::pythonSearch, "^a[|]x|b", "cb"));
    QVERIFY(!matches(MatchRule::pythonSearch, "^a\\|b", "cb"));
  }

  void manyPatternsTakeNoTime() {
    std::vector<std::string> weights;
    for (int i = 0; i < 500; ++i) {
      weights.push_back("model.layers." + std::to_string(i) + ".self_attn.q_proj.weight");
    }
    const ExportInput input{modelOf(weights), {}, "0"};
    const auto eight = [](const Layer&, const LayerPlan&) { return TargetSetting{"eight", {}, {}}; };
    const TargetPlan plan = targetPlanFor(input, {"tool", moduleName, eight, true});
    QElapsedTimer timer;
    timer.start();
    for (const TargetLayer& layer : plan.layers) {
      const auto rule = testedPattern(MatchRule::regexSearch, "^" + regexEscaped(layer.name) + "$", "", plan);
      QCOMPARE(rule.layers.size(), std::size_t{1});
    }
    QVERIFY2(timer.elapsed() < 5000, qPrintable(QString::number(timer.elapsed())));
  }

  void everyOtherRule() {
    QVERIFY(matches(MatchRule::substring, "layers.1", "model.layers.10.fc"));
    QVERIFY(!matches(MatchRule::substring, "layers.1", "layersx1"));
    QVERIFY(matches(MatchRule::pythonMatchOrTail, "fc1", "decoder.fc1"));
    QVERIFY(matches(MatchRule::pythonMatchOrTail, "fc1", "fc10"));
    QVERIFY(!matches(MatchRule::pythonMatchOrTail, "fc1", "decoder.fc10"));
    QVERIFY(matches(MatchRule::wildcard, "*", "anything"));
    QVERIFY(matches(MatchRule::wildcard, "a*c", "abc"));
    QVERIFY(!matches(MatchRule::wildcard, "ab*bc", "abc")); // head and tail do not overlap
    QVERIFY(!matches(MatchRule::wildcard, "abc", "abcd"));
    QVERIFY(!matches(MatchRule::pythonMatch, "(", "(")); // no regular expression
    QVERIFY(!matches(MatchRule::pythonMatch, ".*", std::string(kLongestName + 1, 'a'))); // too long to try
    QVERIFY(matches(MatchRule::pythonMatch, ".*", std::string(kLongestName, 'a')));
  }

  void modulesComeFromWeightsAndScopes_data() {
    QTest::addColumn<QString>("weight");
    QTest::addColumn<QString>("node");
    QTest::addColumn<QString>("module");
    QTest::newRow("parameter") << "layer1.0.conv1.weight"
                               << "/x/MatMul"
                               << "layer1.0.conv1";
    QTest::newRow("recurrent") << "rnn.weight_ih_l0"
                               << ""
                               << "rnn";
    QTest::newRow("made up") << "onnx::MatMul_12"
                             << ""
                             << "";
    QTest::newRow("of the root") << "weight"
                                 << ""
                                 << "";
    QTest::newRow("no parameter") << "fc.table"
                                  << ""
                                  << "";
    QTest::newRow("scope") << "onnx::MatMul_12"
                           << "/layer1/layer1.0/fc/MatMul"
                           << "layer1.0.fc";
    QTest::newRow("nested sequences") << "onnx::MatMul_1"
                                      << "/a/a.0/a.0.1/MatMul"
                                      << "a.0.1";
    QTest::newRow("no scope") << "onnx::MatMul_12"
                              << "/MatMul"
                              << "";
    QTest::newRow("the function's second") << "onnx::MatMul_12"
                                           << "/attention/MatMul_1"
                                           << "";
    QTest::newRow("another operator's") << "onnx::MatMul_12"
                                        << "/fc/Gemm"
                                        << "";
    QTest::newRow("odd letters") << "a b.weight"
                                 << ""
                                 << "";
    QTest::newRow("empty element") << "a..weight"
                                   << ""
                                   << "";
  }
  void modulesComeFromWeightsAndScopes() {
    QFETCH(QString, weight);
    QFETCH(QString, node);
    QFETCH(QString, module);
    Layer layer;
    layer.op = "MatMul";
    layer.weightName = weight.toStdString();
    if (!node.isEmpty()) {
      layer.nodes = {node.toStdString()};
    }
    const TargetName found = moduleName(layer);
    QCOMPARE(QString::fromStdString(found.name), module);
    QCOMPARE(found.missing.empty(), !module.isEmpty());
  }

  void literalsOfEachLanguage() {
    const OrderedJson value = {{"-1", 128}, {"on", true}, {"none", nullptr}, {"list", {1, 2.5, "a\"\n"}}};
    const std::string list = "[1, 2.5, \"a\\\"\\n\"]";
    QCOMPARE(yamlFlow(value), "{-1: 128, \"on\": true, \"none\": null, \"list\": " + list + "}");
    QCOMPARE(plainWords(
                 {{"bits", 4}, {"sym", true}, {"axis", nullptr}, {"words", {"a", "b"}}, {"in", {{"x", 1}}}}),
             "bits 4, sym yes, axis none, words a, b, in (x 1)");
    QCOMPARE(pythonLiteral(value), "{-1: 128, \"on\": True, \"none\": None, \"list\": " + list + "}");
    QCOMPARE(shellWord("it's"), std::string("'it'\\''s'"));
    QCOMPARE(shellWord("a-b_c.d"), std::string("a-b_c.d"));
    QCOMPARE(shellWord(""), std::string("''"));
    QCOMPARE(forDocstring("a\\\"\"\"b"), std::string("a/'''b"));
  }

  void losesWhatItSays() {
    const auto model = modelOf({"a.weight", "b.weight", "onnx::MatMul_3", "c.weight"});
    ExportInput input{model, {}, "0"};
    input.plan.fallback.weights = defaultScheme(NumberFormat::int8);
    input.plan.layers["b.weight"].weights = defaultScheme(NumberFormat::int4);
    input.plan.layers["c.weight"] = {};
    const TargetPlan plan = targetPlanFor(input, {"tool", moduleName,
                                                  [](const Layer&, const LayerPlan& wanted) {
                                                    return bitsOf(wanted.weights) == 8
                                                               ? TargetSetting{"eight", {}, {"differs"}}
                                                               : TargetSetting::impossible("no");
                                                  },
                                                  true});
    QVERIFY(plan.mostCommon() == OrderedJson("eight"));
    QVERIFY(!plan.allNamed());
    QCOMPARE(plan.losses.size(), std::size_t{3});
    QCOMPARE(plan.losses[0].layer, std::string("a.weight"));
    QCOMPARE(plan.losses[1].what, std::string("no; left in float"));
    QVERIFY(plan.losses[2].what.find("onnx::MatMul_3") != std::string::npos);
    QVERIFY(plan.layers[1].setting.is_null() && plan.layers[3].setting.is_null());
  }

  void skippingOneNameDoesNotHideAnother() {
    const auto model = modelOf({"layers.1.weight", "layers.10.weight", "layers.2.weight"});
    ExportInput input{model, {}, "0"};
    input.plan.fallback.weights = defaultScheme(NumberFormat::int8);
    input.plan.layers["layers.1.weight"] = {};
    const auto eight = [](const Layer&, const LayerPlan&) { return TargetSetting{"eight", {}, {}}; };
    TargetPlan plan = targetPlanFor(input, {"tool", moduleName, eight, true});
    const SkipList skipped = skipListFor(plan, plan.mostCommon(), MatchRule::substring, "tool");
    QCOMPARE(skipped.names, std::vector<std::string>{"layers.1"});
    QCOMPARE(skipped.patterns.front().layers,
             (std::vector<std::string>{"layers.1.weight", "layers.10.weight"}));
    QVERIFY(plan.layers[1].setting.is_null());
    QCOMPARE(plan.losses.size(), std::size_t{1});
    QCOMPARE(plan.losses[0].layer, std::string("layers.10.weight"));
    QVERIFY(plan.layers[2].setting == OrderedJson("eight"));
  }

  void whatAllLayersLoseIsSaidOnce() {
    std::vector<ExportLoss> losses = {{"a", "x"}, {"a", "y"}, {"b", "x"}};
    mergeLosses(losses, 2);
    QCOMPARE(losses.size(), std::size_t{2});
    QCOMPARE(losses[0].layer, std::string("*"));
    QCOMPARE(losses[1].layer, std::string("a"));
  }
};

QTEST_GUILESS_MAIN(NamePatternsTest)
#include "tst_name_patterns.moc"
