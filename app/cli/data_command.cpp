// halfstep-cli data: what a data set is for a model, for a person to check.
#include "app/cli/command_set.h"
#include "app/cli/data_options.h"
#include "core/io/data_settings_json.h"
#include "core/io/npy_file.h"
#include "core/support/units.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>

namespace halfstep::cli {

namespace {

/// How many samples are read for the ranges of the inputs.
constexpr std::size_t kLookedAt = 100;
/// How many classes the table for people shows.
constexpr std::size_t kShownClasses = 20;

struct DataCommandOptions {
  std::string file;
  DataOptions data;
  std::string dump; ///< folder
};

/// The values of one input over the samples looked at. NaN and infinite values are counted apart.
struct InputFigures {
  std::string type;
  Shape shape;
  bool sameShape = true;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double sum = 0;
  std::int64_t count = 0;
  std::int64_t notFinite = 0;

  void add(const Tensor& tensor) {
    if (type.empty()) {
      type = elementTypeName(tensor.type());
      shape = tensor.shape();
    }
    sameShape = sameShape && shape == tensor.shape();
    for (std::size_t i = 0; i < tensor.count(); ++i) {
      const double value = tensor.valueAt(i);
      if (!std::isfinite(value)) {
        ++notFinite;
        continue;
      }
      min = std::min(min, value);
      max = std::max(max, value);
      sum += value;
      ++count;
    }
  }
  double mean() const { return sum / static_cast<double>(count); }
};

struct DataFigures {
  std::size_t looked = 0;
  std::map<std::string, InputFigures> inputs;
  std::map<std::int64_t, std::int64_t> classes; ///< how often each label is there, in all samples
  std::size_t labelled = 0;                     ///< samples with labels
};

Result<DataFigures> look(const SampleSource& samples, const JobContext& context) {
  DataFigures figures;
  figures.looked = std::min(samples.count(), kLookedAt);
  for (std::size_t i = 0; i < samples.count(); ++i) {
    HALFSTEP_CHECK(context.checkpoint());
    context.reportProgress(static_cast<double>(i) / static_cast<double>(samples.count()));
    const auto targets = samples.targets(i);
    figures.labelled += targets.empty() ? 0 : 1;
    for (const std::int64_t target : targets) {
      ++figures.classes[target];
    }
    if (i < figures.looked) {
      HALFSTEP_TRY(const auto values, samples.inputs(i));
      for (const auto& [name, value] : values) {
        if (value.isTensor()) {
          figures.inputs[name].add(value.tensor());
        }
      }
    }
  }
  return figures;
}

Json figuresJson(const std::string& file, const SampleSource& samples, const DataSettings& settings,
                 const DataFigures& figures) {
  const SampleOrigin origin = samples.origin();
  Json inputs = Json::array();
  for (const auto& [name, input] : figures.inputs) {
    inputs.push_back({{"name", name},
                      {"dtype", input.type},
                      {"shape", input.sameShape ? Json(input.shape) : Json(nullptr)},
                      {"min", jsonNumber(input.min)},
                      {"max", jsonNumber(input.max)},
                      {"mean", jsonNumber(input.mean())},
                      {"not_finite", input.notFinite}});
  }
  Json classes = Json::array();
  for (const auto& [label, count] : figures.classes) {
    classes.push_back({{"class", label}, {"count", count}});
  }
  Json first = Json::array();
  for (std::size_t i = 0; i < std::min<std::size_t>(samples.count(), 5); ++i) {
    first.push_back({{"name", displayText(samples.name(i))}, {"targets", samples.targets(i)}});
  }
  char fingerprint[17];
  std::snprintf(fingerprint, sizeof fingerprint, "%016llx",
                static_cast<unsigned long long>(origin.fingerprint));
  return {{"model", file},
          {"data", dataSettingsToJson(settings)},
          {"description", displayText(origin.description)},
          {"synthetic", origin.synthetic},
          {"fingerprint", fingerprint},
          {"samples", samples.count()},
          {"looked_at", figures.looked},
          {"inputs", inputs},
          {"labelled", figures.labelled},
          {"classes", classes},
          {"first", first}};
}

std::string figuresText(const SampleSource& samples, const DataFigures& figures) {
  std::string text = displayText(samples.origin().description) + "\n\n";
  std::vector<std::vector<std::string>> rows = {{"INPUT", "TYPE", "SHAPE", "MIN", "MAX", "MEAN"}};
  for (const auto& [name, input] : figures.inputs) {
    rows.push_back({displayText(name), input.type, input.sameShape ? shapeText(input.shape) : "several",
                    formatReal(input.min), formatReal(input.max), formatReal(input.mean())});
  }
  text += tableText(rows, 3);
  text += "of the first " + formatCount(static_cast<std::int64_t>(figures.looked)) + " of " +
          formatCount(static_cast<std::int64_t>(samples.count())) + " samples\n\n";
  for (const auto& [name, input] : figures.inputs) {
    if (input.notFinite > 0) {
      text += displayText(name) + ": " + formatCount(input.notFinite) + " values are NaN or infinite\n";
    }
  }
  if (figures.labelled == 0) {
    return text + "no labels\n";
  }
  rows = {{"CLASS", "COUNT"}};
  for (const auto& [label, count] : figures.classes) {
    if (rows.size() > kShownClasses) {
      break;
    }
    rows.push_back({std::to_string(label), formatCount(count)});
  }
  text += tableText(rows, 0);
  if (figures.classes.size() > kShownClasses) {
    text += "and " + std::to_string(figures.classes.size() - kShownClasses) + " more classes\n";
  }
  return text;
}

/// The inputs of the first sample as .npy files; types that NumPy does not have as float32.
Result<void> dumpFirst(const SampleSource& samples, const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) {
    return Error{ErrorKind::failed, "cannot be made: " + failure.message(), {}, folder.string()};
  }
  HALFSTEP_TRY(const auto values, samples.inputs(0));
  for (const auto& [name, value] : values) {
    if (!value.isTensor()) {
      continue;
    }
    const Tensor& tensor = value.tensor();
    std::string file = name;
    std::replace(file.begin(), file.end(), '/', '_');
    const std::string descriptor = npyDescriptor(tensor.type());
    if (!descriptor.empty()) {
      HALFSTEP_CHECK(writeNpy(folder / (file + ".npy"), descriptor, tensor.shape(), tensor.bytes()));
      continue;
    }
    HALFSTEP_TRY(const std::vector<float> floats, toFloats(tensor, {}));
    HALFSTEP_CHECK(
        writeNpy(folder / (file + ".npy"), "<f4", tensor.shape(), std::as_bytes(std::span(floats))));
  }
  return {};
}

Result<void> showData(Environment& environment, const DataCommandOptions& options) {
  HALFSTEP_TRY(const auto model, environment.loadModel(options.file, 0.2));
  HALFSTEP_TRY(const DataSettings settings, dataSettingsFor(options.data));
  HALFSTEP_TRY(const auto samples,
               samplesFor(environment, *model, settings, environment.context().part(0.2, 0.5)));
  HALFSTEP_TRY(const DataFigures figures, look(*samples, environment.context().part(0.5, 1.0)));
  if (!options.dump.empty()) {
    HALFSTEP_CHECK(dumpFirst(*samples, options.dump));
  }
  environment.output().document(figuresJson(options.file, *samples, settings, figures));
  environment.output().text(figuresText(*samples, figures));
  return {};
}

} // namespace

Command dataCommand(CLI::App& main) {
  auto options = std::make_shared<DataCommandOptions>();
  const CommandParser parser(main, "data", "What a data set is for a model: samples, inputs, values, labels");
  parser.option("MODEL", options->file, "The model file").required();
  addDataOptions(parser, options->data);
  parser.option("--dump", options->dump, "Write the first sample to this folder, NAME.npy for each input");
  parser.footer("Examples:\n  halfstep-cli data model.onnx --data photos --resize 256 --crop 224\n"
                "  halfstep-cli data lm.onnx --data book.txt --tokenizer tokenizer.bin --json");
  return {parser.app(), [options](Environment& environment) { return showData(environment, *options); }};
}

} // namespace halfstep::cli
