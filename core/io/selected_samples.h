// Some of the samples of a data set, in an order of their own.
#pragma once

#include "core/analysis/samples.h"

#include <memory>
#include <optional>

namespace halfstep {

/// The first `limit` samples of `all`, or all where there are no more or no limit; with `shuffleSeed` the
/// first ones after shuffling (Fisher and Yates, on SplitMix64), the same for the same seed and number of
/// samples everywhere. Keeps 8 bytes a sample where it shuffles. `fingerprint` (of how the samples are
/// prepared) is mixed into theirs.
std::shared_ptr<const SampleSource> selectSamples(std::shared_ptr<const SampleSource> all,
                                                  std::optional<std::uint64_t> limit,
                                                  std::optional<std::uint64_t> shuffleSeed,
                                                  std::uint64_t fingerprint);

/// The last `count` samples of `all`, which has at least so many.
std::shared_ptr<const SampleSource> lastSamples(std::shared_ptr<const SampleSource> all, std::size_t count);

} // namespace halfstep
