#include "app/cli/data_options.h"

#include "core/analysis/synthetic_samples.h"
#include "core/io/data_set.h"

#include <charconv>

namespace halfstep::cli {

namespace {

/// Parses `text`, where there is any, into `member`, naming the option in errors.
template <class Parse, class Member>
Result<void> set(const char* option, const std::string& text, Parse parse, Member& member) {
  if (text.empty()) {
    return {};
  }
  auto parsed = parse(text);
  if (!parsed) {
    parsed.error().what = std::string(option) + ": " + parsed.error().what;
    return parsed.error();
  }
  member = std::move(*parsed);
  return {};
}

} // namespace

void addDataOptions(const CommandParser& parser, DataOptions& options) {
  parser.option("--data", options.data,
                "The samples: a file or folder of arrays, pictures, test data sets or text (docs/data.md); "
                "without it, inputs drawn at random");
  parser.option("--samples", options.samples, "Take so many samples, the first ones")
      .between(std::uint64_t{1}, std::uint64_t{1} << 40);
  parser.option("--shuffle", options.shuffle, "Take them in a random order with this seed");
  parser.option("--resize", options.resize,
                "Pictures: the shorter side (256), HEIGHTxWIDTH or none; else until the crop is covered");
  parser.option("--crop", options.crop, "Pictures: the middle, one side (224) or HEIGHTxWIDTH");
  parser.option("--scale", options.scale, "Multiply values by this, like 1/255 (the default for pixels)");
  parser.option("--mean", options.mean, "Then subtract this, one or for each channel: 0.485,0.456,0.406");
  parser.option("--std", options.std, "Then divide by this, one or for each channel");
  parser.option("--layout", options.layout, "Pictures: the order of the input's axes, nchw or nhwc");
  parser.option("--channels", options.channels, "Pictures: rgb, bgr or grey");
  parser.option("--tokenizer", options.tokenizer,
                "Text: bytes, a tokenizer.bin of llama2.c, or a file with one token on each line");
  parser
      .option("--shape", options.shapes,
              "NAME=1,3,224,224: the shape of an input that the model leaves open; may be repeated")
      .repeated();
}

Result<DataSettings> dataSettingsFor(const DataOptions& options, const std::optional<DataSettings>& kept) {
  DataSettings settings = kept.value_or(DataSettings{});
  if (!options.data.empty()) {
    settings.source = options.data;
  }
  if (options.samples) {
    settings.samples = options.samples;
  }
  if (options.shuffle) {
    settings.shuffle = options.shuffle;
  }
  HALFSTEP_CHECK(set("--resize", options.resize, parseResize, settings.resize));
  HALFSTEP_CHECK(set("--crop", options.crop, parseImageSize, settings.crop));
  HALFSTEP_CHECK(set("--scale", options.scale, parseScale, settings.scale));
  HALFSTEP_CHECK(set("--mean", options.mean, parseChannelValues, settings.mean));
  HALFSTEP_CHECK(set("--std", options.std, parseChannelValues, settings.std));
  HALFSTEP_CHECK(set("--layout", options.layout, parseLayout, settings.layout));
  HALFSTEP_CHECK(set("--channels", options.channels, parseChannels, settings.channels));
  if (!options.tokenizer.empty()) {
    settings.tokenizer = options.tokenizer;
  }
  for (const std::string& shape : options.shapes) {
    auto parsed = parseInputShape(shape);
    if (!parsed) {
      parsed.error().what = "--shape: " + parsed.error().what;
      return parsed.error();
    }
    settings.shapes.insert_or_assign(std::move(parsed->first), std::move(parsed->second));
  }
  if (auto checked = checkDataSettings(settings); !checked) {
    checked.error().what = "--" + checked.error().what;
    return checked.error();
  }
  return settings;
}

Result<std::shared_ptr<const SampleSource>> samplesFor(Environment& environment, const Model& model,
                                                       const DataSettings& settings,
                                                       const JobContext& context) {
  if (settings.source.empty()) {
    HALFSTEP_TRY(auto samples, SyntheticSamples::create(model, syntheticSettings(settings)));
    printWarning("no --data: inputs are drawn at random, and say little about real ones");
    return samples;
  }
  DataReaders readers;
  readers.images = environment.plugins().imageReader();
  readers.archives = environment.plugins().archiveReader();
  if (auto loader = environment.plugins().loaderFor(model.path)) {
    readers.tensors = *loader;
  }
  return openDataSet(settings.source, model, settings, readers, context);
}

Result<std::map<std::string, Value>> oneInput(Environment& environment, const Model& model,
                                              const DataSettings& settings, const JobContext& context) {
  std::shared_ptr<const SampleSource> samples;
  if (settings.source.empty()) {
    SyntheticSettings drawn = syntheticSettings(settings);
    drawn.count = 1;
    HALFSTEP_TRY(samples, SyntheticSamples::create(model, drawn));
  } else {
    HALFSTEP_TRY(samples, samplesFor(environment, model, settings, context));
  }
  if (samples->count() == 0) {
    return Error{ErrorKind::failed, "there are no samples", {}, settings.source};
  }
  return samples->inputs(0);
}

Result<std::shared_ptr<const SampleSource>> samplesFor(Environment& environment, const Model& model,
                                                       const DataOptions& options) {
  HALFSTEP_TRY(const DataSettings settings, dataSettingsFor(options));
  return samplesFor(environment, model, settings, environment.context());
}

} // namespace halfstep::cli
