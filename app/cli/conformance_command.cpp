// halfstep-cli conformance: runs folders of ONNX backend test cases (model.onnx and test_data_set_*) and says
// which pass: types and shapes as expected, numbers within 1e-3 absolute + 1e-3 relative.
#include "app/cli/command_set.h"
#include "core/exec/executor.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace halfstep::cli {

namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 1e-3;

struct Verdict {
  enum class Kind { passed, failed, unsupported };
  Kind kind = Kind::passed;
  std::string why;
};

/// Empty where `tensor` is what was expected.
std::string difference(const Tensor& tensor, const Tensor& expected) {
  if (tensor.type() != expected.type()) {
    return "its type is " + std::string(elementTypeName(tensor.type())) + ", expected " +
           std::string(elementTypeName(expected.type()));
  }
  if (tensor.shape() != expected.shape()) {
    return "its shape is " + shapeText(tensor.shape()) + ", expected " + shapeText(expected.shape());
  }
  if (tensor.type() == ElementType::string) {
    return std::equal(tensor.strings().begin(), tensor.strings().end(), expected.strings().begin())
               ? ""
               : "its strings differ";
  }
  const bool isComplex = tensor.type() == ElementType::complex64 || tensor.type() == ElementType::complex128;
  if (isComplex) {
    return std::equal(tensor.bytes().begin(), tensor.bytes().end(), expected.bytes().begin())
               ? ""
               : "its complex numbers differ";
  }
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    const double a = tensor.valueAt(i);
    const double b = expected.valueAt(i);
    const bool same = (std::isnan(a) && std::isnan(b)) || a == b ||
                      std::abs(a - b) <= kTolerance + kTolerance * std::abs(b);
    if (!same) {
      return "element " + std::to_string(i) + " is " + std::to_string(a) + ", expected " + std::to_string(b);
    }
  }
  return {};
}

std::string_view kindOf(const Value& value) {
  return value.isAbsent() ? "empty" : (value.isSequence() ? "a sequence" : "a tensor");
}

std::string difference(const Value& got, const Value& expected) {
  if (kindOf(got) != kindOf(expected)) {
    return "it is " + std::string(kindOf(got)) + ", expected " + std::string(kindOf(expected));
  }
  if (got.isTensor()) {
    return difference(got.tensor(), expected.tensor());
  }
  if (got.isAbsent()) {
    return {};
  }
  if (got.items().size() != expected.items().size()) {
    return "it has " + std::to_string(got.items().size()) + " items, expected " +
           std::to_string(expected.items().size());
  }
  for (std::size_t i = 0; i < got.items().size(); ++i) {
    if (const std::string wrong = difference(got.items()[i], expected.items()[i]); !wrong.empty()) {
      return "item " + std::to_string(i) + ": " + wrong;
    }
  }
  return {};
}

Verdict verdictOf(const Error& error) {
  return {error.kind == ErrorKind::unsupported ? Verdict::Kind::unsupported : Verdict::Kind::failed,
          error.what + (error.where.empty() ? "" : " (" + error.where + ")")};
}

/// NumPy has no bfloat16: test cases keep such values as uint16, and only the model says what they are.
Value asDeclared(Value value, ElementType declared) {
  if (declared == ElementType::bfloat16 && value.isTensor() && value.tensor().type() == ElementType::uint16) {
    const auto owner = std::make_shared<Tensor>(value.tensor());
    return Tensor::share(declared, owner->shape(), owner, owner->bytes()).value();
  }
  return value;
}

