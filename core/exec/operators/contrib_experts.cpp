// Mixtures of experts of the domain com.microsoft: each token goes through the few networks that its router
// chooses. Semantics: ONNX Runtime's docs/ContribOperators.md; where that leaves something open (the routing
// weights, which gelu, the sparse mixer's tolerance) its CPU provider, which compare_operators.py asks.
#include "core/exec/operators/contrib_float.h"
#include "core/exec/operators/onednn.h"
#include "core/exec/operators/results.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace halfstep {

namespace {

/// One matrix of every expert, [experts, rows, columns], with its bias: floats, or codes of `bits` bits.
struct ExpertMatrix {
  std::size_t experts = 0, rows = 0, columns = 0;
  std::size_t bits = 0;   ///< 0: the values are floats
  std::size_t blocks = 1; ///< of a row, each with a scale
  Tensor values;
  Tensor zeros; ///< undefined without them
  std::vector<float> scales;
  std::vector<float> bias; ///< empty without one

  bool isThere() const { return rows > 0; }

  float zeroPoint(std::size_t row, std::size_t block) const {
    if (zeros.type() == ElementType::undefined) {
      return static_cast<float>(1u << (bits - 1));
    }
    // One scale a row: the zero points of an expert's rows are packed together. Otherwise those of a row.
    const std::size_t packed = blocks == 1 && zeros.shape().size() == 2 ? rows : blocks;
    const std::size_t index = row * blocks + block;
    const std::size_t lineBytes = (packed * bits + 7) / 8;
    return static_cast<float>(
        bitsAt(zeros.bytes().subspan(index / packed * lineBytes, lineBytes), index % packed, bits));
  }

  /// The matrix of one expert; in `room` where it has to be unpacked.
  std::span<const float> of(const Elements<float>& floats, std::size_t expert,
                            std::vector<float>& room) const {
    if (bits == 0) {
      return floats.span().subspan(expert * rows * columns, rows * columns);
    }
    room.resize(rows * columns);
    const std::size_t rowBytes = columns * bits / 8;
    const std::size_t length = columns / blocks;
    parallelFor(rows, [&](std::size_t r) {
      const std::size_t row = expert * rows + r;
      const std::span<const std::byte> bytes = values.bytes().subspan(row * rowBytes, rowBytes);
      for (std::size_t i = 0; i < columns; ++i) {
        const auto code = static_cast<float>(bitsAt(bytes, i, bits));
        room[r * columns + i] = (code - zeroPoint(row, i / length)) * scales[row * blocks + i / length];
      }
    });
    return room;
  }
};

/// Which inputs a matrix is in. Floats have neither scales nor zero points: 0.
struct MatrixInputs {
  std::size_t values, bias, scales = 0, zeros = 0;
};

/// Scales and zero points of a matrix of codes.
Result<void> readScales(const OpCall& call, const MatrixInputs& at, ExpertMatrix& matrix) {
  const std::int64_t block = call.integer("block_size", 0);
  if (block < 0 || (block > 0 && matrix.columns % static_cast<std::size_t>(block) != 0)) {
    return call.fail("rows of " + std::to_string(matrix.columns) + " do not divide into blocks of " +
                     std::to_string(block));
  }
  matrix.blocks = block == 0 ? 1 : matrix.columns / static_cast<std::size_t>(block);
  const std::size_t lines = matrix.experts * matrix.rows;
  HALFSTEP_TRY(matrix.scales, floatsAt(call, at.scales, lines * matrix.blocks));
  HALFSTEP_TRY(matrix.zeros, optionalTensor(call, at.zeros));
  if (matrix.zeros.type() != ElementType::undefined) {
    const bool byRow = matrix.blocks > 1 || matrix.zeros.shape().size() == 3;
    const std::size_t bytes = byRow ? lines * ((matrix.blocks * matrix.bits + 7) / 8)
                                    : matrix.experts * ((matrix.rows * matrix.bits + 7) / 8);
    if (matrix.zeros.type() != ElementType::uint8 || matrix.zeros.count() != bytes) {
      return call.fail("zero points of " + shapeText(matrix.zeros.shape()) + " do not fit the weights");
    }
  }
  return {};
}

/// Error: not [experts, any, `columns`].
Result<ExpertMatrix> matrixAt(const OpCall& call, const MatrixInputs& at, std::size_t bits,
                              std::size_t experts, std::size_t columns) {
  ExpertMatrix matrix;
  if (!call.has(at.values)) {
    return matrix;
  }
  matrix.experts = experts;
  matrix.columns = columns;
  matrix.bits = bits;
  HALFSTEP_TRY(matrix.values, call.tensor(at.values));
  const Shape& shape = matrix.values.shape();
  const std::size_t last = bits == 0 ? columns : columns * bits / 8;
  const bool fits = shape.size() == 3 && dimensionOf(shape, 0) == experts && shape[1] > 0 &&
                    dimensionOf(shape, 2) == last && last > 0 && (bits == 0 || columns * bits % 8 == 0) &&
                    matrix.values.type() == (bits == 0 ? ElementType::float32 : ElementType::uint8);
  if (!fits) {
    return call.fail("weights of " + shapeText(shape) + " are not " + std::to_string(experts) +
                     " matrices with rows of " + std::to_string(columns));
  }
  matrix.rows = dimensionOf(shape, 1);
  if (bits != 0) {
    HALFSTEP_CHECK(readScales(call, at, matrix));
  }
  if (call.has(at.bias)) {
    HALFSTEP_TRY(matrix.bias, floatsAt(call, at.bias, experts * matrix.rows));
  }
  return matrix;
}

/// What turns the first product into the second one's input.
struct ExpertActivation {
  std::string name;
  std::int64_t fusion = 0; ///< swiglu: 1 gate and value alternate in a row, 2 follow each other
  float alpha = 1, beta = 0;
  float limit = std::numeric_limits<float>::infinity();

