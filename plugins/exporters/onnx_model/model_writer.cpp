#include "plugins/exporters/onnx_model/model_writer.h"

#include "core/io/atomic_file.h"
#include "core/support/mapped_file.h"

#include <vector>

namespace halfstep::onnx_export {

namespace {

constexpr std::uint64_t kAlignment = 4096; // so that the tensors can be mapped
constexpr std::size_t kLargestMessage = 2'147'483'647;

void addEntry(onnx::TensorProto& tensor, const std::string& key, const std::string& value) {
  auto& entry = *tensor.add_external_data();
  entry.set_key(key);
  entry.set_value(value);
}

/// Bytes of the message with all its data within.
std::uint64_t wholeSize(onnx::ModelProto& proto, const OutsideData& outside) {
  std::uint64_t size = proto.ByteSizeLong();
  for (const onnx::TensorProto* tensor : initializersOf(*proto.mutable_graph())) {
    size += OutsideData::isLeft(*tensor) ? outside.bytesOf(*tensor).size() : 0;
  }
  return size;
}

/// Moves the data of `graph`'s large tensors, and of its subgraphs', to `file`. Returns its size.
Result<std::uint64_t> moveOut(onnx::GraphProto& graph, const OutsideData& outside, AtomicFile& file,
                              const std::string& location, const JobContext& context) {
  std::uint64_t offset = 0;
  for (onnx::TensorProto* tensor : initializersOf(graph)) {
    const auto bytes = outside.bytesOf(*tensor);
    if (bytes.size() < kLeastOutside) {
      continue;
    }
    HALFSTEP_CHECK(context.checkpoint());
    const std::uint64_t gap = (kAlignment - offset % kAlignment) % kAlignment;
    HALFSTEP_CHECK(file.append(std::vector<std::byte>(gap)));
    offset += gap;
    HALFSTEP_CHECK(file.append(bytes));
    tensor->clear_external_data();
    addEntry(*tensor, "location", location);
    addEntry(*tensor, "offset", std::to_string(offset));
    addEntry(*tensor, "length", std::to_string(bytes.size()));
    tensor->set_data_location(onnx::TensorProto::EXTERNAL);
    offset += bytes.size();
    delete tensor->release_raw_data(); // `bytes` may have been these
  }
  return offset;
}

} // namespace

Result<std::vector<std::filesystem::path>> writeModel(onnx::ModelProto& proto, const OutsideData& outside,
                                                      const std::filesystem::path& path,
                                                      std::uint64_t externalAbove,
                                                      const JobContext& context) {
  std::filesystem::path dataPath = path;
  dataPath += ".data";
  std::vector<AtomicFile> files; // the data first: a model that is there has its data
  if (wholeSize(proto, outside) > externalAbove) {
    HALFSTEP_TRY(AtomicFile data, AtomicFile::create(dataPath));
    HALFSTEP_TRY(const std::uint64_t size,
                 moveOut(*proto.mutable_graph(), outside, data, dataPath.filename().string(), context));
    if (size > 0) { // or nothing of it is large
      files.push_back(std::move(data));
    }
  } else {
    for (onnx::TensorProto* tensor : initializersOf(*proto.mutable_graph())) {
      if (OutsideData::isLeft(*tensor)) {
        outside.embed(*tensor);
      }
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
  HALFSTEP_CHECK(MappedFile::checkOpen()); // the weights of the original
  HALFSTEP_CHECK(AtomicFile::commitTogether(files));
  return files.size() == 1 ? std::vector{path} : std::vector{path, dataPath};
}

} // namespace halfstep::onnx_export
