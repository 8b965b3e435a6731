// The samples that a command line asks for: --data and how to prepare it, or samples drawn at random.
#pragma once

#include "app/cli/command_set.h"
#include "core/analysis/samples.h"
#include "core/quant/data_settings.h"

#include <optional>
#include <string>
#include <vector>

namespace halfstep::cli {

/// As written; parsed by dataSettingsFor.
struct DataOptions {
  std::string data;
  std::optional<std::uint64_t> samples;
  std::optional<std::uint64_t> shuffle;
  std::string resize;
  std::string crop;
  std::string scale;
  std::string mean;
  std::string std;
  std::string layout;
  std::string channels;
  std::string tokenizer;
  std::vector<std::string> shapes; ///< "NAME=1,3,224,224"
};

/// Declares --data, --samples, --shuffle, --resize, --crop, --scale, --mean, --std, --layout, --channels,
/// --tokenizer and --shape.
void addDataOptions(const CommandParser& parser, DataOptions& options);

/// What the options say; `kept` (of a plan) is what they start from, if given. Errors (kind `usage`) name the
/// option.
Result<DataSettings> dataSettingsFor(const DataOptions& options,
                                     const std::optional<DataSettings>& kept = {});

/// The samples that `settings` mean for `model`: of settings.source, or else drawn at random (16 of them, and
/// with seed 0, unless --samples and --shuffle say otherwise), which is a warning on standard error. They
/// must not outlive `environment`. Errors: those of openDataSet and SyntheticSamples.
Result<std::shared_ptr<const SampleSource>> samplesFor(Environment& environment, const Model& model,
                                                       const DataSettings& settings,
                                                       const JobContext& context);
/// The first of these samples, for what depends on shapes alone, like time: drawn ones serve as well, without
/// a warning. Errors: as above; there is none.
Result<std::map<std::string, Value>> oneInput(Environment& environment, const Model& model,
                                              const DataSettings& settings, const JobContext& context);
/// The samples for what the options say.
Result<std::shared_ptr<const SampleSource>> samplesFor(Environment& environment, const Model& model,
                                                       const DataOptions& options);

} // namespace halfstep::cli
