#include "core/io/array_input.h"

#include "core/tensor/conversion.h"

#include <algorithm>

namespace halfstep {

namespace {

Error mismatch(const NamedArray& array, const ValueInfo& input, const std::string& more = {}) {
  return Error{ErrorKind::damagedFile,
               "has shape " + shapeText(array.tensor.shape()) + " and type " +
                   std::string(elementTypeName(array.tensor.type())) + "; the model's input " + input.name +
                   " is " + dimensionsText(input) + " of " + std::string(elementTypeName(input.type)) + more,
               {},
               array.place};
}

bool accepts(const Dimension& dimension, std::int64_t length) {
  return dimension.value < 0 || dimension.value == length;
}

/// Whether `shape` from its axis `from` on is what `dimensions` are from `at` on.
bool fits(std::span<const Dimension> dimensions, std::span<const std::int64_t> shape) {
  return std::equal(dimensions.begin(), dimensions.end(), shape.begin(), shape.end(), accepts);
}

/// A row of `tensor` along its first axis, as `shape`; shares the bytes.
Result<Tensor> rowOf(const Tensor& tensor, std::size_t index, const Shape& shape) {
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  const std::size_t bytes = packedBytes(tensor.type(), count);
  auto owner = std::make_shared<const Tensor>(tensor);
  const auto all = owner->bytes();
  return Tensor::share(tensor.type(), shape, std::move(owner), all.subspan(index * bytes, bytes));
}

} // namespace

Result<ArrayInput> ArrayInput::fit(NamedArray array, const ValueInfo& input, const DataSettings& settings,
                                   Content content) {
  if (!input.container.empty()) {
    return Error{ErrorKind::unsupported, "the model's input " + input.name + " is a " + input.container +
                                             ", which arrays cannot give"};
  }
  ArrayInput fitted;
  fitted.m_array = std::move(array);
  fitted.m_input = input;
  const ElementType type = fitted.m_array.tensor.type();
  const std::size_t rank =
      fitted.m_array.tensor.shape().size() + (content == Content::oneSample ? std::size_t{1} : 0);
  const bool takesPixels = isFloatingPoint(input.type) || input.type == ElementType::uint8;
  if (type == ElementType::uint8 && takesPixels && (rank == 3 || rank == 4) &&
      imageInputOf(input, settings)) {
    HALFSTEP_CHECK(fitted.fitPictures(settings, content));
    return fitted;
  }
  HALFSTEP_CHECK(fitted.fitShape(settings, content));
  return fitted;
}

Result<void> ArrayInput::fitPictures(const DataSettings& settings, Content content) {
  Shape shape = m_array.tensor.shape();
  if (content == Content::oneSample) {
    shape.insert(shape.begin(), 1);
  }
  m_planar = shape.size() == 4 && (shape[1] == 1 || shape[1] == 3) && shape[3] != 1 && shape[3] != 3;
  const std::size_t at = m_planar ? 2 : 1; // of the height
  const std::int64_t channels = shape.size() == 3 ? 1 : shape[m_planar ? 1 : 3];
  constexpr std::int64_t kLargestSide = 1 << 24;
  if ((channels != 1 && channels != 3) || shape[at] < 1 || shape[at + 1] < 1 || shape[at] > kLargestSide ||
      shape[at + 1] > kLargestSide) {
    return mismatch(m_array, m_input, "; expected pictures [samples, height, width] or with 1 or 3 channels");
  }
  m_count = static_cast<std::size_t>(shape[0]);
  m_pictureSize = {static_cast<int>(shape[at]), static_cast<int>(shape[at + 1])};
  m_pictureChannels = static_cast<int>(channels);
  const PixelImage natural{m_pictureSize.width, m_pictureSize.height, m_pictureChannels, {}};
  auto images = ImagePreparation::plan(m_input, settings, natural);
  if (!images) {
    images.error().file = m_array.place;
    return images.error();
  }
  m_images.emplace(std::move(*images));
  return {};
}

Result<void> ArrayInput::fitShape(const DataSettings& settings, Content content) {
  const Shape& shape = m_array.tensor.shape();
  const std::span<const std::int64_t> axes(shape);
  const std::span<const Dimension> wanted(m_input.shape);
  const bool batched = !wanted.empty() && (wanted[0].value == 1 || wanted[0].value < 0);
  const bool many = content == Content::manySamples;
  m_shape = shape;
  if (!m_input.hasShape) { // nothing is known: the first axis numbers the samples
    if (many && !shape.empty()) {
      m_count = static_cast<std::size_t>(shape[0]);
      m_shape[0] = 1;
    }
  } else if (many && axes.size() == wanted.size() + 1 && fits(wanted, axes.subspan(1))) {
    m_count = static_cast<std::size_t>(shape[0]);
    m_shape.erase(m_shape.begin());
  } else if (many && batched && axes.size() == wanted.size() && fits(wanted.subspan(1), axes.subspan(1))) {
    m_count = static_cast<std::size_t>(shape[0]);
    m_shape[0] = 1;
  } else if (axes.size() == wanted.size() && fits(wanted, axes)) {
    // the whole array is the value
  } else if (batched && axes.size() + 1 == wanted.size() && fits(wanted.subspan(1), axes)) {
    m_shape.insert(m_shape.begin(), 1);
  } else {
    return mismatch(m_array, m_input);
  }
  const ElementType from = m_array.tensor.type();
  const bool fromInteger = isInteger(from) || from == ElementType::boolean;
  const bool toInteger = isInteger(m_input.type) || m_input.type == ElementType::boolean;
  if (from != m_input.type && (!fromInteger || m_input.type == ElementType::boolean) &&
      !(isFloatingPoint(from) && isFloatingPoint(m_input.type))) {
    return mismatch(m_array, m_input);
  }
  return toInteger ? Result<void>() : fitScaling(settings);
}

Result<void> ArrayInput::fitScaling(const DataSettings& settings) {
  // The axis of the channels: as the layout says, otherwise the one of an input that takes pictures.
  const std::size_t sampleRank = m_shape.size();
  if (sampleRank >= 3) {
    bool last = settings.layout == PixelLayout::nhwc;
    if (!settings.layout) {
      const auto image = imageInputOf(m_input, settings);
      last = image && image->form == ImageInput::Form::nhwc;
    }
    const std::size_t axis = last ? sampleRank - 1 : sampleRank - 3;
    m_channels = static_cast<std::size_t>(m_shape[axis]);
    m_channelStep = last ? 1 : static_cast<std::size_t>(m_shape[axis + 1] * m_shape[axis + 2]);
  }
  // Pixels in rows that are no pictures ([samples, 784]) are still pixels.
  const double scale = m_array.tensor.type() == ElementType::uint8 ? 1.0 / 255 : 1.0;
  auto scaling = scalingOf(settings, scale, m_channels);
  if (!scaling) {
    scaling.error().file = m_array.place;
    return scaling.error();
  }
  m_scaling = std::move(*scaling);
  return {};
}

Result<Tensor> ArrayInput::row(std::size_t index) const {
  HALFSTEP_TRY(Tensor row, rowOf(m_array.tensor, m_count ? index : 0, m_shape));
  if (m_scaling.changesNothing()) {
    return convertTensor(row, m_input.type);
  }
  std::vector<double> values(row.count());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = m_scaling.apply(row.valueAt(i), m_channels == 0 ? 0 : i / m_channelStep % m_channels);
  }
  return tensorOfReals(m_input.type, m_shape, values);
}

