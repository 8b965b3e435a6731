#include "plugins/loaders/onnx/onnx_loader.h"

#include "core/model/layer_finder.h"
#include "plugins/loaders/onnx/graph_reader.h"
#include "plugins/loaders/onnx/weight_stripper.h"
#include "plugins/loaders/onnx/wire_schema.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <onnx/onnx-data_pb.h>

#include <cstring>

namespace halfstep {

namespace {

using google::protobuf::internal::WireFormatLite;

constexpr std::uint32_t kIrVersionField = 1;
constexpr std::uint32_t kGraphField = 7;
constexpr std::uint64_t kLargestPlausibleIrVersion = 1000;
constexpr std::size_t kHeadBytes = 4096;

Error inFile(Error error, const std::filesystem::path& path) {
  if (error.file.empty()) {
    error.file = path.string();
  }
  return error;
}

/// A model, and the files it is in: they stay open with it, whether or not a tensor lies in the mapped bytes.
struct OpenModel {
  Model model;
  std::vector<std::shared_ptr<const MappedFile>> files;
};

/// Everything of the ModelProto but its graph and functions.
void readHeader(const onnx::ModelProto& proto, Model& model) {
  model.format = "ONNX";
  model.producer = proto.producer_name();
  if (!proto.producer_version().empty()) {
    model.producer += (model.producer.empty() ? "" : " ") + proto.producer_version();
  }
  model.irVersion = proto.ir_version();
  for (const auto& opset : proto.opset_import()) {
    model.opsets[normalDomain(opset.domain())] = opset.version();
  }
  if (model.opsets.empty()) {
    model.opsets[""] = 1; // IR versions 1 and 2 did not name it
  }
  for (const auto& entry : proto.metadata_props()) {
    model.metadata[entry.key()] = entry.value();
  }
}

Result<std::shared_ptr<const Model>> loadMapped(std::shared_ptr<const MappedFile> file,
                                                const JobContext& context) {
  onnx::ModelProto proto;
  {
    HALFSTEP_TRY(const std::string small, stripWeights(file->bytes(), context.part(0.0, 0.4)));
    if (!proto.ParseFromString(small)) {
      return Error{ErrorKind::damagedFile, "is damaged: protobuf cannot read it"};
    }
  }
  context.reportProgress(0.5, "reading the graph");
  if (!proto.has_graph()) {
    return Error{ErrorKind::damagedFile, "is not an ONNX model: it holds no graph"};
  }
  const auto open = std::make_shared<OpenModel>();
  Model* const model = &open->model;
  model->path = file->path();
  model->name = file->path().filename().string();
  readHeader(proto, *model);
  ExternalData external(file->path());
  TensorReader tensors(file, external);
  GraphReader graphs(tensors, context);
  HALFSTEP_TRY(model->graph, graphs.readGraph(proto.graph()));
  for (const auto& function : proto.functions()) {
    HALFSTEP_TRY(Function read, graphs.readFunction(function));
    model->functions.push_back(std::move(read));
  }
  model->parameters = graphs.parameters();
  model->bytes = static_cast<std::int64_t>(file->bytes().size()) + external.totalBytes();
  model->warnings = graphs.takeWarnings();
  context.reportProgress(0.9, "finding the layers");
  HALFSTEP_CHECK(context.checkpoint());
  model->layers = findLayers(*model, model->warnings);
  open->files = external.files();
  open->files.push_back(std::move(file));
  for (const auto& one : open->files) {
    HALFSTEP_CHECK(one->check()); // somebody may still be writing it
  }
  context.reportProgress(1.0);
  return std::shared_ptr<const Model>(open, model);
}

/// A ModelProto around a TensorProto, so that both are read, and checked, by the same code: a field of length
/// `size` in front of everything.
void prependField(std::string& head, std::uint32_t number, std::size_t size) {
  std::string field;
  google::protobuf::io::StringOutputStream stream(&field);
  {
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.WriteTag(
        WireFormatLite::MakeTag(static_cast<int>(number), WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
    coded.WriteVarint64(size);
  }
  head = field + head;
}

/// The tensor whose TensorProto these bytes are; `path` for what lies outside of it.
Result<Tensor> tensorOf(std::span<const std::byte> proto, const std::filesystem::path& path) {
  constexpr std::uint32_t kInitializerField = 5;
  std::string head;
  prependField(head, kInitializerField, proto.size());
  prependField(head, kGraphField, head.size() + proto.size());
  std::vector<std::byte> bytes(head.size() + proto.size());
  std::memcpy(bytes.data(), head.data(), head.size());
  std::copy(proto.begin(), proto.end(), bytes.begin() + static_cast<std::ptrdiff_t>(head.size()));
  const auto file = MappedFile::ofBytes(path, std::move(bytes));
  HALFSTEP_TRY(const std::string small, stripWeights(file->bytes(), {}));
  onnx::ModelProto model;
  if (!model.ParseFromString(small) || model.graph().initializer_size() != 1) {
    return Error{ErrorKind::damagedFile, "is no tensor"};
  }
  ExternalData external(path);
  return TensorReader(file, external).read(model.graph().initializer(0));
}

Result<Value> valueOf(const onnx::TensorProto& proto, const std::filesystem::path& path) {
  const std::string bytes = proto.SerializeAsString();
  HALFSTEP_TRY(Tensor tensor, tensorOf(std::as_bytes(std::span(bytes)), path));
  return Value(std::move(tensor));
}

Result<Value> valueOf(const onnx::OptionalProto& proto, const std::filesystem::path& path);

Result<Value> valueOf(const onnx::SequenceProto& proto, const std::filesystem::path& path) {
  std::vector<Value> items;
  const auto take = [&](const auto& protos) -> Result<Value> {
    for (const auto& item : protos) {
      HALFSTEP_TRY(Value value, valueOf(item, path));
      items.push_back(std::move(value));
    }
    return Value::sequence(std::move(items));
  };
  switch (proto.elem_type()) {
  case onnx::SequenceProto::UNDEFINED: // of no items
  case onnx::SequenceProto::TENSOR:
    return take(proto.tensor_values());
  case onnx::SequenceProto::SEQUENCE:
    return take(proto.sequence_values());
  case onnx::SequenceProto::OPTIONAL:
    return take(proto.optional_values());
  default:
    return Error{ErrorKind::unsupported, "holds a sequence of maps or sparse tensors"};
  }
}

/// An empty optional is an absent value, one that holds something is what it holds.
Result<Value> valueOf(const onnx::OptionalProto& proto, const std::filesystem::path& path) {
  switch (proto.elem_type()) {
  case onnx::OptionalProto::UNDEFINED:
    return Value();
  case onnx::OptionalProto::TENSOR:
    return proto.has_tensor_value() ? valueOf(proto.tensor_value(), path) : Value();
  case onnx::OptionalProto::SEQUENCE:
    return proto.has_sequence_value() ? valueOf(proto.sequence_value(), path) : Value();
  case onnx::OptionalProto::OPTIONAL:
    return proto.has_optional_value() ? valueOf(proto.optional_value(), path) : Value();
  default:
    return Error{ErrorKind::unsupported, "holds an optional map or sparse tensor"};
  }
}

template <class Proto>
Result<Value> parsedValue(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 31; // of a protobuf message
  Proto proto;
  if (bytes.size() >= kMostBytes || !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Error{ErrorKind::damagedFile, "is damaged: protobuf cannot read it"};
  }
  return valueOf(proto, path);
}

Result<Value> valueIn(const std::filesystem::path& path, std::string_view container) {
  HALFSTEP_TRY(const auto mapped, MappedFile::open(path));
  if (container == "sequence") {
    return parsedValue<onnx::SequenceProto>(mapped->bytes(), path);
  }
  if (container == "optional") {
    return parsedValue<onnx::OptionalProto>(mapped->bytes(), path);
  }
  if (!container.empty()) {
    return Error{ErrorKind::unsupported, "values of kind " + std::string(container) + " are not read"};
  }
  HALFSTEP_TRY(Tensor tensor, tensorOf(mapped->bytes(), path));
  return Value(std::move(tensor));
}

} // namespace

Result<Value> OnnxLoader::loadValue(const std::filesystem::path& path, std::string_view container) const {
  try {
    auto value = valueIn(path, container);
    return value ? std::move(value) : inFile(std::move(value.error()), path);
  } catch (const std::exception& exception) {
    return Error{ErrorKind::failed, std::string("cannot be read: ") + exception.what(), {}, path.string()};
  }
}

int OnnxLoader::recognise(std::span<const std::byte> head) const {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(head.data()),
                                               static_cast<int>(head.size()));
  bool plausibleVersion = false;
  bool hasGraph = false;
  int fields = 0;
  while (input.CurrentPosition() < static_cast<int>(head.size())) {
    const std::uint32_t tag = input.ReadTag();
    const auto number = static_cast<std::uint32_t>(WireFormatLite::GetTagFieldNumber(tag));
    const auto* field = onnx_wire::findField(onnx_wire::MessageKind::model, number);
    const bool known =
        field != nullptr || number == 6 || number == 20 || number == 26; // left out, but ONNX's
    std::uint64_t value = 0;
    if (!known || !input.ReadVarint64(&value)) {
      return 0;
    }
    const bool isScalar = field != nullptr && field->rule == onnx_wire::FieldRule::scalar;
    const bool isVarint = WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_VARINT;
    if (isScalar != isVarint) {
      return 0;
    }
    plausibleVersion |= number == kIrVersionField && value >= 1 && value <= kLargestPlausibleIrVersion;
    hasGraph |= number == kGraphField;
    ++fields;
    if (!isScalar && (value > head.size() || !input.Skip(static_cast<int>(value)))) {
      break; // it goes on beyond the head
    }
  }
  if (fields == 0) {
    return 0;
  }
  return plausibleVersion && hasGraph ? 90 : (plausibleVersion || hasGraph ? 60 : 10);
}

Result<std::shared_ptr<const Model>> OnnxLoader::load(const std::filesystem::path& path,
                                                      const JobContext& context) const {
  HALFSTEP_TRY(const auto file, MappedFile::open(path));
  const auto head = file->bytes().first(std::min(kHeadBytes, file->bytes().size()));
  try {
    auto model = loadMapped(file, context);
    if (!model) {
      if (model.error().kind == ErrorKind::damagedFile && recognise(head) == 0 && !head.empty()) {
        model.error().what =
            "is not an ONNX model, or damaged from its start"; // rather than details of protobuf
      }
      return inFile(std::move(model.error()), path);
    }
    return model;
  } catch (const std::bad_alloc&) {
    return Error{ErrorKind::failed, "there is not enough memory to open it", {}, path.string()};
  } catch (const std::exception& exception) {
    return Error{ErrorKind::failed, std::string("cannot be opened: ") + exception.what(), {}, path.string()};
  }
}

} // namespace halfstep
