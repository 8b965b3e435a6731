#include "plugins/exporters/report/report_content.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

Result<LayerPicture> pictureOf(const ReportContent& content, std::size_t index, const JobContext& context) {
  const ReportLayer& layer = content.layers[index];
  HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(*layer.layer, context));
  HALFSTEP_TRY(const WeightProfile profile, profileWeights(*matrix, context));
  HALFSTEP_TRY(const QuantizationParameters parameters,
               chooseParameters(*matrix, layer.plan.weights, context));
  LayerPicture picture;
  picture.layer = index;
  picture.histogram = profile.histogram;
  picture.scales = parameters.scales.size();
  const auto width = [](const ValueRange& range) { return range.hi - range.lo; };
  const auto widest =
      std::max_element(parameters.ranges.begin(), parameters.ranges.end(),
                       [&](const ValueRange& a, const ValueRange& b) { return width(a) < width(b); });
  if (widest == parameters.ranges.end()) {
    return picture;
  }
  picture.clip = *widest;
  constexpr int kBins = 16; // only the levels are wanted
  const auto segment = static_cast<std::size_t>(widest - parameters.ranges.begin());
  HALFSTEP_TRY(QuantizedShape shape, shapeOf(*matrix, profile, parameters, segment, kBins, context));
  picture.levels = std::move(shape.levels);
  return picture;
}

} // namespace

std::vector<std::size_t> worstLayers(const std::vector<ReportLayer>& layers, std::size_t most) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (std::isfinite(layers[i].total.sqnrDb())) {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return layers[a].total.sqnrDb() < layers[b].total.sqnrDb();
  });
  order.resize(std::min(order.size(), most));
  return order;
}

Result<ReportContent> gatherContent(const ExportInput& input, std::size_t pictures,
                                    const JobContext& context) {
  constexpr double kShare = 0.9; // of the time, for quantizing
  ReportContent content;
  content.input = &input;
  content.seed = context.seed();
  content.bytesAfter = input.model->bytes;
  const MeasuredLayers measured(input);
  content.latencyTypes = measured.latencyTypes();
  HALFSTEP_CHECK(forEachLayer(
      input, context.part(0.0, kShare), [&](const Layer& layer, const LayerQuantization& quantization) {
        ReportLayer one{&layer, input.plan.forLayer(layer.name), quantization.total, quantization.bytes};
        one.bytesBefore = static_cast<std::int64_t>(layer.weight.bytes().size());
        one.bitsPerWeight = quantization.bitsPerWeight;
        one.measured = measured.of(layer, content.seed);
        const auto column = measured.plannedColumn(layer.name);
        if (column && *column < one.measured.sensitivities.size() &&
            !std::isnan(one.measured.sensitivities[*column].value)) {
          one.damage = one.measured.sensitivities[*column];
        }
        content.total += quantization.total;
        content.bytesAfter += quantization.bytes - one.bytesBefore;
        content.weights += static_cast<std::int64_t>(layer.parameters());
        content.weightBits += 8 * quantization.bytes;
        content.layers.push_back(std::move(one));
      }));
  for (const std::size_t index : worstLayers(content.layers, pictures)) {
    HALFSTEP_TRY(LayerPicture picture, pictureOf(content, index, context));
    content.pictures.push_back(std::move(picture));
  }
  return content;
}

} // namespace halfstep
