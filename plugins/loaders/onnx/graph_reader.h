// Turns the stripped protobuf messages into the core's Graph, Function and Node. Nothing is judged here:
// unknown operators and domains, any order of nodes and dangling names all stay.
#pragma once

#include "core/model/model.h"
#include "plugins/loaders/onnx/tensor_reader.h"

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

namespace halfstep {

/// Reads the graphs of one model. Used on one thread. Errors name the place: "initializer conv1.weight",
/// "node 12 (Conv conv1), attribute value". Tensors of an element type that this program does not know are
/// left out with a warning.
class GraphReader {
public:
  GraphReader(TensorReader& tensors, const JobContext& context);

  Result<Graph> readGraph(const onnx::GraphProto& proto);
  Result<Function> readFunction(const onnx::FunctionProto& proto);

  /// What was odd, for the log.
  std::vector<std::string> takeWarnings() { return std::move(m_warnings); }
  /// Elements of all initializers and Constant nodes read so far.
  std::int64_t parameters() const { return m_parameters; }

private:
  Result<void> readInitializers(const onnx::GraphProto& proto, Graph& graph);
  Result<void> addInitializer(std::string name, Result<Tensor> tensor, Graph& graph);
  Result<Node> readNode(const onnx::NodeProto& proto, std::size_t index);
  Result<void> readAttribute(const onnx::AttributeProto& proto, std::map<std::string, Attribute>& attributes);
  Result<Attribute> tensorAttribute(const onnx::AttributeProto& proto,
                                    onnx::AttributeProto::AttributeType type);
  Result<Attribute> graphAttribute(const onnx::AttributeProto& proto,
                                   onnx::AttributeProto::AttributeType type);
  void countConstants(const Graph& graph);
  void warn(std::string line);
  /// `error` with this reader's place in front of its own.
  Error placed(Error error) const;

  TensorReader& m_tensors;
  const JobContext& m_context;
  std::vector<std::string> m_places; ///< from outermost to innermost
  std::vector<std::string> m_warnings;
  std::int64_t m_parameters = 0;
  std::size_t m_nodes = 0;
};

/// Domain names as Halfstep has them: ONNX's own is empty, also where a file says "ai.onnx".
std::string normalDomain(const std::string& domain);

} // namespace halfstep
