// Which data a network is run on, and how it is prepared: what the command line's data options say and what a
// plan keeps. A value. Relative pixel values, mean and std are in the model's own terms:
//   x = (pixel · scale − mean[channel]) / std[channel],  pixel in 0…255.
#pragma once

#include "core/support/result.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace halfstep {

struct ImageSize {
  int height = 0;
  int width = 0;
  bool operator==(const ImageSize&) const = default;
};

/// How images are brought to size before the crop.
struct ImageResize {
  enum class Kind {
    none,        ///< stay as they are
    shorterSide, ///< the shorter side becomes size.height, the longer one in proportion (rounded down)
    exact,       ///< to size, whatever the proportions
  };
  Kind kind = Kind::none;
  ImageSize size;
  bool operator==(const ImageResize&) const = default;
};

/// The order of axes that the model's input has.
enum class PixelLayout { nchw, nhwc };
enum class PixelChannels { rgb, bgr, grey };

/// Members left empty are derived from the model's input.
struct DataSettings {
  std::string source;                   ///< file or folder; empty: drawn at random
  std::optional<std::uint64_t> samples; ///< at most so many, the first ones
  std::optional<std::uint64_t> shuffle; ///< the seed of the order in which "first" is meant
  std::optional<ImageResize> resize;
  std::optional<ImageSize> crop; ///< from the middle
  std::optional<double> scale;
  std::vector<double> mean; ///< one for all channels or one for each, in the model's order; empty: 0
  std::vector<double> std;  ///< likewise; empty: 1
  std::optional<PixelLayout> layout;
  std::optional<PixelChannels> channels;
  std::string tokenizer;                                   ///< "bytes", or a file; empty: none
  std::map<std::string, std::vector<std::int64_t>> shapes; ///< of inputs whose dimensions are open, by name

  bool operator==(const DataSettings&) const = default;
};

// What people write, and back; the errors (kind `usage`) say what was expected. Parse and print are inverse.

/// "256" (shorter side), "240x320" (height x width) or "none". Sides 1…16384.
Result<ImageResize> parseResize(std::string_view text);
std::string printResize(const ImageResize& resize);
/// "224" (a square) or "240x320" (height x width).
Result<ImageSize> parseImageSize(std::string_view text);
std::string printImageSize(const ImageSize& size);
/// "0.5", "1/255": finite and not 0.
Result<double> parseScale(std::string_view text);
/// "0.485,0.456,0.406" or "0.5": 1 to 4 finite numbers, quotients like "1/2" among them.
Result<std::vector<double>> parseChannelValues(std::string_view text);
/// "nchw", "nhwc".
Result<PixelLayout> parseLayout(std::string_view text);
std::string_view printLayout(PixelLayout layout);
/// "rgb", "bgr", "grey" ("gray").
Result<PixelChannels> parseChannels(std::string_view text);
std::string_view printChannels(PixelChannels channels);

/// "NAME=1,3,224,224": an input's name, which may hold "=", and its shape.
Result<std::pair<std::string, std::vector<std::int64_t>>> parseInputShape(std::string_view text);
std::string printInputShape(std::string_view name, const std::vector<std::int64_t>& shape);

/// What no reader could work with, whoever wrote it: sides, scale, mean, std or shapes beyond their bounds
/// (std: not 0; shapes: dimensions 1…2^31 − 1, at most 8 of them). Error (kind `usage`): names the member.
Result<void> checkDataSettings(const DataSettings& settings);

} // namespace halfstep
