#include "plugins/loaders/onnx/graph_reader.h"

#include "plugins/loaders/onnx/value_infos.h"

#include <google/protobuf/unknown_field_set.h>

namespace halfstep {

namespace {

using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;
using Type = onnx::AttributeProto;

constexpr std::size_t kMaxWarnings = 100;
constexpr int kNodeOverload = 8;            // NodeProto.overload, onnx 1.16
constexpr int kFunctionAttributeProto = 11; // FunctionProto.attribute_proto, onnx 1.13
constexpr int kFunctionOverload = 13;       // FunctionProto.overload, onnx 1.16

/// The last length-delimited field `number` that libonnx's version of the message does not know.
std::string unknownText(const UnknownFieldSet& fields, int number) {
  std::string text;
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    if (field.number() == number && field.type() == UnknownField::TYPE_LENGTH_DELIMITED) {
      text = field.length_delimited();
    }
  }
  return text;
}

/// The type of an attribute; files of IR version 1 do not say it, and it follows from what is there.
Type::AttributeType typeOf(const onnx::AttributeProto& proto) {
  if (proto.type() != Type::UNDEFINED) {
    return proto.type();
  }
  const std::pair<bool, Type::AttributeType> present[] = {
      {proto.has_f(), Type::FLOAT},
      {proto.has_i(), Type::INT},
      {proto.has_s(), Type::STRING},
      {proto.has_t(), Type::TENSOR},
      {proto.has_g(), Type::GRAPH},
      {proto.has_sparse_tensor(), Type::SPARSE_TENSOR},
      {proto.has_tp(), Type::TYPE_PROTO},
      {proto.floats_size() > 0, Type::FLOATS},
      {proto.ints_size() > 0, Type::INTS},
      {proto.strings_size() > 0, Type::STRINGS},
      {proto.tensors_size() > 0, Type::TENSORS},
      {proto.graphs_size() > 0, Type::GRAPHS},
      {proto.sparse_tensors_size() > 0, Type::SPARSE_TENSORS},
  };
  for (const auto& [there, type] : present) {
    if (there) {
      return type;
    }
  }
  return Type::UNDEFINED;
}

std::string nodeText(const onnx::NodeProto& proto, std::size_t index) {
  return "node " + std::to_string(index) + " (" + proto.op_type() +
         (proto.name().empty() ? "" : " " + proto.name()) + ")";
}

} // namespace

std::string normalDomain(const std::string& domain) {
  return domain == "ai.onnx" ? std::string() : domain;
}

GraphReader::GraphReader(TensorReader& tensors, const JobContext& context)
    : m_tensors(tensors)
    , m_context(context) {}

Error GraphReader::placed(Error error) const {
  std::string where;
  for (const std::string& place : m_places) {
    where += (where.empty() ? "" : ", ") + place;
  }
  error.where = where + (error.where.empty() || where.empty() ? "" : ", ") + error.where;
  return error;
}

void GraphReader::warn(std::string line) {
  if (m_warnings.size() < kMaxWarnings) {
    m_warnings.push_back(placed({ErrorKind::failed, std::move(line)}).message());
  } else if (m_warnings.size() == kMaxWarnings) {
    m_warnings.push_back("… and more of the same kind");
  }
}

Result<Graph> GraphReader::readGraph(const onnx::GraphProto& proto) {
  Graph graph;
  graph.name = proto.name();
  graph.documentation = proto.doc_string();
  HALFSTEP_CHECK(readInitializers(proto, graph));
  graph.nodes.reserve(static_cast<std::size_t>(proto.node_size()));
  for (int i = 0; i < proto.node_size(); ++i) {
    HALFSTEP_TRY(Node node, readNode(proto.node(i), static_cast<std::size_t>(i)));
    graph.nodes.push_back(std::move(node));
  }
  for (const auto& input : proto.input()) {
    // Until IR version 4, every initializer had to be listed as an input too; some exporters still do it.
    if (!graph.initializers.contains(input.name())) {
      graph.inputs.push_back(readValueInfo(input));
    }
  }
  for (const auto& output : proto.output()) {
    graph.outputs.push_back(readValueInfo(output));
  }
  graph.values.reserve(static_cast<std::size_t>(proto.value_info_size()));
  for (const auto& value : proto.value_info()) {
    graph.values.push_back(readValueInfo(value));
  }
  for (const auto& annotation : proto.quantization_annotation()) {
    auto& roles = graph.quantizationAnnotations[annotation.tensor_name()];
    for (const auto& entry : annotation.quant_parameter_tensor_names()) {
      roles[entry.key()] = entry.value();
    }
  }
  graph.indexConstants();
  countConstants(graph);
  return graph;
}

