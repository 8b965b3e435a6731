#include "tests/exec/operator_examples.h"

#include "core/exec/elements.h"

#include <cstdlib>
#include <sstream>

namespace halfstep::test {

namespace {

struct Example {
  const char* domain;
  std::int64_t opset;
  const char* opType;
  const char* inputs;
  const char* attributes = "";
  int outputs = 1;
};

constexpr const char* kMicrosoft = "com.microsoft";
constexpr const char* kTraining = "ai.onnx.preview.training";

constexpr Example kExamples[] = {
    {"", 24, "Attention", "f32[2,6,4,8] f32[2,3,5,8] f32[2,3,5,10] f32[4,5]", "softcap=1.5f", 4},
    {"", 23, "Attention", "f32[2,4,48] f32[2,5,24] f32[2,5,30]", "q_num_heads=6 kv_num_heads=3 is_causal=1"},
    {"", 24, "Attention", "f32[2,4,12] f32[2,4,6] f32[2,4,6] - f32[2,2,3,3] f32[2,2,3,3]",
     "q_num_heads=4 kv_num_heads=2 qk_matmul_output_mode=2", 4},
    {"", 23, "RotaryEmbedding", "f32[2,3,4,8] f32[50,4] f32[50,4] i64[2,4]", "interleaved=1"},
    {"", 23, "RotaryEmbedding", "f32[2,4,24] f32[2,4,2] f32[2,4,2]", "num_heads=3 rotary_embedding_dim=4"},
    {"", 23, "RMSNormalization", "f32[2,6,5,4] f32[5,4]", "axis=2"},
    {"", 21, "GroupNormalization", "f32[2,6,5,4] f32[6] f32[6]", "num_groups=3"},
    {"", 18, "GroupNormalization", "f32[2,6,5,4] f32[3] f32[3]", "num_groups=3"},
    {"", 17, "SimplifiedLayerNormalization", "f32[2,6,4] f32[4]", "axis=-1"},
    {"", 17, "LpNormalization", "f32[2,6,4]", "axis=1 p=1"},
    {"", 20, "AffineGrid", "f32[2,2,3] i64=2,3,4,5"},
    {"", 20, "AffineGrid", "f32[2,3,4] i64=2,3,3,4,5", "align_corners=1"},
    {"", 18, "CenterCropPad", "f32[2,6,5,4] i64=4,7", "axes=[1,3]"},
    {"", 11, "MaxRoiPool", "f32[1,2,7,6] f32[2,5]=0,0,0,3,4,0,1,2,5,6",
     "pooled_shape=[2,3] spatial_scale=0.5f"},
    {"", 18, "Col2Im", "f32[2,18,15] i64=6,7 i64=2,3", "dilations=[3,1]"},
    {"", 19, "DeformConv", "f32[2,4,6,7] f32[6,2,3,2] f32[2,24,3,4] f32[6] f32[2,12,3,4]",
     "pads=[1,1,1,1] strides=[2,2] group=2 offset_group=2"},
    {"", 18, "Resize", "f32[1,2,7,6] - f32=1.7,0.6", "mode=cubic axes=[2,3]"},
    {"", 18, "Resize", "f32[1,2,7,6] - - i64=9,4", "mode=linear axes=[2,3] antialias=1"},
    {"", 18, "Resize", "f32[1,2,7,6] - - i64=9,4", "axes=[2,3] keep_aspect_ratio_policy=not_larger"},
    {"", 19, "Pad", "f32[1,2,7,6] i64=2,1,3,2 f32:0.5 i64=3,2", "mode=wrap"},
    {"", 26, "BitCast", "f32[2,3]", "to=6"},
    {"", 25, "Cast", "i32[2,3]", "to=22"},
    {"", 24, "Cast", "f32[2,3]", "to=24 round_mode=nearest saturate=0"},
    {"", 19, "Cast", "f32[2,3]", "to=18 saturate=0"},
    {"", 18, "BitwiseAnd", "i32[3,4] i32[4]"},
    {"", 18, "BitwiseOr", "u8[3,4] u8[4]"},
    {"", 18, "BitwiseXor", "i64[3,4] i64[1]"},
    {"", 18, "BitwiseNot", "i16[3,4]"},
    {"", 20, "Gelu", "f32[2,3,4]", "approximate=tanh"},
    {"", 18, "Mish", "f32[2,3,4]"},
    {"", 24, "Swish", "f32[2,3,4]", "alpha=1.3f"},
    {"", 24, "TensorScatter", "f32[2,3,5,4] f32[2,3,2,4] i64=1,3", "axis=-2"},
    {"", 24, "CumProd", "f32[2,3,4] i64:1", "exclusive=1 reverse=1"},
    {"", 18, "LpPool", "f32[1,2,7,6]", "kernel_shape=[3,2] strides=[2,1] p=3 ceil_mode=1"},
    {"", 2, "GlobalLpPool", "f32[1,2,7,6]", "p=1"},
    {"", 15, "Multinomial", "f32[2,5]", "sample_size=3"},
    {"", 15, "RandomNormal", "", "shape=[2,3] mean=1f"},
    {"", 15, "RandomNormalLike", "f32[2,3]", "dtype=11"},
    {"", 15, "RandomUniform", "", "shape=[2,3] low=-1f high=2f"},
    {"", 20, "StringConcat", "str[2,3] str[3]"},
    {"", 20, "StringSplit", "str[2,3]", "maxsplit=2", 2},
    {"", 20, "RegexFullMatch", "str[2,3]", "pattern=a.b"},
    {"", 11, "SplitToSequence", "f32[6,2] i64=1,5", "axis=0"},
    {"", 8, "Affine", "f32[2,3,4]", "alpha=0.5f"},
    {"", 8, "ScaledTanh", "f32[2,3,4]", "alpha=0.5f"},
    {"", 8, "ParametricSoftplus", "f32[2,3,4]", "alpha=0.5f"},
    {"", 8, "ImageScaler", "f32[1,3,4,4]", "scale=2f bias=[1f,2f,3f]"},
    {"", 8, "Crop", "f32[1,2,6,6]", "border=[1,1,2,1]"},
    {"", 21, "QuantizeLinear", "f32[4,12] f32[4,3] u8[4,3]", "axis=1 block_size=4"},
    {"", 21, "DequantizeLinear", "i4[4,12] f32[4,3] i4[4,3]", "axis=1 block_size=4"},
    {"", 13, "QLinearConv", "u8[1,4,6,5] f32:0.1 u8:3 i8[6,2,3,3] f32[6] i8[6] f32:0.2 u8:9 i32[6]",
     "group=2 pads=[1,1,1,1]"},
    {"", 13, "ConvInteger", "u8[1,4,6,5] u8[6,4,3,3] u8:3 u8:9", "strides=[2,1]"},
    {"", 13, "Conv", "f32[1,4,9] f32[6,2,3] f32[6]", "group=2 dilations=[2]"},
    {"", 13, "Conv", "f64[1,4,6,5] f64[6,4,3,3]", "pads=[1,1,1,1]"},
    {"", 13, "Conv", "f32[1,2,4,4,4] f32[2,2,3,3,3]", "auto_pad=SAME_UPPER"},
    {"", 17, "LSTM", "f32[3,2,4] f32[2,20,4] f32[2,20,5] f32[2,40] i32=3,1 f32[2,2,5] f32[2,2,5] f32[2,15]",
     "hidden_size=5 direction=bidirectional clip=2f", 3},
    {"", 17, "GRU", "f32[3,2,4] f32[1,15,4] f32[1,15,5] f32[1,30]", "hidden_size=5 linear_before_reset=1", 2},
    {"", 17, "RNN", "f32[2,3,4] f32[1,5,4] f32[1,5,5]", "hidden_size=5 direction=reverse layout=1", 2},
    {"", 13, "Einsum", "f32[2,3,4] f32[4,5] f32[2,5]", "equation=bij,jk,bk->bi"},
    {kTraining, 1, "Adagrad", "f32:0.1 i64:2 f32[3] f32[3] f32[3]", "epsilon=0.1f", 2},
    {kTraining, 1, "Adam", "f32:0.1 i64:2 f32[3] f32[3] f32[3] f32[3]", "alpha=0.9f", 3},
    {kTraining, 1, "Momentum", "f32:0.1 i64:2 f32[3] f32[3] f32[3]", "alpha=0.9f beta=1f mode=nesterov", 2},
    {kMicrosoft, 1, "Attention", "f32[2,4,12] f32[12,48] f32[48] i32=4,2", "num_heads=4"},
    {kMicrosoft, 1, "Attention", "f32[2,4,12] f32[12,48] f32[48] - f32[2,2,4,3,4]",
     "num_heads=4 unidirectional=1", 2},
    {kMicrosoft, 1, "QAttention", "u8[2,4,12] i8[12,48] f32[48] f32:0.02 f32:0.01 - u8:128 i8:0",
     "num_heads=4"},
    {kMicrosoft, 1, "MultiHeadAttention", "f32[2,4,16] f32[2,5,16] f32[2,5,24] f32[56] - f32[1,4,4,5]",
     "num_heads=4"},
    {kMicrosoft, 1, "MultiHeadAttention", "f32[2,4,4,3,4]", "num_heads=4"},
    {kMicrosoft, 1, "MultiHeadAttention",
     "f32[2,4,16] f32[2,4,16] f32[2,4,16] - - - f32[2,4,3,4] f32[2,4,3,4]", "num_heads=4 unidirectional=1",
     3},
    {kMicrosoft, 1, "GroupQueryAttention",
     "f32[2,6,64] f32[2,6,32] f32[2,6,32] - - i32=5,5 i32:6 f32[32,8] f32[32,8]",
     "num_heads=4 kv_num_heads=2 do_rotary=1", 3},
    {kMicrosoft, 1, "GroupQueryAttention",
     "f32[2,1,64] f32[2,1,32] f32[2,1,32] f32[2,2,8,16] f32[2,2,8,16] i32=8,8 i32:9 - - - f32[2,4,1,9]",
     "num_heads=4 kv_num_heads=2 local_window_size=4", 3},
    {kMicrosoft, 1, "RotaryEmbedding", "f32[2,4,24] i64[2,4] f32[50,4] f32[50,4]", "num_heads=3"},
    {kMicrosoft, 1, "BiasGelu", "f32[2,3,4] f32[4]"},
    {kMicrosoft, 1, "FastGelu", "f32[2,3,4] f32[4]"},
    {kMicrosoft, 1, "QuickGelu", "f32[2,3,4]", "alpha=1.7f"},
    {kMicrosoft, 1, "Gelu", "f32[2,3,4]"},
    {kMicrosoft, 1, "SkipLayerNormalization", "f32[2,3,4] f32[2,3,4] f32[4] f32[4] f32[4]", "epsilon=0.1f",
     4},
    {kMicrosoft, 1, "SkipSimplifiedLayerNormalization", "f32[2,3,4] f32[2,3,4] f32[4] f32[4]", "epsilon=0.1f",
     4},
    {kMicrosoft, 1, "EmbedLayerNormalization",
     "i32[2,3] i32[2,3] f32[9,4] f32[5,4] f32[5,4] f32[4] f32[4] i32[2,3]", "epsilon=0.1f", 2},
    {kMicrosoft, 1, "FusedMatMul", "f32[2,3,6,4] f32[2,3,5,6]", "transA=1 transB=1 alpha=0.7f"},
    {kMicrosoft, 1, "FusedGemm", "f32[4,6] f32[5,6] f32[5]", "activation=Relu transB=1 alpha=0.5f"},
    {kMicrosoft, 1, "FusedConv", "f32[1,4,6,5] f32[8,4,3,3] f32[8] f32[1,8,6,5]",
     "activation=LeakyRelu activation_params=[0.2f] pads=[1,1,1,1]"},
    {kMicrosoft, 1, "NhwcConv", "f32[1,6,5,4] f32[8,4,3,3] f32[8]", "pads=[1,1,1,1]"},
    {kMicrosoft, 1, "NhwcFusedConv", "f32[1,6,5,4] f32[8,4,3,3] f32[8]", "pads=[1,1,1,1] activation=Relu"},
    {kMicrosoft, 1, "NhwcMaxPool", "u8[1,6,5,4]", "kernel_shape=[3,2] strides=[2,1]"},
    {kMicrosoft, 1, "QLinearConv", "u8[1,6,5,4] f32:0.05 u8:120 i8[3,4,3,3] f32[3] i8[3] f32:9 u8:120",
     "channels_last=1"},
    {kMicrosoft, 1, "QLinearReduceMean", "u8[2,6,5,4] f32:0.05 u8:120 f32:0.02 u8:100",
     "axes=[1,2] keepdims=0"},
    {kMicrosoft, 1, "QLinearWhere",
     "bool[6,5,1] u8[2,6,5,4] f32:0.05 u8:120 u8[4] f32:0.03 u8:3 f32:0.06 u8:90"},
    {kMicrosoft, 1, "QLinearAdd", "u8[2,6,5,4] f32:0.05 u8:120 u8[5,1] f32:0.05 u8:10 f32:0.3 u8:99"},
    {kMicrosoft, 1, "QLinearMul", "i8[2,6,5,4] f32:0.05 i8:12 i8[5,1] f32:0.05 i8:10 f32:0.3 i8:9"},
    {kMicrosoft, 1, "QLinearSigmoid", "u8[2,6] f32:0.05 u8:120 f32:0.004 u8:0"},
    {kMicrosoft, 1, "QLinearLeakyRelu", "u8[2,6] f32:0.05 u8:120 f32:0.05 u8:40", "alpha=0.2f"},
    {kMicrosoft, 1, "QLinearSoftmax", "u8[2,6] f32:0.05 u8:120 f32:0.004 u8:0", "axis=-1 opset=13"},
    {kMicrosoft, 1, "QLinearConcat", "f32:0.1 u8:5 u8[2,6] f32:0.05 u8:120 u8[2,6] f32:0.2 u8:1", "axis=1"},
    {kMicrosoft, 1, "QLinearAveragePool", "u8[1,4,6,5] f32:0.05 u8:120 f32:0.05 u8:100",
     "kernel_shape=[2,3] strides=[2,1] pads=[1,1,0,0]"},
    {kMicrosoft, 1, "QLinearGlobalAveragePool", "u8[1,4,6,5] f32:0.05 u8:120 f32:0.05 u8:100",
     "channels_last=0"},
    {kMicrosoft, 1, "GatherBlockQuantized", "u8[40,16] i64[2,3] f32[40,2] u8[40,1]",
     "bits=4 block_size=16 quantize_axis=1 gather_axis=0"},
    {kMicrosoft, 1, "MatMulNBits", "f32[3,70] u8[10,3,16] f32[30] u8[20] - f32[10]",
     "K=70 N=10 bits=4 block_size=32"},
    {kMicrosoft, 1, "MatMulNBits", "f32[3,128] u8[10,4,16] f32[40] - i32[128]",
     "K=128 N=10 bits=4 block_size=32"},
    {kMicrosoft, 1, "DynamicQuantizeLSTM",
     "f32[3,2,4] i8[1,4,20] i8[1,5,20] f32[1,40] i32=3,1 - - - f32=0.01 i8=0 f32[1,20] i8[1,20]",
     "hidden_size=5", 3},
    {kMicrosoft, 1, "DynamicQuantizeMatMul", "f32[3,20] i8[20,6] f32[6] i8[6] f32[6]"},
    {kMicrosoft, 1, "MatMulIntegerToFloat", "u8[3,20] i8[20,6] f32:0.05 f32[6] u8:120 i8[6] f32[6]"},
    {kMicrosoft, 1, "QGemm", "u8[3,20] f32:0.05 u8:120 i8[20,6] f32[6] i8[6] i32[6] f32:3 u8:100",
     "alpha=1.5f"},
    {kMicrosoft, 1, "MoE", "f32[6,8] f32[6,4] f32[4,12,8] f32[4,12] f32[4,8,6] f32[4,8]",
     "k=2 activation_type=swiglu swiglu_fusion=1 swiglu_limit=3f"},
    {kMicrosoft, 1, "MoE", "f32[2,3,8] f32[6,4] f32[4,6,8] - f32[4,8,6] - f32[4,6,8]",
     "k=2 activation_type=silu use_sparse_mixer=1"},
    {kMicrosoft, 1, "QMoE",
     "f32[6,32] f32[6,4] u8[4,32,16] f32[4,32,2] f32[4,32] u8[4,32,16] f32[4,32,2] f32[4,32] - - - "
     "u8[4,32,1] "
     "u8[4,32,1]",
     "k=2 block_size=16 expert_weight_bits=4"},
    {kMicrosoft, 1, "QMoE",
     "f32[6,32] f32[6,4] u8[4,32,32] f32[4,32] - u8[4,32,32] f32[4,32] - - - - u8[4,32]",
     "k=2 expert_weight_bits=8"},
    {kMicrosoft, 1, "LinearAttention",
     "f32[2,5,16] f32[2,5,8] f32[2,5,24] f32[2,4,4,6] f32[2,5,16] f32[2,5,1]", "q_num_heads=4 kv_num_heads=4",
     2},
    {kMicrosoft, 1, "CausalConvWithState", "f32[2,6,7] f32[6,1,4] f32[6] f32[2,6,6]",
     "dilation=2 activation=silu", 2},
    {kMicrosoft, 1, "MatMulBnb4", "f32[2,3,40] u8[200] f32[13]", "K=40 N=10 block_size=32 quant_type=1"},
    {kMicrosoft, 1, "MatMulInteger16", "i16[3,9] i16[9,4]"},
    {kMicrosoft, 1, "CDist", "f32[4,6] f32[3,6]", "metric=euclidean"},
    {kMicrosoft, 1, "Inverse", "f32[3,5,5]"},
    {kMicrosoft, 1, "ConvTransposeWithDynamicPads", "f32[1,4,5,6] f32[4,3,3,3] i64=1,0,1,2 f32[3]",
     "strides=[2,1]"},
    {kMicrosoft, 1, "ExpandDims", "f32[2,3,4] i32:1"},
    {kMicrosoft, 1, "FusedMatMulActivation", "f32[2,4,6] f32[6,5]", "activation=Relu alpha=0.5f"},
    {kMicrosoft, 1, "GatherND", "f32[2,3,4] i64[2,2]"},
    {kMicrosoft, 1, "GemmFastGelu", "f32[4,6] f32[6,5] f32[5]"},
    {kMicrosoft, 1, "GridSample", "f32[1,2,7,6] f32[1,3,4,2]", "mode=bicubic"},
    {kMicrosoft, 1, "Pad", "f32[2,3] i64=0,1,2,0 f32:0.5"},
    {kMicrosoft, 1, "QEmbedLayerNormalization",
     "i32[2,3] i32[2,3] u8[9,4] u8[5,4] u8[5,4] u8[4] u8[4] i32[2,3] f32:0.1 f32:0.1 f32:0.1 f32:0.1 f32:0.1 "
     "u8:3 u8:3 "
     "u8:3 u8:3 u8:3",
     "epsilon=0.1f", 2},
    {kMicrosoft, 1, "Range", "f32:1 f32:4.5"},
    {kMicrosoft, 1, "TransposeMatMul", "f32[2,6,4] f32[2,5,6]", "transA=1 transB=1"},
    {kMicrosoft, 1, "Trilu", "f32[2,3,4] i64:1", "upper=0"},
    {kMicrosoft, 1, "Unique", "f32[6]", "", 3},
    {kMicrosoft, 1, "QuantizeLinear", "f32[4,6] f32[6] u8[6]", "axis=1"},
    {kMicrosoft, 1, "DequantizeLinear", "u8[4,6] f32[6] u8[6]", "axis=1"},
};

ElementType typeNamed(const std::string& name) {
  static const std::map<std::string, ElementType> kNames = {
      {"f32", ElementType::float32}, {"f64", ElementType::float64}, {"f16", ElementType::float16},
      {"i8", ElementType::int8},     {"u8", ElementType::uint8},    {"i16", ElementType::int16},
      {"u16", ElementType::uint16},  {"i32", ElementType::int32},   {"i64", ElementType::int64},
      {"i4", ElementType::int4},     {"u4", ElementType::uint4},    {"bool", ElementType::boolean},
      {"str", ElementType::string}};
  return kNames.at(name);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    parts.push_back(part);
  }
  return parts;
}

template <class T>
Tensor listTensor(ElementType type, const Shape& shape, const std::vector<std::string>& numbers) {
  const auto made = newTensor<T>(shape, type).value();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    made.values[i] = static_cast<T>(std::strtod(numbers[i].c_str(), nullptr));
  }
  return made.finish();
}

