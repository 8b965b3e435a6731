#include "core/exec/operators/integer_primitives.h"

#include "core/exec/operators/axis_rows.h"
#include "core/exec/operators/float_rows.h"
#include "core/exec/operators/onednn.h"
#include "core/exec/operators/results.h"

#include <cstring>
#include <numeric>

namespace halfstep {

namespace {

using onednn::Dims;
using DataType = dnnl::memory::data_type;

/// uint8 as int8 with the same order: the code minus 128.
constexpr int kSignShift = 128;

/// Channels beside each other, spatial axes around them.
dnnl::memory::desc channelsLast(const Dims& dims, DataType type) {
  Dims strides(dims.size(), 1);
  std::int64_t step = dims[1];
  for (std::size_t axis = dims.size(); axis-- > 2;) {
    strides[axis] = step;
    step *= dims[axis];
  }
  strides[0] = step;
  return {dims, type, strides};
}

dnnl::memory::desc rowMajor(const Dims& dims, DataType type) {
  return onednn::withType(onednn::plain(dims), type);
}

/// The codes of int8 weights; those of uint8 less 128.
std::vector<std::int8_t> signedCodes(const std::byte* codes, std::size_t count, bool isSigned) {
  std::vector<std::int8_t> result(count);
  if (isSigned) {
    std::memcpy(result.data(), codes, count);
  } else {
    lessHalf(reinterpret_cast<const std::uint8_t*>(codes), result.data(), count);
  }
  return result;
}

/// The primitives of one node. The weights' zero points are no business of oneDNN's: Σ (x − z)·(w − c) is
/// Σ (x − z)·w − c·Σ (x − z), and the last sum is a convolution with ones.
struct KeptConvolution {
  Tensor w;
  Shape inputShape;
  ElementType type = ElementType::undefined;
  std::int32_t xZero = 0;
  std::vector<std::int16_t> wZeros;
  bool isUsable = false;
  dnnl::convolution_forward sums;
  dnnl::convolution_forward windows; ///< of ones; empty where all of the weights' zero points are 0
  dnnl::memory weights;
  dnnl::memory ones;
  dnnl::memory::desc given, input, output, windowOutput;
  onednn::Reordering reorder;
  std::vector<std::int32_t> corrections; ///< −c, one for each output channel