  bool isFused() const { return name == "swiglu" && fusion != 0; }

  float gated(float gate, float value) const {
    gate = std::min(gate, limit);
    return gate / (1.0f + std::exp(-alpha * gate)) * (std::clamp(value, -limit, limit) + beta);
  }
  float activated(float x) const {
    if (name == "relu") {
      return std::max(x, 0.0f);
    }
    if (name == "silu") {
      return x / (1.0f + std::exp(-x));
    }
    if (name == "gelu") { // the form with tanh
      return 0.5f * x * (1.0f + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
    }
    return x;
  }

  /// One row; `third` is that of the third matrix, empty without one.
  void apply(std::span<const float> first, std::span<const float> third, std::span<float> result) const {
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (isFused()) {
        result[i] =
            fusion == 1 ? gated(first[2 * i], first[2 * i + 1]) : gated(first[i], first[result.size() + i]);
      } else if (name == "swiglu") {
        result[i] = gated(first[i], third[i]);
      } else {
        result[i] = activated(first[i]) * (third.empty() ? 1.0f : third[i]);
      }
    }
  }
};

Result<ExpertActivation> activationOf(const OpCall& call) {
  constexpr const char* kKnown[] = {"relu", "gelu", "silu", "swiglu", "identity"};
  ExpertActivation activation;
  activation.name = call.text("activation_type", "relu");
  activation.fusion = call.integer("swiglu_fusion", 0);
  activation.alpha = call.real("activation_alpha", 1.0f);
  activation.beta = call.real("activation_beta", 0.0f);
  activation.limit = call.real("swiglu_limit", activation.limit);
  if (std::find(std::begin(kKnown), std::end(kKnown), activation.name) == std::end(kKnown) ||
      activation.fusion < 0 || activation.fusion > 2) {
    return call.unsupported("the activation " + activation.name + " is not known");
  }
  return activation.limit > 0 ? Result(activation) : call.fail("swiglu_limit is to be positive");
}

/// The experts that a token takes and what each counts.
struct Choice {
  std::size_t expert;
  float weight;
};

/// The places of the `count` largest of `scores`, the first of equals first; NaN counts as smallest.
std::vector<std::size_t> largest(std::span<const float> scores, std::size_t count) {
  const auto key = [&](std::size_t i) {
    return std::isnan(scores[i]) ? -std::numeric_limits<float>::infinity() : scores[i];
  };
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) > key(b); });
  order.resize(count);
  return order;
}

/// exp(x − the largest) of `places`, divided by its sum over `among`.
std::vector<Choice> softmaxOf(std::span<const float> scores, std::span<const std::size_t> places,
                              std::span<const std::size_t> among) {
  const double most = static_cast<double>(scores[places.front()]);
  double sum = 0;
  for (const std::size_t i : among) {
    sum += std::exp(static_cast<double>(scores[i]) - most);
  }
  std::vector<Choice> choices;
  for (const std::size_t i : places) {
    choices.push_back({i, static_cast<float>(std::exp(static_cast<double>(scores[i]) - most) / sum)});
  }
  return choices;
}

/// Source: Liu et al., "Sparse Backpropagation for MoE Training" (2310.00811), as Phi-3.5-MoE uses it: twice
/// the best expert, weighed against those that come within 2 % of it.
std::vector<Choice> sparselyMixed(std::span<const float> scores) {
  constexpr float kTolerance = 0.02f;
  std::vector<Choice> choices;
  const std::vector<std::size_t> order = largest(scores, scores.size());
  for (std::size_t first = 0; first < 2; ++first) {
    const float most = scores[order[first]];
    std::vector<std::size_t> near;
    for (std::size_t i = first; i < order.size(); ++i) {
      const float score = scores[order[i]];
      if (i == first || (most - score) / std::max(std::abs(score), most) <= kTolerance) {
        near.push_back(order[i]);
      }
    }
    choices.push_back(softmaxOf(scores, std::span(&order[first], 1), near).front());
  }
  return choices;
}