Tensor numbersTensor(ElementType type, const Shape& shape, const std::vector<std::string>& numbers) {
  switch (type) {
  case ElementType::float32:
    return listTensor<float>(type, shape, numbers);
  case ElementType::int64:
    return listTensor<std::int64_t>(type, shape, numbers);
  case ElementType::int32:
    return listTensor<std::int32_t>(type, shape, numbers);
  case ElementType::int8:
    return listTensor<std::int8_t>(type, shape, numbers);
  default:
    return listTensor<std::uint8_t>(ElementType::uint8, shape, numbers);
  }
}

Tensor tensorOf(const std::string& text, Random& random) {
  const std::size_t mark = text.find_first_of("[=:");
  const ElementType type = typeNamed(text.substr(0, mark));
  const std::vector<std::string> numbers = split(text.substr(mark + 1), ',');
  if (text[mark] == ':') {
    return numbersTensor(type, {}, numbers);
  }
  if (text[mark] == '=') {
    return numbersTensor(type, {static_cast<std::int64_t>(numbers.size())}, numbers);
  }
  Shape shape;
  const std::size_t end = text.find(']');
  for (const std::string& number : split(text.substr(mark + 1, end - mark - 1), ',')) {
    shape.push_back(std::strtoll(number.c_str(), nullptr, 10));
  }
  if (end + 1 < text.size()) {
    return numbersTensor(type, shape, split(text.substr(end + 2), ','));
  }
  return randomTensor(type, shape, random, Content::plain);
}

