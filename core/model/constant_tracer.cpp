#include "core/model/constant_tracer.h"

#include <algorithm>

namespace halfstep {

namespace {

using AxisOrigin = std::optional<std::vector<int>>;

// Longer chains of moves on a constant do not occur; a cycle in a damaged graph ends here.
constexpr int kMaxSteps = 32;
constexpr std::size_t kMaxRank = 64;
constexpr std::size_t kMaxConsumers = 64; // a damaged graph could make a search among them quadratic

std::int64_t product(const Shape& shape, std::size_t from, std::size_t to) {
  std::int64_t result = 1;
  for (std::size_t i = from; i < to; ++i) {
    result *= shape[i]; // elementCount() has bounded the whole product
  }
  return result;
}

/// The origin of an axis of length `length` with `before` elements in front of it, among axes of `shape`.
AxisOrigin mergedOrigin(const Shape& shape, const std::vector<AxisOrigin>& axes, std::int64_t before,
                        std::int64_t length) {
  if (length == 1) {
    return std::vector<int>{};
  }
  for (std::size_t first = 0; first < shape.size(); ++first) {
    if (product(shape, 0, first) != before || shape[first] == 1) {
      continue;
    }
    std::vector<int> origin;
    for (std::size_t last = first; last < shape.size(); ++last) {
      if (!axes[last]) {
        return std::nullopt;
      }
      origin.insert(origin.end(), axes[last]->begin(), axes[last]->end());
      if (product(shape, first, last + 1) == length) {
        return std::is_sorted(origin.begin(), origin.end()) ? AxisOrigin(origin) : std::nullopt;
      }
    }
  }
  return std::nullopt;
}

void reshape(TracedConstant& constant, Shape shape) {
  std::vector<AxisOrigin> axes;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    axes.push_back(mergedOrigin(constant.shape, constant.axes, product(shape, 0, axis), shape[axis]));
  }
  constant.axes = std::move(axes);
  constant.shape = std::move(shape);
}

/// The integers of input `index` of `node`, or of its attribute in older opsets; nothing where neither is
/// constant.
std::optional<std::vector<std::int64_t>> integerArgument(const GraphScope& scope, const Node& node,
                                                         std::size_t index, std::string_view attribute) {
  if (index < node.inputs.size() && !node.inputs[index].empty()) {
    const Tensor* tensor = constantTensor(scope, node.inputs[index]);
    if (tensor == nullptr || tensor->count() > kMaxRank) {
      return std::nullopt;
    }
    auto values = toIntegers(*tensor);
    return values ? std::optional(std::move(*values)) : std::nullopt;
  }
  return node.integers(attribute);
}

/// ONNX Reshape: 0 copies the input's dimension, -1 is what remains.
std::optional<Shape> reshapedShape(const Shape& input, const std::vector<std::int64_t>& target,
                                   bool allowZero) {
  Shape shape;
  std::optional<std::size_t> open;
  std::int64_t known = 1;
  for (std::size_t i = 0; i < target.size(); ++i) {
    std::int64_t length = target[i];
    if (length == 0 && !allowZero && i < input.size()) {
      length = input[i];
    }
    if (length == -1 && !open) {
      open = i;
    } else if (length <= 0 || length > product(input, 0, input.size()) / known) {
      return std::nullopt;
    } else {
      known *= length;
    }
    shape.push_back(length);
  }
  const std::int64_t total = product(input, 0, input.size());
  if (open) {
    shape[*open] = total / known;
  }
  return product(shape, 0, shape.size()) == total ? std::optional(shape) : std::nullopt;
}

std::optional<Shape> squeezedShape(const Shape& input, const std::vector<std::int64_t>& axes) {
  const auto rank = static_cast<std::int64_t>(input.size());
  std::vector<bool> dropped(input.size(), false);
  for (const std::int64_t axis : axes) {
    const std::int64_t at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at >= rank || input[static_cast<std::size_t>(at)] != 1) {
      return std::nullopt;
    }
    dropped[static_cast<std::size_t>(at)] = true;
  }
  Shape shape;
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (!dropped[i] && !(axes.empty() && input[i] == 1)) {
      shape.push_back(input[i]);
    }
  }
  return shape;
}

std::optional<Shape> unsqueezedShape(const Shape& input, const std::vector<std::int64_t>& axes) {
  const auto rank = static_cast<std::int64_t>(input.size() + axes.size());
  std::vector<bool> added(static_cast<std::size_t>(rank), false);
  for (const std::int64_t axis : axes) {
    const std::int64_t at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at >= rank || added[static_cast<std::size_t>(at)]) {
      return std::nullopt;
    }
    added[static_cast<std::size_t>(at)] = true;
  }
  Shape shape;
  std::size_t next = 0;
  for (const bool isAdded : added) {
    shape.push_back(isAdded ? 1 : input[next++]);
  }
  return shape;
}

std::optional<Shape> flattenedShape(const Shape& input, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(input.size());
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis > rank) {
    return std::nullopt;
  }
  const auto split = static_cast<std::size_t>(axis);
  return Shape{product(input, 0, split), product(input, split, input.size())};
}

