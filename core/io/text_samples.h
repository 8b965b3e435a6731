// Samples that are windows of a text, for models that take token numbers.
#pragma once

#include "core/analysis/samples.h"
#include "core/model/model.h"
#include "core/quant/data_settings.h"
#include "core/support/job_context.h"

#include <filesystem>
#include <memory>

namespace halfstep {

/// Whether `model` takes token numbers: an int32 or int64 input [1, T] or [T], and beside it only
/// attention_mask (all 1), position_ids (0…T − 1) and token_type_ids (all 0).
bool takesTokens(const Model& model);

/// The text in `path`, tokenized as `settings.tokenizer` says (see openTokenizer) into a temporary file, and
/// cut into windows of the model's length T (where it is open: settings.shapes[input]). Where the vocabulary
/// has a token that begins a sequence, every window begins with it and takes T − 1 tokens of the text,
/// otherwise T; windows do not overlap, and what does not fill one is left out. targets(i)[t] is the token
/// after position t; −1 behind the text's end.
/// Errors: no tokenizer (naming --tokenizer); T is open (naming --shape); the text fills no window; a token
/// that the model's table does not have.
Result<std::shared_ptr<const SampleSource>> textSamples(const std::filesystem::path& path, const Model& model,
                                                        const DataSettings& settings,
                                                        const JobContext& context);

} // namespace halfstep
