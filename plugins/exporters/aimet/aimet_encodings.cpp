#include "plugins/exporters/aimet/aimet_encodings.h"

#include "plugins/shared/text/layer_facts.h"

#include <algorithm>
#include <map>

namespace halfstep::aimet {

namespace {

bool isFloat8(const Encoding& encoding) {
  return formatFacts(encoding.scheme.format).family == FormatFamily::scaledFloating;
}

bool isFloat16(const Encoding& encoding) {
  return encoding.scheme.format == NumberFormat::fp16;
}

/// x = scale·(code + offset), with codes from 0.
std::int64_t offsetOf(const Encoding& encoding, std::size_t index) {
  const FormatFacts& facts = formatFacts(encoding.scheme.format);
  const std::int64_t toUnsigned = facts.isSigned ? std::int64_t{1} << (facts.bits - 1) : 0;
  return -(encoding.zeroPoints[index] + toUnsigned);
}

OrderedJson entry061(const Encoding& encoding) {
  OrderedJson list = OrderedJson::array();
  if (isFloat16(encoding)) {
    list.push_back({{"bitwidth", 16}, {"dtype", "float"}});
    return list;
  }
  const int bits = bitsOf(encoding.scheme);
  for (std::size_t i = 0; i < encoding.scales.size(); ++i) {
    const auto scale = static_cast<double>(encoding.scales[i]);
    const auto offset = offsetOf(encoding, i);
    const std::int64_t highest = offset + (std::int64_t{1} << bits) - 1;
    list.push_back({{"bitwidth", bits},
                    {"dtype", "int"},
                    {"is_symmetric", isSymmetric(encoding.scheme) ? "True" : "False"},
                    {"min", scale * static_cast<double>(offset)},
                    {"max", scale * static_cast<double>(highest)},
                    {"offset", offset},
                    {"scale", scale}});
  }
  return list;
}

OrderedJson entry100(const Encoding& encoding) {
  OrderedJson entry = {{"name", encoding.tensor}};
  if (isFloat16(encoding)) {
    entry.update({{"enc_type", "PER_TENSOR"}, {"dtype", "FLOAT"}, {"bw", 16}});
    return entry;
  }
  const Granularity& granularity = encoding.scheme.granularity;
  switch (granularity.kind) {
  case Granularity::Kind::tensor:
    entry["enc_type"] = "PER_TENSOR";
    break;
  case Granularity::Kind::channel:
    entry["enc_type"] = "PER_CHANNEL";
    break;
  case Granularity::Kind::group:
    entry["enc_type"] = "PER_BLOCK";
    break;
  }
  entry.update({{"dtype", "INT"}, {"bw", bitsOf(encoding.scheme)}, {"is_sym", isSymmetric(encoding.scheme)}});
  if (granularity.kind == Granularity::Kind::group) {
    entry["block_size"] = granularity.groupSize;
  }
  entry["scale"] = encoding.scales;
  OrderedJson offsets = OrderedJson::array();
  for (std::size_t i = 0; i < encoding.scales.size(); ++i) {
    offsets.push_back(offsetOf(encoding, i));
  }
  entry["offset"] = std::move(offsets);
  return entry;
}

/// Values, one per segment, nested as ONNX's blocked DequantizeLinear wants its scales: the weight's rank,
/// and blocks instead of values on the groups' axis.
template <class T>
OrderedJson nested(const Encoding& encoding, const std::vector<T>& values, std::size_t axis,
                   std::size_t channel, std::size_t block) {
  if (axis == encoding.shape.size()) {
    const auto length =
        static_cast<std::size_t>(encoding.shape[static_cast<std::size_t>(encoding.groupAxis)]);
    const std::size_t blocks = length / static_cast<std::size_t>(encoding.scheme.granularity.groupSize);
    return values[channel * blocks + block];
  }
  const bool isChannel = static_cast<int>(axis) == encoding.channelAxis;
  const bool isGroup = static_cast<int>(axis) == encoding.groupAxis;
  auto length = static_cast<std::size_t>(encoding.shape[axis]);
  length /= isGroup ? static_cast<std::size_t>(encoding.scheme.granularity.groupSize) : 1;
  OrderedJson list = OrderedJson::array();
  for (std::size_t i = 0; i < length; ++i) {
    list.push_back(nested(encoding, values, axis + 1, isChannel ? i : channel, isGroup ? i : block));
  }
  return list;
}

OrderedJson entry200(const Encoding& encoding) {
  const Granularity& granularity = encoding.scheme.granularity;
  const std::string name(formatFacts(encoding.scheme.format).name);
  OrderedJson entry = {{"name", encoding.tensor},
                       {"output_dtype", encoding.scheme.format == NumberFormat::fp8e4m3   ? "float8e4m3fn"
                                        : encoding.scheme.format == NumberFormat::fp8e5m2 ? "float8e5m2"
                                                                                          : name}};
  const bool zeros = std::all_of(encoding.zeroPoints.begin(), encoding.zeroPoints.end(),
                                 [](std::int32_t zero) { return zero == 0; });
  const auto add = [&](const char* key, const auto& values) {
    if (granularity.kind == Granularity::Kind::tensor) {
      entry[key] = values.front();
    } else if (granularity.kind == Granularity::Kind::channel) {
      entry[key] = values;
    } else {
      entry[key] = nested(encoding, values, 0, 0, 0);
    }
  };
  add("y_scale", encoding.scales);
  if (!zeros) {
    add("y_zero_point", encoding.zeroPoints);
  }
  if (granularity.kind == Granularity::Kind::channel) {
    entry["axis"] = encoding.channelAxis;
  } else if (granularity.kind == Granularity::Kind::group) {
    entry.update({{"axis", encoding.groupAxis}, {"block_size", granularity.groupSize}});
  }
  return entry;
}

/// The bits of most tensors; 8 where there are none.
int usualBits(const std::vector<Encoding>& encodings) {
  std::map<int, int> counts;
  int usual = 8;
  for (const Encoding& encoding : encodings) {
    const int bits = bitsOf(encoding.scheme);
    if (++counts[bits] > counts[usual]) {
      usual = bits;
    }
  }
  return usual;
}

OrderedJson quantizerArguments(const Encodings& encodings, const char* scheme) {
  const auto isPerChannel = [](const Encoding& encoding) {
    return encoding.scheme.granularity.kind != Granularity::Kind::tensor;
  };
  const auto symmetric = [](const Encoding& encoding) { return isSymmetric(encoding.scheme); };
  return {{"activation_bitwidth", usualBits(encodings.activations)},
          {"dtype", "int"},
          {"is_symmetric", std::all_of(encodings.weights.begin(), encodings.weights.end(), symmetric)},
          {"param_bitwidth", usualBits(encodings.weights)},
          {"per_channel_quantization",
           std::any_of(encodings.weights.begin(), encodings.weights.end(), isPerChannel)},
          {"quant_scheme", scheme}};
}

} // namespace

bool fitsVersion061(const Encoding& encoding) {
  return !isFloat8(encoding) && !isGrouped(encoding.scheme);
}

bool fitsVersion100(const Encoding& encoding) {
  return !isFloat8(encoding) && (!isGrouped(encoding.scheme) || encoding.channelAxis < encoding.groupAxis);
}

bool fitsVersion200(const Encoding& encoding) {
  return !isFloat16(encoding);
}

OrderedJson version061(const Encodings& encodings) {
  const auto section = [](const std::vector<Encoding>& list) {
    OrderedJson entries = OrderedJson::object();
    for (const Encoding& encoding : list) {
      if (fitsVersion061(encoding)) {
        entries[encoding.tensor] = entry061(encoding);
      }
    }
    return entries;
  };
  return {{"version", "0.6.1"},
          {"activation_encodings", section(encodings.activations)},
          {"param_encodings", section(encodings.weights)},
          {"quantizer_args", quantizerArguments(encodings, "post_training_tf")}};
}

OrderedJson version100(const Encodings& encodings) {
  const auto section = [](const std::vector<Encoding>& list) {
    OrderedJson entries = OrderedJson::array();
    for (const Encoding& encoding : list) {
      if (fitsVersion100(encoding)) {
        entries.push_back(entry100(encoding));
      }
    }
    return entries;
  };
  return {{"version", "1.0.0"},
          {"activation_encodings", section(encodings.activations)},
          {"param_encodings", section(encodings.weights)},
          {"excluded_layers", OrderedJson::array()},
          {"quantizer_args", quantizerArguments(encodings, "min_max")}};
}

OrderedJson version200(const Encodings& encodings) {
  OrderedJson entries = OrderedJson::array();
  for (const auto* list : {&encodings.activations, &encodings.weights}) {
    for (const Encoding& encoding : *list) {
      if (fitsVersion200(encoding)) {
        entries.push_back(entry200(encoding));
      }
    }
  }
  return {{"version", "2.0.0"}, {"encodings", std::move(entries)}};
}

} // namespace halfstep::aimet
