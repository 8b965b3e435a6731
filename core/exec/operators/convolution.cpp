// Conv and ConvTranspose: float32 by oneDNN, the rest by their definition.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/convolution_forms.h"
#include "core/exec/operators/low_precision.h"
#include "core/exec/operators/plain_convolution.h"
#include "core/exec/operators/primitive_tail.h"
#include "core/exec/operators/results.h"
#include "core/exec/operators/windows.h"
#include "core/exec/operators/worth_sharing.h"

#include <algorithm>
#include <utility>

namespace halfstep {

namespace {

using onednn::Dims;

struct Operands {
  OnednnInput input;    ///< [N, C, spatial…]
  bool isPlain = false; ///< not for oneDNN
  Tensor plainInput;    ///< then the input; otherwise undefined
  Tensor weights;       ///< Conv: [M, C/groups, kernel…]; ConvTranspose: [C, M/groups, kernel…]
  std::optional<Tensor> bias;
  std::int64_t groups = 1;
  std::vector<std::int64_t> spatial;
};

Result<Operands> operands(const OpCall& call, bool transpose) {
  Operands all;
  HALFSTEP_TRY(const Shape x, shapeOfInput(call, 0));
  HALFSTEP_TRY(all.weights, call.tensor(1));
  const Shape& w = all.weights.shape();
  const ElementType type = all.weights.type();
  all.groups = call.integer("group", 1);
  all.isPlain = type == ElementType::float64 || x.size() > 5;
  if (all.isPlain) {
    HALFSTEP_TRY(all.plainInput, call.tensor(0));
    all.input.shape = x;
  } else {
    HALFSTEP_TRY(all.input, onednnInput(call, 0));
  }
  if ((type != ElementType::float32 && type != ElementType::float64) ||
      (all.isPlain && all.plainInput.type() != type)) {
    return call.fail("it takes an input and weights of one floating-point type");
  }
  if (x.size() < 3 || w.size() != x.size()) {
    return call.fail("input " + shapeText(x) + " and weights " + shapeText(w) +
                     " do not have the same spatial axes");
  }
  const bool fits = all.groups >= 1 && x[1] % all.groups == 0 && w[0] % all.groups == 0 &&
                    (transpose ? w[0] == x[1] : w[1] == x[1] / all.groups) && w[0] > 0 && w[1] > 0;
  if (!fits) {
    return call.fail("input " + shapeText(x) + " and weights " + shapeText(w) + " do not fit for " +
                     std::to_string(all.groups) + " groups");
  }
  if (call.has(2)) {
    HALFSTEP_TRY(Tensor bias, call.tensor(2));
    const std::int64_t outputs = transpose ? w[1] * all.groups : w[0];
    if (bias.type() != type || bias.shape() != Shape{outputs}) {
      return call.fail("the bias " + shapeText(bias.shape()) + " is not one number per output channel");
    }
    all.bias = std::move(bias);
  }
  all.spatial.assign(x.begin() + 2, x.end());
  return all;
}

std::vector<std::int64_t> kernelOf(const Operands& all) {
  return {all.weights.shape().begin() + 2, all.weights.shape().end()};
}

OpResult plainly(const OpCall& call, const Operands& all, const Windows& windows,
                 const std::vector<std::int64_t>& sizes, bool transpose) {
  return oneOutput(plainlyConvolved(
      call.job(), {all.plainInput, all.weights, all.bias, all.groups, transpose}, windows, sizes));
}

/// Padding far beyond what a window reaches: oneDNN takes long to choose a primitive (2 s for 2^20).
bool isFarPadded(const Windows& windows) {
  constexpr std::int64_t kFar = 1 << 10;
  for (std::size_t axis = 0; axis < windows.rank(); ++axis) {
    if (std::max(windows.before[axis], windows.after[axis]) > windows.reach(axis) + kFar) {
      return true;
    }
  }
  return false;
}

/// oneDNN counts dilations from 0.
Dims lessOne(Dims values) {
  for (std::int64_t& value : values) {
    --value;
  }
  return values;
}

/// What the primitive and its weights' memory are made from.
template <class Primitive>
struct Recipe {
  typename Primitive::desc description;
  dnnl::memory::desc weights; ///< of the weights as the model has them
  std::int64_t side = 1;      ///< positions side by side that count as channels: sideBySide()
  Dims offsets;               ///< where the input begins within zeros around it; empty without
};

/// Which output channel a weight belongs to. `transpose`: weights [C, M/groups, …] instead of [M, …].
class Channels {
public:
  Channels(const Operands& all, bool transpose) {
    const Shape& shape = all.weights.shape();
    const auto rows = static_cast<std::size_t>(shape[0]);
    m_columns = transpose ? static_cast<std::size_t>(shape[1]) : 1;
    m_rowsOfGroup = transpose ? rows / static_cast<std::size_t>(all.groups) : 1;
    m_count = transpose ? m_columns * static_cast<std::size_t>(all.groups) : rows;
    m_window = std::max<std::size_t>(1, all.weights.count() / (rows * m_columns));
  }

