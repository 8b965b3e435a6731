// halfstep-cli calibrate: runs samples through the float network and tells every value's range.
#include "app/cli/data_options.h"
#include "core/analysis/calibration.h"
#include "core/io/calibration_store.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/hash.h"
#include "core/support/units.h"

#include <cmath>
#include <filesystem>

namespace halfstep::cli {

namespace {

struct CalibrateOptions {
  std::string file;
  DataOptions data;
  std::string save;
  std::string scheme;
  std::string compare;
};

Json valueJson(const ActivationStatistics& value, const Calibration& calibration,
               const std::optional<Scheme>& scheme) {
  const auto nameOf = [&](std::size_t index) {
    return calibration.sampleNames.at(value.samples[index].sample);
  };
  Json json = {{"name", value.name},
               {"dtype", elementTypeName(value.type)},
               {"shape", value.shape},
               {"min", jsonNumber(value.samples.empty() ? NAN : value.moments.min)},
               {"max", jsonNumber(value.samples.empty() ? NAN : value.moments.max)},
               {"mean", jsonNumber(value.moments.mean)},
               {"std", jsonNumber(value.std())},
               {"zeros", value.moments.finite > 0
                             ? static_cast<double>(value.zeros()) / static_cast<double>(value.moments.finite)
                             : 0.0},
               {"nan", value.moments.nan},
               {"infinite", value.moments.infinite},
               {"moving_average", {value.movingAverage.lo, value.movingAverage.hi}},
               {"growth_in_last_half", jsonNumber(growthInLastHalf(value))}};
  if (!value.samples.empty()) {
    json["min_sample"] = nameOf(value.lowestSample());
    json["max_sample"] = nameOf(value.highestSample());
  }
  if (scheme) {
    const ValueRange range = activationRange(value, *scheme);
    json["range"] = {range.lo, range.hi};
  }
  json["outlier_channels"] = Json::array();
  constexpr double kTimes = 10.0;
  for (const OutlierChannel& channel : outlierChannels(value, kTimes)) {
    json["outlier_channels"].push_back(
        {{"channel", channel.channel}, {"magnitude", channel.magnitude}, {"ratio", channel.ratio}});
  }
  return json;
}

/// How the values of these samples differ from those of a saved calibration.
Result<std::vector<Drift>> driftFrom(Environment& environment, const std::string& file,
                                     const Calibration& calibration) {
  const CalibrationStore* store = environment.plugins().calibrationStore();
  if (store == nullptr) {
    return Error{ErrorKind::unsupported, "there is no plug-in that reads calibrations", {}, file};
  }
  HALFSTEP_TRY(const StoredCalibration saved, store->load(file, environment.context()));
  return driftBetween(*saved.calibration, calibration);
}

std::string driftText(const std::vector<Drift>& drifts) {
  std::vector<std::vector<std::string>> rows = {{"VALUE", "DISTANCE", "OUTSIDE", "MEAN SHIFT"}};
  for (const Drift& drift : drifts) {
    rows.push_back({displayText(drift.value), formatReal(drift.distance), formatShare(drift.outside),
                    formatReal(drift.meanShift)});
  }
  return "\n" + tableText(rows, 1);
}

/// What would keep --save from being written after all samples have run.
Result<void> checkSave(Environment& environment, const std::string& save) {
  if (environment.plugins().calibrationStore() == nullptr) {
    return Error{ErrorKind::unsupported, "there is no plug-in that writes calibrations", {}, save};
  }
  const std::filesystem::path folder = std::filesystem::absolute(save).parent_path();
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    return Error{ErrorKind::failed, "cannot be written: there is no folder " + folder.string(), {}, save};
  }
  if (std::filesystem::is_directory(save, ignored)) {
    return Error{ErrorKind::failed, "cannot be written: it is a folder", {}, save};
  }
  return {};
}

Result<void> runCalibration(Environment& environment, const CalibrateOptions& options) {
  const JobContext& context = environment.context();
  std::optional<Scheme> scheme;
  if (!options.scheme.empty()) {
    HALFSTEP_TRY(scheme, parseScheme(options.scheme));
    HALFSTEP_CHECK(checkSupportedForActivations(*scheme, false));
  }
  if (!options.save.empty()) {
    HALFSTEP_CHECK(checkSave(environment, options.save));
  }
  HALFSTEP_TRY(const auto model, environment.loadModel(options.file, 0.05));
  HALFSTEP_TRY(const auto samples, samplesFor(environment, *model, options.data));
  HALFSTEP_TRY(const Executor executor, Executor::create(model));
  HALFSTEP_TRY(const auto calibration, calibrate(executor, *samples, {}, context.part(0.05, 0.95)));
  Json json = {{"model", options.file},
               {"samples", calibration->sampleNames.size()},
               {"data", calibration->origin.description},
               {"synthetic", calibration->origin.synthetic},
               {"tensors", Json::array()}};
  std::vector<std::vector<std::string>> rows = {
      {"VALUE", "MIN", "MAX", "MEAN", "STD", "RANGE", "SAMPLE OF MAX", "GROWTH"}};
  for (const ActivationStatistics& value : calibration->values) {
    json["tensors"].push_back(valueJson(value, *calibration, scheme));
    const bool any = !value.samples.empty();
    const ValueRange range = scheme ? activationRange(value, *scheme) : ValueRange{};
    rows.push_back(
        {displayText(value.name), any ? formatReal(value.moments.min) : "–",
         any ? formatReal(value.moments.max) : "–", formatReal(value.moments.mean), formatReal(value.std()),
         scheme ? formatReal(range.lo) + " to " + formatReal(range.hi) : "",
         any ? displayText(calibration->sampleNames.at(value.samples[value.highestSample()].sample)) : "–",
         formatShare(growthInLastHalf(value))});
  }
  if (!options.save.empty()) {
    HALFSTEP_TRY(const std::string hash, sha256OfFile(model->path, context));
    const CalibrationStore* store = environment.plugins().calibrationStore();
    HALFSTEP_CHECK(store->save({calibration, model->name, hash}, options.save, context.part(0.95, 1.0)));
    json["file"] = options.save;
  }
  std::string drift;
  if (!options.compare.empty()) {
    HALFSTEP_TRY(const std::vector<Drift> drifts, driftFrom(environment, options.compare, *calibration));
    json["drift"] = Json::array();
    for (const Drift& one : drifts) {
      json["drift"].push_back({{"name", one.value},
                               {"distance", one.distance},
                               {"outside", one.outside},
                               {"mean_shift", jsonNumber(one.meanShift)}});
    }
    drift = driftText(drifts);
  }
  environment.output().document(json);
  environment.output().text(tableText(rows, 1) + "on " + std::to_string(calibration->sampleNames.size()) +
                            " of " + displayText(calibration->origin.description) + "\n" + drift);
  return {};
}

} // namespace

Command calibrateCommand(CLI::App& main) {
  auto options = std::make_shared<CalibrateOptions>();
  const CommandParser parser(main, "calibrate", "Ranges and distributions of all values on data");
  parser.option("MODEL", options->file, "The model file").required();
  addDataOptions(parser, options->data);
  parser.option("--save", options->save, "Write the statistics here (HDF5)");
  parser.option("--compare", options->compare,
                "A saved calibration of other samples: also how much these differ from it");
  parser.option("--scheme", options->scheme,
                "Also the clipping range that this scheme finds, like uint8:tensor:pct99.99");
  parser.footer("Example:\n  halfstep-cli calibrate model.onnx --data photos --save model.calibration.h5");
  return {parser.app(),
          [options](Environment& environment) { return runCalibration(environment, *options); }};
}

} // namespace halfstep::cli
