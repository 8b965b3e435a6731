#include "core/quant/data_settings.h"

#include <charconv>
#include <cmath>

namespace halfstep {

namespace {

constexpr int kLargestSide = 16384;
constexpr std::size_t kMostChannels = 4;
constexpr std::size_t kMostDimensions = 8;
constexpr std::int64_t kLargestDimension = (std::int64_t{1} << 31) - 1;

Error expected(std::string_view text, const char* what) {
  return Error{ErrorKind::usage, "\"" + std::string(text) + "\": expected " + what};
}

template <class Number>
std::optional<Number> whole(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::optional<int> side(std::string_view text) {
  const std::optional<int> number = whole<int>(text);
  return number && *number >= 1 && *number <= kLargestSide ? number : std::nullopt;
}

/// "3", "0.5", "1/255".
std::optional<double> quotient(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    const auto number = whole<double>(text);
    return number && std::isfinite(*number) ? number : std::nullopt;
  }
  const auto above = whole<double>(text.substr(0, slash));
  const auto below = whole<double>(text.substr(slash + 1));
  if (!above || !below || *below == 0 || !std::isfinite(*above / *below)) {
    return std::nullopt;
  }
  return *above / *below;
}

std::optional<ImageSize> heightByWidth(std::string_view text) {
  const std::size_t by = text.find('x');
  if (by == std::string_view::npos) {
    return std::nullopt;
  }
  const auto height = side(text.substr(0, by));
  const auto width = side(text.substr(by + 1));
  return height && width ? std::optional(ImageSize{*height, *width}) : std::nullopt;
}

bool sideOutside(int length) {
  return length < 1 || length > kLargestSide;
}

Error absurd(const char* member, const char* what) {
  return Error{ErrorKind::usage, std::string(member) + " must be " + what};
}

} // namespace

Result<ImageResize> parseResize(std::string_view text) {
  if (text == "none") {
    return ImageResize{};
  }
  if (const auto both = heightByWidth(text)) {
    return ImageResize{ImageResize::Kind::exact, *both};
  }
  if (const auto shorter = side(text)) {
    return ImageResize{ImageResize::Kind::shorterSide, {*shorter, *shorter}};
  }
  return expected(text, "the shorter side (256), HEIGHTxWIDTH (240x320) or none, sides 1 to 16384");
}

std::string printResize(const ImageResize& resize) {
  switch (resize.kind) {
  case ImageResize::Kind::none:
    return "none";
  case ImageResize::Kind::shorterSide:
    return std::to_string(resize.size.height);
  case ImageResize::Kind::exact:
    break;
  }
  return std::to_string(resize.size.height) + "x" + std::to_string(resize.size.width);
}

Result<ImageSize> parseImageSize(std::string_view text) {
  if (const auto both = heightByWidth(text)) {
    return *both;
  }
  if (const auto square = side(text)) {
    return ImageSize{*square, *square};
  }
  return expected(text, "one side (224) or HEIGHTxWIDTH (240x320), sides 1 to 16384");
}

std::string printImageSize(const ImageSize& size) {
  return size.height == size.width ? std::to_string(size.height)
                                   : std::to_string(size.height) + "x" + std::to_string(size.width);
}

Result<double> parseScale(std::string_view text) {
  const auto number = quotient(text);
  if (!number || *number == 0) {
    return expected(text, "a number other than 0, like 1, 0.5 or 1/255");
  }
  return *number;
}

Result<std::vector<double>> parseChannelValues(std::string_view text) {
  std::vector<double> values;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const auto number = quotient(text.substr(at, end - at));
    if (!number || values.size() == kMostChannels) {
      return expected(text, "one number for each channel, like 0.485,0.456,0.406, or one for all");
    }
    values.push_back(*number);
    at = end + 1;
  }
  return values;
}

Result<std::pair<std::string, std::vector<std::int64_t>>> parseInputShape(std::string_view text) {
  const Error wrong = expected(text, "an input and its shape, like input=1,3,224,224");
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    return wrong;
  }
  std::vector<std::int64_t> shape;
  const char* at = text.data() + equals + 1;
  const char* end = text.data() + text.size();
  while (at < end) {
    std::int64_t dimension = 0;
    const auto [next, error] = std::from_chars(at, end, dimension);
    if (error != std::errc() || (next != end && (*next != ',' || next + 1 == end))) {
      return wrong;
    }
    shape.push_back(dimension);
    at = next == end ? end : next + 1;
  }
  return std::pair(std::string(text.substr(0, equals)), std::move(shape));
}

std::string printInputShape(std::string_view name, const std::vector<std::int64_t>& shape) {
  std::string text = std::string(name) + '=';
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i > 0 ? "," : "") + std::to_string(shape[i]);
  }
  return text;
}

Result<PixelLayout> parseLayout(std::string_view text) {
  if (text == "nchw") {
    return PixelLayout::nchw;
  }
  if (text == "nhwc") {
    return PixelLayout::nhwc;
  }
  return expected(text, "nchw or nhwc");
}

std::string_view printLayout(PixelLayout layout) {
  return layout == PixelLayout::nchw ? "nchw" : "nhwc";
}

Result<PixelChannels> parseChannels(std::string_view text) {
  if (text == "rgb") {
    return PixelChannels::rgb;
  }
  if (text == "bgr") {
    return PixelChannels::bgr;
  }
  if (text == "grey" || text == "gray") {
    return PixelChannels::grey;
  }
  return expected(text, "rgb, bgr or grey");
}

std::string_view printChannels(PixelChannels channels) {
  return channels == PixelChannels::grey ? "grey" : (channels == PixelChannels::bgr ? "bgr" : "rgb");
}

Result<void> checkDataSettings(const DataSettings& settings) {
  if (settings.resize && settings.resize->kind != ImageResize::Kind::none &&
      (sideOutside(settings.resize->size.height) || sideOutside(settings.resize->size.width))) {
    return absurd("resize", "1 to 16384 pixels a side");
  }
  if (settings.crop && (sideOutside(settings.crop->height) || sideOutside(settings.crop->width))) {
    return absurd("crop", "1 to 16384 pixels a side");
  }
  if (settings.samples && *settings.samples == 0) {
    return absurd("samples", "at least 1");
  }
  if (settings.scale && (!std::isfinite(*settings.scale) || *settings.scale == 0)) {
    return absurd("scale", "a finite number other than 0");
  }
  for (const double mean : settings.mean) {
    if (!std::isfinite(mean)) {
      return absurd("mean", "finite numbers");
    }
  }
  for (const double deviation : settings.std) {
    if (!std::isfinite(deviation) || deviation == 0) {
      return absurd("std", "finite numbers other than 0");
    }
  }
  if (settings.mean.size() > kMostChannels || settings.std.size() > kMostChannels) {
    return absurd(settings.mean.size() > kMostChannels ? "mean" : "std", "at most 4 numbers");
  }
  for (const auto& [name, shape] : settings.shapes) {
    for (const std::int64_t dimension : shape) {
      if (dimension < 1 || dimension > kLargestDimension) {
        return Error{ErrorKind::usage, "the shape of " + name + " has a dimension outside 1 to 2147483647"};
      }
    }
    if (shape.size() > kMostDimensions) {
      return Error{ErrorKind::usage, "the shape of " + name + " has more than 8 dimensions"};
    }
  }
  return {};
}

} // namespace halfstep
