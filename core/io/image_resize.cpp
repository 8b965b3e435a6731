#include "core/io/image_resize.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace halfstep {

namespace {

constexpr int kFractionBits = 32 - 8 - 2;

/// Which input pixels make one output pixel, and with which weights in fixed point.
struct Taps {
  int first = 0;
  std::vector<std::int32_t> weights;
};

std::vector<Taps> triangleTaps(int inputs, int outputs) {
  const double scale = static_cast<double>(inputs) / outputs;
  const double support = std::max(scale, 1.0); // of the filter; it never gets narrower than a pixel
  std::vector<Taps> all(static_cast<std::size_t>(outputs));
  std::vector<double> weights;
  for (int i = 0; i < outputs; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), inputs);
    weights.clear();
    double sum = 0;
    for (int x = first; x < end; ++x) {
      const double distance = std::abs((x - center + 0.5) * (1.0 / support));
      weights.push_back(distance < 1.0 ? 1.0 - distance : 0.0);
      sum += weights.back();
    }
    Taps& taps = all[static_cast<std::size_t>(i)];
    taps.first = first;
    for (const double weight : weights) {
      const double share = (sum != 0 ? weight / sum : weight) * (1 << kFractionBits);
      taps.weights.push_back(static_cast<std::int32_t>(share < 0 ? share - 0.5 : share + 0.5));
    }
  }
  return all;
}

/// One pass: along lines of `step`-spaced pixels. `lines` of them begin `lineStep` apart.
struct Pass {
  std::size_t lines;
  std::size_t inLineStep;
  std::size_t outLineStep;
  std::size_t step; ///< between the pixels of a line, in both
  std::size_t channels;
};

void resample(const std::uint8_t* in, std::uint8_t* out, const std::vector<Taps>& taps, const Pass& pass) {
  for (std::size_t line = 0; line < pass.lines; ++line) {
    for (std::size_t i = 0; i < taps.size(); ++i) {
      const std::uint8_t* from =
          in + line * pass.inLineStep + static_cast<std::size_t>(taps[i].first) * pass.step;
      std::uint8_t* to = out + line * pass.outLineStep + i * pass.step;
      for (std::size_t c = 0; c < pass.channels; ++c) {
        std::int32_t sum = 1 << (kFractionBits - 1);
        for (std::size_t k = 0; k < taps[i].weights.size(); ++k) {
          sum += taps[i].weights[k] * from[k * pass.step + c];
        }
        to[c] = static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
      }
    }
  }
}

PixelImage emptyImage(const ImageSize& size, int channels) {
  PixelImage image{size.width, size.height, channels, {}};
  image.pixels.resize(static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) *
                      static_cast<std::size_t>(channels));
  return image;
}

/// (larger − smaller) / 2 with a half rounded to even, as Python's round() does.
int margin(int larger, int smaller) {
  const int twice = larger - smaller;
  const int half = twice / 2;
  return twice % 2 == 1 && half % 2 == 1 ? half + 1 : half;
}

} // namespace

PixelImage resizedImage(PixelImage image, const ImageSize& size) {
  assert(image.width > 0 && image.height > 0 && size.width > 0 && size.height > 0);
  const auto channels = static_cast<std::size_t>(image.channels);
  if (size.width != image.width) {
    PixelImage wide = emptyImage({image.height, size.width}, image.channels);
    const Pass pass{static_cast<std::size_t>(image.height), static_cast<std::size_t>(image.width) * channels,
                    static_cast<std::size_t>(size.width) * channels, channels, channels};
    resample(image.pixels.data(), wide.pixels.data(), triangleTaps(image.width, size.width), pass);
    image = std::move(wide);
  }
  if (size.height != image.height) {
    PixelImage high = emptyImage(size, image.channels);
    const Pass pass{static_cast<std::size_t>(size.width), channels, channels,
                    static_cast<std::size_t>(size.width) * channels, channels};
    resample(image.pixels.data(), high.pixels.data(), triangleTaps(image.height, size.height), pass);
    image = std::move(high);
  }
  return image;
}

PixelImage croppedImage(PixelImage image, const ImageSize& size) {
  assert(image.width >= size.width && image.height >= size.height);
  if (image.width == size.width && image.height == size.height) {
    return image;
  }
  const auto top = static_cast<std::size_t>(margin(image.height, size.height));
  const auto left = static_cast<std::size_t>(margin(image.width, size.width));
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t row = static_cast<std::size_t>(size.width) * channels;
  PixelImage cropped = emptyImage(size, image.channels);
  for (std::size_t y = 0; y < static_cast<std::size_t>(size.height); ++y) {
    const auto* from =
        image.pixels.data() + ((top + y) * static_cast<std::size_t>(image.width) + left) * channels;
    std::copy(from, from + row, cropped.pixels.data() + y * row);
  }
  return cropped;
}

PixelImage withChannels(PixelImage image, int channels) {
  if (image.channels == channels) {
    return image;
  }
  PixelImage other = emptyImage({image.height, image.width}, channels);
  const std::size_t count = image.pixels.size() / static_cast<std::size_t>(image.channels);
  for (std::size_t i = 0; i < count; ++i) {
    if (channels == 3) {
      std::fill_n(other.pixels.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, image.pixels[i]);
    } else {
      const std::uint8_t* rgb = image.pixels.data() + 3 * i;
      other.pixels[i] =
          static_cast<std::uint8_t>((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16);
    }
  }
  return other;
}

} // namespace halfstep
