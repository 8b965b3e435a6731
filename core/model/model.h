// What a file held: tensors and, where it has one, the graph; and the layers found in it. Immutable and
// shared (std::shared_ptr<const Model>); weights stay in the mapped file.
#pragma once

#include "core/model/graph.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace halfstep {

/// A weight that the file already holds quantized: its codes with what decodes them,
/// real = scale·(code − zero point). Source of the layouts: ONNX DequantizeLinear and com.microsoft
/// MatMulNBits. Whoever builds one (findLayers) has checked that the parts fit together, in one of three
/// forms, so that decoding needs no checks of its own:
///  - one scale: `axis` is empty, `scales` has one element;
///  - per axis: `axis` is set, `blockSize` 0, `scales` has codes.shape[axis] elements, in the axis' order;
///  - blocked: `axis` is set, `blockSize` > 0, `scales` has the codes' rank and shape but
///    ceil(codes.shape[axis] / blockSize) on `axis`; the last block may be short.
/// Forms of other operators are brought to these: MatMulNBits: [N, K] codes, axis 1, blocks of block_size,
/// its default zero point 2^(bits−1) written out. DynamicQuantizeLSTM with scales per direction and gate row:
/// axis 1 with one block of its whole length. Scales of a ConvInteger/MatMulInteger that the graph does not
/// show: one scale of 1, with a note on the layer.
struct StoredQuantization {
  Tensor codes;                     ///< integers, fp8 or fp4; never empty
  Tensor scales;                    ///< floating point, finite or not
  std::optional<Tensor> zeroPoints; ///< as many, in the same order, of an integer or floating type
                                    ///< (MatMulNBits may have fractional ones); without it 0
  std::optional<int> axis;          ///< of the codes
  std::int64_t blockSize = 0;
  std::string origin; ///< "DequantizeLinear", "QLinearConv", "MatMulNBits", …
};

/// One quantizable weight with the operation that uses it. Unique name within its model.
struct Layer {
  std::string name;       ///< the node's name; the weight's where the node has none
  std::string op;         ///< "Conv", "Gemm", "MatMul", "Gather", "LSTM", …
  std::string domain;     ///< of the operator; empty is ONNX's own
  std::string weightName; ///< the tensor's name in the file
  Tensor weight;          ///< float values; for a stored quantization its codes
  std::optional<StoredQuantization> stored;
  /// The axes of the weight whose indices together number the channels (usually one: Conv 0, ConvTranspose 1,
  /// Gemm transB=1 0, MatMul last; LSTM directions and gate rows 0 and 1). In ascending order. Empty: it
  /// cannot be told (the weight was reshaped on its way to the node), the whole weight is one channel.
  std::vector<int> channelAxes;
  std::vector<std::string> nodes; ///< names of all nodes that use this weight (empty names left out)
  std::string input;              ///< name of the activation that the weight is applied to; may be empty
  std::string output;             ///< name of the first output of the operation
  std::string note;               ///< something a person should know, e.g. "shared by 3 nodes"

  std::size_t parameters() const { return weight.count(); }
};

/// A model as loaded.
struct Model {
  std::string name; ///< the file's name without folders
  std::filesystem::path path;
  std::string format; ///< "ONNX"
  std::string producer;
  std::int64_t irVersion = 0;
  std::map<std::string, std::int64_t> opsets; ///< domain → version; "" is ONNX's own
  std::map<std::string, std::string> metadata;
  Graph graph;
  std::vector<Function> functions;
  std::vector<Layer> layers;
  /// Elements of all constants of the file. ONNX: every initializer and every Constant node's value, of all
  /// element types, in the graph, its subgraphs and functions (values of ConstantOfShape do not count).
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;            ///< of the file and its external data
  std::vector<std::string> warnings; ///< what is odd about the file, for the log

  /// The index of the layer called `layerName`, or nothing.
  std::optional<std::size_t> layerIndex(std::string_view layerName) const;
};

} // namespace halfstep