Result<void> GraphReader::readInitializers(const onnx::GraphProto& proto, Graph& graph) {
  for (const auto& initializer : proto.initializer()) {
    HALFSTEP_CHECK(m_context.checkpoint());
    HALFSTEP_CHECK(addInitializer(initializer.name(), m_tensors.read(initializer), graph));
  }
  for (const auto& sparse : proto.sparse_initializer()) {
    HALFSTEP_CHECK(m_context.checkpoint());
    HALFSTEP_CHECK(addInitializer(sparse.values().name(), m_tensors.readSparse(sparse), graph));
  }
  return {};
}

Result<void> GraphReader::addInitializer(std::string name, Result<Tensor> tensor, Graph& graph) {
  m_places.push_back("initializer " + name);
  if (!tensor && tensor.error().kind != ErrorKind::unsupported) {
    return placed(tensor.error());
  }
  if (!tensor) {
    warn("is left out: " + tensor.error().what);
  } else {
    if (graph.initializers.contains(name)) {
      warn("is there twice; the last one counts");
    }
    graph.addInitializer(std::move(name), std::move(*tensor));
  }
  m_places.pop_back();
  return {};
}

Result<Node> GraphReader::readNode(const onnx::NodeProto& proto, std::size_t index) {
  if (++m_nodes % 256 == 0) {
    HALFSTEP_CHECK(m_context.checkpoint());
  }
  m_places.push_back(nodeText(proto, index));
  Node node;
  node.name = proto.name();
  node.opType = proto.op_type();
  node.domain = normalDomain(proto.domain());
  node.overload = unknownText(proto.unknown_fields(), kNodeOverload);
  node.inputs.assign(proto.input().begin(), proto.input().end());
  node.outputs.assign(proto.output().begin(), proto.output().end());
  for (const auto& attribute : proto.attribute()) {
    if (!attribute.ref_attr_name().empty()) {
      node.referredAttributes[attribute.name()] = attribute.ref_attr_name();
      continue;
    }
    m_places.push_back("attribute " + attribute.name());
    HALFSTEP_CHECK(readAttribute(attribute, node.attributes));
    m_places.pop_back();
  }
  m_places.pop_back();
  return node;
}

Result<void> GraphReader::readAttribute(const onnx::AttributeProto& proto,
                                        std::map<std::string, Attribute>& attributes) {
  Attribute& value = attributes[proto.name()];
  const auto type = typeOf(proto);
  switch (type) {
  case Type::FLOAT:
    value = proto.f();
    return {};
  case Type::INT:
    value = static_cast<std::int64_t>(proto.i());
    return {};
  case Type::STRING:
    value = proto.s();
    return {};
  case Type::FLOATS:
    value = std::vector<float>(proto.floats().begin(), proto.floats().end());
    return {};
  case Type::INTS:
    value = std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
    return {};
  case Type::STRINGS:
    value = std::vector<std::string>(proto.strings().begin(), proto.strings().end());
    return {};
  case Type::TYPE_PROTO: {
    value = readType(proto.tp());
    return {};
  }
  case Type::GRAPH:
  case Type::GRAPHS: {
    HALFSTEP_TRY(value, graphAttribute(proto, type));
    return {};
  }
  case Type::TENSOR:
  case Type::TENSORS:
  case Type::SPARSE_TENSOR:
  case Type::SPARSE_TENSORS: {
    auto tensors = tensorAttribute(proto, type);
    if (tensors) {
      value = std::move(*tensors);
      return {};
    }
    if (tensors.error().kind != ErrorKind::unsupported) {
      return placed(tensors.error());
    }
    warn("is left out: " + tensors.error().what);
    break;
  }
  default:
    warn("is left out: its type is not known");
  }
  attributes.erase(proto.name());
  return {};
}

