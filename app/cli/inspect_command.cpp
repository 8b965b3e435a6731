// halfstep-cli inspect: what is in a model.
#include "app/cli/command_set.h"
#include "app/cli/dump.h"
#include "core/quant/distribution.h"
#include "core/quant/stored_facts.h"
#include "core/support/units.h"

namespace halfstep::cli {

namespace {

struct InspectOptions {
  std::string file;
  std::string dump;
};

struct InspectedLayer {
  const Layer* layer;
  Moments moments; ///< of the decoded values
  std::optional<StoredFacts> stored;
  std::string dumpedAs; ///< the beginning of its files' names; empty without --dump
};

Json storedJson(const StoredQuantization& stored, const StoredFacts& facts) {
  return {{"origin", stored.origin},
          {"code_min", jsonNumber(facts.lowestCode)},
          {"code_max", jsonNumber(facts.highestCode)},
          {"scales", facts.scales},
          {"scale_min", jsonNumber(facts.smallestScale)},
          {"scale_max", jsonNumber(facts.largestScale)},
          {"zero_point_min", jsonNumber(facts.smallestZeroPoint)},
          {"zero_point_max", jsonNumber(facts.largestZeroPoint)},
          {"axis", stored.axis ? Json(*stored.axis) : Json(nullptr)},
          {"block_size", stored.blockSize}};
}

Json valueJson(const ValueInfo& value) {
  Json shape = nullptr;
  if (value.hasShape) {
    shape = Json::array();
    for (const Dimension& dimension : value.shape) {
      shape.push_back(dimension.value >= 0 ? Json(dimension.value)
                                           : (dimension.name.empty() ? Json(nullptr) : Json(dimension.name)));
    }
  }
  Json json = {{"name", value.name}, {"dtype", elementTypeName(value.type)}, {"shape", shape}};
  if (!value.container.empty()) {
    json["container"] = value.container;
  }
  return json;
}

/// One number, several where several axes together number the channels, null where the weight is one channel.
Json channelAxisJson(const std::vector<int>& axes) {
  return axes.empty() ? Json(nullptr) : (axes.size() == 1 ? Json(axes[0]) : Json(axes));
}

Json layerJson(const InspectedLayer& inspected) {
  const Layer& layer = *inspected.layer;
  const Moments& moments = inspected.moments;
  Json json = {{"name", layer.name},
               {"op", layer.op},
               {"weight", layer.weightName},
               {"shape", layer.weight.shape()},
               {"dtype", elementTypeName(layer.weight.type())},
               {"parameters", layer.parameters()},
               {"channel_axis", channelAxisJson(layer.channelAxes)},
               {"min", jsonNumber(moments.min)},
               {"max", jsonNumber(moments.max)},
               {"mean", jsonNumber(moments.mean)},
               {"std", jsonNumber(moments.std)},
               {"kurtosis", jsonNumber(moments.kurtosis)},
               {"zeros", moments.zeros},
               {"nan", moments.nan},
               {"infinite", moments.infinite}};
  if (layer.stored) {
    json["stored"] = storedJson(*layer.stored, *inspected.stored);
  }
  if (!inspected.dumpedAs.empty()) {
    json["dumped_as"] = inspected.dumpedAs;
  }
  if (!layer.note.empty()) {
    json["note"] = layer.note;
  }
  return json;
}

Json modelJson(const std::string& file, const Model& model, const std::vector<InspectedLayer>& layers) {
  Json inputs = Json::array();
  Json outputs = Json::array();
  for (const ValueInfo& input : model.graph.inputs) {
    inputs.push_back(valueJson(input));
  }
  for (const ValueInfo& output : model.graph.outputs) {
    outputs.push_back(valueJson(output));
  }
  const auto opset = model.opsets.find("");
  Json json = {{"model", file},
               {"format", model.format},
               {"opset", opset == model.opsets.end() ? Json(nullptr) : Json(opset->second)},
               {"opsets", model.opsets},
               {"ir_version", model.irVersion},
               {"producer", model.producer},
               {"parameters", model.parameters},
               {"bytes", model.bytes},
               {"inputs", inputs},
               {"outputs", outputs},
               {"layers", Json::array()},
               {"warnings", model.warnings}};
  for (const InspectedLayer& layer : layers) {
    json["layers"].push_back(layerJson(layer));
  }
  return json;
}

std::string modelText(const Model& model, const std::vector<InspectedLayer>& layers) {
  std::string text = displayText(model.name) + ": " + model.format;
  for (const auto& [domain, version] : model.opsets) {
    text += ", " + (domain.empty() ? "opset" : displayText(domain)) + " " + std::to_string(version);
  }
  text += ", " + formatCount(model.parameters) + " parameters, " + formatBytes(model.bytes) + "\n";
  for (const ValueInfo& input : model.graph.inputs) {
    text += "input   " + displayText(input.name + " " + dimensionsText(input)) + "\n";
  }
  for (const ValueInfo& output : model.graph.outputs) {
    text += "output  " + displayText(output.name + " " + dimensionsText(output)) + "\n";
  }
  std::vector<std::vector<std::string>> rows = {
      {"LAYER", "OP", "SHAPE", "TYPE", "PARAMETERS", "MIN", "MAX", "MEAN", "STD", "KURTOSIS", "ZEROS"}};
  for (const auto& [layer, moments, stored, dumpedAs] : layers) {
    rows.push_back({displayText(layer->name), displayText(layer->op), shapeText(layer->weight.shape()),
                    std::string(elementTypeName(layer->weight.type())),
                    formatCount(static_cast<std::int64_t>(layer->parameters())), formatReal(moments.min),
                    formatReal(moments.max), formatReal(moments.mean), formatReal(moments.std),
                    formatReal(moments.kurtosis), formatCount(moments.zeros)});
  }
  text += "\n" + tableText(rows, 4);
  for (const auto& [layer, moments, stored, dumpedAs] : layers) {
    if (stored) {
      text += displayText(layer->name) + ": in the file (" + displayText(layer->stored->origin) +
              "): " + storedText(*stored) + "\n";
    }
    if (!layer->note.empty()) {
      text += displayText(layer->name + ": " + layer->note) + "\n";
    }
    if (moments.nan + moments.infinite > 0) {
      text += displayText(layer->name) + ": " + formatCount(moments.nan) + " NaN, " +
              formatCount(moments.infinite) + " infinite\n";
    }
  }
  for (const std::string& warning : model.warnings) {
    text += "Warning: " + displayText(warning) + "\n";
  }
  return text;
}

Result<InspectedLayer> inspectOne(const Layer& layer, Dump* dump, const JobContext& context) {
  InspectedLayer inspected{&layer, {}, {}, {}};
  HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, context));
  HALFSTEP_TRY(inspected.moments, momentsOf(*matrix, context));
  if (layer.stored) {
    HALFSTEP_TRY(inspected.stored, storedFacts(*layer.stored, context));
    if (dump != nullptr) {
      HALFSTEP_TRY(inspected.dumpedAs, dump->writeStored(layer, *matrix, context));
    }
  }
  return inspected;
}

