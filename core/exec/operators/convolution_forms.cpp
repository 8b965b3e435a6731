#include "core/exec/operators/convolution_forms.h"

#include <algorithm>
#include <cstring>

namespace halfstep {

std::int64_t sideBySide(const Shape& weights, std::int64_t groups, const Windows& windows,
                        const Shape& output) {
  constexpr std::int64_t kAtOnce = 16;
  const std::int64_t outputs = weights[0];
  if (groups != 1 || output.size() != 4 || windows.strides[1] != 1 || windows.dilations[1] != 1) {
    return 1;
  }
  const std::int64_t kernel = windows.kernel[1];
  std::int64_t best = 1;
  double cost = static_cast<double>(kernel); // of a position, in multiplications of all channels
  for (std::int64_t side = 2; side * outputs <= kAtOnce; ++side) {
    const double own = static_cast<double>(kernel + side - 1) / static_cast<double>(side);
    if (output[3] % side == 0 && own < 0.6 * cost && output[3] >= kAtOnce * side) {
      best = side;
      cost = own / 0.6;
    }
  }
  return best;
}

std::vector<float> spreadWeights(std::span<const float> weights, const Shape& shape, std::int64_t side) {
  const auto kernel = static_cast<std::size_t>(shape[3]);
  const std::size_t wide = kernel + static_cast<std::size_t>(side) - 1;
  const std::size_t rows = weights.size() / kernel;
  std::vector<float> spread(static_cast<std::size_t>(side) * rows * wide, 0.0f);
  for (std::size_t shift = 0; shift < static_cast<std::size_t>(side); ++shift) {
    for (std::size_t row = 0; row < rows; ++row) {
      std::copy_n(weights.begin() + static_cast<std::ptrdiff_t>(row * kernel), kernel,
                  spread.begin() + static_cast<std::ptrdiff_t>((shift * rows + row) * wide + shift));
    }
  }
  return spread;
}

dnnl::memory Surround::operator()(const dnnl::memory& source, std::shared_ptr<std::byte>& owner) {
  onednn::OwnedMemory made = onednn::newMemory(m_whole);
  std::memset(made.owner.get(), 0, m_whole.get_size());
  if (const dnnl::memory::desc layout = source.get_desc(); m_from != layout) {
    m_fill = onednn::Execution(
        dnnl::reorder(dnnl::reorder::primitive_desc(onednn::engine(), layout, onednn::engine(), m_inside)));
    m_from = layout;
  }
  m_fill.set(DNNL_ARG_FROM, source);
  m_fill.set(DNNL_ARG_TO, dnnl::memory(m_inside, onednn::engine(), made.owner.get()));
  m_fill();
  owner = std::move(made.owner);
  return made.memory;
}

} // namespace halfstep
