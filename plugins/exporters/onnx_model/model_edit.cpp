#include "plugins/exporters/onnx_model/model_edit.h"

#include "core/support/mapped_file.h"

#include <algorithm>

namespace halfstep::onnx_export {

namespace {

constexpr std::size_t kLargestMessage = 2'147'483'647; // protobuf's

Error notTheFile(const std::string& where) {
  return Error{ErrorKind::failed, where + " is not what was loaded; the file has changed since"};
}

void collectNames(const onnx::GraphProto& graph, std::unordered_set<std::string>& names);

void collectNames(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes,
                  std::unordered_set<std::string>& names) {
  for (const onnx::NodeProto& node : nodes) {
    names.insert(node.name());
    names.insert(node.input().begin(), node.input().end());
    names.insert(node.output().begin(), node.output().end());
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        collectNames(attribute.g(), names);
      }
      for (const onnx::GraphProto& graph : attribute.graphs()) {
        collectNames(graph, names);
      }
    }
  }
}

void collectNames(const onnx::GraphProto& graph, std::unordered_set<std::string>& names) {
  for (const auto& input : graph.input()) {
    names.insert(input.name());
  }
  for (const auto& output : graph.output()) {
    names.insert(output.name());
  }
  for (const auto& tensor : graph.initializer()) {
    names.insert(tensor.name());
  }
  for (const auto& tensor : graph.sparse_initializer()) {
    names.insert(tensor.values().name());
  }
  collectNames(graph.node(), names);
}

/// Every value that the nodes take and the outputs name, subgraphs included.
void collectUses(const onnx::GraphProto& graph, std::unordered_set<std::string>& uses);

void collectUses(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes,
                 std::unordered_set<std::string>& uses) {
  for (const onnx::NodeProto& node : nodes) {
    uses.insert(node.input().begin(), node.input().end());
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        collectUses(attribute.g(), uses);
      }
      for (const onnx::GraphProto& graph : attribute.graphs()) {
        collectUses(graph, uses);
      }
    }
  }
}

void collectUses(const onnx::GraphProto& graph, std::unordered_set<std::string>& uses) {
  for (const auto& output : graph.output()) {
    uses.insert(output.name());
  }
  collectUses(graph.node(), uses);
}

/// Leaves the others where they are in memory.
template <class T, class F>
void removeIf(google::protobuf::RepeatedPtrField<T>& list, F isGone) {
  std::vector<T*> all(static_cast<std::size_t>(list.size()));
  list.ExtractSubrange(0, list.size(), all.data());
  for (T* one : all) {
    if (isGone(*one)) {
      delete one;
    } else {
      list.AddAllocated(one);
    }
  }
}

void importIn(google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& opsets, const std::string& domain,
              std::int64_t version) {
  for (onnx::OperatorSetIdProto& opset : opsets) {
    if (opset.domain() == domain || (domain.empty() && isOnnxDomain(opset.domain()))) {
      opset.set_version(std::max<std::int64_t>(opset.version(), version));
      return;
    }
  }
  onnx::OperatorSetIdProto& added = *opsets.Add();
  added.set_domain(domain);
  added.set_version(version);
}

} // namespace

std::int64_t irVersionFor(std::int64_t opset) {
  // Source: the version table of onnx/helper.py.
  constexpr std::pair<std::int64_t, std::int64_t> kTable[] = {{25, 13}, {24, 12}, {23, 11}, {21, 10}, {19, 9},
                                                              {15, 8},  {12, 7},  {11, 6},  {10, 5},  {9, 4}};
  for (const auto& [from, ir] : kTable) {
    if (opset >= from) {
      return ir;
    }
  }
  return 3;
}

Result<ModelEdit> ModelEdit::open(const Model& model, const JobContext& context) {
  HALFSTEP_TRY(const auto file, MappedFile::open(model.path));
  ModelEdit edit;
  edit.m_proto = std::make_unique<onnx::ModelProto>();
  if (file->bytes().size() > kLargestMessage ||
      !edit.m_proto->ParseFromArray(file->bytes().data(), static_cast<int>(file->bytes().size()))) {
    return Error{ErrorKind::unsupported,
                 "is no ONNX file: only those can be written changed",
                 {},
                 model.path.string()};
  }
  HALFSTEP_CHECK(context.checkpoint());
  HALFSTEP_CHECK(edit.addPart({edit.m_proto->mutable_graph(), nullptr, &model.graph, -1, {}, {}}));
  if (edit.m_proto->functions_size() != static_cast<int>(model.functions.size())) {
    return notTheFile("the list of functions");
  }
  for (std::size_t i = 0; i < model.functions.size(); ++i) {
    HALFSTEP_CHECK(edit.addPart({nullptr,
                                 edit.m_proto->mutable_functions(static_cast<int>(i)),
                                 &model.functions[i].body,
                                 -1,
                                 {},
                                 {}}));
    collectNames(edit.m_proto->functions(static_cast<int>(i)).node(), edit.m_names);
  }
  collectNames(edit.m_proto->graph(), edit.m_names);
  return edit;
}

