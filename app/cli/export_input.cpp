#include "app/cli/export_input.h"

#include "core/io/calibration_store.h"

namespace halfstep::cli {

namespace {

Result<std::shared_ptr<const Calibration>> savedCalibration(Environment& environment, const std::string& file,
                                                            const Plan& plan) {
  const CalibrationStore* store = environment.plugins().calibrationStore();
  if (store == nullptr) {
    return Error{ErrorKind::unsupported, "there is no plug-in that reads calibrations", {}, file};
  }
  HALFSTEP_TRY(const StoredCalibration stored, store->load(file, environment.context()));
  if (!stored.modelSha256.empty() && stored.modelSha256 != plan.modelSha256) {
    printWarning(file + ": is the calibration of another file, " + stored.modelFile);
  }
  return stored.calibration;
}

} // namespace

void addExportInputOptions(const CommandParser& parser, ExportInputOptions& options) {
  parser.option("MODEL", options.file, "The model file");
  addPlanOptions(parser, options.plan);
  parser.option("--to", options.format, "The format; halfstep-cli export --list names them");
  addDataOptions(parser, options.data);
  parser.option("--calibration", options.calibration,
                "Ranges of activations from this file (halfstep-cli calibrate --save) instead of the data");
}

Result<const SampleSource*> PreparedExport::samplesOf(Environment& environment) {
  if (!samples) {
    HALFSTEP_TRY(samples, samplesFor(environment, *input.model, settings, environment.context()));
  }
  return samples.get();
}

Result<PreparedExport> prepareExport(Environment& environment, const ExportInputOptions& options,
                                     const Exporter& exporter, double share) {
  const JobContext& context = environment.context();
  HALFSTEP_TRY(auto model, environment.loadModel(options.file, share / 4));
  HALFSTEP_TRY(Plan plan, planFor(*model, options.plan, true, context));
  PreparedExport prepared;
  HALFSTEP_TRY(prepared.settings, dataSettingsFor(options.data, plan.data));
  prepared.input = {std::move(model), std::move(plan), HALFSTEP_VERSION};
  if (!options.calibration.empty()) {
    HALFSTEP_TRY(prepared.input.measured.calibration,
                 savedCalibration(environment, options.calibration, prepared.input.plan));
  } else if (exporter.needsCalibration(prepared.input)) {
    HALFSTEP_TRY(const SampleSource* samples, prepared.samplesOf(environment));
    HALFSTEP_TRY(const Executor executor, Executor::create(prepared.input.model));
    HALFSTEP_TRY(prepared.input.measured.calibration,
                 calibrate(executor, *samples, {}, context.part(share / 4, share)));
  }
  return prepared;
}

} // namespace halfstep::cli