/// What decides which experts a token takes.
struct Router {
  std::size_t tokens = 0, experts = 0, count = 1;
  bool isSparse = false;
  bool isNormalized = true; ///< softmax over the chosen ones, not over all
  std::vector<float> scores;
  std::vector<float> weights; ///< of a separate input; empty without one

  std::vector<Choice> choices(std::size_t token) const {
    const std::span<const float> row = std::span(scores).subspan(token * experts, experts);
    if (isSparse) {
      return sparselyMixed(row);
    }
    const std::vector<std::size_t> order = largest(row, experts);
    const std::span<const std::size_t> chosen = std::span(order).first(count);
    if (weights.empty()) {
      return softmaxOf(row, chosen, isNormalized ? chosen : std::span(order));
    }
    std::vector<Choice> choices;
    float sum = 0;
    for (const std::size_t i : chosen) {
      choices.push_back({i, weights[token * experts + i]});
      sum += choices.back().weight;
    }
    for (Choice& choice : choices) {
      choice.weight /= isNormalized ? sum : 1.0f;
    }
    return choices;
  }
};

Result<Router> routerOf(const OpCall& call, std::size_t tokens) {
  Router router;
  HALFSTEP_TRY(const Tensor scores, call.tensor(1));
  const Shape& shape = scores.shape();
  const std::int64_t count = call.integer("k", 1);
  router.isSparse = call.integer("use_sparse_mixer", 0) != 0;
  if (shape.size() != 2 || dimensionOf(shape, 0) != tokens || shape[1] < 1 || count < 1 || count > shape[1] ||
      (router.isSparse && (count != 2 || shape[1] < 2))) {
    return call.fail(std::to_string(count) + " experts for each of " + std::to_string(tokens) +
                     " tokens cannot be chosen by scores of " + shapeText(shape));
  }
  router.tokens = tokens;
  router.experts = dimensionOf(shape, 1);
  router.count = static_cast<std::size_t>(count);
  HALFSTEP_TRY(router.scores, toFloats(scores, call.job()));
  return router;
}

/// The three matrices of each expert; the third may be missing.
struct Experts {
  ExpertMatrix first, second, third;
  ExpertActivation activation;

  /// Errors: the matrices do not follow each other.
  Result<void> check(const OpCall& call, std::size_t hidden) const {
    const std::size_t half = activation.isFused() ? 2 : 1;
    const bool fits = first.isThere() && second.isThere() && first.rows == half * second.columns &&
                      second.rows == hidden && (!third.isThere() || third.rows == second.columns) &&
                      (activation.name != "swiglu" || activation.isFused() != third.isThere());
    return fits ? Result<void>() : call.fail("the matrices of its experts do not fit each other");
  }
};

/// x·Wᵀ + b, `count` rows.
Result<void> product(const ExpertMatrix& matrix, std::span<const float> weights, std::size_t expert,
                     std::size_t count, std::span<const float> x, std::vector<float>& result) {
  result.resize(count * matrix.rows);
  HALFSTEP_CHECK(onednn::product(static_cast<std::int64_t>(count), static_cast<std::int64_t>(matrix.rows),
                                 static_cast<std::int64_t>(matrix.columns), 1.0f, x.data(), weights.data(),
                                 true, result.data()));
  for (std::size_t i = 0; !matrix.bias.empty() && i < result.size(); ++i) {
    result[i] += matrix.bias[expert * matrix.rows + i % matrix.rows];
  }
  return {};
}