Result<void> ModelEdit::addPart(GraphPart part) {
  const int index = static_cast<int>(m_parts.size());
  m_parts.push_back(part);
  if (part.graph != nullptr) {
    for (int i = 0; i < part.graph->initializer_size(); ++i) {
      onnx::TensorProto& tensor = *part.graph->mutable_initializer(i);
      const auto loaded = part.loaded->initializers.find(tensor.name());
      const Tensor* found = loaded == part.loaded->initializers.end() ? nullptr : &loaded->second;
      HALFSTEP_CHECK(takeIn(tensor, found, true, "initializer " + tensor.name()));
      if (found != nullptr && !found->bytes().empty()) {
        m_constants.emplace(found->bytes().data(), ConstantPlace{index, i, -1, tensor.name()});
      }
    }
  }
  return readNodes(index);
}

Result<void> ModelEdit::readNodes(int index) {
  const Graph& loaded = *part(index).loaded;
  auto& nodes = part(index).nodes();
  if (nodes.size() != static_cast<int>(loaded.nodes.size())) {
    return notTheFile("the list of nodes");
  }
  for (int i = 0; i < nodes.size(); ++i) {
    const Node& node = loaded.nodes[static_cast<std::size_t>(i)];
    onnx::NodeProto& proto = *nodes.Mutable(i);
    if (proto.op_type() != node.opType || proto.output_size() != static_cast<int>(node.outputs.size())) {
      return notTheFile("node " + proto.name());
    }
    m_nodes.emplace(&node, NodePlace{index, i});
    for (onnx::AttributeProto& attribute : *proto.mutable_attribute()) {
      const auto found = node.attributes.find(attribute.name());
      const Attribute* value = found == node.attributes.end() ? nullptr : &found->second;
      if (attribute.has_t()) {
        const auto* tensor = value != nullptr ? std::get_if<Tensor>(value) : nullptr;
        HALFSTEP_CHECK(takeIn(*attribute.mutable_t(), tensor, false, "node " + proto.name()));
        if (tensor != nullptr && node.opType == "Constant" && !tensor->bytes().empty()) {
          m_constants.emplace(tensor->bytes().data(), ConstantPlace{index, -1, i, proto.output(0)});
        }
      }
      if (const auto* graph = value ? std::get_if<std::shared_ptr<const Graph>>(value) : nullptr) {
        HALFSTEP_CHECK(addPart({attribute.mutable_g(), nullptr, graph->get(), index, {}, {}}));
      }
      if (const auto* graphs =
              value ? std::get_if<std::vector<std::shared_ptr<const Graph>>>(value) : nullptr) {
        for (std::size_t k = 0; k < graphs->size(); ++k) {
          HALFSTEP_CHECK(addPart(
              {attribute.mutable_graphs(static_cast<int>(k)), nullptr, (*graphs)[k].get(), index, {}, {}}));
        }
      }
    }
  }
  return {};
}

Result<void> ModelEdit::takeIn(onnx::TensorProto& tensor, const Tensor* loaded, bool mayStay,
                               const std::string& where) {
  if (tensor.data_location() != onnx::TensorProto::EXTERNAL) {
    return {};
  }
  if (loaded == nullptr) {
    return Error{ErrorKind::unsupported, "its external data is of a type that is not known", where};
  }
  m_outside.leave(tensor, *loaded);
  if (!mayStay || loaded->bytes().size() < kLeastOutside) {
    m_outside.embed(tensor);
  }
  return {};
}

std::optional<NodePlace> ModelEdit::placeOf(const Node* node) const {
  const auto found = m_nodes.find(node);
  return found == m_nodes.end() ? std::nullopt : std::optional(found->second);
}

std::optional<ConstantPlace> ModelEdit::placeOf(const Tensor& tensor, const std::string& name) const {
  const auto [first, last] = m_constants.equal_range(tensor.bytes().data());
  for (auto place = first; place != last; ++place) {
    if (place->second.name == name) {
      return place->second;
    }
  }
  return std::nullopt;
}