Result<void> inspect(Environment& environment, const InspectOptions& options) {
  const std::string& file = options.file;
  HALFSTEP_TRY(const auto model, environment.loadModel(file, 0.1));
  std::optional<Dump> dump;
  if (!options.dump.empty()) {
    HALFSTEP_TRY(dump, Dump::into(options.dump));
  }
  std::vector<InspectedLayer> layers;
  for (std::size_t i = 0; i < model->layers.size(); ++i) {
    const Layer& layer = model->layers[i];
    const auto count = static_cast<double>(model->layers.size());
    environment.context().reportProgress(0.1 + 0.9 * static_cast<double>(i) / count, layer.name);
    HALFSTEP_TRY(InspectedLayer inspected, inspectOne(layer, dump ? &*dump : nullptr, environment.context()));
    layers.push_back(std::move(inspected));
  }
  environment.output().document(modelJson(file, *model, layers));
  environment.output().text(modelText(*model, layers));
  return {};
}

} // namespace

Command inspectCommand(CLI::App& main) {
  auto options = std::make_shared<InspectOptions>();
  const CommandParser parser(main, "inspect", "What is in a model: inputs, outputs, layers and their values");
  parser.option("MODEL", options->file, "The model file").required();
  parser.option("--dump", options->dump,
                "Write the codes, scales and zero points of layers that the file holds quantized, as they "
                "are, and their decoded values as .npy files here");
  parser.footer("Examples:\n  halfstep-cli inspect model.onnx\n"
                "  halfstep-cli inspect model.onnx --json | jq '.layers[].name'\n"
                "  halfstep-cli inspect quantized.onnx --dump codes");
  return {parser.app(), [options](Environment& environment) { return inspect(environment, *options); }};
}

} // namespace halfstep::cli
