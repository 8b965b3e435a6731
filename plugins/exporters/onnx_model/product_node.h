// MatMul, Gemm and Conv nodes whose constant weight stands on their right: what the forms that replace such
// nodes need to know of them.
#pragma once

#include "plugins/exporters/onnx_model/model_form.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halfstep::onnx_export {

/// Why the nodes of `layer` cannot be replaced by a product of codes, from model and plan alone; empty where
/// they can. The weight has to be the node's own second input, of float32, not moved on its way.
std::string obstacleToProduct(const ExportInput& input, std::size_t layer, const std::vector<LayerUse>& uses);

/// The attributes of a Gemm, with their standard values.
struct GemmFacts {
  float alpha = 1.0f;
  float beta = 1.0f;
  bool transA = false;
  bool transB = false;
};
GemmFacts gemmFacts(const Node& node);

/// Nodes that take the place of one: they stand before it, the last one gives its output.
class Replacement {
public:
  Replacement(ModelEdit& edit, const NodePlace& place);

  const onnx::NodeProto& original() const { return m_original; }
  /// A node with one new output (or several), called after the one that is replaced.
  onnx::NodeProto& add(const std::string& operation, const std::vector<std::string>& inputs,
                       const std::string& domain = {}, int outputs = 1);
  /// The first output of the node added last.
  std::string result() const { return m_nodes.back().output(0); }
  /// A constant, called after the node and `what`.
  std::string constant(const std::string& what, onnx::TensorProto tensor);
  void multiply(const std::string& what, float factor);
  /// Puts the nodes in; the last one keeps the original's name where it is of the same kind.
  void finish();

private:
  ModelEdit& m_edit;
  NodePlace m_place;
  const onnx::NodeProto& m_original;
  std::string m_base;
  std::vector<onnx::NodeProto> m_nodes;
};

} // namespace halfstep::onnx_export
