// Einsum and Det.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace halfstep {

namespace {

/// The axes of one operand as numbers: letters as their codes, the axes of an ellipsis as kEllipsis + 0, 1, …
/// counted from the last one.
using Labels = std::vector<int>;
constexpr int kEllipsis = 1000;

struct Equation {
  std::vector<std::string> inputs;
  std::string output;
  bool explicitOutput = false;
};

Result<Equation> parsed(const OpCall& call, std::size_t operands) {
  std::string text = call.text("equation", "");
  std::erase(text, ' ');
  Equation equation;
  if (const std::size_t arrow = text.find("->"); arrow != std::string::npos) {
    equation.output = text.substr(arrow + 2);
    equation.explicitOutput = true;
    text.resize(arrow);
  }
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    equation.inputs.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  if (equation.inputs.size() != operands) {
    return call.fail("the equation has " + std::to_string(equation.inputs.size()) + " terms for " +
                     std::to_string(operands) + " operands");
  }
  return equation;
}

/// `term` with an ellipsis of `ellipsisRank` axes.
Result<Labels> labelsOf(const OpCall& call, const std::string& term, std::size_t ellipsisRank) {
  Labels labels;
  bool seen = false;
  for (std::size_t i = 0; i < term.size(); ++i) {
    const char letter = term[i];
    if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')) {
      labels.push_back(letter);
    } else if (!seen && term.compare(i, 3, "...") == 0) {
      for (std::size_t k = ellipsisRank; k-- > 0;) {
        labels.push_back(kEllipsis + static_cast<int>(k));
      }
      seen = true;
      i += 2;
    } else {
      return call.fail("the equation has the term " + term);
    }
  }
  return labels;
}

/// The number of axes that the ellipsis of `term` stands for; 0 without one.
Result<std::size_t> ellipsisRank(const OpCall& call, const std::string& term, std::size_t rank) {
  const bool has = term.find("...") != std::string::npos;
  const std::size_t letters = term.size() - (has ? 3 : 0);
  if (has ? letters > rank : letters != rank) {
    return call.fail("the term " + term + " does not fit a tensor of " + std::to_string(rank) +
                     " dimensions");
  }
  return rank - letters;
}

/// An operand that is read by labels, and its extents.
struct Term {
  Tensor tensor;
  Labels labels;
};

using Extents = std::map<int, std::int64_t>;

Result<void> noteExtents(const OpCall& call, const Term& term, Extents& extents) {
  for (std::size_t axis = 0; axis < term.labels.size(); ++axis) {
    const std::int64_t length = term.tensor.shape()[axis];
    const auto [known, isNew] = extents.emplace(term.labels[axis], length);
    if (!isNew && known->second != length) {
      if (known->second != 1 && length != 1) {
        return call.fail("an index has the lengths " + std::to_string(known->second) + " and " +
                         std::to_string(length));
      }
      known->second = known->second == 1 ? length : known->second;
    }
  }
  return {};
}

/// The strides with which `term` is read along `order`; repeated labels add up (diagonals), and axes of one
/// element are repeated.
std::vector<std::int64_t> stridesAlong(const Term& term, const Labels& order) {
  const std::vector<std::int64_t> own = rowMajorStrides(term.tensor.shape());
  std::vector<std::int64_t> strides(order.size(), 0);
  for (std::size_t axis = 0; axis < term.labels.size(); ++axis) {
    const auto at = std::find(order.begin(), order.end(), term.labels[axis]);
    if (at != order.end() && term.tensor.shape()[axis] != 1) {
      strides[static_cast<std::size_t>(at - order.begin())] += own[axis];
    }
  }
  return strides;
}

bool contains(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

Shape extentsOf(const Labels& labels, const Extents& extents) {
  Shape shape;
  for (const int label : labels) {
    shape.push_back(extents.at(label));
  }
  return shape;
}

template <class T>
using Sum = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>; // integers wrap around

/// Σ over `summed` of x·y (of x alone without y), as a tensor with the axes `kept`.
template <class T>
Result<Tensor> contracted(const OpCall& call, const Term& x, const Term* y, const Labels& kept,
                          const Labels& summed, const Extents& extents) {
  HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(extentsOf(kept, extents), x.tensor.type()));
  Shape inner = extentsOf(summed, extents);
  const Shape outer = extentsOf(kept, extents);
  HALFSTEP_TRY(const std::size_t steps, elementCount(inner));
  HALFSTEP_CHECK(call.job().checkpoint());
  const std::vector<std::int64_t> xOuter = stridesAlong(x, kept);
  std::vector<std::int64_t> xInner = stridesAlong(x, summed);
  const std::vector<std::int64_t> yOuter = y != nullptr ? stridesAlong(*y, kept) : xOuter;
  std::vector<std::int64_t> yInner = y != nullptr ? stridesAlong(*y, summed) : xInner;
  const std::int64_t last = inner.empty() ? 1 : inner.back();
  const std::int64_t stepA = inner.empty() ? 0 : xInner.back();
  const std::int64_t stepB = inner.empty() ? 0 : yInner.back();
  const std::size_t rows = last == 0 ? 0 : steps / static_cast<std::size_t>(last);
  if (!inner.empty()) {
    inner.pop_back();
    xInner.pop_back();
    yInner.pop_back();
  }
  const Elements<T> a(x.tensor);
  const Elements<T> b(y != nullptr ? y->tensor : x.tensor);
  parallelFor(made.values.size(), [&](std::size_t i) {
    std::int64_t atA = 0;
    std::int64_t atB = 0;
    std::size_t rest = i;
    for (std::size_t axis = outer.size(); axis-- > 0;) {
      const auto index = static_cast<std::int64_t>(rest % dimensionOf(outer, axis));
      rest /= dimensionOf(outer, axis);
      atA += index * xOuter[axis];
      atB += index * yOuter[axis];
    }
    Sum<T> sum = 0;
    std::vector<std::int64_t> index(inner.size(), 0);
    for (std::size_t row = 0; row < rows && !call.job().stopRequested(); ++row) {
      for (std::int64_t k = 0; k < last; ++k) { // the innermost axis
        const auto left = static_cast<Sum<T>>(a[static_cast<std::size_t>(atA + k * stepA)]);
        sum += y != nullptr ? left * static_cast<Sum<T>>(b[static_cast<std::size_t>(atB + k * stepB)]) : left;
      }
      for (std::size_t axis = inner.size(); axis-- > 0;) {
        atA += xInner[axis];
        atB += yInner[axis];
        if (++index[axis] < inner[axis]) {
          break;
        }
        atA -= xInner[axis] * inner[axis];
        atB -= yInner[axis] * inner[axis];
        index[axis] = 0;
      }
    }
    made.values[i] = static_cast<T>(sum);
  });
  HALFSTEP_CHECK(call.job().checkpoint());
  return made.finish();
}

