#include "core/quant/distribution.h"
#include "core/quant/scheme_grammar.h"
#include "plugins/exporters/results_hdf5/result_groups.h"

#include <array>

namespace halfstep::hdf5 {

namespace {

herr_t writeFigures(hid_t group, const LayerQuantization& quantization) {
  herr_t worst = worstOf({writeNumber(group, "bits_per_weight", quantization.bitsPerWeight),
                          writeNumber(group, "bytes", quantization.bytes),
                          writeNumber(group, "non_finite", quantization.total.nonFinite)});
  const Handle channels = makeGroup(group, "channels");
  if (!channels.isValid()) {
    return -1;
  }
  static const std::map<std::string, const char*> kUnits = {
      {"mse", "weight squared"}, {"mse_rounding", "weight squared"}, {"mse_clipping", "weight squared"},
      {"sqnr_db", "dB"},         {"max_error", "as the weights"},    {"mean_error", "as the weights"},
      {"cosine", "1"},           {"clipped", "share, 0 to 1"}};
  for (const ErrorFigure& figure : errorFigures()) {
    std::vector<double> values;
    for (const ErrorSums& sums : quantization.channels) {
      values.push_back(figure.value(sums));
    }
    worst = worstOf({worst, writeNumber(group, figure.name, figure.value(quantization.total)),
                     writeDataset(channels.id(), figure.name, values, kUnits.at(figure.name))});
  }
  return worst;
}

herr_t writeParameters(hid_t group, const QuantizationParameters& parameters) {
  const Segmentation& segmentation = parameters.segmentation;
  constexpr std::array kKinds = {"tensor", "channel", "group"};
  std::vector<float> low;
  std::vector<float> high;
  for (const ValueRange& range : parameters.ranges) {
    low.push_back(range.lo);
    high.push_back(range.hi);
  }
  return worstOf(
      {writeText(group, "granularity", kKinds[static_cast<std::size_t>(segmentation.kind)]),
       writeNumber(group, "segment_length", static_cast<std::int64_t>(segmentation.segmentLength)),
       writeNumber(group, "segments_per_channel", static_cast<std::int64_t>(segmentation.segmentsPerChannel)),
       writeDataset(group, "scales", parameters.scales, "weight per code"),
       writeDataset(group, "zero_points", parameters.zeroPoints, "code"),
       writeDataset(group, "range_low", low, "as the weights"),
       writeDataset(group, "range_high", high, "as the weights")});
}

herr_t writeProfile(hid_t group, const WeightProfile& profile) {
  std::vector<float> low;
  std::vector<float> high;
  for (const ValueRange& range : profile.channelRanges) {
    low.push_back(range.lo);
    high.push_back(range.hi);
  }
  return worstOf(
      {writeDataset(group, "histogram", profile.histogram.counts, "values"),
       writeAttribute(group, "histogram_range",
                      std::vector<double>{profile.histogram.lo, profile.histogram.hi}),
       writeNumber(group, "mean", profile.moments.mean), writeNumber(group, "std", profile.moments.std),
       writeNumber(group, "min", profile.moments.min), writeNumber(group, "max", profile.moments.max),
       writeDataset(group, "channel_min", low, "as the weights"),
       writeDataset(group, "channel_max", high, "as the weights"),
       writeDataset(group, "channel_std", profile.channelStd, "as the weights")});
}

} // namespace

Result<herr_t> writeLayer(hid_t layers, const std::string& name, const ExportInput& input, const Layer& layer,
                          const LayerQuantization& quantization, const JobContext& context) {
  HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, context));
  HALFSTEP_TRY(const WeightProfile profile, profileWeights(*matrix, context));
  const Handle group = makeGroup(layers, name);
  if (!group.isValid()) {
    return herr_t{-1};
  }
  const hid_t id = group.id();
  const LayerPlan& plan = input.plan.forLayer(layer.name);
  const std::vector<std::int64_t> axes(layer.channelAxes.begin(), layer.channelAxes.end());
  return worstOf({writeText(id, "name", layer.name), writeText(id, "op", layer.op),
                  writeText(id, "weight", layer.weightName), writeText(id, "input", layer.input),
                  writeText(id, "dtype", std::string(elementTypeName(layer.weight.type()))),
                  writeAttribute(id, "shape", layer.weight.shape()), writeAttribute(id, "channel_axes", axes),
                  writeText(id, "scheme", printScheme(plan.weights)),
                  writeText(id, "activations", printActivationScheme(plan.activations)),
                  writeParameters(id, quantization.parameters), writeProfile(id, profile),
                  writeFigures(id, quantization)});
}

} // namespace halfstep::hdf5
