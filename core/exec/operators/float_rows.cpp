#include "core/exec/operators/float_rows.h"

#include "core/exec/operators/float_functions.h"

// The function that fits the machine is chosen when the library is loaded, which the sanitizers do not
// survive.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HALFSTEP_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define HALFSTEP_WIDE
#endif

namespace halfstep {

HALFSTEP_WIDE void exponentials(const float* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fastExp(in[i]);
  }
}

HALFSTEP_WIDE void logistics(const float* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fastSigmoid(in[i]);
  }
}

HALFSTEP_WIDE void hyperbolicTangents(const float* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fastTanh(in[i]);
  }
}

HALFSTEP_WIDE void shiftedExponentials(const float* in, float most, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fastExp(in[i] - most);
  }
}

} // namespace halfstep
