#include "core/analysis/recurrent_primitive.h"

#include "core/analysis/timed_primitive.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace halfstep {

namespace {

using dnnl::memory;
using onednn::Dims;
using DataType = memory::data_type;
using Tag = memory::format_tag;

// x, h and y lie within ±1: codes 1…255.
constexpr float kCodesPerUnit = 127.0f;
constexpr float kZeroCode = 128.0f;
constexpr int kPerGateAndChannel = (1 << 3) + (1 << 4); // of [layers, directions, rows, gates, channels]

/// The primitive of one node with what it takes and gives; dimensions as oneDNN counts them.
struct Cell {
  Dims inputDims;
  Dims layerDims;
  Dims iterationDims;
  Dims biasDims;
  Dims outputDims;
  dnnl::primitive primitive;
  memory::desc input;
  memory::desc layerWeights;
  memory::desc iterationWeights;
  memory::desc bias;
  memory::desc output;
  std::string implementation;
};

template <class Primitive, class Description>
void build(Cell& cell, const Description& description, const dnnl::primitive_attr& attributes) {
  const typename Primitive::primitive_desc made(description, attributes, onednn::engine());
  cell.primitive = Primitive(made);
  cell.input = made.src_layer_desc();
  cell.layerWeights = made.weights_layer_desc();
  cell.iterationWeights = made.weights_iter_desc();
  cell.bias = made.bias_desc();
  cell.output = made.dst_layer_desc();
  cell.implementation = std::string("recurrent ") + made.impl_info_str();
}

Cell cellOf(const LayerRecurrence& shape, DataType values, DataType weights,
            const dnnl::primitive_attr& attributes) {
  const std::int64_t gates = shape.gates();
  const bool linear = shape.cell == RecurrentCell::gru && shape.linearBeforeReset;
  Cell cell;
  cell.inputDims = {shape.steps, shape.batch, shape.features};
  cell.layerDims = {1, shape.directions, shape.features, gates, shape.hidden};
  cell.iterationDims = {1, shape.directions, shape.hidden, gates, shape.hidden};
  cell.biasDims = {1, shape.directions, linear ? gates + 1 : gates, shape.hidden};
  cell.outputDims = {shape.steps, shape.batch, shape.directions * shape.hidden};
  const auto kind = dnnl::prop_kind::forward_inference;
  const auto direction = shape.directions == 1 ? dnnl::rnn_direction::unidirectional_left2right
                                               : dnnl::rnn_direction::bidirectional_concat;
  const memory::desc x(cell.inputDims, values, Tag::any);
  const memory::desc w(cell.layerDims, weights, Tag::any);
  const memory::desc r(cell.iterationDims, weights, Tag::any);
  const memory::desc b(cell.biasDims, DataType::f32, Tag::ldgo);
  const memory::desc y(cell.outputDims, values, Tag::any);
  const memory::desc none; // states begin at zero and are not wanted at the end
  switch (shape.cell) {
  case RecurrentCell::lstm:
    build<dnnl::lstm_forward>(
        cell, dnnl::lstm_forward::desc(kind, direction, x, none, none, w, r, b, y, none, none), attributes);
    break;
  case RecurrentCell::gru:
    if (linear) {
      build<dnnl::lbr_gru_forward>(
          cell, dnnl::lbr_gru_forward::desc(kind, direction, x, none, w, r, b, y, none), attributes);
    } else {
      build<dnnl::gru_forward>(cell, dnnl::gru_forward::desc(kind, direction, x, none, w, r, b, y, none),
                               attributes);
    }
    break;
  case RecurrentCell::rnn:
    build<dnnl::vanilla_rnn_forward>(
        cell,
        dnnl::vanilla_rnn_forward::desc(
            kind, shape.rectifies ? dnnl::algorithm::eltwise_relu : dnnl::algorithm::eltwise_tanh, direction,
            x, none, w, r, b, y, none),
        attributes);
    break;
  }
  return cell;
}

class RecurrentLayer : public TimedPrimitive {
public:
  RecurrentLayer(const Cell& cell, const dnnl::primitive_attr& attributes, const LayerValues& values)
      : TimedPrimitive(cell.primitive, cell.implementation, cell.inputDims, cell.input, cell.outputDims,
                       cell.output)
      , m_layerWeights(cell.layerWeights, onednn::engine())
      , m_iterationWeights(cell.iterationWeights, onednn::engine())
      , m_bias(cell.bias, onednn::engine()) {
    m_arguments = {{DNNL_ARG_SRC_LAYER, m_input},
                   {DNNL_ARG_WEIGHTS_LAYER, m_layerWeights},
                   {DNNL_ARG_WEIGHTS_ITER, m_iterationWeights},
                   {DNNL_ARG_BIAS, m_bias},
                   {DNNL_ARG_DST_LAYER, m_output}};
    m_inputReorder = dnnl::reorder(m_plainInput, m_input, attributes);
    m_outputReorder = dnnl::reorder(m_output, m_plainOutput, decoding(cell.output));
    std::copy(values.input.begin(), values.input.end(), static_cast<float*>(m_plainInput.get_data_handle()));
    std::fill_n(static_cast<float*>(m_bias.get_data_handle()), cell.bias.get_size() / sizeof(float), 0.0f);
    const float* weights = values.weights.data();
    const memory layer(onednn::plain(cell.layerDims), onednn::engine(), const_cast<float*>(weights));
    weights += layer.get_desc().get_size() / sizeof(float);
    const memory iteration(onednn::plain(cell.iterationDims), onednn::engine(), const_cast<float*>(weights));
    move(layer, m_layerWeights, attributes);
    move(iteration, m_iterationWeights, attributes);
    convertInput();
  }

private:
  /// Reorders take an RNN's scales on the way in alone.
  static dnnl::primitive_attr decoding(const memory::desc& output) {
    dnnl::primitive_attr attributes;
    if (output.data_type() == DataType::u8) {
      attributes.set_zero_points(DNNL_ARG_SRC, 0, {static_cast<std::int32_t>(kZeroCode)});
      attributes.set_output_scales(0, {1.0f / kCodesPerUnit});
    }
    return attributes;
  }