Result<Attribute> GraphReader::tensorAttribute(const onnx::AttributeProto& proto,
                                               onnx::AttributeProto::AttributeType type) {
  std::vector<Tensor> tensors;
  if (type == Type::TENSOR) {
    HALFSTEP_TRY(Tensor tensor, m_tensors.read(proto.t()));
    return Attribute(std::move(tensor));
  }
  if (type == Type::SPARSE_TENSOR) {
    HALFSTEP_TRY(Tensor tensor, m_tensors.readSparse(proto.sparse_tensor()));
    return Attribute(std::move(tensor));
  }
  for (const auto& element : proto.tensors()) {
    HALFSTEP_TRY(Tensor tensor, m_tensors.read(element));
    tensors.push_back(std::move(tensor));
  }
  for (const auto& element : proto.sparse_tensors()) {
    HALFSTEP_TRY(Tensor tensor, m_tensors.readSparse(element));
    tensors.push_back(std::move(tensor));
  }
  return Attribute(std::move(tensors));
}

Result<Attribute> GraphReader::graphAttribute(const onnx::AttributeProto& proto,
                                              onnx::AttributeProto::AttributeType type) {
  if (type == Type::GRAPH) {
    HALFSTEP_TRY(Graph graph, readGraph(proto.g()));
    return Attribute(std::make_shared<const Graph>(std::move(graph)));
  }
  std::vector<std::shared_ptr<const Graph>> graphs;
  for (const auto& element : proto.graphs()) {
    HALFSTEP_TRY(Graph graph, readGraph(element));
    graphs.push_back(std::make_shared<const Graph>(std::move(graph)));
  }
  return Attribute(std::move(graphs));
}

Result<Function> GraphReader::readFunction(const onnx::FunctionProto& proto) {
  m_places.push_back("function " + proto.name());
  Function function;
  function.domain = normalDomain(proto.domain());
  function.name = proto.name();
  function.overload = unknownText(proto.unknown_fields(), kFunctionOverload);
  function.attributes.assign(proto.attribute().begin(), proto.attribute().end());
  for (const auto& opset : proto.opset_import()) {
    function.opsets[normalDomain(opset.domain())] = opset.version();
  }
  const UnknownFieldSet& unknown = proto.unknown_fields();
  for (int i = 0; i < unknown.field_count(); ++i) {
    onnx::AttributeProto attribute;
    if (unknown.field(i).number() == kFunctionAttributeProto &&
        unknown.field(i).type() == UnknownField::TYPE_LENGTH_DELIMITED &&
        attribute.ParseFromString(unknown.field(i).length_delimited())) {
      m_places.push_back("attribute " + attribute.name());
      HALFSTEP_CHECK(readAttribute(attribute, function.attributeDefaults));
      m_places.pop_back();
    }
  }
  for (const auto& input : proto.input()) {
    function.body.inputs.push_back({input});
  }
  for (const auto& output : proto.output()) {
    function.body.outputs.push_back({output});
  }
  function.body.name = proto.name();
  for (int i = 0; i < proto.node_size(); ++i) {
    HALFSTEP_TRY(Node node, readNode(proto.node(i), static_cast<std::size_t>(i)));
    function.body.nodes.push_back(std::move(node));
  }
  function.body.indexConstants();
  countConstants(function.body);
  m_places.pop_back();
  return function;
}

void GraphReader::countConstants(const Graph& graph) {
  for (const auto& [name, tensor] : graph.initializers) {
    m_parameters += static_cast<std::int64_t>(tensor.count());
  }
  for (const auto& [name, tensor] : graph.nodeConstants) {
    m_parameters += static_cast<std::int64_t>(tensor.count());
  }
}

} // namespace halfstep