  std::size_t count() const { return m_count; }
  /// Of weight `index` in row-major order.
  std::size_t of(std::size_t index) const {
    const std::size_t row = index / m_window / m_columns;
    return row / m_rowsOfGroup * m_columns + index / m_window % m_columns;
  }

private:
  std::size_t m_columns = 1;
  std::size_t m_rowsOfGroup = 1;
  std::size_t m_count = 1;
  std::size_t m_window = 1; ///< weights between two channels
};

/// A primitive for one node and one input shape, with its weights as it wants them.
template <class Primitive>
struct Prepared {
  Prepared(const Operands& all, const Tail* following, const Shape& shape)
      : inputShape(all.input.shape)
      , weightsTensor(all.weights)
      , biasTensor(all.bias)
      , tail(following, shape, 1, PrimitiveTail::Weights::scalable)
      , outputShape(shape) {
    isSmall = !isConvolutionWorthSharing(weightsTensor.shape(), inputShape, shape);
  }

  Shape inputShape;
  Tensor weightsTensor; ///< kept, so that its address tells whether the weights are still the same
  std::optional<Tensor> biasTensor;
  PrimitiveTail tail;
  LowPrecision precision;
  Shape outputShape;
  bool isSmall = false;
  typename Primitive::primitive_desc description;
  onednn::Execution execution;
  std::int64_t side = 1;
  dnnl::memory::desc inputLayout;
  dnnl::memory::desc outputLayout;
  dnnl::memory output; ///< of the last call
  onednn::Reordering reorderInput;
  Surround surround;
  onednn::Reordering reorderResidual;

  bool hasBias() const { return biasTensor.has_value() || tail.changesWeights(); }
  /// `sum`: the layout of a residual sum, or null.
  dnnl::primitive_attr attributes(const dnnl::memory::desc* sum) const {
    dnnl::primitive_attr all = tail.attributes(sum);
    precision.scaleResult(all, 1);
    return all;
  }