Result<Value> ArrayInput::picture(std::size_t index) const {
  const auto height = static_cast<std::size_t>(m_pictureSize.height);
  const auto width = static_cast<std::size_t>(m_pictureSize.width);
  const auto channels = static_cast<std::size_t>(m_pictureChannels);
  const std::size_t count = height * width * channels;
  const auto bytes = m_array.tensor.bytes().subspan(index * count, count);
  PixelImage image{m_pictureSize.width, m_pictureSize.height, m_pictureChannels, {}};
  image.pixels.resize(count);
  const std::size_t plane = height * width;
  for (std::size_t i = 0; i < count; ++i) {
    image.pixels[m_planar ? i % plane * channels + i / plane : i] = static_cast<std::uint8_t>(bytes[i]);
  }
  HALFSTEP_TRY(Tensor tensor, m_images->prepare(std::move(image)));
  return Value(std::move(tensor));
}

Result<Value> ArrayInput::at(std::size_t index) const {
  auto value = m_images ? picture(index) : [&]() -> Result<Value> {
    HALFSTEP_TRY(Tensor tensor, row(index));
    return Value(std::move(tensor));
  }();
  if (!value) {
    value.error().file = m_array.place;
    value.error().where =
        "sample " + std::to_string(index) + (value.error().where.empty() ? "" : ", " + value.error().where);
  }
  return value;
}

} // namespace halfstep