bool transpose(TracedConstant& constant, std::vector<std::int64_t> permutation) {
  const std::size_t rank = constant.shape.size();
  if (permutation.empty()) {
    for (std::size_t i = rank; i > 0; --i) {
      permutation.push_back(static_cast<std::int64_t>(i - 1));
    }
  }
  std::vector<bool> seen(rank, false);
  Shape shape;
  std::vector<AxisOrigin> axes;
  for (const std::int64_t from : permutation) {
    if (from < 0 || from >= static_cast<std::int64_t>(rank) || seen[static_cast<std::size_t>(from)]) {
      return false;
    }
    seen[static_cast<std::size_t>(from)] = true;
    shape.push_back(constant.shape[static_cast<std::size_t>(from)]);
    axes.push_back(constant.axes[static_cast<std::size_t>(from)]);
  }
  constant.shape = std::move(shape);
  constant.axes = std::move(axes);
  return permutation.size() == rank;
}

/// Applies what `node` does to the constant at its first input; false for an operator that computes.
bool follow(const GraphScope& scope, const Node& node, TracedConstant& constant) {
  std::optional<Shape> shape;
  if (node.opType == "Identity" || node.opType == "Cast") {
    return true;
  }
  if (node.opType == "Transpose") {
    return transpose(constant, node.integers("perm"));
  }
  if (node.opType == "Reshape") {
    const auto target = integerArgument(scope, node, 1, "shape");
    shape = target ? reshapedShape(constant.shape, *target, node.integer("allowzero", 0) != 0) : std::nullopt;
  } else if (node.opType == "Flatten") {
    shape = flattenedShape(constant.shape, node.integer("axis", 1));
  } else if (node.opType == "Squeeze") {
    const auto axes = integerArgument(scope, node, 1, "axes");
    shape = axes ? squeezedShape(constant.shape, *axes) : std::nullopt;
  } else if (node.opType == "Unsqueeze") {
    const auto axes = integerArgument(scope, node, 1, "axes");
    shape = axes ? unsqueezedShape(constant.shape, *axes) : std::nullopt;
  } else if (node.opType == "QuantizeLinear" && isQuantizable(constant.tensor->type())) {
    constant.fakeQuantized = true;
    return constant.dequantize == nullptr;
  } else if (node.opType == "DequantizeLinear" && constant.dequantize == nullptr) {
    if (!constant.fakeQuantized) {
      constant.dequantize = &node;
      constant.dequantizeScope = &scope;
      constant.dequantizeAxes = constant.axes;
    }
    return true;
  }
  if (!shape) {
    return false;
  }
  reshape(constant, std::move(*shape));
  return true;
}

/// The half-open range that a Slice node takes of one axis of a tensor of `shape`; nothing where it takes
/// several axes, steps, or values that are not constant.
struct TakenRange {
  std::int64_t axis;
  std::int64_t from;
  std::int64_t to;
};
std::optional<TakenRange> slicedRange(const GraphScope& scope, const Node& node, const Shape& shape) {
  const auto from = integerArgument(scope, node, 1, "starts");
  const auto to = integerArgument(scope, node, 2, "ends");
  const auto axes = integerArgument(scope, node, 3, "axes");
  const auto steps = integerArgument(scope, node, 4, "steps");
  if (!from || from->size() != 1 || !to || to->size() != 1 || !axes || axes->size() > 1 || !steps ||
      (!steps->empty() && *steps != std::vector<std::int64_t>{1})) {
    return std::nullopt;
  }
  const auto rank = static_cast<std::int64_t>(shape.size());
  std::int64_t axis = axes->empty() ? 0 : axes->front();
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank) {
    return std::nullopt;
  }
  const std::int64_t length = shape[static_cast<std::size_t>(axis)];
  const auto clamped = [&](std::int64_t at) {
    return std::clamp(at < 0 ? at + length : at, std::int64_t{0}, length);
  };
  return TakenRange{axis, clamped(from->front()), clamped(to->front())};
}

/// Whether the ranges cover `axis` of `shape` once, in any order.
bool coverOnce(std::vector<TakenRange> ranges, std::int64_t axis, const Shape& shape) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
  std::int64_t next = 0;
  for (const TakenRange& range : ranges) {
    if (range.axis != axis || range.from != next) {
      return false;
    }
    next = range.to;
  }
  return next == shape[static_cast<std::size_t>(axis)];
}

bool hasOnnxSemantics(const Node& node) {
  // ONNX Runtime puts 4- and 16-bit Q/DQ nodes into its own domain for opsets before 21.
  return node.domain.empty() || (node.domain == "com.microsoft" &&
                                 (node.opType == "QuantizeLinear" || node.opType == "DequantizeLinear"));
}

} // namespace

GraphScope::GraphScope(const Graph& graph, const GraphScope* outer)
    : m_graph(&graph)
    , m_outer(outer) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs) {
      m_producers.emplace(output, i);
    }
  }
  for (const ValueInfo& input : graph.inputs) {
    m_inputs.insert(input.name);
  }
}

