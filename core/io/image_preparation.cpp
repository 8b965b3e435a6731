#include "core/io/image_preparation.h"

#include "core/io/image_resize.h"
#include "core/tensor/conversion.h"

#include <algorithm>
#include <limits>

namespace halfstep {

namespace {

using Form = ImageInput::Form;

Error usage(std::string what) {
  return Error{ErrorKind::usage, std::move(what)};
}

std::string takes(const ValueInfo& input) {
  return "the model's input " + input.name + " " + dimensionsText(input);
}

bool isChannelCount(std::int64_t length) {
  return length == 1 || length == 3;
}

/// Whether the channels of [a, b, c] come first, last, or are not to be told (nothing).
std::optional<PixelLayout> layoutOf(std::int64_t first, std::int64_t last) {
  if (first == 3 || (isChannelCount(first) && !isChannelCount(last))) {
    return PixelLayout::nchw;
  }
  if (isChannelCount(last)) {
    return first == 1 && last == 1 ? PixelLayout::nchw : PixelLayout::nhwc;
  }
  return std::nullopt;
}

Result<int> side(std::int64_t length, const ValueInfo& input) {
  constexpr std::int64_t kLargestSide = 16384;
  if (length > kLargestSide || length == 0) {
    return usage(takes(input) + " takes no pictures: a side of " + std::to_string(length));
  }
  return static_cast<int>(std::max<std::int64_t>(length, 0));
}

/// Fills in what the last three axes say.
Result<void> readAxes(const std::vector<std::int64_t>& axes, PixelLayout layout, const ValueInfo& input,
                      ImageInput& read) {
  const std::size_t at = layout == PixelLayout::nchw ? 1 : 0; // of the height
  const std::int64_t channels = axes[layout == PixelLayout::nchw ? 0 : 2];
  if (channels >= 0 && !isChannelCount(channels)) {
    return usage(takes(input) + " has " + std::to_string(channels) + " channels; pictures have 1 or 3");
  }
  read.form = layout == PixelLayout::nchw ? Form::nchw : Form::nhwc;
  read.channels = channels > 0 ? static_cast<int>(channels) : 0;
  HALFSTEP_TRY(read.size.height, side(axes[at], input));
  HALFSTEP_TRY(read.size.width, side(axes[at + 1], input));
  return {};
}

/// Sides beyond all bounds stay so; the number of pixels is checked later.
int asSide(std::int64_t length) {
  return static_cast<int>(std::min<std::int64_t>(length, std::numeric_limits<int>::max()));
}

/// The shorter side as asked, the longer one in proportion, rounded down as torchvision does.
ImageSize withShorterSide(const PixelImage& image, int shorter) {
  const auto scaled = [&](int longer, int side) { return asSide(std::int64_t{shorter} * longer / side); };
  return image.width <= image.height ? ImageSize{scaled(image.height, image.width), shorter}
                                     : ImageSize{shorter, scaled(image.width, image.height)};
}

/// The smallest size in the picture's proportions that covers `size`.
ImageSize covering(const PixelImage& image, const ImageSize& size) {
  const std::int64_t byWidth = std::int64_t{size.width} * image.height;
  const std::int64_t byHeight = std::int64_t{size.height} * image.width;
  if (byWidth >= byHeight) { // the width decides
    return {std::max(asSide(byWidth / image.width), size.height), size.width};
  }
  return {size.height, std::max(asSide(byHeight / image.height), size.width)};
}

std::string sizeText(const ImageSize& size) {
  return std::to_string(size.height) + " × " + std::to_string(size.width);
}

constexpr std::int64_t kMostPixels = std::int64_t{1} << 28; ///< of a resized picture

} // namespace

Result<ImageInput> imageInputOf(const ValueInfo& input, const DataSettings& settings) {
  ImageInput read;
  read.name = input.name;
  std::vector<std::int64_t> axes;
  for (const Dimension& dimension : input.shape) {
    axes.push_back(dimension.value);
  }
  if (!input.hasShape || axes.empty() || axes.size() > 4) {
    return usage(takes(input) + " takes no pictures: expected 1 to 4 dimensions");
  }
  if (axes.size() == 4 && axes[0] > 1) {
    return usage(takes(input) + " takes " + std::to_string(axes[0]) + " pictures at once; expected one");
  }
  if (axes.size() >= 3) {
    const std::int64_t first = axes[axes.size() - 3];
    const std::int64_t last = axes.back();
    // [N, H, W]: three axes of which the first is no number, or 1 where nothing else is a channel
    const bool plane = axes.size() == 3 && !settings.layout && first <= 1 && !isChannelCount(last);
    if (plane) {
      read.form = Form::plane;
      read.channels = 1;
      HALFSTEP_TRY(read.size.height, side(axes[1], input));
      HALFSTEP_TRY(read.size.width, side(axes[2], input));
      return read;
    }
    const auto layout = settings.layout ? settings.layout : layoutOf(first, last);
    if (!layout) {
      return usage(takes(input) + " has no axis of 1 or 3 channels: say which with --layout nchw or nhwc");
    }
    read.batched = axes.size() == 4;
    axes.erase(axes.begin(), axes.end() - 3);
    HALFSTEP_CHECK(readAxes(axes, *layout, input, read));
    return read;
  }
  read.batched = axes.size() == 2 && axes[0] <= 1;
  if (axes.size() == 2 && !read.batched) {
    read.form = Form::plane;
    read.channels = 1;
    HALFSTEP_TRY(read.size.height, side(axes[0], input));
    HALFSTEP_TRY(read.size.width, side(axes[1], input));
    return read;
  }
  read.form = Form::flat;
  read.elements = std::max<std::int64_t>(axes.back(), 0);
  return read;
}

Result<ValueScaling> scalingOf(const DataSettings& settings, double scale, std::size_t channels) {
  for (const auto& [name, values] :
       {std::pair("--mean", &settings.mean), std::pair("--std", &settings.std)}) {
    if (values->size() > 1 && values->size() != channels) {
      return usage(std::string(name) + " has " + std::to_string(values->size()) + " numbers; there " +
                   (channels == 1 ? "is 1 channel" : "are " + std::to_string(channels) + " channels"));
    }
  }
  return ValueScaling{settings.scale.value_or(scale), settings.mean, settings.std};
}

Result<ImagePreparation> ImagePreparation::plan(const ValueInfo& input, const DataSettings& settings,
                                                const std::optional<PixelImage>& natural) {
  ImagePreparation way;
  HALFSTEP_TRY(way.m_input, imageInputOf(input, settings));
  way.m_type = input.type;
  ImageSize& size = way.m_size;
  size = way.m_input.size;
  // What the shape leaves open: the crop says, then an exact size, then what all pictures have in common.
  std::optional<ImageSize> wanted = settings.crop;
  if (!wanted && settings.resize && settings.resize->kind == ImageResize::Kind::exact) {
    wanted = settings.resize->size;
  }
  if (!wanted && natural) {
    wanted = ImageSize{natural->height, natural->width};
  }
  for (const auto& [side, chosen] : {std::pair(&size.height, wanted ? wanted->height : 0),
                                     std::pair(&size.width, wanted ? wanted->width : 0)}) {
    if (*side == 0) {
      *side = chosen;
    }
  }
  if (size.height == 0 || size.width == 0) {
    return usage(takes(input) + " leaves the pictures' size open: give --crop or --resize HEIGHTxWIDTH");
  }
  if (settings.crop && *settings.crop != size) {
    return usage("--crop " + printImageSize(*settings.crop) + ": " + takes(input) + " has pictures of " +
                 sizeText(size));
  }
  int channels = way.m_input.channels;
  if (way.m_input.form == Form::flat && way.m_input.elements > 0) {
    const std::int64_t plane = std::int64_t{size.height} * size.width;
    if (way.m_input.elements != plane && way.m_input.elements != 3 * plane) {
      return usage(takes(input) + " has not the elements of pictures of " + sizeText(size));
    }
    channels = way.m_input.elements == plane ? 1 : 3;
  }
  if (channels == 0) {
    channels = settings.channels ? (*settings.channels == PixelChannels::grey ? 1 : 3)
                                 : (natural ? natural->channels : 3);
  }
  way.m_channels = settings.channels.value_or(channels == 1 ? PixelChannels::grey : PixelChannels::rgb);
  if ((way.m_channels == PixelChannels::grey) != (channels == 1)) {
    return usage("--channels " + std::string(printChannels(way.m_channels)) + ": " + takes(input) + " has " +
                 std::to_string(channels) + (channels == 1 ? " channel" : " channels"));
  }
  way.m_resize = settings.resize;
  HALFSTEP_TRY(way.m_scaling, scalingOf(settings, isFloatingPoint(input.type) ? 1.0 / 255 : 1.0,
                                        static_cast<std::size_t>(channels)));
  return way;
}

Result<Tensor> ImagePreparation::prepare(PixelImage image) const {
  if (image.width < 1 || image.height < 1) {
    return Error{ErrorKind::damagedFile, "is a picture without pixels"};
  }
  const int channels = m_channels == PixelChannels::grey ? 1 : 3;
  image = withChannels(std::move(image), channels);
  ImageSize resized{image.height, image.width};
  if (!m_resize) {
    resized = covering(image, m_size);
  } else if (m_resize->kind == ImageResize::Kind::shorterSide) {
    resized = withShorterSide(image, m_resize->size.height);
  } else if (m_resize->kind == ImageResize::Kind::exact) {
    resized = m_resize->size;
  }
  // A strip one pixel high would become millions of pixels long.
  if (std::int64_t{resized.height} * resized.width > kMostPixels) {
    return Error{ErrorKind::damagedFile, "is a picture of " + sizeText({image.height, image.width}) +
                                             " pixels, too long and narrow to be resized"};
  }
  if (resized.height < m_size.height || resized.width < m_size.width) {
    return usage("is a picture of " + sizeText(resized) + " pixels after resizing, too small for a crop of " +
                 sizeText(m_size));
  }
  image = croppedImage(resizedImage(std::move(image), resized), m_size);

  const auto height = static_cast<std::int64_t>(m_size.height);
  const auto width = static_cast<std::int64_t>(m_size.width);
  const auto plane = static_cast<std::size_t>(height * width);
  const auto count = static_cast<std::size_t>(channels);
  const bool planes = m_input.form == Form::nchw;
  std::vector<double> values(plane * count);
  for (std::size_t c = 0; c < count; ++c) { // the channel in the model's order
    const std::size_t from = m_channels == PixelChannels::bgr ? count - 1 - c : c;
    for (std::size_t i = 0; i < plane; ++i) {
      values[planes ? c * plane + i : i * count + c] =
          m_scaling.apply(static_cast<double>(image.pixels[i * count + from]), c);
    }
  }
  Shape shape;
  switch (m_input.form) {
  case Form::nchw:
    shape = {channels, height, width};
    break;
  case Form::nhwc:
    shape = {height, width, channels};
    break;
  case Form::plane:
    shape = {height, width};
    break;
  case Form::flat:
    shape = {height * width * channels};
    break;
  }
  if (m_input.batched) {
    shape.insert(shape.begin(), 1);
  }
  return tensorOfReals(m_type, std::move(shape), values);
}

std::string ImagePreparation::description() const {
  std::string text = sizeText(m_size) + ", " + std::string(printChannels(m_channels));
  if (m_input.form == Form::nchw || m_input.form == Form::nhwc) {
    text += m_input.form == Form::nchw ? ", nchw" : ", nhwc";
  }
  return text;
}

} // namespace halfstep