std::vector<fs::path> foldersIn(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> folders;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.is_directory() && entry.path().filename().string().rfind(prefix, 0) == 0) {
      folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

Verdict runSet(const ModelLoader& loader, const Executor& executor, const fs::path& folder,
               const JobContext& context) {
  std::map<std::string, Value> inputs;
  const Graph& graph = executor.model().graph;
  // Files are numbered like the inputs as the model lists them, initializers among them.
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const fs::path file = folder / ("input_" + std::to_string(i) + ".pb");
    if (!fs::exists(file)) {
      continue;
    }
    auto value = loader.loadValue(file, graph.inputs[i].container);
    if (!value) {
      return verdictOf(value.error());
    }
    inputs[graph.inputs[i].name] = asDeclared(std::move(*value), graph.inputs[i].type);
  }
  const auto outputs = executor.run(inputs, context);
  if (!outputs) {
    return verdictOf(outputs.error());
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const fs::path file = folder / ("output_" + std::to_string(i) + ".pb");
    if (!fs::exists(file)) {
      continue;
    }
    const auto expected = loader.loadValue(file, graph.outputs[i].container);
    if (!expected) {
      return verdictOf(expected.error());
    }
    const std::string wrong =
        difference(outputs->at(graph.outputs[i].name), asDeclared(*expected, graph.outputs[i].type));
    if (!wrong.empty()) {
      return {Verdict::Kind::failed, "output " + graph.outputs[i].name + ": " + wrong};
    }
  }
  return {};
}

Verdict runCase(Environment& environment, const fs::path& folder) {
  const fs::path file = folder / "model.onnx";
  const auto loader = environment.plugins().loaderFor(file);
  if (!loader) {
    return verdictOf(loader.error());
  }
  const JobContext context(environment.context().stopToken());
  auto model = (*loader)->load(file, context);
  if (!model) {
    return verdictOf(model.error());
  }
  const auto executor = Executor::create(*model);
  if (!executor) {
    return verdictOf(executor.error());
  }
  for (const fs::path& set : foldersIn(folder, "test_data_set_")) {
    const Verdict verdict = runSet(**loader, *executor, set, context);
    if (verdict.kind != Verdict::Kind::passed) {
      return verdict;
    }
  }
  return {};
}

/// The test cases in a folder: itself, or the folders in it, at most two levels down.
std::vector<fs::path> casesIn(const fs::path& folder, int levels = 2) {
  if (fs::exists(folder / "model.onnx")) {
    return {folder};
  }
  std::vector<fs::path> cases;
  for (const fs::path& inner : levels > 0 ? foldersIn(folder, "") : std::vector<fs::path>()) {
    const std::vector<fs::path> found = casesIn(inner, levels - 1);
    cases.insert(cases.end(), found.begin(), found.end());
  }
  return cases;
}

Result<void> conformance(Environment& environment, const std::string& folder) {
  const std::vector<fs::path> cases = casesIn(folder);
  if (cases.empty()) {
    return Error{ErrorKind::usage, "holds no test cases (folders with a model.onnx)", {}, folder};
  }
  Json failed = Json::array();
  Json unsupported = Json::array();
  std::string text;
  int passed = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    HALFSTEP_CHECK(environment.context().checkpoint());
    environment.context().reportProgress(static_cast<double>(i) / static_cast<double>(cases.size()),
                                         cases[i].filename().string());
    const Verdict verdict = runCase(environment, cases[i]);
    const std::string name = cases[i].filename().string();
    if (verdict.kind == Verdict::Kind::passed) {
      ++passed;
      continue;
    }
    const bool isFailed = verdict.kind == Verdict::Kind::failed;
    (isFailed ? failed : unsupported).push_back({{"name", name}, {"why", verdict.why}});
    text +=
        displayText(std::string(isFailed ? "failed       " : "unsupported  ") + name + ": " + verdict.why) +
        "\n";
  }
  text += std::to_string(passed) + " of " + std::to_string(cases.size()) + " passed, " +
          std::to_string(failed.size()) + " failed, " + std::to_string(unsupported.size()) + " unsupported\n";
  environment.output().document(
      {{"folder", folder}, {"passed", passed}, {"failed", failed}, {"unsupported", unsupported}});
  environment.output().text(text);
  return {};
}

} // namespace

Command conformanceCommand(CLI::App& main) {
  auto folder = std::make_shared<std::string>();
  const CommandParser parser(main, "conformance", "Run ONNX backend test cases");
  parser.option("DIR", *folder, "A folder of test cases, or one of them").required();
  parser.footer("Example:\n  halfstep-cli conformance /usr/share/libonnx-testdata/data/node");
  return {parser.app(), [folder](Environment& environment) { return conformance(environment, *folder); }};
}

} // namespace halfstep::cli
