// Plans that are run: a search that was killed goes on from its journal, runs no plan twice and ends in the
// same plan.
#include "core/analysis/plan_finder.h"
#include "core/io/trial_journal.h"
#include "core/quant/scheme_grammar.h"
#include "tests/analysis/small_network.h"
#include "tests/support/test_case.h"

#include <QTemporaryDir>

#include <cmath>
#include <fstream>
#include <limits>
#include <set>

using namespace halfstep;

namespace {

std::vector<std::string> linesOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  return lines;
}

/// The search of this test: a network of three layers, four schemes and float, at 5 bits a weight.
class Search {
public:
  Search() {
    SensitivityOptions options;
    for (const char* scheme : {"int8", "int5", "int4", "int3"}) {
      options.schemes.push_back(parseScheme(scheme).value());
    }
    options.samples = kSamples;
    const auto sweep = measureSensitivity(m_executor, m_simulation, m_samples, options, nullptr, {}).value();
    m_space = makeSearchSpace(*m_model, *sweep, {}).value();
  }

  TrialConditions conditions() const {
    return {"abc", m_space.layers, m_samples.origin(), kSamples, nullptr};
  }

  struct Outcome {
    FoundPlan found;
    std::size_t trials = 0;
    std::size_t measured = 0;
    std::vector<std::string> run; ///< keys of the plans that were run
  };
  Result<Outcome> run(const std::filesystem::path& path) const {
    TrialOptions options;
    options.samples = kSamples;
    Outcome outcome;
    std::optional<TrialJournal> journal;
    if (!path.empty()) {
      HALFSTEP_TRY(TrialJournal opened, TrialJournal::open(path, conditions()));
      journal.emplace(std::move(opened));
      options.known = journal->known();
    }
    options.onMeasured = [&](const std::string& key, const std::vector<OutputFigures>& samples) {
      outcome.run.push_back(key);
      if (journal) {
        journal->note(key, samples);
      }
    };
    HALFSTEP_TRY(PlanTrials trials,
                 PlanTrials::create(m_executor, m_simulation, m_space, m_samples, std::move(options), {}));
    SearchProblem problem = m_space.problem;
    problem.limits = {{static_cast<std::size_t>(PlanQuantity::size), 5.5 * m_space.parameters / 8.0}};
    HALFSTEP_TRY(outcome.found, findPlan(problem, &trials, {}, {}));
    outcome.trials = trials.count();
    outcome.measured = trials.measured();
    return outcome;
  }

  static constexpr std::size_t kSamples = 4;

private:
  std::shared_ptr<const Model> m_model = test::smallNetwork();
  Executor m_executor = Executor::create(m_model).value();
  Simulation m_simulation{m_model, nullptr};
  test::SmallSamples m_samples{kSamples};
  SearchSpace m_space;
};

bool sameResult(const Search::Outcome& a, const Search::Outcome& b) {
  return a.trials == b.trials && a.found.best->solution.choices == b.found.best->solution.choices &&
         a.found.best->damage == b.found.best->damage && a.found.best->samples == b.found.best->samples &&
         a.found.predicted->samples == b.found.predicted->samples;
}

} // namespace

class PlanTrialsTest : public test::TestCase {
  Q_OBJECT

  QTemporaryDir m_folder;
  std::filesystem::path file(const char* name) const { return m_folder.filePath(name).toStdString(); }

private slots:
  void noPlanIsRunTwice() {
    const Search search;
    const auto outcome = search.run({});
    VERIFY_OK(outcome);
    QVERIFY(outcome->measured > 5);
    QCOMPARE(outcome->measured, outcome->run.size());
    QCOMPARE(std::set<std::string>(outcome->run.begin(), outcome->run.end()).size(), outcome->run.size());
  }

  void aKilledSearchGoesOn() {
    const Search search;
    const auto whole = search.run(file("whole.jsonl"));
    VERIFY_OK(whole);
    const std::vector<std::string> lines = linesOf(file("whole.jsonl"));
    QCOMPARE(lines.size(), whole->run.size() + 1);
    // Cut behind every line, and within the line that follows.
    for (std::size_t kept = 1; kept < lines.size(); ++kept) {
      for (const char* torn : {"", "half", "garbage"}) {
        const auto path = file("cut.jsonl");
        {
          std::ofstream cut(path, std::ios::binary | std::ios::trunc);
          for (std::size_t i = 0; i < kept; ++i) {
            cut << lines[i] << '\n';
          }
          if (*torn == 'h') {
            cut << lines[kept].substr(0, lines[kept].size() / 2);
          } else if (*torn == 'g') { // the file system had room for the line, but not its bytes
            cut << std::string(40, '\0') << '\n';
          }
        }
        const auto resumed = search.run(path);
        VERIFY_OK(resumed);
        QVERIFY(sameResult(*resumed, *whole));
        QVERIFY(resumed->run ==
                std::vector<std::string>(whole->run.begin() + static_cast<std::ptrdiff_t>(kept - 1),
                                         whole->run.end()));
        QCOMPARE(linesOf(path).size(), lines.size()); // and is whole again
      }
    }
    const auto again = search.run(file("whole.jsonl"));
    VERIFY_OK(again);
    QVERIFY(sameResult(*again, *whole));
    QCOMPARE(again->measured, std::size_t{0});
  }

