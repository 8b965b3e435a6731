// How pictures become values of a model's input: what the input's shape says, and what the settings add.
#pragma once

#include "core/io/image_reader.h"
#include "core/model/graph.h"
#include "core/quant/data_settings.h"

#include <optional>

namespace halfstep {

/// x = (value · scale − mean[channel]) / std[channel], computed in double and rounded once.
struct ValueScaling {
  double scale = 1;
  std::vector<double> mean; ///< one or one for each channel; empty: 0
  std::vector<double> std;  ///< likewise; empty: 1

  bool changesNothing() const { return scale == 1 && mean.empty() && std.empty(); }
  double apply(double value, std::size_t channel) const {
    const double shifted = mean.empty() ? value * scale : value * scale - mean[mean.size() > 1 ? channel : 0];
    return std.empty() ? shifted : shifted / std[std.size() > 1 ? channel : 0];
  }
};

/// The axes of an input that takes pictures.
struct ImageInput {
  enum class Form { nchw, nhwc, plane, flat }; ///< plane: [H, W] without channels; flat: [H·W·C]
  Form form = Form::nchw;
  bool batched = true;       ///< there is a first axis of length 1
  int channels = 0;          ///< 1, 3, or 0 where the shape leaves it open
  ImageSize size;            ///< 0 where the shape leaves it open
  std::int64_t elements = 0; ///< of a flat input; 0 where open
  std::string name;          ///< of the input
};

/// Reads the shape of `input`: [N,C,H,W], [N,H,W,C] (told apart by the axis of length 1 or 3, or by
/// `settings.layout`), [C,H,W], [H,W,C], [N,H,W], [H,W], [N,F], [F]. Error (kind `usage`): another rank or
/// number of channels; the layout cannot be told (naming --layout).
Result<ImageInput> imageInputOf(const ValueInfo& input, const DataSettings& settings);

/// The whole way from pixels to values. Immutable; any thread.
class ImagePreparation {
public:
  /// `natural`: the size and channels that all pictures have, where that is known before they are read.
  /// Errors (kind `usage`): the size is open (naming --crop and --resize), settings and input contradict each
  /// other, as many means as there are channels are expected.
  static Result<ImagePreparation> plan(const ValueInfo& input, const DataSettings& settings,
                                       const std::optional<PixelImage>& natural);

  /// Errors: the picture is smaller than the crop.
  Result<Tensor> prepare(PixelImage image) const;
  const ImageSize& size() const { return m_size; }
  /// "224 × 224, rgb, nchw", for people.
  std::string description() const;

private:
  ImagePreparation() = default;
  ImageInput m_input;
  ElementType m_type = ElementType::float32;
  ImageSize m_size;
  std::optional<ImageResize> m_resize; ///< without it: until the picture covers m_size
  PixelChannels m_channels = PixelChannels::rgb;
  ValueScaling m_scaling;
};

/// The scaling that the settings ask for, for an input with `channels` channels; `scale` where they name
/// none. Error (kind `usage`): another number of means or deviations than 1 or `channels`.
Result<ValueScaling> scalingOf(const DataSettings& settings, double scale, std::size_t channels);

} // namespace halfstep