  bool fits(const IntegerConvolution& of) const {
    return w.bytes().data() == of.w.bytes().data() && inputShape == of.inputShape && xZero == of.xZero &&
           wZeros == of.wZeros && type == of.type;
  }
};

/// A primitive for `outputs` channels with these weights. Empty: oneDNN has none that is fast.
dnnl::convolution_forward convolutionOf(const IntegerConvolution& of, const KeptConvolution& kept,
                                        std::int64_t outputs, const std::vector<std::int8_t>& codes,
                                        dnnl::memory& weights, dnnl::memory::desc& result) {
  using Convolution = dnnl::convolution_forward;
  Dims dims = of.w.shape();
  dims[0] = outputs;
  Shape shape = of.shape;
  shape[1] = outputs;
  if (of.groups > 1) {
    const auto groups = static_cast<std::int64_t>(of.groups);
    dims[0] /= groups;
    dims.insert(dims.begin(), groups);
  }
  Dims dilations = of.windows.dilation;
  for (std::int64_t& dilation : dilations) {
    --dilation; // oneDNN counts from 0
  }
  Dims after(dilations.size());
  for (std::size_t axis = 0; axis < after.size(); ++axis) { // what oneDNN's formula for the size wants
    after[axis] = (of.windows.out[axis] - 1) * of.windows.stride[axis] +
                  (of.windows.kernel[axis] - 1) * of.windows.dilation[axis] + 1 - of.windows.in[axis] -
                  of.windows.before[axis];
  }
  result = channelsLast(shape, DataType::s32);
  dnnl::primitive_attr attributes;
  if (of.xZero != 0) {
    attributes.set_zero_points(DNNL_ARG_SRC, 0, {of.xZero});
  }
  const Convolution::desc operation(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
                                    kept.input, {dims, DataType::s8, dnnl::memory::format_tag::any}, result,
                                    of.windows.stride, dilations, of.windows.before, after);
  const Convolution::primitive_desc description(operation, attributes, onednn::engine(), true);
  if (!description || onednn::isReferenceCode(description)) {
    return {};
  }
  dnnl::memory plain(rowMajor(dims, DataType::s8), onednn::engine(), const_cast<std::int8_t*>(codes.data()));
  weights = dnnl::memory(description.weights_desc(), onednn::engine());
  dnnl::reorder(plain, weights).execute(onednn::stream(), plain, weights);
  return Convolution(description);
}

/// Whether every number on the way is a float32: oneDNN's kernels scale their sums in it, by 1.
bool staysExact(const std::vector<std::int8_t>& codes, std::size_t outputs) {
  constexpr std::int64_t kExact = std::int64_t{1} << 24;
  constexpr std::int64_t kMostInput = 255;
  const std::size_t depth = codes.size() / outputs;
  for (std::size_t m = 0; m < outputs; ++m) {
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < depth; ++k) {
      sum += std::abs(static_cast<int>(codes[m * depth + k]));
    }
    if (sum * kMostInput > kExact) {
      return false;
    }
  }
  return true;
}

std::shared_ptr<KeptConvolution> prepared(const IntegerConvolution& of) {
  auto kept = std::make_shared<KeptConvolution>();
  kept->w = of.w;
  kept->inputShape = of.inputShape;
  kept->type = of.type;
  kept->xZero = of.xZero;
  kept->wZeros = of.wZeros;
  const DataType type = of.type == ElementType::int8 ? DataType::s8 : DataType::u8;
  kept->given = rowMajor(of.inputShape, type);
  kept->input = channelsLast(of.inputShape, type);
  const bool isSigned = of.w.type() == ElementType::int8;
  const std::vector<std::int8_t> codes = signedCodes(of.w.bytes().data(), of.w.count(), isSigned);
  const std::size_t outputs = dimensionOf(of.w.shape(), 0);
  if (!staysExact(codes, outputs)) {
    return kept;
  }
  kept->sums = convolutionOf(of, *kept, of.w.shape()[0], codes, kept->weights, kept->output);
  bool corrects = false;
  for (std::size_t m = 0; m < outputs; ++m) {
    const int zero = of.wZeros[of.wZeros.size() == 1 ? 0 : m] - (isSigned ? 0 : kSignShift);
    kept->corrections.push_back(-zero);
    corrects = corrects || zero != 0;
  }
  if (corrects) {
    const std::vector<std::int8_t> ones(of.groups * (codes.size() / outputs), 1);
    kept->windows =
        convolutionOf(of, *kept, static_cast<std::int64_t>(of.groups), ones, kept->ones, kept->windowOutput);
  }
  kept->isUsable = kept->sums && (!corrects || kept->windows);
  if (kept->isUsable) {
    onednn::doneWith(of.w);
  }
  return kept;
}

/// sums + correction · Σ of the window.
void correct(const KeptConvolution& kept, std::size_t groups, std::span<const std::int32_t> windows,
             std::span<std::int32_t> sums) {
  const std::size_t outputs = kept.corrections.size();
  const std::size_t perGroup = outputs / groups;
  forRows(windows.size() / groups, outputs, [&](std::size_t position) {
    std::int32_t* row = sums.data() + position * outputs;
    const std::int32_t* window = windows.data() + position * groups;
    if (perGroup == 1) {
      addProducts(row, kept.corrections.data(), window, outputs);
      return;
    }
    for (std::size_t group = 0; group < groups; ++group) {
      addMultiples(row + group * perGroup, kept.corrections.data() + group * perGroup, window[group],
                   perGroup);
    }
  });
}

std::span<std::int32_t> numbersOf(const onednn::OwnedMemory& memory) {
  return {reinterpret_cast<std::int32_t*>(memory.owner.get()),
          memory.memory.get_desc().get_size() / sizeof(std::int32_t)};
}

} // namespace

bool hasExactIntegerKernels() {
  static const bool has = [] {
    const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
    return isa == dnnl::cpu_isa::avx2_vnni || isa == dnnl::cpu_isa::avx512_core_vnni ||
           isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
  }();
  return has;
}

