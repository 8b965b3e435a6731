// MatMul and Gemm: float32 by oneDNN, other types by a plain loop.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/low_precision.h"
#include "core/exec/operators/primitive_tail.h"
#include "core/exec/operators/results.h"
#include "core/exec/operators/worth_sharing.h"
#include "core/exec/rearrange.h"
#include "core/support/parallel.h"

namespace halfstep {

namespace {

/// Matrices of one product: [batch, m, k] · [batch, k, n], with element strides.
struct Product {
  std::int64_t batch = 1, m = 0, k = 0, n = 0;
  std::int64_t aBatch = 0, aRow = 0, aColumn = 0; ///< strides of a; 0 for the batch: one matrix for all
  std::int64_t bBatch = 0, bRow = 0, bColumn = 0;

  bool operator==(const Product&) const = default;
};

template <class T>
void plainProduct(const Product& p, const T* a, const T* b, T* out) {
  parallelFor(static_cast<std::size_t>(p.batch * p.m), [&](std::size_t row) {
    const auto at = static_cast<std::int64_t>(row);
    const T* x = a + at / p.m * p.aBatch + at % p.m * p.aRow;
    const T* y = b + at / p.m * p.bBatch;
    for (std::int64_t j = 0; j < p.n; ++j) {
      // Integers wrap around, so they are summed without sign.
      using Sum = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
      Sum sum = 0;
      for (std::int64_t i = 0; i < p.k; ++i) {
        sum += static_cast<Sum>(x[i * p.aColumn]) * static_cast<Sum>(y[i * p.bRow + j * p.bColumn]);
      }
      out[at * p.n + j] = static_cast<T>(sum);
    }
  });
}

/// A primitive for one node, with its second matrix as it wants it where that is constant.
struct KeptProduct {
  KeptProduct(const Product& of, std::optional<Tensor> constant, std::optional<Tensor> addedBias,
              const Tail* following, const Shape& shape)
      : product(of)
      , weightsTensor(std::move(constant))
      , biasTensor(std::move(addedBias))
      , tail(following, shape, shape.empty() ? 0 : shape.size() - 1, PrimitiveTail::Weights::fixed)
      , outShape(shape) {}

  Product product;
  std::optional<Tensor> weightsTensor; ///< kept, so that its address tells whether it is still the same
  std::optional<Tensor> biasTensor;    ///< likewise
  PrimitiveTail tail;
  LowPrecision precision;
  onednn::Reordering reorderInput; ///< from `left` to `input`
  dnnl::memory::desc left;         ///< of the first matrix, float32
  dnnl::memory::desc input;        ///< what the primitive takes of it, where that is not float32; else zero
  Shape outShape;
  Shape aShape; ///< the operands as the model sees them
  Shape bShape;
  onednn::Execution execution;

  bool hasBias() const { return biasTensor || tail.changesWeights(); }

