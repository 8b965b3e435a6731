// The graph of a model: nodes with ONNX operator semantics, whatever file they came from. Nothing is dropped
// that a file held: unknown operators and domains, subgraphs and functions stay. Immutable once a loader has
// built it.
#pragma once

#include "core/tensor/tensor.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace halfstep {

struct Graph;

/// A dimension: a number, a name, or neither (unknown).
struct Dimension {
  std::int64_t value = -1; ///< −1 where it is not a number
  std::string name;
  bool operator==(const Dimension&) const = default;
};

/// What a file says of a value: its type, and its shape where it says one.
struct ValueInfo {
  std::string name;
  ElementType type = ElementType::undefined;
  std::string container; ///< "" for a tensor; "sequence", "optional", "map" or "sparse_tensor" otherwise
  bool hasShape = false;
  std::vector<Dimension> shape;
};

/// One attribute of a node. Graphs are shared so that a Node can be copied cheaply; sparse tensors are stored
/// dense; a ValueInfo stands for a type.
using Attribute = std::variant<std::int64_t, float, std::string, Tensor, std::shared_ptr<const Graph>,
                               std::vector<std::int64_t>, std::vector<float>, std::vector<std::string>,
                               std::vector<Tensor>, std::vector<std::shared_ptr<const Graph>>, ValueInfo>;

struct Node {
  std::string name; ///< may be empty
  std::string opType;
  std::string domain; ///< empty is ONNX's own
  std::string overload;
  std::vector<std::string> inputs;  ///< value names; an empty one is an optional input left out
  std::vector<std::string> outputs; ///< likewise
  std::map<std::string, Attribute> attributes;
  /// Within a local function: attributes that take the value of one of the function's own, by its name.
  std::map<std::string, std::string> referredAttributes;

  std::int64_t integer(std::string_view attribute, std::int64_t fallback) const;
  float real(std::string_view attribute, float fallback) const;
  std::string text(std::string_view attribute, std::string fallback) const;
  std::vector<std::int64_t> integers(std::string_view attribute) const;
};

/// The value of a Constant node: its tensor, or its numbers or strings as a scalar or one-dimensional tensor
/// (float32, int64, string). Nothing for other operators, or where no attribute holds a value.
std::optional<Tensor> constantNodeValue(const Node& node);

/// "[batch, 3, 224, 224]"; "?" for a dimension that is neither number nor name.
std::string dimensionsText(const ValueInfo& info);

struct Graph {
  std::string name;
  std::string documentation;
  std::vector<Node> nodes;                   ///< in the file's order, which need not be topological
  std::vector<std::string> initializerNames; ///< in the file's order
  std::unordered_map<std::string, Tensor> initializers;
  std::vector<ValueInfo> inputs; ///< without the initializers that old files list here as well
  std::vector<ValueInfo> outputs;
  std::vector<ValueInfo> values;                         ///< what the file says of values in between
  std::unordered_map<std::string, Tensor> nodeConstants; ///< by output name: see indexConstants()
  /// What the file says of values that it takes as quantized: value name → role ("SCALE_TENSOR",
  /// "ZERO_POINT_TENSOR") → name of the tensor in that role.
  std::map<std::string, std::map<std::string, std::string>> quantizationAnnotations;

  /// The constant called `name`: an initializer or the output of a Constant node of this graph; null if none.
  const Tensor* constant(std::string_view name) const;
  /// Adds an initializer; an earlier one of the same name is replaced.
  void addInitializer(std::string tensorName, Tensor tensor);
  /// Notes the values of this graph's Constant nodes in `nodeConstants`. A loader calls it once the nodes are
  /// complete.
  void indexConstants();
};

/// A local function of a model: a graph called by a node of its domain and name.
struct Function {
  std::string domain;
  std::string name;
  std::string overload;
  std::vector<std::string> attributes;                ///< that a call must give
  std::map<std::string, Attribute> attributeDefaults; ///< that a call may give
  std::map<std::string, std::int64_t> opsets;
  Graph body; ///< `inputs` and `outputs` have names only
};

} // namespace halfstep
