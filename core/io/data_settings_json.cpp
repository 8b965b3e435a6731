#include "core/io/data_settings_json.h"

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

Error damagedData(std::string what, const std::string& key = {}) {
  return Error{ErrorKind::damagedFile, std::move(what), key.empty() ? "data" : "data, \"" + key + "\""};
}

Result<std::string> text(const Json& json) {
  if (!json.is_string()) {
    return damagedData("must be text");
  }
  return json.get<std::string>();
}

Result<std::uint64_t> natural(const Json& json) {
  if (!json.is_number_unsigned()) {
    return damagedData("must be a whole number of at least 0");
  }
  return json.get<std::uint64_t>();
}

Result<double> number(const Json& json) {
  if (!json.is_number()) {
    return damagedData("must be a number");
  }
  return json.get<double>();
}

Result<std::vector<double>> numbers(const Json& json) {
  std::vector<double> values;
  if (!json.is_array()) {
    return damagedData("must be a list of numbers");
  }
  for (const Json& item : json) {
    HALFSTEP_TRY(const double value, number(item));
    values.push_back(value);
  }
  return values;
}

/// What is written as text is parsed as on the command line.
template <class Parse>
auto parsed(const Json& json, Parse parse) -> decltype(parse(std::string_view())) {
  HALFSTEP_TRY(const std::string written, text(json));
  return parse(written);
}

Result<std::map<std::string, std::vector<std::int64_t>>> shapes(const Json& json) {
  std::map<std::string, std::vector<std::int64_t>> all;
  if (!json.is_object()) {
    return damagedData("must be an object of shapes");
  }
  for (const auto& [name, shape] : json.items()) {
    if (!shape.is_array()) {
      return damagedData("the shape of " + name + " must be a list of whole numbers");
    }
    auto& dimensions = all[name];
    for (const Json& dimension : shape) {
      if (!dimension.is_number_integer()) {
        return damagedData("the shape of " + name + " must be a list of whole numbers");
      }
      dimensions.push_back(dimension.get<std::int64_t>());
    }
  }
  return all;
}

Result<void> read(const std::string& key, const Json& value, DataSettings& settings) {
  if (key == "source") {
    HALFSTEP_TRY(settings.source, text(value));
  } else if (key == "samples") {
    HALFSTEP_TRY(settings.samples, natural(value));
  } else if (key == "shuffle") {
    HALFSTEP_TRY(settings.shuffle, natural(value));
  } else if (key == "resize") {
    HALFSTEP_TRY(settings.resize, parsed(value, parseResize));
  } else if (key == "crop") {
    HALFSTEP_TRY(settings.crop, parsed(value, parseImageSize));
  } else if (key == "scale") {
    HALFSTEP_TRY(settings.scale, number(value));
  } else if (key == "mean") {
    HALFSTEP_TRY(settings.mean, numbers(value));
  } else if (key == "std") {
    HALFSTEP_TRY(settings.std, numbers(value));
  } else if (key == "layout") {
    HALFSTEP_TRY(settings.layout, parsed(value, parseLayout));
  } else if (key == "channels") {
    HALFSTEP_TRY(settings.channels, parsed(value, parseChannels));
  } else if (key == "tokenizer") {
    HALFSTEP_TRY(settings.tokenizer, text(value));
  } else if (key == "shapes") {
    HALFSTEP_TRY(settings.shapes, shapes(value));
  } else {
    return damagedData("unknown key");
  }
  return {};
}

} // namespace

Json dataSettingsToJson(const DataSettings& settings) {
  Json json = Json::object();
  json["source"] = settings.source;
  if (settings.samples) {
    json["samples"] = *settings.samples;
  }
  if (settings.shuffle) {
    json["shuffle"] = *settings.shuffle;
  }
  if (settings.resize) {
    json["resize"] = printResize(*settings.resize);
  }
  if (settings.crop) {
    json["crop"] = printImageSize(*settings.crop);
  }
  if (settings.scale) {
    json["scale"] = *settings.scale;
  }
  if (!settings.mean.empty()) {
    json["mean"] = settings.mean;
  }
  if (!settings.std.empty()) {
    json["std"] = settings.std;
  }
  if (settings.layout) {
    json["layout"] = printLayout(*settings.layout);
  }
  if (settings.channels) {
    json["channels"] = printChannels(*settings.channels);
  }
  if (!settings.tokenizer.empty()) {
    json["tokenizer"] = settings.tokenizer;
  }
  if (!settings.shapes.empty()) {
    json["shapes"] = settings.shapes;
  }
  return json;
}

Result<DataSettings> dataSettingsFromJson(const Json& json) {
  if (!json.is_object()) {
    return damagedData("expected an object");
  }
  DataSettings settings;
  for (const auto& [key, value] : json.items()) {
    if (auto done = read(key, value, settings); !done) {
      return damagedData(done.error().what, key);
    }
  }
  if (auto checked = checkDataSettings(settings); !checked) {
    return damagedData(checked.error().what);
  }
  return settings;
}

} // namespace halfstep