  bool fits(const Product& of, const std::optional<Tensor>& constant, const std::optional<Tensor>& addedBias,
            const Tail* following, const Shape& shape) const {
    const auto same = [](const std::optional<Tensor>& a, const std::optional<Tensor>& b) {
      return a.has_value() == b.has_value() &&
             (!a || (a->bytes().data() == b->bytes().data() && a->shape() == b->shape()));
    };
    return product == of && outShape == shape && same(weightsTensor, constant) &&
           same(biasTensor, addedBias) && tail.fits(following);
  }
};

/// The layouts of the operands and the result, all float32.
struct Layouts {
  dnnl::memory::desc left;
  dnnl::memory::desc right;
  dnnl::memory::desc result;
  dnnl::memory::desc bias;
};

Layouts layoutsOf(const Product& p) {
  const auto f32 = dnnl::memory::data_type::f32;
  const bool flat = p.batch == 1;
  const auto matrix = [&](std::int64_t batches, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                          std::int64_t row, std::int64_t column) {
    return flat ? dnnl::memory::desc({rows, columns}, f32, onednn::Dims{row, column})
                : dnnl::memory::desc({batches, rows, columns}, f32, onednn::Dims{stride, row, column});
  };
  const std::int64_t aBatches = p.aBatch == 0 ? 1 : p.batch;
  const std::int64_t bBatches = p.bBatch == 0 ? 1 : p.batch;
  return {matrix(aBatches, p.m, p.k, aBatches == 1 ? p.m * p.k : p.aBatch, p.aRow, p.aColumn),
          matrix(bBatches, p.k, p.n, bBatches == 1 ? p.k * p.n : p.bBatch, p.bRow, p.bColumn),
          matrix(p.batch, p.m, p.n, p.m * p.n, p.n, 1),
          onednn::plain(flat ? onednn::Dims{1, p.n} : onednn::Dims{1, 1, p.n})};
}

dnnl::matmul::desc operationOf(const KeptProduct& kept, const dnnl::memory::desc& left,
                               const dnnl::memory::desc& weights, const Layouts& layouts) {
  return kept.hasBias() ? dnnl::matmul::desc(left, weights, layouts.bias, layouts.result)
                        : dnnl::matmul::desc(left, weights, layouts.result);
}

/// The largest magnitude in each column of constant weights.
std::vector<float> columnMagnitudes(const Product& p, const Elements<float>& weights) {
  std::vector<float> magnitudes(static_cast<std::size_t>(p.n), 0.0f);
  for (std::int64_t k = 0; k < p.k; ++k) {
    for (std::int64_t n = 0; n < p.n; ++n) {
      float& most = magnitudes[static_cast<std::size_t>(n)];
      most = std::max(most, std::abs(weights[static_cast<std::size_t>(k * p.bRow + n * p.bColumn)]));
    }
  }
  return magnitudes;
}

/// The primitive in `type`, if this CPU has code for it; empty, with everything as it was, if not.
dnnl::matmul::primitive_desc describeNarrow(KeptProduct& kept, const Layouts& layouts, ComputeType type,
                                            const float* a) {
  const Product& p = kept.product;
  if (type == ComputeType::fp32 || !kept.weightsTensor || p.bBatch != 0) {
    return {};
  }
  const Elements<float> weights(*kept.weightsTensor);
  kept.precision =
      LowPrecision(type, onednn::memoryOf(layouts.left, a),
                   type == ComputeType::int8 ? columnMagnitudes(p, weights) : std::vector<float>());
  const auto left = onednn::withType(onednn::plain(layouts.left.dims()), kept.precision.inputType());
  const auto attributes = [&](const dnnl::memory::desc* sum) {
    dnnl::primitive_attr all = kept.tail.attributes(sum);
    kept.precision.scaleResult(all, p.batch == 1 ? 1 : 2);
    return all;
  };
  const dnnl::matmul::desc operation =
      operationOf(kept, left, onednn::any(layouts.right.dims(), kept.precision.weightsType()), layouts);
  dnnl::matmul::primitive_desc made(operation, attributes(&layouts.result), onednn::engine(), true);
  if (kept.tail.residual() && (!made || onednn::isReferenceCode(made))) {
    PrimitiveTail whole = kept.tail;
    kept.tail.dropResidual();
    made = {operation, attributes(nullptr), onednn::engine(), true};
    if (!made || onednn::isReferenceCode(made)) {
      kept.tail = std::move(whole);
    }
  }
  if (!made || onednn::isReferenceCode(made)) {
    kept.precision = {};
    return {};
  }
  kept.input = left;
  kept.reorderInput = onednn::Reordering(kept.precision.codesPerUnit());
  return made;
}

/// The primitive in float32. `weights`: the layout of the second matrix.
dnnl::matmul::primitive_desc describeFloat(KeptProduct& kept, const Layouts& layouts,
                                           const dnnl::memory::desc& weights) {
  const dnnl::matmul::desc operation = operationOf(kept, layouts.left, weights, layouts);
  dnnl::matmul::primitive_desc made(operation, kept.tail.attributes(&layouts.result), onednn::engine(), true);
  if (!made || (kept.tail.residual() && onednn::isReferenceCode(made))) {
    kept.tail.dropResidual();
    made = {operation, kept.tail.attributes(nullptr), onednn::engine()};
  }
  return made;
}

/// Constant weights as the primitive wants them.
void takeWeights(KeptProduct& kept, const Layouts& layouts, const dnnl::memory::desc& wanted) {
  const Product& p = kept.product;
  const Elements<float> values(*kept.weightsTensor);
  dnnl::memory given = onednn::memoryOf(layouts.right, values.data());
  std::vector<std::int8_t> codes;
  if (kept.precision.type() == ComputeType::int8) {
    codes.resize(values.size());
    for (std::int64_t k = 0; k < p.k; ++k) {
      for (std::int64_t n = 0; n < p.n; ++n) {
        const auto at = static_cast<std::size_t>(k * p.bRow + n * p.bColumn);
        codes[at] = kept.precision.codeOf(values[at], static_cast<std::size_t>(n));
      }
    }
    given = {onednn::withType(layouts.right, kept.precision.weightsType()), onednn::engine(), codes.data()};
  }
  dnnl::memory reordered(wanted, onednn::engine());
  dnnl::reorder(given, reordered).execute(onednn::stream(), given, reordered);
  kept.execution.set(DNNL_ARG_WEIGHTS, reordered);
  onednn::doneWith(*kept.weightsTensor);
}

/// Makes the primitive, in `type` where it can; `a`: the first values it is to take.
void describe(KeptProduct& kept, ComputeType type, const float* a) {
  const Layouts layouts = layoutsOf(kept.product);
  dnnl::matmul::primitive_desc description = describeNarrow(kept, layouts, type, a);
  if (!description) {
    description =
        describeFloat(kept, layouts, kept.weightsTensor ? onednn::any(layouts.right.dims()) : layouts.right);
  }
  kept.left = layouts.left;
  kept.execution = onednn::Execution(dnnl::matmul(description));
  kept.execution.set(DNNL_ARG_SRC, onednn::memoryOf(layouts.left, nullptr));
  kept.execution.set(DNNL_ARG_DST, onednn::memoryOf(layouts.result, nullptr));
  if (kept.tail.residual()) {
    kept.execution.set(kept.tail.residualArgument(), onednn::memoryOf(layouts.result, nullptr));
  }
  if (kept.weightsTensor) {
    takeWeights(kept, layouts, description.weights_desc());
  } else {
    kept.execution.set(DNNL_ARG_WEIGHTS, onednn::memoryOf(layouts.right, nullptr));
  }
}

void takeBias(KeptProduct& kept) {
  if (!kept.hasBias()) {
    return;
  }
  const std::int64_t columns = kept.product.n;
  const dnnl::memory bias(
      onednn::plain(kept.product.batch == 1 ? onednn::Dims{1, columns} : onednn::Dims{1, 1, columns}),
      onednn::engine());
  kept.execution.set(DNNL_ARG_BIAS, bias);
  const Elements<float> own(kept.biasTensor ? *kept.biasTensor : Tensor());
  auto* out = static_cast<float*>(bias.get_data_handle());
  for (std::size_t i = 0; i < static_cast<std::size_t>(columns); ++i) {
    const float shift = kept.tail.changesWeights() ? static_cast<float>(kept.tail.shift()[i]) : 0.0f;
    out[i] = ((own.size() == 0 ? 0.0f : own[own.size() == 1 ? 0 : i]) + shift) / kept.precision.unitOf(i);
  }
}

/// The shape of an operand that goes into the product as it is; none that there is where `data` are others,
/// written out from it.
Shape shapeOfAll(const Tensor& operand, const float* data) {
  const bool isItself = reinterpret_cast<const std::byte*>(data) == operand.bytes().data();
  return isItself ? operand.shape() : Shape{-1};
}

/// Runs a kept primitive.
void run(KeptProduct& kept, const OpCall& call, const float* a, const float* b, float* out) {
  const Product& p = kept.product;
  const OneThread few(p.batch * p.m * p.n * p.k < kProductWorthSharing);
  std::shared_ptr<std::byte> codes;
  if (kept.precision.isFloat32()) {
    kept.execution.setData(DNNL_ARG_SRC, a);
  } else {
    kept.execution.set(DNNL_ARG_SRC, kept.reorderInput(onednn::memoryOf(kept.left, a), kept.input, codes));
  }
  if (!kept.weightsTensor) {
    kept.execution.setData(DNNL_ARG_WEIGHTS, b);
  }
  kept.execution.setData(DNNL_ARG_DST, out);
  std::optional<Elements<float>> added;
  if (const auto at = kept.tail.residual()) {
    const TailStep& step = call.tail()->steps()[*at];
    added.emplace(step.inputs[1 - step.flowing].tensor());
    kept.execution.setData(kept.tail.residualArgument(), added->data());
  }
  kept.execution();
  if (call.tail() != nullptr) {
    call.tail()->setDone(kept.tail.done());
  }
}

/// a·b (+ `bias`, a constant of n numbers or one), and what it can do of the node's tail. `shape`: of the
/// result as the model sees it.
Result<void> floatProduct(const OpCall& call, const Product& p, const Elements<float>& a,
                          const Tensor& bTensor, const std::optional<Tensor>& bias, const Shape& shape,
                          std::span<float> out) {
  if (p.batch * p.m * p.n == 0) {
    return {};
  }
  if (p.k == 0) {
    std::fill(out.begin(), out.end(), 0.0f);
    return {};
  }
  const std::optional<Tensor> constant = call.isConstant(1) ? std::optional(bTensor) : std::nullopt;
  const Elements<float> b(constant ? Tensor() : bTensor); // a constant lies in the primitive's own layout
  NodeMemory own;
  NodeMemory& memory = call.memory() != nullptr ? *call.memory() : own;
  const std::lock_guard lock(memory.mutex); // the primitive's scratchpad serves one call at a time
  return onednn::guarded([&] {
    auto kept = std::static_pointer_cast<KeptProduct>(memory.content);
    if (!kept || !kept->fits(p, constant, bias, call.tail(), shape)) {
      memory.content.reset();
      kept = std::make_shared<KeptProduct>(p, constant, bias, call.tail(), shape);
      const OneThread few(p.batch * p.m * p.n * p.k < kProductWorthSharing);
      describe(*kept, call.computeType(), a.data());
      memory.computeType = kept->precision.type();
      takeBias(*kept);
      kept->aShape = shapeOfAll(call.inputs()[0].tensor(), a.data());
      kept->bShape = constant ? bTensor.shape() : shapeOfAll(call.inputs()[1].tensor(), b.data());
      memory.content = kept;
    }
    run(*kept, call, a.data(), b.data(), out.data());
  });
}

/// The product by the primitive of the last call, where operands of the same shapes (and `bias`) lie as they
/// did; otherwise nothing.
std::optional<OpResult> repeated(const OpCall& call, const Tensor& a, const Tensor& b,
                                 const std::optional<Tensor>& bias) {
  if (call.memory() == nullptr || a.type() != ElementType::float32 || b.type() != ElementType::float32) {
    return std::nullopt;
  }
  const std::lock_guard lock(call.memory()->mutex);
  const auto kept = std::static_pointer_cast<KeptProduct>(call.memory()->content);
  const std::optional<Tensor> constant = call.isConstant(1) ? std::optional(b) : std::nullopt;
  if (!kept || kept->aShape != a.shape() || kept->bShape != b.shape() ||
      !kept->fits(kept->product, constant, bias, call.tail(), kept->outShape)) {
    return std::nullopt;
  }
  const Elements<float> x(a);
  const Elements<float> y(constant ? Tensor() : b);
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(kept->outShape));
  HALFSTEP_CHECK(onednn::guarded([&] { run(*kept, call, x.data(), y.data(), made.values.data()); }));
  return OpResult(std::vector<Value>{made.finish()});
}

template <class T>
Result<Tensor> multiplied(const OpCall& call, const Product& p, const Tensor& a, const Tensor& b,
                          const std::optional<Tensor>& bias, const Shape& shape) {
  const Elements<T> x(a);
  HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape));
  if constexpr (std::is_same_v<T, float>) {
    HALFSTEP_CHECK(floatProduct(call, p, x, b, bias, shape, made.values));
  } else {
    const Elements<T> y(b);
    plainProduct(p, x.data(), y.data(), made.values.data());
  }
  return made.finish();
}

