// The samples that a network is run on for calibration, evaluation and sensitivity. Made by readers of data
// sets (core/io) or drawn (SyntheticSamples); asked for one at a time, so that a data set may be larger than
// memory.
#pragma once

#include "core/exec/value.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace halfstep {

/// Where samples come from, for everything that is shown beside a result.
struct SampleOrigin {
  std::string description;       ///< "100 images of photos/, 224 × 224", for people
  bool synthetic = false;        ///< drawn at random: says little about the network's real behaviour
  std::uint64_t fingerprint = 0; ///< the same for the same samples in the same order
  bool operator==(const SampleOrigin&) const = default;
};

/// Immutable; any thread, several at a time.
class SampleSource {
public:
  virtual ~SampleSource() = default;

  virtual std::size_t count() const = 0;
  /// The values of the model's inputs in sample `index`, by name; the batch axis, where there is one, has
  /// length 1. Errors name the file and the place in it; `index` must be below count().
  virtual Result<std::map<std::string, Value>> inputs(std::size_t index) const = 0;
  /// What to call sample `index`: its file, its row.
  virtual std::string name(std::size_t index) const = 0;
  /// What the network ought to answer: the class of every row of its first output that holds distributions
  /// (one number for a classifier, one per position for a language model or a segmentation, in the order of
  /// the axes that are not the classes'); −1 leaves a row out. Empty where nothing is known.
  virtual std::vector<std::int64_t> targets(std::size_t index) const = 0;
  virtual SampleOrigin origin() const = 0;
};

} // namespace halfstep
