#include "core/analysis/layer_primitive.h"

#include "core/analysis/recurrent_primitive.h"
#include "core/analysis/timed_primitive.h"
#include "core/kernels/int4_matvec.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <random>

namespace halfstep {

namespace {

using onednn::Dims;
using DataType = dnnl::memory::data_type;
using dnnl::memory;

/// A primitive with what it takes and gives.
struct Built {
  dnnl::primitive primitive;
  memory::desc input;
  memory::desc weights;
  memory::desc output;
  std::string implementation;
};

template <class Primitive>
Built built(const typename Primitive::desc& description, const dnnl::primitive_attr& attributes) {
  const typename Primitive::primitive_desc made(description, attributes, onednn::engine());
  return {Primitive(made), made.src_desc(), made.weights_desc(), made.dst_desc(), made.impl_info_str()};
}

memory::desc anyOf(const Dims& dims, DataType type) {
  return {dims, type, memory::format_tag::any};
}

memory::desc plainOf(const Dims& dims, DataType type) {
  Dims strides(dims.size(), 1);
  for (std::size_t axis = dims.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * dims[axis];
  }
  return {dims, type, strides};
}

/// A layer's dimensions as oneDNN counts them.
struct Geometry {
  Dims input;
  Dims weights; ///< output channels slowest
  Dims output;
  std::int64_t channels = 0;
};

Geometry geometryOf(const LayerShape& shape) {
  if (shape.kind == LayerKind::product) {
    return {
        {shape.rows, shape.depth}, {shape.columns, shape.depth}, {shape.rows, shape.columns}, shape.columns};
  }
  const std::int64_t groups = shape.windows.groups;
  const bool transposed = shape.kind == LayerKind::transposedConvolution;
  const std::int64_t outputs = shape.output[1];
  Dims weights{outputs / groups, transposed ? shape.weight[0] / groups : shape.weight[1]};
  weights.insert(weights.end(), shape.weight.begin() + 2, shape.weight.end());
  if (groups > 1) {
    weights.insert(weights.begin(), groups);
  }
  return {shape.input, weights, shape.output, outputs};
}

struct DataTypes {
  DataType input;
  DataType weights;
  DataType output;
};

Built build(const LayerShape& shape, const Geometry& geometry, const DataTypes& types,
            const dnnl::primitive_attr& attributes) {
  const auto kind = dnnl::prop_kind::forward_inference;
  const memory::desc x = anyOf(geometry.input, types.input);
  const memory::desc w = anyOf(geometry.weights, types.weights);
  const memory::desc y = anyOf(geometry.output, types.output);
  if (shape.kind == LayerKind::product) {
    return built<dnnl::inner_product_forward>({kind, x, w, y}, attributes);
  }
  const LayerWindows& windows = shape.windows;
  Dims dilations = windows.dilations;
  for (std::int64_t& dilation : dilations) {
    --dilation; // oneDNN counts them from 0
  }
  if (shape.kind == LayerKind::transposedConvolution) {
    return built<dnnl::deconvolution_forward>({kind, dnnl::algorithm::deconvolution_direct, x, w, y,
                                               windows.strides, dilations, windows.before, windows.after},
                                              attributes);
  }
  return built<dnnl::convolution_forward>({kind, dnnl::algorithm::convolution_direct, x, w, y,
                                           windows.strides, dilations, windows.before, windows.after},
                                          attributes);
}

class OnednnLayer : public TimedPrimitive {
public:
  OnednnLayer(const Geometry& geometry, const Built& made)
      : TimedPrimitive(made.primitive, made.implementation, geometry.input, made.input, geometry.output,
                       made.output)
      , m_weights(made.weights, onednn::engine()) {
    m_arguments = {{DNNL_ARG_SRC, m_input}, {DNNL_ARG_WEIGHTS, m_weights}, {DNNL_ARG_DST, m_output}};
  }

  void setInput(std::span<const float> values, float codesPerUnit) {
    std::copy(values.begin(), values.end(), static_cast<float*>(m_plainInput.get_data_handle()));
    m_inputReorder = reorder(m_plainInput, m_input, codesPerUnit);
    convertInput();
  }
  void setOutput(float unitsPerCode) { m_outputReorder = reorder(m_output, m_plainOutput, unitsPerCode); }
  /// `values` row-major in `type`, the layer's logical order.
  void setWeights(const Dims& dims, DataType type, const void* values) {
    move(memory(plainOf(dims, type), onednn::engine(), const_cast<void*>(values)), m_weights);
  }

private:
  static dnnl::reorder reorder(const memory& from, const memory& to, float scale) {
    dnnl::primitive_attr attributes;
    if (scale != 1.0f) {
      attributes.set_output_scales(0, {scale});
    }
    return {from, to, attributes};
  }