/// NumPy's matmul: vectors are matrices of one row or column, leading axes broadcast.
OpResult matMul(const OpCall& call) {
  HALFSTEP_TRY(Tensor a, call.tensor(0));
  HALFSTEP_TRY(Tensor b, call.tensor(1));
  if (a.type() != b.type() || a.shape().empty() || b.shape().empty()) {
    return call.fail("its operands are scalars or of different types");
  }
  if (const bool isPlain = a.shape().size() >= 2 && b.shape().size() >= 2; isPlain) {
    if (auto again = repeated(call, a, b, std::nullopt)) {
      return std::move(*again);
    }
  }
  const bool rowVector = a.shape().size() == 1;
  const bool columnVector = b.shape().size() == 1;
  if (rowVector) {
    HALFSTEP_TRY(a, reshaped(a, {1, a.shape()[0]}));
  }
  if (columnVector) {
    HALFSTEP_TRY(b, reshaped(b, {b.shape()[0], 1}));
  }
  const Shape aBatch(a.shape().begin(), a.shape().end() - 2);
  const Shape bBatch(b.shape().begin(), b.shape().end() - 2);
  HALFSTEP_TRY(const Shape batch, broadcastShape(aBatch, bBatch));
  Product p;
  p.m = a.shape()[a.shape().size() - 2];
  p.k = a.shape().back();
  p.n = b.shape().back();
  if (b.shape()[b.shape().size() - 2] != p.k) {
    return call.fail("matrices " + shapeText(a.shape()) + " and " + shapeText(b.shape()) + " do not fit");
  }
  HALFSTEP_TRY(const std::size_t batches, elementCount(batch));
  p.batch = static_cast<std::int64_t>(batches);
  // One matrix for all stays as it is; other broadcasts are written out.
  const auto whole = [&](const Tensor& tensor, const Shape& own) -> Result<Tensor> {
    if (own == batch || elementCount(own).value() == 1) {
      return tensor;
    }
    Shape full = batch;
    full.insert(full.end(), tensor.shape().end() - 2, tensor.shape().end());
    return broadcasted(tensor, full);
  };
  HALFSTEP_TRY(a, whole(a, aBatch));
  HALFSTEP_TRY(b, whole(b, bBatch));
  const bool oneA = static_cast<std::int64_t>(a.count()) == p.m * p.k;
  const bool oneB = static_cast<std::int64_t>(b.count()) == p.k * p.n;
  if (oneB && !oneA) { // [batch, m, k] · [k, n] is one product of batch·m rows
    p.m *= p.batch;
    p.batch = 1;
  }
  p.aBatch = oneA || p.batch == 1 ? 0 : p.m * p.k;
  p.bBatch = oneB ? 0 : p.k * p.n;
  p.aRow = p.k;
  p.aColumn = 1;
  p.bRow = p.n;
  p.bColumn = 1;
  Shape shape = batch;
  if (!rowVector) {
    shape.push_back(a.shape()[a.shape().size() - 2]);
  }
  if (!columnVector) {
    shape.push_back(p.n);
  }
  OpCall product = call;
  if (columnVector) { // the columns are no axis of the result
    product.setTail(nullptr);
  }
  return dispatchNumbers(a.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(Tensor result, multiplied<T>(product, p, a, b, std::nullopt, shape));
    return std::vector<Value>{std::move(result)};
  });
}

