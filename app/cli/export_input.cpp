#include "app/cli/export_input.h"

#include "app/cli/calibration_options.h"

namespace halfstep::cli {

void addExportInputOptions(const CommandParser& parser, ExportInputOptions& options) {
  parser.option("MODEL", options.file, "The model file");
  addPlanOptions(parser, options.plan);
  parser.option("--to", options.format, "The format; halfstep-cli export --list names them");
  addDataOptions(parser, options.data);
  addCalibrationOption(parser, options.calibration);
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
                 savedCalibration(environment, options.calibration, prepared.input.plan.modelSha256,
                                  OtherModel::warned));
  } else if (exporter.needsCalibration(prepared.input)) {
    HALFSTEP_TRY(const SampleSource* samples, prepared.samplesOf(environment));
    HALFSTEP_TRY(const Executor executor, Executor::create(prepared.input.model));
    HALFSTEP_TRY(prepared.input.measured.calibration,
                 calibrate(executor, *samples, {}, context.part(share / 4, share)));
  }
  return prepared;
}

} // namespace halfstep::cli
