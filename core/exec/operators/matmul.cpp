// MatMul and Gemm: float32 by oneDNN, other types by a plain loop.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/onednn.h"
#include "core/exec/rearrange.h"
#include "core/support/parallel.h"

namespace halfstep {

namespace {

/// Matrices of one product: [batch, m, k] · [batch, k, n], with element strides.
struct Product {
  std::int64_t batch = 1, m = 0, k = 0, n = 0;
  std::int64_t aBatch = 0, aRow = 0, aColumn = 0; ///< strides of a; 0 for the batch: one matrix for all
  std::int64_t bBatch = 0, bRow = 0, bColumn = 0;
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

Result<void> floatProduct(const Product& p, const float* a, const float* b, float* out) {
  if (p.batch * p.m * p.n == 0) {
    return {};
  }
  if (p.k == 0) {
    std::fill_n(out, p.batch * p.m * p.n, 0.0f);
    return {};
  }
  return onednn::guarded([&] {
    const auto f32 = dnnl::memory::data_type::f32;
    const std::int64_t aBatches = p.aBatch == 0 ? 1 : p.batch;
    const std::int64_t bBatches = p.bBatch == 0 ? 1 : p.batch;
    const dnnl::memory::desc left({aBatches, p.m, p.k}, f32,
                                  {aBatches == 1 ? p.m * p.k : p.aBatch, p.aRow, p.aColumn});
    const dnnl::memory::desc right({bBatches, p.k, p.n}, f32,
                                   {bBatches == 1 ? p.k * p.n : p.bBatch, p.bRow, p.bColumn});
    const dnnl::memory::desc result = onednn::plain({p.batch, p.m, p.n});
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(left, right, result), onednn::engine());
    dnnl::stream stream(onednn::engine());
    dnnl::matmul(description)
        .execute(stream, {{DNNL_ARG_SRC, onednn::memoryOf(left, a)},
                          {DNNL_ARG_WEIGHTS, onednn::memoryOf(right, b)},
                          {DNNL_ARG_DST, onednn::memoryOf(result, out)}});
    stream.wait();
  });
}

template <class T>
Result<Tensor> multiplied(const Product& p, const Tensor& a, const Tensor& b, const Shape& shape) {
  const Elements<T> x(a);
  const Elements<T> y(b);
  HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape));
  if constexpr (std::is_same_v<T, float>) {
    HALFSTEP_CHECK(floatProduct(p, x.data(), y.data(), made.values.data()));
  } else {
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
  return dispatchNumbers(a.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(Tensor result, multiplied<T>(p, a, b, shape));
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
  std::optional<Tensor> c;
  if (call.has(2)) {
    HALFSTEP_TRY(const Tensor given, call.tensor(2));
    HALFSTEP_TRY(Tensor full, broadcasted(given, shape));
    if (given.type() != a.type()) {
      return call.fail("C is of another type");
    }
    c = std::move(full);
  }
  return dispatchNumbers(a.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(const Tensor product, multiplied<T>(p, a, b, shape));
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
    {"", "Gemm", gemm, Widening::floats},
    {"", "MatMul", matMul, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> matmulOperators() {
  return kEntries;
}

} // namespace halfstep