/// The output's labels: as written, or the ellipsis and every letter that occurs once, in order.
Result<Labels> outputLabels(const OpCall& call, const Equation& equation, std::span<const Term> terms,
                            std::size_t ellipsis) {
  if (equation.explicitOutput) {
    HALFSTEP_TRY(Labels labels, labelsOf(call, equation.output, ellipsis));
    Labels sorted = labels;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
      return call.fail("the output has an index twice");
    }
    return labels;
  }
  std::map<int, int> uses;
  for (const Term& term : terms) {
    for (const int label : term.labels) {
      ++uses[label];
    }
  }
  Labels labels;
  for (std::size_t k = ellipsis; k-- > 0;) {
    labels.push_back(kEllipsis + static_cast<int>(k));
  }
  for (const auto& [label, count] : uses) {
    if (label < kEllipsis && count == 1) {
      labels.push_back(label);
    }
  }
  return labels;
}

/// One operand after the other is multiplied into the first; labels that nothing needs any more are summed.
template <class T>
OpResult contractAll(const OpCall& call, std::vector<Term> terms, const Labels& output,
                     const Extents& extents) {
  Term current = terms.front();
  for (std::size_t i = 1; i < std::max<std::size_t>(terms.size(), 2); ++i) {
    const Term* next = i < terms.size() ? &terms[i] : nullptr;
    const bool isLast = i + 1 >= terms.size();
    Labels here;
    for (const Term* term : {static_cast<const Term*>(&current), next}) {
      for (const int label : term != nullptr ? term->labels : Labels()) {
        if (!contains(here, label)) {
          here.push_back(label);
        }
      }
    }
    Labels kept = isLast ? output : Labels();
    Labels summed;
    for (const int label : here) {
      bool later = contains(output, label);
      for (std::size_t k = i + 1; k < terms.size(); ++k) {
        later = later || contains(terms[k].labels, label);
      }
      if (!later) {
        summed.push_back(label);
      } else if (!isLast) {
        kept.push_back(label);
      }
    }
    HALFSTEP_TRY(Tensor product, contracted<T>(call, current, next, kept, summed, extents));
    current = {std::move(product), kept};
  }
  return std::vector<Value>{current.tensor};
}

OpResult einsum(const OpCall& call) {
  HALFSTEP_TRY(const Equation equation, parsed(call, call.inputCount()));
  std::vector<Term> terms;
  std::vector<std::size_t> ranks;
  std::size_t ellipsis = 0;
  Extents extents;
  for (std::size_t i = 0; i < call.inputCount(); ++i) {
    HALFSTEP_TRY(const Tensor tensor, call.tensor(i));
    HALFSTEP_TRY(const std::size_t rank, ellipsisRank(call, equation.inputs[i], tensor.shape().size()));
    HALFSTEP_TRY(Labels labels, labelsOf(call, equation.inputs[i], rank));
    ellipsis = std::max(ellipsis, rank);
    terms.push_back({tensor, std::move(labels)});
    HALFSTEP_CHECK(noteExtents(call, terms.back(), extents));
    if (tensor.type() != terms.front().tensor.type()) {
      return call.fail("its operands are of different types");
    }
  }
  if (terms.empty()) {
    return call.fail("it has no operand");
  }
  HALFSTEP_TRY(const Labels output, outputLabels(call, equation, terms, ellipsis));
  for (const int label : output) {
    if (!extents.contains(label)) {
      return call.fail("the output has an index that no operand has");
    }
  }
  return dispatchNumbers(terms.front().tensor.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    return contractAll<T>(call, terms, output, extents);
  });
}

constexpr OperatorEntry kEntries[] = {
    {"", "Einsum", einsum, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> einsumOperators() {
  return kEntries;
}

} // namespace halfstep
