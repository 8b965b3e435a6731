// halfstep-cli latency: how long every layer takes on this CPU in each type, or an estimate for another
// device.
#include "app/cli/command_set.h"
#include "app/cli/data_options.h"
#include "app/cli/device_options.h"
#include "app/cli/latency_report.h"

namespace halfstep::cli {

namespace {

struct LatencyCommandOptions {
  std::string file;
  std::vector<std::string> types{"fp32", "bf16", "int8", "int4"};
  DataOptions data;
  std::string device;
  int runs = 50;
};

Result<void> latency(Environment& environment, const LatencyCommandOptions& options) {
  LatencyOptions measure;
  measure.types.clear();
  for (const std::string& name : options.types) {
    HALFSTEP_TRY(const LatencyType type, parseLatencyType(name));
    measure.types.push_back(type);
  }
  measure.runs = options.runs;
  measure.clock = steadySeconds;
  std::optional<DeviceProfile> device;
  if (!options.device.empty()) {
    HALFSTEP_TRY(device, deviceNamed(options.device, environment.programFolder()));
  }
  HALFSTEP_TRY(const auto model, environment.loadModel(options.file, 0.05));
  const auto inFile = [&](Error error) {
    error.file = error.file.empty() ? options.file : error.file;
    return error;
  };
  HALFSTEP_TRY(const DataSettings settings, dataSettingsFor(options.data));
  auto inputs = oneInput(environment, *model, settings, environment.context().part(0.05, 0.1));
  if (!inputs) {
    return inFile(inputs.error());
  }
  auto executor = Executor::create(model);
  if (!executor) {
    return inFile(executor.error());
  }
  const JobContext job = environment.context().part(0.1, 1.0);
  LatencyReport report{options.file, measure.types, memoryOf(*model, measure.types)};
  if (device) {
    auto shapes = findLayerShapes(*executor, *inputs, job);
    if (!shapes) {
      return inFile(shapes.error());
    }
    environment.output().document(estimateJson(report, *shapes, *device));
    environment.output().text(estimateText(report, *shapes, *device));
    return {};
  }
  auto measured = measureLatency(*executor, *inputs, measure, job);
  if (!measured) {
    return inFile(measured.error());
  }
  environment.output().document(latencyJson(report, *measured));
  environment.output().text(latencyText(report, *measured));
  return {};
}

} // namespace

Command latencyCommand(CLI::App& main) {
  auto options = std::make_shared<LatencyCommandOptions>();
  const CommandParser parser(main, "latency",
                             "How long every layer takes: measured here, or estimated for a device");
  parser.option("MODEL", options->file, "The model file").required();
  parser.option("--types", options->types, "What to compare: fp32, bf16, int8, int4 (weight-only)")
      .separatedByCommas();
  parser.option("--runs", options->runs, "How often to run every layer in every type").between(1, 100000);
  parser.option("--device", options->device,
                "Estimate for this device instead: a profile's name, or its file");
  addDataOptions(parser, options->data);
  parser.footer("Examples:\n  halfstep-cli latency model.onnx --types fp32,int8\n"
                "  halfstep-cli latency model.onnx --device raspberry-pi-5 --json");
  return {parser.app(), [options](Environment& environment) { return latency(environment, *options); }};
}

} // namespace halfstep::cli
