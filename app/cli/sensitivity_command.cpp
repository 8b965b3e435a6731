// halfstep-cli sensitivity: quantizes one layer at a time and measures the output.
#include "app/cli/data_options.h"
#include "app/cli/output_figures.h"
#include "core/analysis/rank_statistics.h"
#include "core/analysis/sensitivity.h"
#include "core/io/sensitivity_file.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/hash.h"
#include "core/support/mapped_file.h"
#include "core/support/units.h"

#include <chrono>
#include <cmath>

namespace halfstep::cli {

namespace {

struct SensitivityCommandOptions {
  std::string file;
  DataOptions data;
  std::string schemes = "int8,int6,int4,int2";
  std::string metric;
  std::string journal;
  std::size_t memory = 512; ///< MiB
  bool naive = false;
};

Result<SensitivityOptions> sweepOptions(const SensitivityCommandOptions& given, const SampleSource& samples) {
  SensitivityOptions options;
  std::string rest = given.schemes;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    auto scheme = parseScheme(rest.substr(0, comma));
    const auto supported = scheme ? checkSupported(*scheme) : Result<void>(scheme.error());
    if (!supported) {
      Error error = supported.error();
      error.what = "--schemes: " + error.what;
      return error;
    }
    options.schemes.push_back(*scheme);
    rest = comma == std::string::npos ? std::string() : rest.substr(comma + 1);
  }
  if (!given.metric.empty()) {
    options.metric = metricFromName(given.metric);
    if (!options.metric) {
      return Error{ErrorKind::usage,
                   "--metric " + given.metric +
                       ": expected kl, sqnr, relative-error, mse, cosine, top1, top5, accuracy or "
                       "perplexity"};
    }
  }
  options.samples = samples.count();
  options.memoryBudget = given.memory << 20;
  options.reuse = !given.naive;
  return options;
}

/// Goes on with the sweep in the journal, if there is one, and keeps it up to date.
class Journal {
public:
  Journal(std::string path, std::string hash)
      : m_path(std::move(path))
      , m_hash(std::move(hash)) {}

  Result<void> load() {
    if (!m_path.empty() && std::filesystem::exists(m_path)) {
      HALFSTEP_TRY(Sensitivity loaded, loadSensitivity(m_path, m_hash));
      m_previous = std::move(loaded);
    }
    return {};
  }
  const Sensitivity* previous() const { return m_previous ? &*m_previous : nullptr; }

  void note(const Sensitivity& sweep, std::size_t layer) {
    if (m_path.empty() || m_problem) {
      return;
    }
    if (!m_file) {
      auto made = SensitivityJournal::create(m_path, sweep, m_hash);
      if (made) {
        m_file.emplace(std::move(*made));
      } else {
        m_problem = made.error();
      }
    } else if (auto appended = m_file->append(sweep, layer); !appended) {
      m_problem = appended.error();
    }
  }
  /// What kept the journal from being written.
  const std::optional<Error>& problem() const { return m_problem; }

private:
  std::string m_path;
  std::string m_hash;
  std::optional<Sensitivity> m_previous;
  std::optional<SensitivityJournal> m_file;
  std::optional<Error> m_problem;
};

Json sweepJson(const std::string& file, const Sensitivity& sweep, const std::vector<double>& screening,
               double seconds) {
  Json json = {{"model", file},
               {"data", sweep.origin.description},
               {"synthetic", sweep.origin.synthetic},
               {"samples", sweep.samples},
               {"metric", metricName(sweep.metric)},
               {"schemes", Json::array()},
               {"baseline", 0.0},
               {"reliability", Json::array()},
               {"layers", Json::array()}};
  // The float network against itself: what no damage at all would give.
  json["baseline"] = isBetterWhenLarger(sweep.metric)
                         ? (sweep.metric == OutputMetric::sqnr ? Json() : Json(1.0))
                         : Json(0.0);
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    json["schemes"].push_back(printScheme(sweep.schemes[scheme]));
    const RankingReliability reliability = reliabilityOf(sweep, scheme);
    std::vector<double> damages;
    std::vector<double> errors;
    for (std::size_t layer = 0; layer < sweep.layers.size(); ++layer) {
      damages.push_back(sweep.damage(layer, scheme));
      errors.push_back(screening[layer * sweep.schemes.size() + scheme]);
    }
    Json order = Json::array();
    for (std::size_t i = 0; i < reliability.order.size(); ++i) {
      order.push_back({{"layer", sweep.layers[reliability.order[i]]}, {"tied", bool(reliability.tied[i])}});
    }
    json["reliability"].push_back(
        {{"split_half_rank_correlation", jsonNumber(reliability.splitHalf)},
         {"weight_error_rank_correlation", jsonNumber(rankCorrelation(damages, errors))},
         {"ranking", std::move(order)}});
  }
  for (std::size_t layer = 0; layer < sweep.layers.size(); ++layer) {
    Json values = Json::array();
    Json intervals = Json::array();
    Json weights = Json::array();
    for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
      const Estimate estimate = sweep.estimate(layer, scheme);
      values.push_back(jsonNumber(estimate.value));
      intervals.push_back({jsonNumber(estimate.low), jsonNumber(estimate.high)});
      weights.push_back(jsonNumber(screening[layer * sweep.schemes.size() + scheme]));
    }
    Json one = {{"name", sweep.layers[layer]},
                {"values", std::move(values)},
                {"intervals", std::move(intervals)},
                {"weight_errors", std::move(weights)}};
    if (!sweep.left[layer].empty()) {
      one["left"] = sweep.left[layer];
    }
    json["layers"].push_back(std::move(one));
  }
  json["seconds"] = seconds;
  return json;
}

