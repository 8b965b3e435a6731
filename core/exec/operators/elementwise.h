// What the element-wise operators share. Internal to the operators.
#pragma once

#include "core/exec/elements.h"
#include "core/exec/operator_call.h"
#include "core/support/parallel.h"

#include <algorithm>

namespace halfstep {

/// Long loops are cut into pieces of this many elements.
inline constexpr std::size_t kElementwisePiece = std::size_t{1} << 15;

/// body(from, to) for pieces of 0…count, on several threads where there is more than one.
template <class Body>
void inPieces(std::size_t count, std::size_t piece, const Body& body) {
  if (count <= piece) {
    if (count > 0) {
      body(std::size_t{0}, count);
    }
    return;
  }
  parallelFor((count + piece - 1) / piece,
              [&](std::size_t index) { body(index * piece, std::min(count, (index + 1) * piece)); });
}

template <class Body>
void inPieces(std::size_t count, const Body& body) {
  inPieces(count, kElementwisePiece, body);
}

/// out = f(x), of the same type.
template <class T, class F>
Result<Tensor> mapped(const Tensor& tensor, F f) {
  const Elements<T> values(tensor);
  HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(tensor.shape(), tensor.type()));
  T* out = made.values.data();
  const T* in = values.data();
  inPieces(values.size(), [=, &f](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      out[i] = f(in[i]);
    }
  });
  return made.finish();
}

/// max(0, x).
inline Result<Tensor> withoutNegatives(const Tensor& x) {
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> Result<Tensor> {
    return mapped<T>(x, [](T v) { return v < T(0) ? T(0) : v; });
  });
}

} // namespace halfstep
