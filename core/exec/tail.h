// The nodes behind one that it may do at once: element-wise ones that alone take its only output. An operator
// takes as many of them as it can, in order; the executor runs the rest.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

struct TailStep {
  const Node* node = nullptr;
  std::vector<Value> inputs; ///< of the node; the one that flows through is absent
  std::size_t flowing = 0;   ///< its index
  /// The other inputs are the same at every run, so what is computed from them may be kept.
  bool constant = false;
};

class Tail {
public:
  explicit Tail(std::vector<TailStep> steps)
      : m_steps(std::move(steps)) {}

  const std::vector<TailStep>& steps() const { return m_steps; }
  /// How many of the steps the operator has done.
  std::size_t done() const { return m_done; }
  void setDone(std::size_t count) { m_done = count; }

private:
  std::vector<TailStep> m_steps;
  std::size_t m_done = 0;
};

} // namespace halfstep