std::string sweepText(const Sensitivity& sweep) {
  std::vector<std::vector<std::string>> rows = {{"LAYER"}};
  for (const Scheme& scheme : sweep.schemes) {
    rows.front().push_back(printScheme(scheme));
  }
  const std::size_t last = sweep.schemes.size() - 1;
  std::vector<std::size_t> order = reliabilityOf(sweep, last).order;
  for (std::size_t layer = 0; layer < sweep.layers.size(); ++layer) { // those without figures at the end
    if (std::find(order.begin(), order.end(), layer) == order.end()) {
      order.push_back(layer);
    }
  }
  for (const std::size_t layer : order) {
    std::vector<std::string> row = {displayText(sweep.layers[layer])};
    for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
      const double value = sweep.value(layer, scheme);
      row.push_back(std::isnan(value) ? "–" : formatReal(value));
    }
    rows.push_back(std::move(row));
  }
  std::string text = tableText(rows, 1) + std::string(metricName(sweep.metric)) + " on " +
                     std::to_string(sweep.samples) + " of " + displayText(sweep.origin.description) + "\n";
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    const double rho = reliabilityOf(sweep, scheme).splitHalf;
    text += printScheme(sweep.schemes[scheme]) + ": split-half rank correlation " +
            (std::isnan(rho) ? "unknown (too few samples)" : formatReal(rho)) + "\n";
  }
  return text;
}

Result<void> sweepNetwork(Environment& environment, const SensitivityCommandOptions& given) {
  const JobContext& context = environment.context();
  HALFSTEP_TRY(const auto model, environment.loadModel(given.file, 0.02));
  HALFSTEP_TRY(const auto samples, samplesFor(environment, *model, given.data));
  HALFSTEP_TRY(SensitivityOptions options, sweepOptions(given, *samples));
  HALFSTEP_TRY(const Executor executor, Executor::create(model));
  HALFSTEP_TRY(const std::vector<double> screening,
               screenWeights(*model, options.schemes, context.part(0.02, 0.05)));
  std::string hash;
  if (!given.journal.empty()) {
    HALFSTEP_TRY(const auto file, MappedFile::open(model->path));
    HALFSTEP_TRY(hash, sha256(file->bytes(), context));
  }
  Journal journal(given.journal, hash);
  HALFSTEP_CHECK(journal.load());
  options.onLayer = [&](const Sensitivity& sweep, std::size_t layer) { journal.note(sweep, layer); };
  const Simulation simulation(model, nullptr);
  const auto start = std::chrono::steady_clock::now();
  HALFSTEP_TRY(const auto sweep, measureSensitivity(executor, simulation, *samples, options,
                                                    journal.previous(), context.part(0.05, 1.0)));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (journal.problem()) {
    printWarning(journal.problem()->message());
  }
  environment.output().document(sweepJson(given.file, *sweep, screening, seconds));
  environment.output().text(sweepText(*sweep));
  return {};
}

} // namespace

Command sensitivityCommand(CLI::App& main) {
  auto options = std::make_shared<SensitivityCommandOptions>();
  CLI::App* parser =
      main.add_subcommand("sensitivity", "What quantizing each layer alone does to the output");
  parser->add_option("MODEL", options->file, "The model file")->required();
  addDataOptions(*parser, options->data);
  parser->add_option("--schemes", options->schemes, "Weight schemes, separated by commas")
      ->capture_default_str();
  parser->add_option(
      "--metric", options->metric,
      "kl, sqnr, relative-error, mse, cosine, top1, top5, accuracy, perplexity; without it kl where "
      "the output is a distribution, otherwise relative-error");
  parser->add_option("--journal", options->journal,
                     "Keep what is measured in this file, and go on from it after an interruption");
  parser->add_option("--memory", options->memory, "MiB for values that are kept from run to run")
      ->capture_default_str();
  parser->add_flag("--naive", options->naive, "Run the whole network every time, to compare with");
  parser->footer(
      "Examples:\n  halfstep-cli sensitivity model.onnx --data photos --samples 64\n"
      "  halfstep-cli sensitivity model.onnx --data photos --schemes int8,int4:group64:mse --json");
  return {parser, [options](Environment& environment) { return sweepNetwork(environment, *options); }};
}

} // namespace halfstep::cli
