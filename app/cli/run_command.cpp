// halfstep-cli run: runs the graph on given inputs.
#include "app/cli/command_set.h"
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
  int runs = 1;
};

Result<std::map<std::string, Value>> readInputs(const std::vector<std::string>& given) {
  std::map<std::string, Value> inputs;
  for (const std::string& pair : given) {
    const std::size_t equals = pair.rfind('=');
    if (equals == std::string::npos) {
      return Error{ErrorKind::usage, "--input " + pair + ": expected NAME=FILE.npy"};
    }
    HALFSTEP_TRY(Tensor tensor, readNpy(pair.substr(equals + 1)));
    inputs[pair.substr(0, equals)] = std::move(tensor);
  }
  return inputs;
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
  HALFSTEP_TRY(const auto inputs, readInputs(options.inputs));
  for (const auto& [name, value] : inputs) {
    const auto& known = model->graph.inputs;
    const bool found =
        std::any_of(known.begin(), known.end(), [&](const ValueInfo& i) { return i.name == name; });
    if (!found && !model->graph.initializers.contains(name)) {
      return Error{ErrorKind::usage, "the model has no input " + name, {}, options.file};
    }
  }
  auto executor = Executor::create(model);
  if (!executor) {
    executor.error().file = options.file;
    return executor.error();
  }
  std::map<std::string, Value> outputs;
  double seconds = std::numeric_limits<double>::infinity();
  for (int i = 0; i < options.runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    auto done = executor->run(inputs, environment.context());
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
  environment.output().document({{"model", options.file}, {"outputs", list}, {"seconds", seconds}});
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
  parser.option("--runs", options->runs, "How often to run; the time is that of the fastest")
      .between(1, 100000);
  parser.footer("Example:\n  halfstep-cli run model.onnx --input x=x.npy --output out");
  return {parser.app(), [options](Environment& environment) { return runModel(environment, *options); }};
}

} // namespace halfstep::cli
