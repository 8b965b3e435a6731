#include "plugins/exporters/llama_cpp/gguf_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace halfstep {

namespace {

constexpr auto kBlockParts = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
});
constexpr std::string_view kWeight = ".weight";

/// Names of GGUF: "token_embd", "output", "blk.N.PART", of lower-case letters, digits and underscores.
bool isGgufName(std::string_view stem) {
  const bool plain = std::all_of(stem.begin(), stem.end(), [](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '_' || c == '.';
  });
  if (!plain || stem == "token_embd" || stem == "output") {
    return plain;
  }
  if (!stem.starts_with("blk.")) {
    return false;
  }
  const std::string_view rest = stem.substr(4);
  const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  const std::string_view part = rest.substr(digits);
  return digits > 0 && part.size() > 1 && part.front() == '.' && part.find('.', 1) == std::string_view::npos;
}

/// Of a transformers checkpoint; empty where it is none.
std::string fromTransformers(std::string_view stem) {
  if (stem == "model.embed_tokens") {
    return "token_embd";
  }
  if (stem == "lm_head") {
    return "output";
  }
  constexpr std::string_view kLayers = "model.layers.";
  if (!stem.starts_with(kLayers)) {
    return {};
  }
  const std::string_view rest = stem.substr(kLayers.size());
  const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  if (digits == 0 || digits == rest.size()) {
    return {};
  }
  const std::string_view part = rest.substr(digits + 1);
  const auto* found = std::find_if(kBlockParts.begin(), kBlockParts.end(),
                                   [&](const auto& known) { return known.first == part; });
  return found == kBlockParts.end()
             ? std::string()
             : "blk." + std::string(rest.substr(0, digits)) + "." + std::string(found->second);
}

} // namespace

TargetName ggufName(const Layer& layer) {
  std::string_view stem = layer.weightName;
  if (stem.ends_with(kWeight)) {
    stem.remove_suffix(kWeight.size());
    if (isGgufName(stem)) {
      return {layer.weightName, {}};
    }
    if (const std::string name = fromTransformers(stem); !name.empty()) {
      return {name + std::string(kWeight), {}};
    }
  }
  return {{},
          "its weight is called " + layer.weightName +
              ", neither a name of GGUF nor of a Llama-like checkpoint"};
}

} // namespace halfstep