/// Every expert with all tokens that chose it, one after the other.
OpResult mixed(const OpCall& call, const Router& router, const Experts& experts) {
  HALFSTEP_TRY(const Tensor input, call.tensor(0));
  HALFSTEP_TRY(const std::vector<float> x, toFloats(input, call.job()));
  const std::size_t hidden = experts.first.columns;
  const std::size_t inner = experts.second.columns;
  struct Visit {
    std::size_t token;
    float weight;
  };
  std::vector<std::vector<Visit>> visits(router.experts);
  for (std::size_t token = 0; token < router.tokens; ++token) {
    for (const Choice& choice : router.choices(token)) {
      visits[choice.expert].push_back({token, choice.weight});
    }
  }
  HALFSTEP_TRY(const auto made, newTensor<float>(input.shape()));
  std::fill(made.values.begin(), made.values.end(), 0.0f);
  const Elements<float> floats[] = {
      Elements<float>(experts.first.bits == 0 ? experts.first.values : Tensor()),
      Elements<float>(experts.second.bits == 0 ? experts.second.values : Tensor()),
      Elements<float>(experts.third.bits == 0 ? experts.third.values : Tensor())};
  std::vector<float> room, in, first, third, middle, out;
  for (std::size_t expert = 0; expert < visits.size(); ++expert) {
    const std::vector<Visit>& those = visits[expert];
    if (those.empty()) {
      continue;
    }
    HALFSTEP_CHECK(call.job().checkpoint());
    in.clear();
    for (const Visit& visit : those) {
      in.insert(in.end(), x.begin() + static_cast<std::ptrdiff_t>(visit.token * hidden),
                x.begin() + static_cast<std::ptrdiff_t>((visit.token + 1) * hidden));
    }
    HALFSTEP_CHECK(
        product(experts.first, experts.first.of(floats[0], expert, room), expert, those.size(), in, first));
    third.clear();
    if (experts.third.isThere()) {
      HALFSTEP_CHECK(
          product(experts.third, experts.third.of(floats[2], expert, room), expert, those.size(), in, third));
    }
    middle.resize(those.size() * inner);
    for (std::size_t row = 0; row < those.size(); ++row) {
      const std::size_t width = first.size() / those.size();
      experts.activation.apply(std::span(first).subspan(row * width, width),
                               third.empty() ? std::span<const float>()
                                             : std::span<const float>(third).subspan(row * inner, inner),
                               std::span(middle).subspan(row * inner, inner));
    }
    HALFSTEP_CHECK(product(experts.second, experts.second.of(floats[1], expert, room), expert, those.size(),
                           middle, out));
    for (std::size_t row = 0; row < those.size(); ++row) {
      for (std::size_t i = 0; i < hidden; ++i) {
        made.values[those[row].token * hidden + i] += those[row].weight * out[row * hidden + i];
      }
    }
  }
  return std::vector<Value>{made.finish()};
}

/// Tokens and their length: [tokens, hidden] or [batch, length, hidden].
Result<std::pair<std::size_t, std::size_t>> tokensOf(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  const Shape& shape = x.shape();
  if ((shape.size() != 2 && shape.size() != 3) || shape.back() < 1) {
    return call.fail("it takes rows of tokens, not " + shapeText(shape));
  }
  return std::pair{dimensionsProduct(shape, 0, shape.size() - 1), dimensionOf(shape, shape.size() - 1)};
}

/// The matrices by their inputs: the first and third take tokens, the second what lies between.
Result<Experts> expertsOf(const OpCall& call, const MatrixInputs (&at)[3], std::size_t bits,
                          std::size_t experts, std::size_t hidden) {
  Experts made;
  HALFSTEP_TRY(made.activation, activationOf(call));
  HALFSTEP_TRY(made.first, matrixAt(call, at[0], bits, experts, hidden));
  HALFSTEP_TRY(made.third, matrixAt(call, at[2], bits, experts, hidden));
  const std::size_t inner = made.first.rows / (made.activation.isFused() ? 2 : 1);
  HALFSTEP_TRY(made.second, matrixAt(call, at[1], bits, experts, inner));
  HALFSTEP_CHECK(made.check(call, hidden));
  return made;
}

} // namespace

OpResult mixtureOfExperts(const OpCall& call) {
  HALFSTEP_TRY(const auto tokens, tokensOf(call));
  HALFSTEP_TRY(Router router, routerOf(call, tokens.first));
  router.isNormalized = call.integer("normalize_routing_weights", 0) != 0;
  HALFSTEP_TRY(const Experts experts,
               expertsOf(call, {{2, 3}, {4, 5}, {6, 7}}, 0, router.experts, tokens.second));
  return mixed(call, router, experts);
}

OpResult quantizedMixtureOfExperts(const OpCall& call) {
  const std::int64_t bits = call.integer("expert_weight_bits", 4);
  if ((bits != 2 && bits != 4 && bits != 8) || call.text("quant_type", "int") != "int" ||
      call.integer("weights_prepacked", 0) > 0) {
    return call.unsupported("experts of " + std::to_string(bits) + " bits, " +
                            call.text("quant_type", "int") + ", are not supported as they are packed");
  }
  HALFSTEP_TRY(const auto tokens, tokensOf(call));
  HALFSTEP_TRY(Router router, routerOf(call, tokens.first));
  if (call.has(14)) { // scores choose, these weigh
    HALFSTEP_TRY(router.weights, floatsAt(call, 14, router.scores.size()));
    router.isNormalized = call.integer("normalize_routing_weights", 0) != 0;
  }
  HALFSTEP_TRY(const Experts experts,
               expertsOf(call, {{2, 4, 3, 11}, {5, 7, 6, 12}, {8, 10, 9, 13}}, static_cast<std::size_t>(bits),
                         router.experts, tokens.second));
  return mixed(call, router, experts);
}

} // namespace halfstep