  void figuresAreTakenFromTheJournal() {
    // A journal that says something else is believed: the test above would not notice if it were ignored.
    const Search search;
    const auto path = file("believed.jsonl");
    const auto whole = search.run(path);
    VERIFY_OK(whole);
    auto journal = TrialJournal::open(path, search.conditions());
    VERIFY_OK(journal);
    std::vector<OutputFigures> perfect = whole->found.predicted->samples;
    for (OutputFigures& sample : perfect) {
      sample.divergence = 0.0;
    }
    journal->note(whole->run.front(), perfect); // the predicted optimum is run first
    const auto believed = search.run(path);
    VERIFY_OK(believed);
    QVERIFY(whole->found.predicted->damage > 0.0);
    QCOMPARE(believed->found.predicted->damage, 0.0);
  }

  void numbersKeepTheirBits() {
    const auto path = file("numbers.jsonl");
    const TrialConditions conditions{"abc", {"a"}, {}, 1, nullptr};
    OutputFigures odd;
    odd.outputs.push_back({1.0 / 3.0, std::numeric_limits<double>::infinity(), 5e-324, -0.1, 1e308, 7});
    odd.divergence = std::numeric_limits<double>::quiet_NaN();
    odd.surpriseQuantized = -std::numeric_limits<double>::infinity();
    odd.rows = 3;
    auto journal = TrialJournal::open(path, conditions);
    VERIFY_OK(journal);
    QVERIFY(!journal->problem());
    journal->note("int8", {odd});
    const auto again = TrialJournal::open(path, conditions);
    VERIFY_OK(again);
    const OutputFigures& read = again->known().at("int8").front();
    QVERIFY(read.outputs == odd.outputs);
    QVERIFY(std::isnan(read.divergence));
    QCOMPARE(read.surpriseQuantized, odd.surpriseQuantized);
    QCOMPARE(read.rows, odd.rows);
  }

  void whatIsOfSomethingElseIsRefused() {
    const Search search;
    const auto path = file("other.jsonl");
    VERIFY_OK(search.run(path));
    const auto refused = [&](auto change, ErrorKind kind, const char* word) {
      TrialConditions conditions = search.conditions();
      change(conditions);
      const auto opened = TrialJournal::open(path, conditions);
      return !opened && opened.error().kind == kind &&
             opened.error().message().find(word) != std::string::npos;
    };
    QVERIFY(refused([](auto& c) { c.modelSha256 = "other"; }, ErrorKind::usage, "another model"));
    QVERIFY(refused([](auto& c) { c.samples = 3; }, ErrorKind::usage, "other samples"));
    QVERIFY(refused([](auto& c) { c.origin.fingerprint = 8; }, ErrorKind::usage, "other samples"));
    QVERIFY(refused([](auto& c) { c.layers.pop_back(); }, ErrorKind::usage, "layers"));
    QVERIFY(refused([](auto& c) { c.calibration = std::make_shared<Calibration>(); }, ErrorKind::usage,
                    "calibration"));
    // Damage in the middle is not passed over.
    auto lines = linesOf(path);
    lines[2] = lines[2].substr(0, 20);
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    for (const std::string& line : lines) {
      file << line << '\n';
    }
    file.close();
    QVERIFY(refused([](auto&) {}, ErrorKind::damagedFile, "line 3"));
    std::ofstream(path, std::ios::trunc) << "{\"halfstep_trials\":1}\n";
    QVERIFY(refused([](auto&) {}, ErrorKind::damagedFile, "line 1"));
    std::ofstream(path, std::ios::trunc) << "{\"halfstep_trials\":2}\n";
    QVERIFY(refused([](auto&) {}, ErrorKind::unsupported, "later version"));
  }

  void aJournalThatCannotBeWrittenStopsNoSearch() {
    const Search search;
    std::ofstream(file("no_folder")) << "a file";
    const auto path = file("no_folder") / "trials.jsonl";
    const auto journal = TrialJournal::open(path, search.conditions());
    VERIFY_OK(journal);
    QVERIFY(journal->problem());
    VERIFY_OK(search.run(path));
  }
};

QTEST_GUILESS_MAIN(PlanTrialsTest)
#include "tst_plan_trials.moc"
