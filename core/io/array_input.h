// How an array in a file becomes values of one input of a model, sample by sample.
#pragma once

#include "core/exec/value.h"
#include "core/io/image_preparation.h"

#include <optional>

namespace halfstep {

/// An array of a file.
struct NamedArray {
  std::string name;  ///< of the file without its suffix, or of the archive's member
  std::string place; ///< for errors: "x.npy"; "data.npz, member x"
  Tensor tensor;
};

/// The rows of an array as values of a model's input. Immutable; any thread.
///
/// Which axis numbers the samples, for an input of rank r: an array of rank r + 1 has the samples on its
/// first axis; one of rank r too where the input's first axis is its batch (1, or no number); otherwise the
/// whole array is one value, which all samples share, and so is an array of rank r − 1 for an input with a
/// batch. Arrays of uint8 are pictures ([samples, H, W], [samples, H, W, C] or, with 1 or 3 channels,
/// [samples, C, H, W]) wherever the input takes pictures.
class ArrayInput {
public:
  /// Whether the array holds many samples or is one (x_000.npy).
  enum class Content { manySamples, oneSample };
  /// Errors: name the place, both shapes and types, and what would fit.
  static Result<ArrayInput> fit(NamedArray array, const ValueInfo& input, const DataSettings& settings,
                                Content content);

  /// Samples; nothing where all samples share the one value.
  std::optional<std::size_t> count() const { return m_count; }
  /// The value for sample `index` (below count()).
  Result<Value> at(std::size_t index) const;
  const NamedArray& array() const { return m_array; }
  const ValueInfo& input() const { return m_input; }
  /// "32 × 32, rgb, nchw" for pictures; otherwise empty.
  std::string description() const { return m_images ? m_images->description() : std::string(); }

private:
  ArrayInput() = default;
  Result<void> fitPictures(const DataSettings& settings, Content content);
  Result<void> fitShape(const DataSettings& settings, Content content);
  Result<void> fitScaling(const DataSettings& settings);
  Result<Tensor> row(std::size_t index) const;
  Result<Value> picture(std::size_t index) const;

  NamedArray m_array;
  ValueInfo m_input;
  std::optional<std::size_t> m_count;
  Shape m_shape; ///< of one value

  std::optional<ImagePreparation> m_images;
  ImageSize m_pictureSize;
  int m_pictureChannels = 0;
  bool m_planar = false; ///< [C, H, W] instead of [H, W, C]

  ValueScaling m_scaling;        ///< of values that are no pictures
  std::size_t m_channels = 1;    ///< on the axis that the means belong to
  std::size_t m_channelStep = 1; ///< elements between one channel and the next
};

} // namespace halfstep