void GraphScope::bind(const std::string& input, const GraphScope& caller, const std::string& value) {
  m_bindings.insert_or_assign(input, Binding{&caller, value});
}

const Node* GraphScope::producer(const std::string& value) const {
  const auto found = m_producers.find(value);
  return value.empty() || found == m_producers.end() ? nullptr : &m_graph->nodes[found->second];
}

std::vector<const Node*> GraphScope::consumers(const std::string& value) const {
  if (m_consumers.empty()) {
    for (std::size_t i = 0; i < m_graph->nodes.size(); ++i) {
      for (const std::string& input : m_graph->nodes[i].inputs) {
        m_consumers.emplace(input, i);
      }
    }
  }
  std::vector<std::size_t> indices;
  for (auto [at, end] = m_consumers.equal_range(value); at != end && indices.size() < kMaxConsumers; ++at) {
    indices.push_back(at->second);
  }
  std::sort(indices.begin(), indices.end());
  std::vector<const Node*> nodes;
  for (const std::size_t index : indices) {
    nodes.push_back(&m_graph->nodes[index]);
  }
  return nodes;
}

/// Finds the definition of names across scopes.
class ConstantTracer {
public:
  static std::optional<TracedConstant> trace(const GraphScope& scope, const std::string& value, int steps) {
    if (value.empty() || steps > kMaxSteps) {
      return std::nullopt;
    }
    if (const Tensor* tensor = scope.m_graph->constant(value); tensor != nullptr) {
      // Without elements there is nothing to follow, and products of parts of the shape could overflow.
      const bool usual = tensor->count() > 0 && tensor->shape().size() <= kMaxRank;
      return usual ? std::optional(stored(*tensor, value)) : std::nullopt;
    }
    if (const auto bound = scope.m_bindings.find(value); bound != scope.m_bindings.end()) {
      return trace(*bound->second.scope, bound->second.value, steps + 1);
    }
    if (const Node* node = scope.producer(value); node != nullptr) {
      if (node->inputs.empty() || node->outputs[0] != value || !hasOnnxSemantics(*node)) {
        return std::nullopt;
      }
      if (node->opType == "Concat") {
        return reordered(scope, *node, steps);
      }
      auto constant = trace(scope, node->inputs[0], steps + 1);
      return constant && follow(scope, *node, *constant) ? constant : std::nullopt;
    }
    return scope.m_outer == nullptr || scope.m_inputs.contains(value)
               ? std::nullopt
               : trace(*scope.m_outer, value, steps + 1);
  }

private:
  /// Concat of Slices that together are the whole of one constant: PyTorch's exporter brings the gates of
  /// LSTM and GRU weights into ONNX's order so. The axis stays the same, only its indices move.
  static std::optional<TracedConstant> reordered(const GraphScope& scope, const Node& concat, int steps) {
    std::vector<TakenRange> ranges;
    std::optional<TracedConstant> constant;
    std::string source;
    for (const std::string& input : concat.inputs) {
      const Node* slice = scope.producer(input);
      if (slice == nullptr || slice->opType != "Slice" || slice->inputs.empty() ||
          (!source.empty() && slice->inputs[0] != source)) {
        return std::nullopt;
      }
      if (source.empty()) {
        source = slice->inputs[0];
        constant = trace(scope, source, steps + 1);
      }
      const auto range = constant ? slicedRange(scope, *slice, constant->shape) : std::nullopt;
      if (!range || ranges.size() > kMaxRank) {
        return std::nullopt;
      }
      ranges.push_back(*range);
    }
    if (!constant || constant->dequantize != nullptr) {
      return std::nullopt;
    }
    const auto rank = static_cast<std::int64_t>(constant->shape.size());
    const std::int64_t axis = concat.integer("axis", 1);
    const std::int64_t positive = axis < 0 ? axis + rank : axis;
    return positive >= 0 && positive < rank && coverOnce(ranges, positive, constant->shape) ? constant
                                                                                            : std::nullopt;
  }

  static TracedConstant stored(const Tensor& tensor, const std::string& name) {
    TracedConstant constant;
    constant.tensor = &tensor;
    constant.name = name;
    constant.shape = tensor.shape();
    for (std::size_t axis = 0; axis < constant.shape.size(); ++axis) {
      constant.axes.push_back(std::vector<int>{static_cast<int>(axis)});
    }
    return constant;
  }
};

std::optional<TracedConstant> traceConstant(const GraphScope& scope, const std::string& value) {
  return ConstantTracer::trace(scope, value, 0);
}

const Tensor* constantTensor(const GraphScope& scope, const std::string& value) {
  const auto constant = ConstantTracer::trace(scope, value, 0);
  if (!constant || constant->dequantize != nullptr || constant->fakeQuantized ||
      constant->shape != constant->tensor->shape()) {
    return nullptr;
  }
  for (std::size_t axis = 0; axis < constant->axes.size(); ++axis) {
    const auto& origin = constant->axes[axis];
    if (!origin || (!origin->empty() && *origin != std::vector<int>{static_cast<int>(axis)})) {
      return nullptr; // it was transposed
    }
  }
  return constant->tensor;
}

} // namespace halfstep
