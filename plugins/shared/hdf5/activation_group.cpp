#include "plugins/shared/hdf5/activation_group.h"

#include <algorithm>

namespace halfstep::hdf5 {

herr_t writeStatistics(hid_t parent, const std::string& name, const ActivationStatistics& value) {
  const Handle group = makeGroup(parent, name);
  if (!group.isValid()) {
    return -1;
  }
  const hid_t id = group.id();
  std::vector<std::uint32_t> samples;
  std::vector<float> low, high, channelLow, channelHigh;
  for (const SampleRange& range : value.samples) {
    samples.push_back(range.sample);
    low.push_back(range.min);
    high.push_back(range.max);
  }
  for (const ValueRange& range : value.channelRanges) {
    channelLow.push_back(range.lo);
    channelHigh.push_back(range.hi);
  }
  const kernels::MomentPartials& moments = value.moments;
  const auto counts = value.histogram.counts();
  const herr_t states[] = {
      writeText(id, "name", value.name),
      writeText(id, "dtype", std::string(elementTypeName(value.type))),
      writeAttribute(id, "shape", value.shape),
      writeNumber(id, "count", moments.finite),
      writeNumber(id, "nan", moments.nan),
      writeNumber(id, "infinite", moments.infinite),
      writeNumber(id, "zeros", moments.zeros),
      writeNumber(id, "min", moments.min),
      writeNumber(id, "max", moments.max),
      writeNumber(id, "mean", moments.mean),
      writeNumber(id, "m2", moments.m2),
      writeNumber(id, "m3", moments.m3),
      writeNumber(id, "m4", moments.m4),
      writeAttribute(id, "moving_average",
                     std::vector<float>{value.movingAverage.lo, value.movingAverage.hi}),
      writeNumber(id, "channel_axis", std::int64_t{value.channelAxis}),
      writeNumber(id, "histogram_exponent", std::int64_t{value.histogram.exponent()}),
      writeDataset(id, "histogram", std::vector<std::int64_t>(counts.begin(), counts.end()), "values"),
      writeDataset(id, "sample_index", samples, "index into samples"),
      writeDataset(id, "sample_min", low, "as the value"),
      writeDataset(id, "sample_max", high, "as the value"),
      writeDataset(id, "channel_min", channelLow, "as the value"),
      writeDataset(id, "channel_max", channelHigh, "as the value")};
  return *std::min_element(std::begin(states), std::end(states));
}

} // namespace halfstep::hdf5
