// Operators of the domain com.microsoft that are one of ONNX's own under another name, with inputs where ONNX
// has attributes, outputs in another order, or codes where ONNX has floats. Semantics: ONNX Runtime's
// docs/ContribOperators.md.
#include "core/exec/operator_families.h"
#include "core/exec/operators/applied.h"
#include "core/exec/operators/contrib_float.h"
#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/results.h"
#include "core/tensor/conversion.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr std::int64_t kInputs = 13; ///< the version as of which axes, pads and limits are inputs

OpResult onnxsOwn(const OpCall& call, const char* opType) {
  const std::vector<Value> inputs(call.inputs().begin(), call.inputs().end());
  return allApplied(call, nodeOf(opType, call.node()), inputs, call.memory(), kInputs);
}

OpResult expandDims(const OpCall& call) {
  return onnxsOwn(call, "Unsqueeze");
}

OpResult gatherOfSlices(const OpCall& call) {
  return onnxsOwn(call, "GatherND");
}

OpResult sampledGrid(const OpCall& call) {
  const std::vector<Value> inputs(call.inputs().begin(), call.inputs().end());
  return allApplied(call, nodeOf("GridSample", call.node()), inputs, call.memory(), 16);
}

OpResult padded(const OpCall& call) {
  return onnxsOwn(call, "Pad");
}

OpResult triangle(const OpCall& call) {
  return onnxsOwn(call, "Trilu");
}

/// Start, limit, and a step of 1 where none is given.
OpResult steps(const OpCall& call) {
  HALFSTEP_TRY(const Tensor start, call.tensor(0));
  Value step = call.input(2);
  if (!call.has(2)) {
    const double one = 1;
    HALFSTEP_TRY(Tensor made, tensorOfReals(start.type(), {}, std::span(&one, 1)));
    step = Value(std::move(made));
  }
  HALFSTEP_TRY(Value y, applied(call, nodeOf("Range", {}), {call.input(0), call.input(1), step}));
  return std::vector<Value>{std::move(y)};
}

/// The different elements in the order in which they come, where each element is among them, and how many
/// of each there are: ONNX's outputs without its second one.
OpResult differentElements(const OpCall& call) {
  Node node = nodeOf("Unique", {});
  node.attributes["sorted"] = std::int64_t{0};
  node.outputs = {"y", "indices", "inverse", "counts"};
  HALFSTEP_TRY(std::vector<Value> made, allApplied(call, node, {call.input(0)}, nullptr, kInputs));
  made.erase(made.begin() + 1);
  return made;
}

/// X, W, pads, B.
OpResult transposedConvolution(const OpCall& call) {
  Node node = nodeOf("ConvTranspose", call.node());
  if (call.has(2)) {
    HALFSTEP_TRY(node.attributes["pads"], call.integers(2));
  }
  HALFSTEP_TRY(Value y, applied(call, node, {call.input(0), call.input(1), call.input(3)}));
  return std::vector<Value>{std::move(y)};
}

OpResult productWithActivation(const OpCall& call) {
  HALFSTEP_TRY(std::vector<Value> product, fusedMatMul(call));
  std::vector<float> numbers;
  for (const char* name : {"activation_alpha", "activation_beta"}) {
    if (call.hasAttribute(name)) {
      numbers.push_back(call.real(name, 0.0f));
    }
  }
  HALFSTEP_TRY(Value y, activated(call, std::move(product.front()), numbers));
  return std::vector<Value>{std::move(y)};
}

/// X, W, and a bias.
OpResult productWithGelu(const OpCall& call) {
  static const OpCall::SubgraphRunner kNoSubgraphs;
  HALFSTEP_TRY(Value product,
               applied(call, nodeOf("MatMul", {}), {call.input(0), call.input(1)}, call.memory()));
  const std::vector<Value> inputs{std::move(product), call.input(2)};
  return fastGelu(OpCall(call.node(), call.version(), inputs, call.job(), kNoSubgraphs));
}