  memory m_weights;
};

/// s8 codes of weights whose output channels are slowest, and the scale of each.
struct SignedCodes {
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
};

SignedCodes signedCodes(std::span<const float> weights, std::int64_t channels) {
  SignedCodes made;
  made.codes.resize(weights.size());
  const std::size_t depth = weights.size() / static_cast<std::size_t>(channels);
  for (std::size_t n = 0; n < static_cast<std::size_t>(channels); ++n) {
    const std::span<const float> row = weights.subspan(n * depth, depth);
    float most = 0.0f;
    for (const float value : row) {
      most = std::max(most, std::abs(value));
    }
    const float scale = most > 0.0f ? most / 127.0f : 1.0f;
    made.scales.push_back(scale);
    std::transform(row.begin(), row.end(), made.codes.begin() + static_cast<std::ptrdiff_t>(n * depth),
                   [&](float value) { return static_cast<std::int8_t>(std::nearbyint(value / scale)); });
  }
  return made;
}

std::shared_ptr<OnednnLayer> int8Layer(const LayerShape& shape, const LayerValues& values,
                                       float outputMagnitude) {
  const Geometry geometry = geometryOf(shape);
  const SignedCodes weights = signedCodes(values.weights, geometry.channels);
  const float most = *std::max_element(values.input.begin(), values.input.end());
  const float inputScale = most > 0.0f ? most / 255.0f : 1.0f;
  const float outputScale = outputMagnitude > 0.0f ? outputMagnitude / 127.0f : 1.0f;
  std::vector<float> factors(weights.scales);
  for (float& factor : factors) {
    factor *= inputScale / outputScale;
  }
  dnnl::primitive_attr attributes;
  attributes.set_output_scales(1 << 1, factors); // one for each output channel
  auto layer = std::make_shared<OnednnLayer>(
      geometry, build(shape, geometry, {DataType::u8, DataType::s8, DataType::s8}, attributes));
  layer->setWeights(geometry.weights, DataType::s8, weights.codes.data());
  layer->setInput(values.input, 1.0f / inputScale);
  layer->setOutput(outputScale);
  return layer;
}

std::shared_ptr<OnednnLayer> floatLayer(const LayerShape& shape, DataType type, const LayerValues& values) {
  const Geometry geometry = geometryOf(shape);
  auto layer = std::make_shared<OnednnLayer>(geometry, build(shape, geometry, {type, type, type}, {}));
  layer->setWeights(geometry.weights, DataType::f32, values.weights.data());
  layer->setInput(values.input, 1.0f);
  layer->setOutput(1.0f);
  return layer;
}

/// Codes, scales and zero points of a matrix, the input and the result.
struct Int4Layer {
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
  std::vector<std::uint8_t> zeros;
  kernels::Int4Matrix matrix;
  std::vector<float> input;
  std::vector<float> result;
};

/// Asymmetric: scale = (hi − lo)/15 with the range widened to 0, zero = round(−lo/scale).
void quantizeGroup(Int4Layer& layer, std::span<const float> weights, std::size_t row, std::size_t group) {
  const std::size_t depth = layer.matrix.columns;
  const std::size_t from = group * layer.matrix.groupSize;
  const std::size_t to = std::min(depth, from + layer.matrix.groupSize);
  float lo = 0.0f;
  float hi = 0.0f;
  for (std::size_t k = from; k < to; ++k) {
    lo = std::min(lo, weights[row * depth + k]);
    hi = std::max(hi, weights[row * depth + k]);
  }
  const float scale = hi > lo ? (hi - lo) / 15.0f : 1.0f;
  const float zero = std::nearbyint(-lo / scale);
  layer.scales.push_back(scale);
  layer.zeros.push_back(static_cast<std::uint8_t>(zero));
  for (std::size_t k = from; k < to; ++k) {
    const float code = std::clamp(std::nearbyint(weights[row * depth + k] / scale) + zero, 0.0f, 15.0f);
    layer.codes[row * layer.matrix.rowBytes() + k / 2] |=
        static_cast<std::uint8_t>(static_cast<unsigned>(code) << (k % 2 * 4));
  }
}

Result<PreparedLayer> int4Layer(const LayerShape& shape, const LayerValues& values) {
  if (shape.kind != LayerKind::product) {
    return Error{ErrorKind::unsupported, "weight-only int4 is for matrix products"};
  }
  if (shape.rows > static_cast<std::int64_t>(kernels::kMostMatvecRows)) {
    return Error{ErrorKind::unsupported, "weight-only int4 is for up to " +
                                             std::to_string(kernels::kMostMatvecRows) + " rows, here are " +
                                             std::to_string(shape.rows)};
  }
  auto layer = std::make_shared<Int4Layer>();
  layer->matrix.rows = static_cast<std::size_t>(shape.columns);
  layer->matrix.columns = static_cast<std::size_t>(shape.depth);
  layer->matrix.groupSize = static_cast<std::size_t>(kInt4Group);
  layer->codes.resize(layer->matrix.rows * layer->matrix.rowBytes());
  for (std::size_t row = 0; row < layer->matrix.rows; ++row) {
    for (std::size_t group = 0; group < layer->matrix.groups(); ++group) {
      quantizeGroup(*layer, values.weights, row, group);
    }
  }
  layer->matrix.codes = layer->codes;
  layer->matrix.scales = layer->scales;
  layer->matrix.zeros = layer->zeros;
  layer->input = values.input;
  layer->result.resize(static_cast<std::size_t>(shape.rows * shape.columns));
  PreparedLayer prepared;
  prepared.implementation = "halfstep int4_matvec";
  prepared.run = [layer] { kernels::int4Matvec(layer->matrix, layer->input, layer->result); };
  prepared.output = [layer] { return layer->result; };
  return prepared;
}

/// oneDNN falls back to plain loops where it has nothing better. Its recurrent "ref" multiplies by products
/// of matrices.
bool isReference(const LayerShape& shape, const std::string& implementation) {
  return shape.kind != LayerKind::recurrence && implementation.find("ref") != std::string::npos;
}

/// On one thread where the executor would not share the layer.
PreparedLayer asTheExecutorRuns(const LayerShape& shape, PreparedLayer prepared) {
  if (shape.isWorthSharing()) {
    return prepared;
  }
  for (std::function<void()>* work : {&prepared.run, &prepared.convertInput, &prepared.convertOutput}) {
    if (*work) {
      *work = [inner = std::move(*work)] {
        const OneThread few(true);
        inner();
      };
    }
  }
  return prepared;
}

std::int64_t weightsOf(const LayerShape& shape) {
  if (shape.kind == LayerKind::recurrence) {
    return recurrenceWeights(shape.recurrence);
  }
  const Dims dims = geometryOf(shape).weights;
  return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
}

bool hasIsa(dnnl::cpu_isa wanted) {
  const auto bits = [](dnnl::cpu_isa isa) { return static_cast<unsigned>(isa); };
  return (bits(dnnl::get_effective_cpu_isa()) & bits(wanted)) == bits(wanted);
}

} // namespace

bool hasVnni() {
  return hasIsa(dnnl::cpu_isa::avx512_core_vnni) || hasIsa(dnnl::cpu_isa::avx2_vnni);
}

Result<LayerValues> drawLayerValues(const LayerShape& shape, std::uint64_t seed) {
  if (shape.kind == LayerKind::other) {
    return Error{ErrorKind::unsupported, shape.left};
  }
  const std::int64_t weightCount = weightsOf(shape);
  LayerValues values;
  try {
    values.input.resize(static_cast<std::size_t>(shape.inputElements()));
    values.weights.resize(static_cast<std::size_t>(weightCount));
  } catch (const std::bad_alloc&) {
    return Error{ErrorKind::failed, "there is not enough memory"};
  }
  std::minstd_rand random(static_cast<std::uint32_t>(seed % 2147483646u + 1));
  const auto unit = [&random] { return static_cast<float>(random() % 65536u) / 65536.0f; };
  std::generate(values.input.begin(), values.input.end(), unit);
  std::generate(values.weights.begin(), values.weights.end(), [&] { return 0.2f * (unit() - 0.5f); });
  return values;
}

Result<PreparedLayer> prepareLayer(const LayerShape& shape, LatencyType type, const LayerValues& values,
                                   float outputMagnitude) {
  if (shape.kind == LayerKind::other) {
    return Error{ErrorKind::unsupported, shape.left};
  }
  if (type == LatencyType::int4) {
    HALFSTEP_TRY(PreparedLayer prepared, int4Layer(shape, values));
    return asTheExecutorRuns(shape, std::move(prepared));
  }
  if (type == LatencyType::bf16 && !hasIsa(dnnl::cpu_isa::avx512_core_bf16)) {
    return Error{ErrorKind::unsupported, "this CPU has no bfloat16 arithmetic"};
  }
  PreparedLayer prepared;
  const OneThread few(!shape.isWorthSharing()); // the kernel is chosen for as many threads as run it
  try {
    const DataType floats = type == LatencyType::bf16 ? DataType::bf16 : DataType::f32;
    if (shape.kind == LayerKind::recurrence) {
      prepared = preparedRecurrence(shape, type, values);
    } else if (type == LatencyType::int8) {
      prepared = preparedFrom(int8Layer(shape, values, outputMagnitude));
    } else {
      prepared = preparedFrom(floatLayer(shape, floats, values));
    }
  } catch (const dnnl::error& error) {
    // Recurrent primitives call types that they have no kernel for invalid.
    const bool none = error.status == dnnl_unimplemented ||
                      (shape.kind == LayerKind::recurrence && error.status == dnnl_invalid_arguments);
    return Error{none ? ErrorKind::unsupported : ErrorKind::failed,
                 none ? "oneDNN has no kernel for it" : std::string("oneDNN refuses it: ") + error.what()};
  } catch (const std::bad_alloc&) {
    return Error{ErrorKind::failed, "there is not enough memory"};
  }
  if (type != LatencyType::fp32 && isReference(shape, prepared.implementation)) {
    return Error{ErrorKind::unsupported,
                 "oneDNN has only its reference loops for it (" + prepared.implementation + ")"};
  }
  return asTheExecutorRuns(shape, std::move(prepared));
}

Result<void> callPrepared(const std::function<void()>& work) {
  return onednn::guarded([&] { work(); });
}

} // namespace halfstep
