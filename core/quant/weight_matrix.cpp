#include "core/quant/weight_matrix.h"

#include "core/quant/axis_order.h"
#include "core/quant/stored_values.h"
#include "core/support/mapped_file.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

namespace halfstep {

namespace {

/// The floats in the mapped bytes, where they may be read in place.
std::span<const float> floatsInPlace(const Tensor& tensor) {
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.bytes().data());
  if (tensor.type() != ElementType::float32 || address % alignof(float) != 0) {
    return {};
  }
  return {reinterpret_cast<const float*>(tensor.bytes().data()), tensor.count()};
}

/// Row-major float values, in place or decoded; `owner` keeps them alive.
struct RowMajor {
  std::shared_ptr<const void> owner;
  std::span<const float> values;
};

Result<RowMajor> rowMajorValues(const Layer& layer, const JobContext& context) {
  if (!layer.stored) {
    auto tensor = std::make_shared<const Tensor>(layer.weight);
    const std::span<const float> inPlace = floatsInPlace(*tensor);
    if (inPlace.size() == tensor->count()) {
      return RowMajor{std::move(tensor), inPlace};
    }
  }
  HALFSTEP_TRY(std::vector<float> decoded,
               layer.stored ? decodeStored(*layer.stored, context) : toFloats(layer.weight, context));
  auto owned = std::make_shared<const std::vector<float>>(std::move(decoded));
  const std::span<const float> view(*owned);
  return RowMajor{std::move(owned), view};
}

} // namespace

Result<std::shared_ptr<const WeightMatrix>> WeightMatrix::fromLayer(const Layer& layer,
                                                                    const JobContext& context) {
  auto matrix = std::make_shared<WeightMatrix>();
  const Tensor& weight = layer.stored ? layer.stored->codes : layer.weight;
  matrix->m_shape = weight.shape();
  matrix->m_channelAxes = layer.channelAxes;
  matrix->m_originalBits = elementBits(weight.type());
  Result<AxisOrder> order = AxisOrder::of(weight.shape(), layer.channelAxes);
  if (!order) {
    order.error().what = "layer " + layer.name + ": " + order.error().what;
    return order.error();
  }
  Result<RowMajor> rows = rowMajorValues(layer, context);
  if (!rows) {
    if (rows.error().kind != ErrorKind::cancelled) {
      rows.error().what = "layer " + layer.name + ": " + rows.error().what;
    }
    return rows.error();
  }
  if (layer.stored) {
    HALFSTEP_CHECK(MappedFile::checkBytes(layer.stored->scales.bytes()));
  }
  HALFSTEP_CHECK(MappedFile::checkBytes(weight.bytes()));
  matrix->m_channels = order->channels;
  matrix->m_valuesPerChannel = order->values;
  matrix->m_owner = rows->owner;
  matrix->m_values = rows->values;
  if (!order->identity) {
    auto moved = std::make_shared<std::vector<float>>(rows->values.size());
    HALFSTEP_CHECK(reorder(rows->values, *order, *moved, context));
    matrix->m_values = *moved;
    matrix->m_owner = std::move(moved);
  }
  return std::shared_ptr<const WeightMatrix>(std::move(matrix));
}

std::shared_ptr<const WeightMatrix> WeightMatrix::fromRows(std::vector<float> values, std::size_t channels) {
  assert(channels > 0 ? values.size() % channels == 0 : values.empty());
  auto matrix = std::make_shared<WeightMatrix>();
  auto owned = std::make_shared<const std::vector<float>>(std::move(values));
  matrix->m_values = *owned;
  matrix->m_channels = channels;
  matrix->m_valuesPerChannel = channels > 0 ? owned->size() / channels : 0;
  matrix->m_shape = {static_cast<std::int64_t>(channels),
                     static_cast<std::int64_t>(matrix->m_valuesPerChannel)};
  matrix->m_channelAxes = {0};
  matrix->m_owner = std::move(owned);
  return matrix;
}

std::vector<std::size_t> WeightMatrix::weightOrder() const {
  const Result<AxisOrder> order = AxisOrder::of(m_shape, m_channelAxes);
  if (!order || order->identity) {
    return {};
  }
  std::vector<std::size_t> places(m_values.size());
  for (std::size_t c = 0; c < m_channels; ++c) {
    for (std::size_t j = 0; j < m_valuesPerChannel; ++j) {
      places[order->channelOffsets[c] + order->valueOffsets[j]] = c * m_valuesPerChannel + j;
    }
  }
  return places;
}

} // namespace halfstep