/// Sums that wrap at 32 bits; unsigned where both factors are.
OpResult productOf16Bits(const OpCall& call) {
  bool isUnsigned = true;
  std::vector<Value> factors;
  for (const std::size_t at : {0, 1}) {
    HALFSTEP_TRY(const Tensor factor, call.tensor(at));
    if (factor.type() != ElementType::int16 && factor.type() != ElementType::uint16) {
      return call.fail("it multiplies integers of 16 bits");
    }
    isUnsigned = isUnsigned && factor.type() == ElementType::uint16;
    HALFSTEP_TRY(Tensor exact, convertTensor(factor, ElementType::float64)); // sums of 2^21 products are
    factors.emplace_back(std::move(exact));
  }
  HALFSTEP_TRY(const Value product, applied(call, nodeOf("MatMul", {}), factors));
  const Elements<double> sums(product.tensor());
  HALFSTEP_TRY(const auto made,
               newTensor<std::uint32_t>(product.tensor().shape(),
                                        isUnsigned ? ElementType::uint32 : ElementType::int32));
  std::transform(sums.begin(), sums.end(), made.values.begin(),
                 [](double sum) { return static_cast<std::uint32_t>(saturated<std::int64_t>(sum)); });
  return std::vector<Value>{made.finish()};
}

/// The distance of every row of A from every row of B.
OpResult distances(const OpCall& call) {
  HALFSTEP_TRY(const Tensor a, call.tensor(0));
  HALFSTEP_TRY(const Tensor b, call.tensor(1));
  const std::string metric = call.text("metric", "sqeuclidean");
  if (metric != "sqeuclidean" && metric != "euclidean") {
    return call.unsupported("the metric " + metric + " is not supported");
  }
  if (a.shape().size() != 2 || b.shape().size() != 2 || a.shape()[1] != b.shape()[1] ||
      a.type() != b.type()) {
    return call.fail("there are no distances between " + shapeText(a.shape()) + " and " +
                     shapeText(b.shape()));
  }
  return dispatchNumbers(a.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> left(a);
    const Elements<T> right(b);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>({a.shape()[0], b.shape()[0]}, a.type()));
    const std::size_t length = dimensionOf(a.shape(), 1);
    const std::size_t columns = dimensionOf(b.shape(), 0);
    for (std::size_t i = 0; i < made.values.size(); ++i) {
      double sum = 0;
      for (std::size_t k = 0; k < length; ++k) {
        const double apart = static_cast<double>(left[i / columns * length + k]) -
                             static_cast<double>(right[i % columns * length + k]);
        sum += apart * apart;
      }
      made.values[i] = saturated<T>(metric == "euclidean" ? std::sqrt(sum) : sum);
    }
    return std::vector<Value>{made.finish()};
  });
}

/// EmbedLayerNormalization on codes: tables of words, positions and segments, gamma, beta in inputs 2 to 6,
/// their scales in 8 to 12, their zero points in 13 to 17.
OpResult quantizedEmbedding(const OpCall& call) {
  static const OpCall::SubgraphRunner kNoSubgraphs;
  std::vector<Value> inputs;
  for (std::size_t at = 0; at < 8; ++at) {
    inputs.push_back(call.input(at));
  }
  for (std::size_t at = 2; at < 7; ++at) {
    if (!call.has(at)) {
      continue;
    }
    HALFSTEP_TRY(const Tensor codes, call.tensor(at));
    QuantParameters parameters;
    HALFSTEP_TRY(parameters.scale, call.tensor(at + 6));
    HALFSTEP_TRY(parameters.zeroPoint, optionalTensor(call, at + 11));
    HALFSTEP_TRY(const std::vector<float> values, dequantized(codes, parameters));
    HALFSTEP_TRY(Tensor table, floatTensor(codes.shape(), values));
    inputs[at] = Value(std::move(table));
  }
  return embedLayerNormalization(OpCall(call.node(), call.version(), inputs, call.job(), kNoSubgraphs));
}

constexpr Widening kFloats = Widening::floats;
constexpr std::string_view kDomain = "com.microsoft";

constexpr OperatorEntry kEntries[] = {
    {kDomain, "CDist", distances, kFloats},
    {kDomain, "ConvTransposeWithDynamicPads", transposedConvolution, kFloats},
    {kDomain, "ExpandDims", expandDims},
    {kDomain, "FusedMatMulActivation", productWithActivation, kFloats},
    {kDomain, "GatherND", gatherOfSlices},
    {kDomain, "GemmFastGelu", productWithGelu, kFloats},
    {kDomain, "GridSample", sampledGrid, kFloats},
    {kDomain, "MatMulInteger16", productOf16Bits},
    {kDomain, "Pad", padded},
    {kDomain, "QEmbedLayerNormalization", quantizedEmbedding, kFloats},
    {kDomain, "Range", steps},
    {kDomain, "TransposeMatMul", fusedMatMul, kFloats},
    {kDomain, "Trilu", triangle},
    {kDomain, "Unique", differentElements, kFloats},
};

} // namespace

std::span<const OperatorEntry> renamedOperators() {
  return kEntries;
}

} // namespace halfstep
