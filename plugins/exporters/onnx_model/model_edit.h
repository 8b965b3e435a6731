// A model file being changed: its protobuf message beside the model that was loaded from it, so that what was
// found in the one (a layer's weight, the node that uses it) is known in the other. Insertions and removals
// are collected and made at the end, so that places stay valid. Used on one thread.
#pragma once

#include "core/model/model.h"
#include "core/support/job_context.h"
#include "plugins/exporters/onnx_model/outside_data.h"
#include "plugins/exporters/onnx_model/tensor_protos.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace halfstep::onnx_export {

/// The nodes of the main graph, of a subgraph or of a function's body, as the file has them.
struct GraphPart {
  onnx::GraphProto* graph = nullptr;       ///< null for a function
  onnx::FunctionProto* function = nullptr; ///< null for a graph
  const Graph* loaded = nullptr;
  int outer = -1;                                     ///< index of the graph around a subgraph
  std::map<int, std::vector<onnx::NodeProto>> before; ///< nodes to be inserted, by the index they go before
  std::set<int> removed;

  google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes() const {
    return graph != nullptr ? *graph->mutable_node() : *function->mutable_node();
  }
};

/// A node by its part and its index there, as in the file read.
struct NodePlace {
  int part = 0;
  int node = 0;
};

/// A constant: an initializer of a part or a Constant node's value.
struct ConstantPlace {
  int part = 0;
  int initializer = -1;
  int node = -1;
  std::string name;
};

class ModelEdit {
public:
  /// Reads the file of `model`, which has to live as long as this, again; large external data stays there:
  /// see outside(). Errors: it cannot be read; it is not the file that was loaded; a tensor of external data
  /// that the loader had to leave out.
  static Result<ModelEdit> open(const Model& model, const JobContext& context);

  onnx::ModelProto& proto() { return *m_proto; }
  /// What initializers of `proto()` stand for.
  const OutsideData& outside() const { return m_outside; }
  std::vector<GraphPart>& parts() { return m_parts; }
  onnx::NodeProto& node(const NodePlace& place) { return *part(place.part).nodes().Mutable(place.node); }
  GraphPart& part(int index) { return m_parts[static_cast<std::size_t>(index)]; }

  /// Where `node` of the loaded model is; nothing if it is none of its nodes.
  std::optional<NodePlace> placeOf(const Node* node) const;
  /// Where the constant with these bytes, called `name`, is; nothing where it is elsewhere (sparse).
  std::optional<ConstantPlace> placeOf(const Tensor& tensor, const std::string& name) const;
  /// The constant that `name` means in `part`: of that graph or one around it. Null if there is none.
  const Tensor* constant(int part, const std::string& name) const;

  /// `wanted`, or with a number where the model has that name already. Taken from then on.
  std::string unique(const std::string& wanted);
  /// A node to stand before node `place.node`; several keep their order.
  void insertBefore(const NodePlace& place, onnx::NodeProto node);
  void remove(const NodePlace& place) { part(place.part).removed.insert(place.node); }
  /// A constant that nodes from `place` on may use: an initializer; a Constant node in a function.
  void addConstant(const NodePlace& place, onnx::TensorProto tensor);
  /// The same for a constant in the stead of `old`, which is taken away with `removeConstant`.
  NodePlace placeBesides(const ConstantPlace& old) const { return {old.part, old.node < 0 ? 0 : old.node}; }
  void removeConstant(const ConstantPlace& old);
  /// Takes away initializers and Constant nodes that were used in the file read and are no longer.
  void removeUnused();

  /// The version of `domain` ("" is ONNX's own) that the file imports; 0 if none.
  std::int64_t opset(const std::string& domain) const;
  /// Imports `domain` with at least `version`, in the model and its functions; the IR version that ONNX's own
  /// version needs. Leaves the nodes as they are: see opset_raiser.h.
  void importOpset(const std::string& domain, std::int64_t version);
  /// Makes the collected insertions and removals. Places are no longer valid then.
  void apply();

private:
  ModelEdit() = default;
  Result<void> addPart(GraphPart part);
  Result<void> readNodes(int part);
  /// Takes external data into the model, or where it `mayStay` and is large, into `m_outside`.
  Result<void> takeIn(onnx::TensorProto& tensor, const Tensor* loaded, bool mayStay,
                      const std::string& where);

  std::unique_ptr<onnx::ModelProto> m_proto;
  OutsideData m_outside;
  std::vector<GraphPart> m_parts; ///< a graph before its subgraphs; the functions last
  std::unordered_map<const Node*, NodePlace> m_nodes;
  std::unordered_multimap<const std::byte*, ConstantPlace> m_constants;
  std::vector<ConstantPlace> m_removedConstants;
  std::unordered_set<std::string> m_names;
};

/// The IR version that version `opset` of ONNX's operators came with.
std::int64_t irVersionFor(std::int64_t opset);

} // namespace halfstep::onnx_export