Attribute attributeOf(const std::string& text) {
  const auto isReal = [](const std::string& number) {
    return number.back() == 'f' && number.find_first_not_of("-.0123456789f") == std::string::npos;
  };
  if (text.front() == '[') {
    std::vector<std::int64_t> integers;
    std::vector<float> reals;
    for (const std::string& number : split(text.substr(1, text.size() - 2), ',')) {
      if (isReal(number)) {
        reals.push_back(std::strtof(number.c_str(), nullptr));
      } else {
        integers.push_back(std::strtoll(number.c_str(), nullptr, 10));
      }
    }
    return reals.empty() ? Attribute(integers) : Attribute(reals);
  }
  if (isReal(text)) {
    return std::strtof(text.c_str(), nullptr);
  }
  const bool isInteger = text.find_first_not_of("-0123456789") == std::string::npos;
  return isInteger ? Attribute(std::int64_t{std::strtoll(text.c_str(), nullptr, 10)}) : Attribute(text);
}

} // namespace

RunnableModel exampleOf(const std::string& domain, std::int64_t opset, const std::string& opType,
                        const std::string& inputs, const std::string& attributes, int outputs) {
  Random random(11);
  auto model = std::make_shared<Model>();
  model->opsets[domain] = opset;
  model->opsets.emplace("", 17);
  Node node;
  node.name = "the node";
  node.opType = opType;
  node.domain = domain;
  RunnableModel made{opType, nullptr, {}};
  for (const std::string& text : split(inputs, ' ')) {
    const std::string name = text == "-" ? "" : "x" + std::to_string(node.inputs.size());
    node.inputs.push_back(name);
    if (!name.empty()) {
      const Tensor tensor = tensorOf(text, random);
      ValueInfo info;
      info.name = name;
      info.type = tensor.type();
      model->graph.inputs.push_back(info);
      made.inputs[name] = tensor;
    }
  }
  for (const std::string& text : split(attributes, ' ')) {
    const std::size_t equals = text.find('=');
    node.attributes[text.substr(0, equals)] = attributeOf(text.substr(equals + 1));
  }
  for (int i = 0; i < outputs; ++i) {
    node.outputs.push_back("y" + std::to_string(i));
    ValueInfo info;
    info.name = node.outputs.back();
    model->graph.outputs.push_back(info);
  }
  model->graph.nodes.push_back(std::move(node));
  made.model = std::move(model);
  return made;
}

std::vector<RunnableModel> operatorExamples() {
  std::vector<RunnableModel> made;
  for (const Example& example : kExamples) {
    made.push_back(exampleOf(example.domain, example.opset, example.opType, example.inputs,
                             example.attributes, example.outputs));
  }
  return made;
}

} // namespace halfstep::test
