// What llama.cpp calls a tensor: the names in a GGUF file. Any thread.
#pragma once

#include "plugins/shared/text/module_names.h"

namespace halfstep {

/// The weight's own name where it is one of GGUF already ("blk.0.ffn_down.weight"), or that of a Llama-like
/// checkpoint of transformers ("model.layers.0.mlp.down_proj.weight") as convert_hf_to_gguf.py renames it.
/// Source: llama.cpp gguf-py/gguf/{constants,tensor_mapping}.py.
TargetName ggufName(const Layer& layer);

} // namespace halfstep
