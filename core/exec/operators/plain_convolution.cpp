#include "core/exec/operators/plain_convolution.h"

#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/results.h"

namespace halfstep {

namespace {

/// One image and group. A convolution gathers from the large side of its windows, a transposed one scatters
/// to it; the small side has one element for each position of the window.
struct GroupSizes {
  std::size_t inputs = 0;  ///< channels
  std::size_t outputs = 0; ///< channels
  std::size_t from = 0;    ///< elements of an input channel
  std::size_t to = 0;      ///< elements of an output channel
};

template <class T>
Result<void> convolveGroup(const JobContext& job, const ProductWindows& windows, const GroupSizes& sizes,
                           bool transposed, const T* x, const T* w, std::span<double> sums) {
  const std::size_t elements = windows.elements();
  for (std::size_t position = 0; position < windows.positions(); ++position) {
    HALFSTEP_CHECK(job.checkpoint());
    for (std::size_t element = 0; element < elements; ++element) {
      const std::int64_t large = windows.offset(position, element);
      if (large < 0) {
        continue;
      }
      const std::size_t from = transposed ? position : static_cast<std::size_t>(large);
      const std::size_t to = transposed ? static_cast<std::size_t>(large) : position;
      for (std::size_t m = 0; m < sizes.outputs; ++m) {
        double sum = 0;
        for (std::size_t c = 0; c < sizes.inputs; ++c) {
          const std::size_t weight = transposed ? c * sizes.outputs + m : m * sizes.inputs + c;
          sum += static_cast<double>(x[c * sizes.from + from]) *
                 static_cast<double>(w[weight * elements + element]);
        }
        sums[m * sizes.to + to] += sum;
      }
    }
  }
  return {};
}

} // namespace

Result<Tensor> plainlyConvolved(const JobContext& job, const PlainConvolution& convolution,
                                const Windows& windows, const std::vector<std::int64_t>& sizes) {
  const Shape& x = convolution.input.shape();
  const Shape& w = convolution.weights.shape();
  const std::vector<std::int64_t> spatial(x.begin() + 2, x.end());
  const auto groups = static_cast<std::size_t>(convolution.groups);
  const bool transposed = convolution.transposed;
  const ProductWindows walk{transposed ? sizes : spatial,
                            transposed ? spatial : sizes,
                            windows.kernel,
                            windows.strides,
                            windows.dilations,
                            windows.before,
                            windows.after};
  GroupSizes group;
  group.inputs = dimensionOf(x, 1) / groups;
  group.outputs = transposed ? dimensionOf(w, 1) : dimensionOf(w, 0) / groups;
  group.from = dimensionsProduct(spatial, 0, spatial.size());
  group.to = dimensionsProduct(sizes, 0, sizes.size());
  Shape shape{x[0], static_cast<std::int64_t>(group.outputs * groups)};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  return dispatchNumbers(convolution.input.type(), [&]<class T>(TypeTag<T>) -> Result<Tensor> {
    const Elements<T> values(convolution.input);
    const Elements<T> weights(convolution.weights);
    const Elements<T> bias(convolution.bias ? *convolution.bias : Tensor());
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape));
    HALFSTEP_TRY(const auto room, newTensor<double>({static_cast<std::int64_t>(group.outputs * group.to)}));
    const std::size_t parts = made.values.empty() ? 0 : dimensionOf(x, 0) * groups;
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t first = part % groups * group.outputs; // channel
      for (std::size_t i = 0; i < room.values.size(); ++i) {
        room.values[i] = convolution.bias ? static_cast<double>(bias[first + i / group.to]) : 0.0;
      }
      const std::size_t used = part % groups * group.outputs * group.inputs * walk.elements();
      HALFSTEP_CHECK(convolveGroup<T>(job, walk, group, transposed,
                                      values.data() + part * group.inputs * group.from, weights.data() + used,
                                      room.values));
      std::transform(room.values.begin(), room.values.end(), made.values.begin() + part * room.values.size(),
                     [](double sum) { return static_cast<T>(sum); });
    }
    return made.finish();
  });
}

} // namespace halfstep
