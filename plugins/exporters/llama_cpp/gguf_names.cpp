#include "plugins/exporters/llama_cpp/gguf_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace halfstep {

namespace {

using Names = std::pair<std::string_view, std::string_view>; ///< of transformers, of GGUF

// Source of the tables: gguf-py's tensor_mapping.py.
constexpr auto kOutsideBlocks = std::to_array<Names>({
    {"model.embed_tokens", "token_embd"},
    {"transformer.wte", "token_embd"},
    {"wte", "token_embd"},
    {"transformer.word_embeddings", "token_embd"},
    {"word_embeddings", "token_embd"},
    {"gpt_neox.embed_in", "token_embd"},
    {"embeddings.word_embeddings", "token_embd"},
    {"bert.embeddings.word_embeddings", "token_embd"},
    {"lm_head", "output"},
    {"embed_out", "output"},
});
/// What stands before a block's number: Llama, Qwen, Mistral, Gemma and Phi; GPT-2 and Falcon; GPT-2 and
/// BLOOM saved without their head; GPT-NeoX; BERT.
constexpr auto kBlocks = std::to_array<std::string_view>(
    {"model.layers.", "transformer.h.", "h.", "gpt_neox.layers.", "encoder.layer.", "bert.encoder.layer."});
constexpr auto kBlockParts = std::to_array<Names>({
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"mlp.gate_up_proj", "ffn_up"},
    {"self_attn.dense", "attn_output"},
    {"mlp.fc1", "ffn_up"},
    {"mlp.fc2", "ffn_down"},
    {"attn.c_attn", "attn_qkv"},
    {"attn.c_proj", "attn_output"},
    {"mlp.c_fc", "ffn_up"},
    {"mlp.c_proj", "ffn_down"},
    {"self_attention.query_key_value", "attn_qkv"},
    {"self_attention.dense", "attn_output"},
    {"attention.query_key_value", "attn_qkv"},
    {"attention.dense", "attn_output"},
    {"mlp.dense_h_to_4h", "ffn_up"},
    {"mlp.dense_4h_to_h", "ffn_down"},
    {"attention.self.query", "attn_q"},
    {"attention.self.key", "attn_k"},
    {"attention.self.value", "attn_v"},
    {"attention.output.dense", "attn_output"},
    {"intermediate.dense", "ffn_up"},
    {"output.dense", "ffn_down"},
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
  const auto named = [](const auto& table, std::string_view name) {
    const auto* found =
        std::find_if(table.begin(), table.end(), [&](const Names& one) { return one.first == name; });
    return found == table.end() ? std::string_view() : found->second;
  };
  if (const std::string_view name = named(kOutsideBlocks, stem); !name.empty()) {
    return std::string(name);
  }
  const auto* block = std::find_if(kBlocks.begin(), kBlocks.end(),
                                   [&](std::string_view prefix) { return stem.starts_with(prefix); });
  if (block == kBlocks.end()) {
    return {};
  }
  const std::string_view rest = stem.substr(block->size());
  const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  if (digits == 0 || digits == rest.size()) {
    return {};
  }
  const std::string_view part = named(kBlockParts, rest.substr(digits + 1));
  return part.empty() ? std::string()
                      : "blk." + std::string(rest.substr(0, digits)) + "." + std::string(part);
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
              ", neither a name of GGUF nor of a checkpoint whose names are known"};
}

} // namespace halfstep
