// Operators on square matrices: Det and com.microsoft's Inverse, by LU factors with partial pivoting in
// float64.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/results.h"

#include <Eigen/LU>

namespace halfstep {

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The side of the matrices along the last two axes. `what`: what there is none of, where they are not
/// square.
Result<std::size_t> sideOf(const OpCall& call, const Shape& shape, const char* what) {
  if (shape.size() < 2 || shape[shape.size() - 1] != shape[shape.size() - 2]) {
    return call.fail(std::string("there is no ") + what + " of " + shapeText(shape));
  }
  return dimensionOf(shape, shape.size() - 1);
}

template <class T>
Matrix matrixAt(const T* values, std::size_t side) {
  const auto n = static_cast<Eigen::Index>(side);
  Matrix matrix(n, n);
  std::copy_n(values, side * side, matrix.data());
  return matrix;
}

OpResult det(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  Shape shape = x.shape();
  HALFSTEP_TRY(const std::size_t n, sideOf(call, shape, "determinant"));
  shape.resize(shape.size() - 2);
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> values(x);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, x.type()));
    for (std::size_t i = 0; i < made.values.size(); ++i) {
      HALFSTEP_CHECK(call.job().checkpoint());
      made.values[i] = saturated<T>(n == 0 ? 1.0 : matrixAt(values.data() + i * n * n, n).determinant());
    }
    return std::vector<Value>{made.finish()};
  });
}

OpResult inverse(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  const Shape& shape = x.shape();
  HALFSTEP_TRY(const std::size_t n, sideOf(call, shape, "inverse"));
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> values(x);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, x.type()));
    for (std::size_t from = 0; from < made.values.size(); from += n * n) {
      HALFSTEP_CHECK(call.job().checkpoint());
      const Eigen::PartialPivLU<Matrix> factors(matrixAt(values.data() + from, n));
      if ((factors.matrixLU().diagonal().array() == 0.0).any()) {
        return call.fail("a matrix of " + shapeText(shape) + " has no inverse");
      }
      const Matrix inverted = factors.inverse();
      std::transform(inverted.data(), inverted.data() + n * n, made.values.data() + from, saturated<T>);
    }
    return std::vector<Value>{made.finish()};
  });
}

constexpr OperatorEntry kEntries[] = {
    {"", "Det", det, Widening::floats},
    {"com.microsoft", "Inverse", inverse, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> linearAlgebraOperators() {
  return kEntries;
}

} // namespace halfstep