bool multiplyBytes(const std::byte* a, bool aSigned, const std::byte* b, bool bSigned, std::size_t rows,
                   std::size_t columns, std::size_t depth, std::int32_t* out) {
  constexpr std::size_t kMostDepth = std::size_t{1} << 15;
  if (!hasExactIntegerKernels() || depth > kMostDepth || rows * columns * depth == 0) {
    return false;
  }
  const std::vector<std::int8_t> right = signedCodes(b, depth * columns, bSigned);
  const auto m = static_cast<std::int64_t>(rows);
  const auto n = static_cast<std::int64_t>(columns);
  const auto k = static_cast<std::int64_t>(depth);
  const std::int32_t none = 0;
  const dnnl_status_t status =
      aSigned ? dnnl_gemm_s8s8s32('N', 'N', 'F', m, n, k, 1.0f, reinterpret_cast<const std::int8_t*>(a), k, 0,
                                  right.data(), n, 0, 0.0f, out, n, &none)
              : dnnl_gemm_u8s8s32('N', 'N', 'F', m, n, k, 1.0f, reinterpret_cast<const std::uint8_t*>(a), k,
                                  0, right.data(), n, 0, 0.0f, out, n, &none);
  if (status != dnnl_success) {
    return false;
  }
  for (std::size_t row = 0; row < rows && !bSigned; ++row) { // b is 128 more than what was multiplied
    std::int32_t sum = 0;
    for (std::size_t i = row * depth; i < (row + 1) * depth; ++i) {
      sum += aSigned ? static_cast<int>(static_cast<std::int8_t>(a[i]))
                     : static_cast<int>(std::to_integer<std::uint8_t>(a[i]));
    }
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      out[i] += kSignShift * sum;
    }
  }
  return true;
}

Result<std::optional<ChannelsLastSums>> channelsLastSums(const OpCall& call, const IntegerConvolution& of) {
  const auto isEmpty = [](const Shape& shape) {
    return std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size == 0; });
  };
  const std::size_t rank = of.inputShape.size();
  if (!hasExactIntegerKernels() || call.memory() == nullptr || rank > 5 || isEmpty(of.shape) ||
      isEmpty(of.inputShape) || isEmpty(of.w.shape())) {
    return std::optional<ChannelsLastSums>();
  }
  std::optional<ChannelsLastSums> result;
  const std::lock_guard lock(call.memory()->mutex);
  HALFSTEP_CHECK(onednn::guarded([&] {
    auto kept = std::static_pointer_cast<KeptConvolution>(call.memory()->content);
    if (!kept || !kept->fits(of)) {
      call.memory()->content.reset();
      kept = prepared(of);
      call.memory()->content = kept;
    }
    if (!kept->isUsable) {
      return;
    }
    std::shared_ptr<std::byte> copy;
    const ChannelsLastCodes* codes = channelsLastCodesOf(of.x);
    const dnnl::memory given(codes != nullptr ? kept->input : kept->given, onednn::engine(),
                             const_cast<std::byte*>(codes != nullptr ? std::as_bytes(codes->codes()).data()
                                                                     : of.x.tensor().bytes().data()));
    const dnnl::memory input = kept->reorder(given, kept->input, copy);
    onednn::OwnedMemory sums = onednn::newMemory(kept->output);
    kept->sums.execute(
        onednn::stream(),
        {{DNNL_ARG_SRC, input}, {DNNL_ARG_WEIGHTS, kept->weights}, {DNNL_ARG_DST, sums.memory}});
    if (kept->windows) {
      onednn::OwnedMemory windows = onednn::newMemory(kept->windowOutput);
      kept->windows.execute(
          onednn::stream(),
          {{DNNL_ARG_SRC, input}, {DNNL_ARG_WEIGHTS, kept->ones}, {DNNL_ARG_DST, windows.memory}});
      correct(*kept, of.groups, numbersOf(windows), numbersOf(sums));
    }
    result = ChannelsLastSums{sums.owner, numbersOf(sums)};
  }));
  return result;
}

template <class T>
Result<Tensor> channelsFirst(const Shape& shape, ElementType type, std::span<const T> values) {
  const DataType data = sizeof(T) == 4 ? DataType::s32 : DataType::u8;
  HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, type));
  HALFSTEP_CHECK(onednn::guarded([&] {
    dnnl::memory from(channelsLast(shape, data), onednn::engine(), const_cast<T*>(values.data()));
    dnnl::memory to(rowMajor(shape, data), onednn::engine(), made.values.data());
    dnnl::reorder(from, to).execute(onednn::stream(), from, to);
  }));
  return made.finish();
}

Tensor ChannelsLastCodes::makePlain() const {
  auto plain = channelsFirst<std::uint8_t>(shape(), m_type, codes());
  if (!plain) {
    throw std::bad_alloc(); // the executor turns it into an error
  }
  return std::move(*plain);
}

template Result<Tensor> channelsFirst(const Shape&, ElementType, std::span<const std::int32_t>);
template Result<Tensor> channelsFirst(const Shape&, ElementType, std::span<const std::uint8_t>);

} // namespace halfstep