  /// Whether it is what would be made for this call, whose attributes are those of the node.
  bool fits(const OpCall& call) const {
    const auto same = [](const Tensor& kept, const Value& value) {
      return value.isTensor() && value.lazy() == nullptr &&
             kept.bytes().data() == value.tensor().bytes().data() && kept.shape() == value.tensor().shape();
    };
    const std::span<const Value> inputs = call.inputs();
    const bool hasInputs = inputs.size() >= 2 && inputs[0].isTensor();
    return hasInputs && inputShape == shapeOf(inputs[0]) && same(weightsTensor, inputs[1]) &&
           biasTensor.has_value() == call.has(2) && (!biasTensor || same(*biasTensor, inputs[2])) &&
           tail.fits(call.tail());
  }
};

enum class Code { none, reference, matrixProduct, direct };

/// What oneDNN has for a recipe with what follows, but for the residual sum.
template <class Primitive>
struct Offer {
  Recipe<Primitive> recipe;
  typename Primitive::primitive_desc description; ///< empty: nothing
  Code code = Code::none;
};

template <class Primitive>
Offer<Primitive> offerFor(Recipe<Primitive> recipe, const dnnl::primitive_attr& attributes) {
  using Description = typename Primitive::primitive_desc;
  Description description(recipe.description, attributes, onednn::engine(), true);
  Code code = Code::none;
  if (description && onednn::isReferenceCode(description)) {
    code = Code::reference;
  } else if (description) {
    code = std::string_view(description.impl_info_str()).find("gemm") != std::string_view::npos
               ? Code::matrixProduct
               : Code::direct;
  }
  return {std::move(recipe), std::move(description), code};
}

/// The form that this CPU has code for. On AVX2 there is none for many positions as channels in rows, and
/// none that reads padding as wide as its registers, so that the input is unrolled for a product of matrices:
/// two to four times as slow as zeros around the input. `possible`: what may be tried.
template <class Primitive, class MakeRecipe>
Offer<Primitive> bestOffer(const Prepared<Primitive>& made, const Form& possible,
                           const MakeRecipe& makeRecipe) {
  PrimitiveTail alone = made.tail; // no form but the plain one takes a residual sum
  alone.dropResidual();
  if (possible.side > 1) {
    auto offer = offerFor<Primitive>(makeRecipe(made.hasBias(), Form{possible.side, false}),
                                     alone.attributes(nullptr));
    if (offer.code >= Code::matrixProduct) {
      return offer;
    }
  }
  auto offer = offerFor<Primitive>(makeRecipe(made.hasBias(), Form{}), made.attributes(nullptr));
  if (possible.surrounds && !made.isSmall && offer.code != Code::direct) {
    auto within = offerFor<Primitive>(makeRecipe(made.hasBias(), Form{1, true}), alone.attributes(nullptr));
    if (within.code == Code::direct && // and a layout that lets its inside be filled
        !within.description.src_desc()
             .submemory_desc(made.inputShape, within.recipe.offsets, true)
             .is_zero()) {
      return within;
    }
  }
  return offer;
}

/// The largest magnitude of each output channel's weights, with what the tail does to them. `transpose`:
/// weights [C, M/groups, …].
std::vector<float> weightMagnitudes(const Operands& all, const PrimitiveTail& tail, bool transpose) {
  const Elements<float> values(all.weights);
  const Channels channels(all, transpose);
  std::vector<float> magnitudes(channels.count(), 0.0f);
  for (std::size_t i = 0; i < values.size(); ++i) {
    float& most = magnitudes[channels.of(i)];
    most = std::max(most, std::abs(values[i]));
  }
  for (std::size_t i = 0; tail.changesWeights() && i < magnitudes.size(); ++i) {
    magnitudes[i] = static_cast<float>(static_cast<double>(magnitudes[i]) * std::abs(tail.scale()[i]));
  }
  return magnitudes;
}

/// Has it computed in the type that the call asks for, if this CPU has code for that.
template <class Primitive, class MakeRecipe>
std::optional<Offer<Primitive>> lowPrecisionOffer(Prepared<Primitive>& made, const OpCall& call,
                                                  const Operands& all, bool transpose,
                                                  const MakeRecipe& makeRecipe) {
  if (call.computeType() == ComputeType::fp32 || !call.isConstant(1)) {
    return std::nullopt;
  }
  made.precision =
      LowPrecision(call.computeType(), all.input.memory, weightMagnitudes(all, made.tail, transpose));
  auto offer = offerFor<Primitive>(
      makeRecipe(made.hasBias(), Form{1, false, made.precision.inputType(), made.precision.weightsType()}),
      made.attributes(nullptr));
  if (offer.code < Code::matrixProduct) {
    made.precision = {};
    return std::nullopt;
  }
  made.reorderInput = onednn::Reordering(made.precision.codesPerUnit());
  return offer;
}

/// Makes the primitive, with the residual sum if oneDNN has fast code for it.
template <class Primitive>
void describe(Prepared<Primitive>& made, const Offer<Primitive>& offer) {
  using Description = typename Primitive::primitive_desc;
  const Recipe<Primitive>& recipe = offer.recipe;
  if (recipe.side > 1 || !recipe.offsets.empty()) {
    made.tail.dropResidual();
  }
  // Made again where there is nothing to offer: that says why.
  made.description = offer.description
                         ? offer.description
                         : Description(recipe.description, made.attributes(nullptr), onednn::engine());
  if (made.tail.residual()) {
    const dnnl::memory::desc layout = made.description.dst_desc();
    const dnnl::primitive_attr attributes = made.attributes(&layout);
    const Description summing(recipe.description, attributes, onednn::engine(), true); // empty: it cannot
    if (summing && !onednn::isReferenceCode(summing) && summing.dst_desc() == layout) {
      made.description = summing;
    } else {
      made.tail.dropResidual();
      made.description = Description(recipe.description, made.attributes(nullptr), onednn::engine());
    }
  }
  made.execution = onednn::Execution(Primitive(made.description));
  made.inputLayout = made.description.src_desc();
  made.outputLayout = made.description.dst_desc();
  made.side = recipe.side;
  if (!recipe.offsets.empty()) {
    made.surround =
        Surround(made.inputLayout, made.inputLayout.submemory_desc(made.inputShape, recipe.offsets));
  }
  if (made.side > 1) { // the same numbers in the same order
    made.execution.set(DNNL_ARG_DST, dnnl::memory(made.outputLayout, onednn::engine(), nullptr));
    made.outputLayout = {made.outputShape, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nhwc};
  }
}

/// The weights and the bias, with what the tail does to them. `transpose`: weights [C, M/groups, …].
template <class Primitive>
void takeWeights(Prepared<Primitive>& made, const Operands& all, const dnnl::memory::desc& layout,
                 bool transpose) {
  const Elements<float> values(all.weights);
  const Channels channels(all, transpose);
  std::vector<float> scaled;
  if (made.tail.changesWeights()) {
    scaled.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      scaled[i] = static_cast<float>(static_cast<double>(values[i]) * made.tail.scale()[channels.of(i)]);
    }
  }
  const float* factors = scaled.empty() ? values.data() : scaled.data();
  const std::vector<float> spread =
      made.side > 1 ? spreadWeights({factors, values.size()}, all.weights.shape(), made.side)
                    : std::vector<float>();
  dnnl::memory given = onednn::memoryOf(layout, spread.empty() ? factors : spread.data());
  std::vector<std::int8_t> codes;
  if (made.precision.type() == ComputeType::int8) {
    codes.resize(values.size());
    for (std::size_t i = 0; i < codes.size(); ++i) {
      codes[i] = made.precision.codeOf(factors[i], channels.of(i));
    }
    dnnl::memory own(onednn::withType(layout, made.precision.weightsType()), onednn::engine(), codes.data());
    // oneDNN takes sums of signed codes along with the weights, but only from row-major ones.
    given = {onednn::withType(onednn::plain(layout.dims()), made.precision.weightsType()), onednn::engine()};
    dnnl::reorder(own, given).execute(onednn::stream(), own, given);
  }
  dnnl::memory weights(made.description.weights_desc(), onednn::engine());
  dnnl::reorder(given, weights).execute(onednn::stream(), given, weights);
  made.execution.set(DNNL_ARG_WEIGHTS, weights);
  onednn::doneWith(all.weights);
  if (made.hasBias()) {
    const Elements<float> bias(all.bias ? *all.bias : Tensor());
    const dnnl::memory summands(made.description.bias_desc(), onednn::engine());
    made.execution.set(DNNL_ARG_BIAS, summands);
    auto* out = static_cast<float*>(summands.get_data_handle());
    for (std::size_t i = 0; i < channels.count(); ++i) {
      const double own = all.bias ? static_cast<double>(bias[i]) : 0.0;
      const double shifted =
          made.tail.changesWeights() ? own * made.tail.scale()[i] + made.tail.shift()[i] : own;
      out[i] = static_cast<float>(shifted / static_cast<double>(made.precision.unitOf(i)));
    }
    for (std::size_t i = channels.count(); i < channels.count() * static_cast<std::size_t>(made.side); ++i) {
      out[i] = out[i - channels.count()];
    }
  }
}

/// Runs a kept primitive.
template <class Primitive>
Value executed(Prepared<Primitive>& kept, const OpCall& call, const OnednnInput& given) {
  const OneThread few(kept.isSmall);
  std::shared_ptr<std::byte> input;
  std::shared_ptr<std::byte> residual;
  onednn::OwnedMemory y = onednn::newMemory(kept.outputLayout, kept.output);
  kept.execution.set(DNNL_ARG_SRC, kept.surround.isWanted()
                                       ? kept.surround(given.memory, input)
                                       : kept.reorderInput(given.memory, kept.inputLayout, input));
  if (kept.side > 1) {
    kept.execution.setData(DNNL_ARG_DST, y.owner.get());
  } else {
    kept.execution.set(DNNL_ARG_DST, y.memory);
  }
  std::optional<OnednnInput> added;
  if (const auto at = kept.tail.residual()) {
    const TailStep& step = call.tail()->steps()[*at];
    added = onednnInput(step.inputs[1 - step.flowing]).value(); // its type and shape were looked at
    kept.execution.set(kept.tail.residualArgument(),
                       kept.reorderResidual(added->memory, kept.outputLayout, residual));
  }
  kept.execution();
  if (call.tail() != nullptr) {
    call.tail()->setDone(kept.tail.done());
  }
  return Value(std::make_shared<const BlockedTensor>(kept.outputShape, std::move(y)));
}

/// The result by the primitive of the last call, where all is as it was then; otherwise nothing.
template <class Primitive>
std::optional<OpResult> repeated(const OpCall& call) {
  if (call.memory() == nullptr) {
    return std::nullopt;
  }
  const std::lock_guard lock(call.memory()->mutex);
  const auto kept = std::static_pointer_cast<Prepared<Primitive>>(call.memory()->content);
  if (!kept || !kept->fits(call)) {
    return std::nullopt;
  }
  const auto input = onednnInput(call, 0);
  if (!input) {
    return std::nullopt;
  }
  Value result;
  HALFSTEP_CHECK(onednn::guarded([&] { result = executed(*kept, call, *input); }));
  return OpResult(std::vector<Value>{std::move(result)});
}

/// Runs the primitive that `makeRecipe(with a bias, Form)` describes, in the best of the `possible` forms,
/// and keeps it.
template <class Primitive, class MakeRecipe>
OpResult execute(const OpCall& call, const Operands& all, const Shape& shape, bool transpose,
                 const Form& possible, const MakeRecipe& makeRecipe) {
  NodeMemory own;
  NodeMemory& memory = call.memory() != nullptr ? *call.memory() : own;
  const std::lock_guard lock(memory.mutex); // the primitive's scratchpad serves one call at a time
  Value result;
  HALFSTEP_CHECK(onednn::guarded([&] {
    memory.content.reset();
    auto made = std::make_shared<Prepared<Primitive>>(all, call.tail(), shape);
    const OneThread few(made->isSmall);
    const auto narrow = lowPrecisionOffer(*made, call, all, transpose, makeRecipe);
    const Offer<Primitive> offer = narrow ? *narrow : bestOffer(*made, possible, makeRecipe);
    describe(*made, offer);
    memory.computeType = made->precision.type();
    takeWeights(*made, all, offer.recipe.weights, transpose);
    memory.content = made;
    result = executed(*made, call, all.input);
  }));
  return std::vector<Value>{std::move(result)};
}

/// An output without elements, or one of an input without channels: nothing but the bias.
bool isEmpty(const Shape& shape) {
  return std::any_of(shape.begin(), shape.end(), [](std::int64_t d) { return d == 0; });
}

OpResult convolution(const OpCall& call) {
  if (auto again = repeated<dnnl::convolution_forward>(call)) {
    return std::move(*again);
  }
  HALFSTEP_TRY(Operands all, operands(call, false));
  HALFSTEP_TRY(const Windows windows, windowsOf(call, kernelOf(all), all.spatial));
  HALFSTEP_TRY(const std::vector<std::int64_t> counts, positions(call, windows, all.spatial, false));
  const std::int64_t outputs = all.weights.shape()[0];
  Shape shape{all.input.shape[0], outputs};
  shape.insert(shape.end(), counts.begin(), counts.end());
  HALFSTEP_CHECK(elementCount(shape));
  if (!all.isPlain && isFarPadded(windows)) {
    all.isPlain = true;
    HALFSTEP_TRY(all.plainInput, call.tensor(0));
  }
  if (all.isPlain) {
    return plainly(call, all, windows, counts, false);
  }
  if (isEmpty(shape) || isEmpty(all.input.shape)) {
    HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
    std::fill(made.values.begin(), made.values.end(), 0.0f);
    return std::vector<Value>{made.finish()};
  }
  Dims weightDims = all.weights.shape();
  if (all.groups > 1) {
    weightDims[0] /= all.groups;
    weightDims.insert(weightDims.begin(), all.groups);
  }
  const auto [leastBefore, mostBefore] = std::minmax_element(windows.before.begin(), windows.before.end());
  const auto [leastAfter, mostAfter] = std::minmax_element(windows.after.begin(), windows.after.end());
  const bool isPadded = std::min(*leastBefore, *leastAfter) >= 0 && std::max(*mostBefore, *mostAfter) > 0;
  const Form possible{sideBySide(all.weights.shape(), all.groups, windows, shape), isPadded};
  return execute<dnnl::convolution_forward>(
      call, all, shape, false, possible, [&](bool withBias, const Form& form) {
        using Convolution = dnnl::convolution_forward;
        const auto kind = dnnl::prop_kind::forward_inference;
        const auto algorithm = dnnl::algorithm::convolution_direct;
        const Dims dilations = lessOne(windows.dilations);
        Dims strides = windows.strides;
        Dims before = windows.before;
        Dims after = windows.after;
        Dims xDims = all.input.shape;
        Dims yDims = shape;
        Dims wDims = weightDims;
        Dims offsets;
        if (form.side > 1) {
          strides[1] = form.side;
          yDims[1] *= form.side;
          yDims[3] /= form.side;
          wDims[0] *= form.side;
          wDims[3] += form.side - 1;
        }
        if (form.surrounds) {
          offsets.assign(xDims.size(), 0);
          for (std::size_t axis = 0; axis < before.size(); ++axis) {
            offsets[axis + 2] = std::exchange(before[axis], 0);
            xDims[axis + 2] += offsets[axis + 2] + std::exchange(after[axis], 0);
          }
        }
        const dnnl::memory::desc x = onednn::any(xDims, form.input);
        const dnnl::memory::desc w = onednn::any(wDims, form.weights);
        const dnnl::memory::desc y = form.side > 1 ? dnnl::memory::desc(yDims, dnnl::memory::data_type::f32,
                                                                        dnnl::memory::format_tag::nhwc)
                                                   : onednn::any(yDims);
        const dnnl::memory::desc bias = onednn::plain({yDims[1]});
        return Recipe<Convolution>{
            withBias ? Convolution::desc(kind, algorithm, x, w, bias, y, strides, dilations, before, after)
                     : Convolution::desc(kind, algorithm, x, w, y, strides, dilations, before, after),
            onednn::plain(wDims), form.side, offsets};
      });
}

/// The output's size, and where output_shape or auto_pad ask for it, the padding that gives it. Source:
/// ONNX's ConvTranspose.
Result<std::vector<std::int64_t>> transposedSizes(const OpCall& call, Windows& windows,
                                                  const std::vector<std::int64_t>& spatial) {
  HALFSTEP_TRY(const std::vector<std::int64_t> extra, perAxis(call, "output_padding", spatial.size(), 0, 0));
  std::vector<std::int64_t> wanted = call.integers("output_shape");
  if (wanted.size() > spatial.size()) { // some files list batch and channels too
    wanted.erase(wanted.begin(), wanted.end() - static_cast<std::ptrdiff_t>(spatial.size()));
  }
  const std::string automatic = call.text("auto_pad", "NOTSET");
  const bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  const bool sane =
      std::all_of(wanted.begin(), wanted.end(), [](std::int64_t size) { return size >= 1 && size <= kMost; });
  if (!wanted.empty() && (wanted.size() != spatial.size() || !sane)) {
    return call.fail("its output_shape " + shapeText(wanted) + " makes no sense");
  }
  std::vector<std::int64_t> sizes;
  for (std::size_t axis = 0; axis < spatial.size(); ++axis) {
    const std::int64_t whole =
        (spatial[axis] - 1) * windows.strides[axis] + extra[axis] + windows.reach(axis);
    if (!wanted.empty() || same) {
      const std::int64_t size = !wanted.empty() ? wanted[axis] : spatial[axis] * windows.strides[axis];
      const std::int64_t pad = std::max<std::int64_t>(0, whole - size);
      windows.before[axis] = automatic == "SAME_UPPER" ? pad / 2 : pad - pad / 2;
      windows.after[axis] = pad - windows.before[axis];
      sizes.push_back(size);
    } else {
      sizes.push_back(whole - windows.before[axis] - windows.after[axis]);
    }
    if (sizes.back() < 1 || sizes.back() > kMost) {
      return call.fail("its output would have " + std::to_string(sizes.back()) + " elements on an axis");
    }
    // What oneDNN takes as the trailing padding: whatever makes its sizes agree.
    windows.after[axis] = (spatial[axis] - 1) * windows.strides[axis] + windows.reach(axis) -
                          windows.before[axis] - sizes.back();
  }
  return sizes;
}

OpResult convolutionTranspose(const OpCall& call) {
  if (auto again = repeated<dnnl::deconvolution_forward>(call)) {
    return std::move(*again);
  }
  HALFSTEP_TRY(const Operands all, operands(call, true));
  HALFSTEP_TRY(Windows windows, windowsOf(call, kernelOf(all), all.spatial));
  HALFSTEP_TRY(const std::vector<std::int64_t> sizes, transposedSizes(call, windows, all.spatial));
  const std::int64_t perGroup = all.weights.shape()[1];
  Shape shape{all.input.shape[0], perGroup * all.groups};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  HALFSTEP_CHECK(elementCount(shape));
  if (all.isPlain) {
    return plainly(call, all, windows, sizes, true);
  }
  if (isEmpty(shape) || isEmpty(all.input.shape)) {
    HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
    std::fill(made.values.begin(), made.values.end(), 0.0f);
    return std::vector<Value>{made.finish()};
  }
  // [C, M/g, k…] in memory is [g, M/g, C/g, k…] with the strides of its axes exchanged.
  const std::vector<std::int64_t> kernel = kernelOf(all);
  const std::int64_t inputs = all.weights.shape()[0] / all.groups;
  Dims dims{all.groups, perGroup, inputs};
  dims.insert(dims.end(), kernel.begin(), kernel.end());
  std::int64_t window = 1;
  Dims strides(kernel.size(), 1);
  for (std::size_t axis = kernel.size(); axis-- > 0;) {
    strides[axis] = window;
    window *= kernel[axis];
  }
  strides.insert(strides.begin(), {inputs * perGroup * window, window, perGroup * window});
  if (all.groups == 1) {
    dims.erase(dims.begin());
    strides.erase(strides.begin());
  }
  return execute<dnnl::deconvolution_forward>(
      call, all, shape, true, Form{}, [&](bool withBias, const Form& form) {
        using Deconvolution = dnnl::deconvolution_forward;
        const auto kind = dnnl::prop_kind::forward_inference;
        const auto algorithm = dnnl::algorithm::deconvolution_direct;
        const Dims dilations = lessOne(windows.dilations);
        const dnnl::memory::desc x = onednn::any(all.input.shape, form.input);
        const dnnl::memory::desc w = onednn::any(dims, form.weights);
        const dnnl::memory::desc y = onednn::any(shape);
        return Recipe<Deconvolution>{
            withBias ? Deconvolution::desc(kind, algorithm, x, w, onednn::plain({shape[1]}), y,
                                           windows.strides, dilations, windows.before, windows.after)
                     : Deconvolution::desc(kind, algorithm, x, w, y, windows.strides, dilations,
                                           windows.before, windows.after),
            {dims, dnnl::memory::data_type::f32, strides},
            1,
            {}};
      });
}

constexpr OperatorEntry kEntries[] = {
    {"", "Conv", convolution, Widening::floats, 1, Activation::fusesTail},
    {"", "ConvTranspose", convolutionTranspose, Widening::floats, 1, Activation::fusesTail},
};

} // namespace

std::span<const OperatorEntry> convolutionOperators() {
  return kEntries;
}

} // namespace halfstep
