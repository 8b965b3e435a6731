#include "plugins/exporters/onnx_model/model_writer.h"

#include "core/io/atomic_file.h"

#include <vector>

namespace halfstep::onnx_export {

namespace {

constexpr std::size_t kLeastExternal =
    1024; // bytes: smaller tensors stay in the model, as ONNX's helper has it
constexpr std::uint64_t kAlignment = 4096; // so that the tensors can be mapped
constexpr std::size_t kLargestMessage = 2'147'483'647;

void addEntry(onnx::TensorProto& tensor, const std::string& key, const std::string& value) {
  auto& entry = *tensor.add_external_data();
  entry.set_key(key);
  entry.set_value(value);
}

/// Moves the data of `graph`'s large tensors, and of its subgraphs', to `file`.
Result<void> moveOut(onnx::GraphProto& graph, AtomicFile& file, const std::string& location,
                     std::uint64_t& offset, const JobContext& context) {
  for (onnx::TensorProto& tensor : *graph.mutable_initializer()) {
    if (tensor.raw_data().size() < kLeastExternal) {
      continue;
    }
    HALFSTEP_CHECK(context.checkpoint());
    const std::uint64_t gap = (kAlignment - offset % kAlignment) % kAlignment;
    HALFSTEP_CHECK(file.append(std::vector<std::byte>(gap)));
    offset += gap;
    const std::string data = std::move(*tensor.mutable_raw_data());
    tensor.clear_raw_data();
    HALFSTEP_CHECK(file.append(std::as_bytes(std::span(data))));
    addEntry(tensor, "location", location);
    addEntry(tensor, "offset", std::to_string(offset));
    addEntry(tensor, "length", std::to_string(data.size()));
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    offset += data.size();
  }
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) {
        HALFSTEP_CHECK(moveOut(*attribute.mutable_g(), file, location, offset, context));
      }
      for (onnx::GraphProto& inner : *attribute.mutable_graphs()) {
        HALFSTEP_CHECK(moveOut(inner, file, location, offset, context));
      }
    }
  }
  return {};
}

} // namespace

Result<std::vector<std::filesystem::path>> writeModel(onnx::ModelProto& proto,
                                                      const std::filesystem::path& path,
                                                      std::uint64_t externalAbove,
                                                      const JobContext& context) {
  std::filesystem::path dataPath = path;
  dataPath += ".data";
  std::vector<AtomicFile> files; // the data first: a model that is there has its data
  if (proto.ByteSizeLong() > externalAbove) {
    HALFSTEP_TRY(AtomicFile data, AtomicFile::create(dataPath));
    std::uint64_t offset = 0;
    HALFSTEP_CHECK(moveOut(*proto.mutable_graph(), data, dataPath.filename().string(), offset, context));
    if (offset > 0) { // or nothing of it is large
      files.push_back(std::move(data));
    }
  }
  if (proto.ByteSizeLong() > kLargestMessage) {
    return Error{ErrorKind::unsupported, "would have more than 2 GB without its weights", {}, path.string()};
  }
  std::string bytes;
  if (!proto.SerializeToString(&bytes)) {
    return Error{ErrorKind::failed, "cannot be written: protobuf refuses it", {}, path.string()};
  }
  HALFSTEP_TRY(AtomicFile model, AtomicFile::create(path));
  HALFSTEP_CHECK(model.append(std::as_bytes(std::span(bytes))));
  files.push_back(std::move(model));
  HALFSTEP_CHECK(context.checkpoint());
  HALFSTEP_CHECK(AtomicFile::commitTogether(files));
  return files.size() == 1 ? std::vector{path} : std::vector{path, dataPath};
}

} // namespace halfstep::onnx_export
