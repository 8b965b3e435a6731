// Loads ONNX models: any IR version and opset from 1 on. The file is mapped; its weights, and those in
// external data files, stay there. `Model::parameters` counts the elements of every initializer and of every
// Constant node's value, in the graph, its subgraphs and its functions, whatever their element type.
#pragma once

#include "core/io/model_loader.h"

namespace halfstep {

class OnnxLoader : public ModelLoader {
public:
  std::string formatName() const override { return "ONNX"; }
  std::vector<std::string> suffixes() const override { return {"onnx"}; }
  /// ONNX files have no signature: judged by whether the first fields are those of a ModelProto.
  int recognise(std::span<const std::byte> head) const override;
  /// Errors, besides those of ModelLoader: `damagedFile` with the byte or the tensor or node it concerns.
  /// Memory: what ONNX's structure takes, without the weights; bounded by 64 MB + a small multiple of the
  /// file's size for hostile files. Stops within 10 ms when asked to.
  Result<std::shared_ptr<const Model>> load(const std::filesystem::path& path,
                                            const JobContext& context) const override;
  /// A TensorProto, SequenceProto or OptionalProto.
  Result<Value> loadValue(const std::filesystem::path& path, std::string_view container) const override;
};

} // namespace halfstep
