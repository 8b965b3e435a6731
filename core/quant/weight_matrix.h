// A layer's weights as the quantizer sees them: float32, one contiguous row per channel. Shares the mapped
// file where the file already has that layout, otherwise owns one float copy. Immutable; shared between
// threads.
#pragma once

#include "core/model/model.h"
#include "core/support/job_context.h"

#include <memory>
#include <span>

namespace halfstep {

class WeightMatrix {
public:
  /// From a layer: its float values, or the decoded values of a stored quantization, the channel axes moved
  /// to the front (the other axes keep their order). Peak memory: none for float32 weights whose channel axes
  /// lead and whose bytes are aligned, otherwise 4 bytes per value, 8 where values that had to be decoded are
  /// also moved. A weight without values has no channels. Errors: a stored quantization whose parts do not
  /// fit together; channel axes that the shape does not have; cancelled.
  static Result<std::shared_ptr<const WeightMatrix>> fromLayer(const Layer& layer, const JobContext& context);
  /// From values that are already one row per channel; `channels` × `valuesPerChannel` == values.size().
  static std::shared_ptr<const WeightMatrix> fromRows(std::vector<float> values, std::size_t channels);

  std::size_t channels() const { return m_channels; }
  std::size_t valuesPerChannel() const { return m_valuesPerChannel; }
  std::size_t count() const { return m_values.size(); }
  /// All values, channel after channel.
  std::span<const float> values() const { return m_values; }
  std::span<const float> row(std::size_t channel) const {
    return m_values.subspan(channel * m_valuesPerChannel, m_valuesPerChannel);
  }
  /// The weight's own shape, and which of its axes number the channels.
  const Shape& shape() const { return m_shape; }
  std::span<const int> channelAxes() const { return m_channelAxes; }
  /// Bits of one value in the file before quantization (32 for float32, 16 for float16, …).
  int originalBits() const { return m_originalBits; }

  /// For every value in the weight's own row-major order, its index in `values()`. Identity (empty) when the
  /// layouts are the same.
  std::vector<std::size_t> weightOrder() const;

private:
  std::shared_ptr<const void> m_owner;
  std::span<const float> m_values;
  std::size_t m_channels = 0;
  std::size_t m_valuesPerChannel = 0;
  Shape m_shape;
  std::vector<int> m_channelAxes;
  int m_originalBits = 32;
};

} // namespace halfstep