  memory m_layerWeights;
  memory m_iterationWeights;
  memory m_bias;
};

/// ±127 for every gate of every channel, of both matrices and all directions together.
std::vector<float> codesPerUnitOfWeights(const LayerRecurrence& shape, const std::vector<float>& weights) {
  const auto channels = static_cast<std::size_t>(shape.gates() * shape.hidden); // the fastest axes
  std::vector<float> most(channels, 0.0f);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    most[i % channels] = std::max(most[i % channels], std::abs(weights[i]));
  }
  std::transform(most.begin(), most.end(), most.begin(),
                 [](float value) { return value > 0.0f ? 127.0f / value : 1.0f; });
  return most;
}

} // namespace

PreparedLayer preparedRecurrence(const LayerShape& shape, LatencyType type, const LayerValues& values) {
  dnnl::primitive_attr attributes;
  DataType valueType = type == LatencyType::bf16 ? DataType::bf16 : DataType::f32;
  DataType weightType = valueType;
  if (type == LatencyType::int8) {
    valueType = DataType::u8;
    weightType = DataType::s8;
    attributes.set_rnn_data_qparams(kCodesPerUnit, kZeroCode);
    attributes.set_rnn_weights_qparams(kPerGateAndChannel,
                                       codesPerUnitOfWeights(shape.recurrence, values.weights));
  }
  return preparedFrom(std::make_shared<RecurrentLayer>(
      cellOf(shape.recurrence, valueType, weightType, attributes), attributes, values));
}

std::int64_t recurrenceWeights(const LayerRecurrence& shape) {
  return shape.directions * shape.gates() * shape.hidden * (shape.features + shape.hidden);
}

} // namespace halfstep