const Tensor* ModelEdit::constant(int index, const std::string& name) const {
  for (; index >= 0; index = m_parts[static_cast<std::size_t>(index)].outer) {
    if (const Tensor* found = m_parts[static_cast<std::size_t>(index)].loaded->constant(name)) {
      return found;
    }
  }
  return nullptr;
}

std::string ModelEdit::unique(const std::string& wanted) {
  std::string name = wanted;
  for (int i = 2; !m_names.insert(name).second; ++i) {
    name = wanted + "_" + std::to_string(i);
  }
  return name;
}

void ModelEdit::insertBefore(const NodePlace& place, onnx::NodeProto node) {
  part(place.part).before[place.node].push_back(std::move(node));
}

void ModelEdit::addConstant(const NodePlace& place, onnx::TensorProto tensor) {
  if (onnx::GraphProto* graph = part(place.part).graph) {
    *graph->add_initializer() = std::move(tensor);
  } else {
    insertBefore(place, constantNode(std::move(tensor)));
  }
}

void ModelEdit::removeConstant(const ConstantPlace& old) {
  if (old.node >= 0) {
    remove({old.part, old.node});
  } else {
    m_removedConstants.push_back(old);
  }
}

void ModelEdit::removeUnused() {
  std::unordered_set<std::string> before;
  for (const GraphPart& part : m_parts) {
    for (const Node& node : part.loaded->nodes) {
      before.insert(node.inputs.begin(), node.inputs.end());
    }
  }
  std::unordered_set<std::string> now;
  collectUses(m_proto->graph(), now);
  for (const onnx::FunctionProto& function : m_proto->functions()) {
    collectUses(function.node(), now);
    now.insert(function.output().begin(), function.output().end());
  }
  const auto isIdle = [&](const std::string& name) { return before.contains(name) && !now.contains(name); };
  for (GraphPart& part : m_parts) {
    if (part.graph != nullptr) {
      std::unordered_set<std::string> gone;
      removeIf(*part.graph->mutable_initializer(), [&](const onnx::TensorProto& tensor) {
        return isIdle(tensor.name()) && gone.insert(tensor.name()).second;
      });
      removeIf(*part.graph->mutable_input(), // where files of old IR versions list initializers too
               [&](const onnx::ValueInfoProto& input) { return gone.contains(input.name()); });
    }
    removeIf(part.nodes(), [&](const onnx::NodeProto& node) {
      return node.op_type() == "Constant" && node.output_size() == 1 && isIdle(node.output(0));
    });
  }
}

std::int64_t ModelEdit::opset(const std::string& domain) const {
  for (const auto& opset : m_proto->opset_import()) {
    if (opset.domain() == domain || (domain.empty() && isOnnxDomain(opset.domain()))) {
      return opset.version();
    }
  }
  return domain.empty() && m_proto->opset_import_size() == 0 ? 1 : 0;
}

void ModelEdit::importOpset(const std::string& domain, std::int64_t version) {
  importIn(*m_proto->mutable_opset_import(), domain, version);
  for (onnx::FunctionProto& function : *m_proto->mutable_functions()) {
    importIn(*function.mutable_opset_import(), domain, version);
  }
  if (domain.empty()) {
    m_proto->set_ir_version(std::max<std::int64_t>(m_proto->ir_version(), irVersionFor(version)));
  }
}

void ModelEdit::apply() {
  for (GraphPart& part : m_parts) {
    auto& nodes = part.nodes();
    std::vector<onnx::NodeProto*> old(static_cast<std::size_t>(nodes.size()));
    const int count = nodes.size();
    nodes.ExtractSubrange(0, count, old.data()); // moved as pointers: subgraphs keep their place in memory
    for (int i = 0; i <= count; ++i) {
      if (const auto added = part.before.find(i); added != part.before.end()) {
        for (onnx::NodeProto& node : added->second) {
          *nodes.Add() = std::move(node);
        }
      }
      if (i < count && part.removed.contains(i)) {
        delete old[static_cast<std::size_t>(i)];
      } else if (i < count) {
        nodes.AddAllocated(old[static_cast<std::size_t>(i)]);
      }
    }
    part.before.clear();
    part.removed.clear();
  }
  for (const ConstantPlace& place : m_removedConstants) {
    onnx::GraphProto& graph = *part(place.part).graph;
    const auto isOld = [&](const auto& held) { return held.name() == place.name; };
    removeIf(*graph.mutable_initializer(), isOld);
    removeIf(*graph.mutable_input(), isOld);
  }
  m_removedConstants.clear();
  removeUnused();
}

} // namespace halfstep::onnx_export