/// alpha·A'·B' + beta·C.
OpResult gemm(const OpCall& call) {
  HALFSTEP_TRY(const Tensor a, call.tensor(0));
  HALFSTEP_TRY(const Tensor b, call.tensor(1));
  if (a.type() != b.type() || a.shape().size() != 2 || b.shape().size() != 2) {
    return call.fail("its operands are not two matrices of one type");
  }
  const bool transA = call.integer("transA", 0) != 0;
  const bool transB = call.integer("transB", 0) != 0;
  Product p;
  p.m = a.shape()[transA ? 1 : 0];
  p.k = a.shape()[transA ? 0 : 1];
  p.n = b.shape()[transB ? 0 : 1];
  if (b.shape()[transB ? 1 : 0] != p.k) {
    return call.fail("matrices " + shapeText(a.shape()) + " and " + shapeText(b.shape()) + " do not fit");
  }
  p.aRow = transA ? 1 : p.k;
  p.aColumn = transA ? p.m : 1;
  p.bRow = transB ? 1 : p.n;
  p.bColumn = transB ? p.k : 1;
  const Shape shape{p.m, p.n};
  const auto alpha = static_cast<double>(call.real("alpha", 1.0f));
  const auto beta = static_cast<double>(call.real("beta", 1.0f));
  const auto isBias = [&](const Tensor& given) { // one number per column
    const Shape& own = given.shape();
    return given.type() == ElementType::float32 && a.type() == ElementType::float32 && p.m * p.n * p.k > 0 &&
           own.size() <= 2 && (own.size() < 2 || own[0] == 1) && (own.empty() || own.back() == p.n);
  };
  if (alpha == 1.0 && beta == 1.0 && a.type() == ElementType::float32 &&
      (!call.has(2) || (call.isConstant(2) && isBias(call.input(2).tensor())))) {
    const std::optional<Tensor> bias = call.has(2) ? std::optional(call.input(2).tensor()) : std::nullopt;
    if (auto again = repeated(call, a, b, bias)) {
      return std::move(*again);
    }
    return oneOutput(multiplied<float>(call, p, a, b, bias, shape));
  }
  std::optional<Tensor> c;
  if (call.has(2)) {
    HALFSTEP_TRY(const Tensor given, call.tensor(2));
    HALFSTEP_TRY(Tensor full, broadcasted(given, shape));
    if (given.type() != a.type()) {
      return call.fail("C is of another type");
    }
    c = std::move(full);
  }
  OpCall plain = call; // its tail is not for the product alone
  plain.setTail(nullptr);
  return dispatchNumbers(a.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(const Tensor product, multiplied<T>(plain, p, a, b, std::nullopt, shape));
    if (alpha == 1.0 && !c) {
      return std::vector<Value>{product};
    }
    const Elements<T> values(product);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape));
    const Elements<T> added(c ? *c : product);
    const double share = c ? beta : 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      made.values[i] = static_cast<T>(alpha * static_cast<double>(values[i]) +
                                      (share == 0.0 ? 0.0 : share * static_cast<double>(added[i])));
    }
    return std::vector<Value>{made.finish()};
  });
}

constexpr OperatorEntry kEntries[] = {
    {"", "Gemm", gemm, Widening::floats, 1, Activation::fusesTail},
    {"", "MatMul", matMul, Widening::floats, 1, Activation::fusesTail},
};

} // namespace

std::span<const OperatorEntry> matmulOperators() {
  return kEntries;
}

} // namespace halfstep
