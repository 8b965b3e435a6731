// halfstep-cli run: runs the graph on given inputs.
#include "app/cli/calibration_options.h"
#include "app/cli/plan_options.h"
#include "app/cli/run_inputs.h"
#include "core/analysis/simulation.h"
#include "core/exec/executor.h"
#include "core/io/npy_file.h"

#include <chrono>
#include <filesystem>
#include <limits>

namespace halfstep::cli {

namespace {

struct RunCommandOptions {
  std::string file;
  std::vector<std::string> inputs; ///< NAME=FILE
  std::string output;
  PlanOptions plan;
  std::string calibration; ///< a saved one
  int runs = 1;
};

/// What the plan changes in a run; nothing where none was asked for.
Result<SimulatedPlan> simulated(Environment& environment, const RunCommandOptions& options,
                                const std::shared_ptr<const Model>& model) {
  const PlanOptions& asked = options.plan;
  if (asked.planFile.empty() && asked.weights.empty() && asked.activations.empty() && asked.sets.empty()) {
    if (!options.calibration.empty()) {
      return Error{ErrorKind::usage, "--calibration: for what plan? Give --plan as well"};
    }
    return SimulatedPlan();
  }
  const JobContext& context = environment.context();
  HALFSTEP_TRY(const Plan plan, planFor(*model, asked, true, context));
  std::shared_ptr<const Calibration> calibration;
  if (!options.calibration.empty()) {
    HALFSTEP_TRY(calibration, savedCalibration(environment, options.calibration, plan.modelSha256));
  } else if (hasStaticActivations(*model, plan)) {
    return Error{
        ErrorKind::usage,
        "the plan quantizes layers' inputs to ranges that only calibration tells: give --calibration "
        "FILE.h5 (halfstep-cli calibrate --save)"};
  }
  HALFSTEP_TRY(SimulatedPlan made, simulatePlan(Simulation(model, calibration), plan, context));
  for (const auto& [layer, why] : made.left) {
    printWarning(layer + " stays as it is: " + why);
  }
  return made;
}

/// A tensor as a .npy file; types that NumPy does not have as float32. Returns the file's name.
Result<std::string> writeOutput(const std::filesystem::path& folder, const std::string& name,
                                const Tensor& tensor) {
  std::string safe = name;
  std::replace(safe.begin(), safe.end(), '/', '_');
  const std::filesystem::path path = folder / (safe + ".npy");
  const std::string descriptor = npyDescriptor(tensor.type());
  if (!descriptor.empty()) {
    HALFSTEP_CHECK(writeNpy(path, descriptor, tensor.shape(), tensor.bytes()));
    return path.string();
  }
  HALFSTEP_TRY(const std::vector<float> floats, toFloats(tensor, {}));
  HALFSTEP_CHECK(writeNpy(path, "<f4", tensor.shape(), std::as_bytes(std::span(floats))));
  return path.string();
}

Result<void> runModel(Environment& environment, const RunCommandOptions& options) {
  HALFSTEP_TRY(auto model, environment.loadModel(options.file, 0.2));
  HALFSTEP_TRY(const auto inputs, readInputs(options.inputs, *model));
  HALFSTEP_TRY(const SimulatedPlan plan, simulated(environment, options, model));
  auto executor = Executor::create(model);
  if (!executor) {
    executor.error().file = options.file;
    return executor.error();
  }
  std::map<std::string, Value> outputs;
  double seconds = std::numeric_limits<double>::infinity();
  for (int i = 0; i < options.runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    auto done = executor->run(inputs, environment.context(), plan.options);
    if (!done) {
      done.error().file = options.file;
      return done.error();
    }
    for (const auto& [name, value] : *done) { // also what a run may leave for later
      if (value.isTensor()) {
        static_cast<void>(value.tensor());
      }
    }
    seconds =
        std::min(seconds, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    outputs = std::move(*done);
  }
  std::error_code failure;
  std::filesystem::create_directories(options.output, failure);
  if (failure) {
    return Error{ErrorKind::failed, "cannot be made: " + failure.message(), {}, options.output};
  }
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"OUTPUT", "TYPE", "SHAPE", "FILE"}};
  for (const ValueInfo& info : model->graph.outputs) {
    const Value& value = outputs.at(info.name);
    if (!value.isTensor()) {
      printWarning("the output " + info.name + " is no tensor and is not written");
      continue;
    }
    const Tensor& tensor = value.tensor();
    HALFSTEP_TRY(const std::string file, writeOutput(options.output, info.name, tensor));
    list.push_back({{"name", info.name},
                    {"dtype", elementTypeName(tensor.type())},
                    {"shape", tensor.shape()},
                    {"file", file}});
    rows.push_back({displayText(info.name), std::string(elementTypeName(tensor.type())),
                    shapeText(tensor.shape()), displayText(file)});
  }
  Json left = Json::array();
  for (const auto& [layer, why] : plan.left) {
    left.push_back({{"layer", layer}, {"why", why}});
  }
  environment.output().document(
      {{"model", options.file}, {"outputs", list}, {"left", std::move(left)}, {"seconds", seconds}});
  environment.output().text(tableText(rows, 4));
  return {};
}

} // namespace

Command runCommand(CLI::App& main) {
  auto options = std::make_shared<RunCommandOptions>();
  const CommandParser parser(main, "run", "Run the graph on given inputs");
  parser.option("MODEL", options->file, "The model file").required();
  parser.option("--input", options->inputs, "An input's values: NAME=FILE.npy");
  parser.option("--output", options->output, "The folder for the outputs").required();
  addPlanOptions(parser, options->plan);
  addCalibrationOption(parser, options->calibration);
  parser.option("--runs", options->runs, "How often to run; the time is that of the fastest")
      .between(1, 100000);
  parser.footer("Without a plan the float network runs; with one, its layers are quantized as in evaluate.\n"
                "Examples:\n  halfstep-cli run model.onnx --input x=x.npy --output out\n"
                "  halfstep-cli run model.onnx --plan plan.halfstep.json --calibration ranges.h5 --input "
                "x=x.npy --output out");
  return {parser.app(), [options](Environment& environment) { return runModel(environment, *options); }};
}

} // namespace halfstep::cli
