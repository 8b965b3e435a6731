// Operators that draw random numbers. They repeat: without a seed the generator starts from one that belongs
// to the node. Dropout drops only where a model asks for training.
#include "core/exec/operator_families.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/operators/float_widths.h"
#include "core/exec/operators/results.h"

#include <bit>
#include <numbers>
#include <random>

namespace halfstep {

namespace {

/// std::mt19937 and the way NumPy makes doubles of it: the same seed drops the same elements as ONNX's
/// reference implementation.
class Generator {
public:
  explicit Generator(std::uint32_t seed)
      : m_engine(seed) {}

  /// In [0, 1), with 53 random bits.
  double uniform() {
    const auto high = static_cast<double>(static_cast<std::uint32_t>(m_engine()) >> 5);
    const auto low = static_cast<double>(static_cast<std::uint32_t>(m_engine()) >> 6);
    return (high * 67108864.0 + low) / 9007199254740992.0; // 2^26, 2^53
  }

  /// Box and Muller's transform, one of its two numbers.
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

private:
  std::mt19937 m_engine;
};

/// The attribute `seed` (an integer for Dropout, else a float), or the FNV-1a hash of the node's first
/// output: two nodes of a graph do not draw the same.
std::uint32_t seedOf(const OpCall& call) {
  if (call.hasAttribute("seed")) {
    const std::int64_t whole = call.integer("seed", 0);
    const float real = call.real("seed", 0.0f);
    if (real == 0.0f) {
      return static_cast<std::uint32_t>(static_cast<std::uint64_t>(whole));
    }
    const bool fits = real > 0.0f && real < 4294967296.0f && std::trunc(real) == real;
    return fits ? static_cast<std::uint32_t>(real) : std::bit_cast<std::uint32_t>(real);
  }
  std::uint32_t hash = 2166136261u;
  for (const char c : call.node().outputs.empty() ? std::string() : call.node().outputs.front()) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  }
  return hash;
}

/// The type that the attribute `dtype` names. Error: there is no such type.
Result<ElementType> typeOf(const OpCall& call, ElementType fallback) {
  const auto type = elementTypeFromOnnx(call.integer("dtype", static_cast<std::int64_t>(fallback)));
  if (!type) {
    return call.fail("its dtype is " + std::to_string(call.integer("dtype", 0)));
  }
  return *type;
}

/// Fills `shape` with floating-point numbers of one distribution.
OpResult filled(const OpCall& call, const Shape& shape, ElementType fallback, bool normal) {
  HALFSTEP_TRY(const ElementType type, typeOf(call, fallback));
  if (!isHalf(type) && type != ElementType::float32 && type != ElementType::float64) {
    return call.fail("it makes floating-point numbers, not " + std::string(elementTypeName(type)));
  }
  Generator generator(seedOf(call));
  if (normal) {
    const auto mean = static_cast<double>(call.real("mean", 0.0f));
    const auto scale = static_cast<double>(call.real("scale", 1.0f));
    return oneOutput(
        generatedTensor(shape, type, [&](std::size_t) { return mean + scale * generator.normal(); }));
  }
  const auto low = static_cast<double>(call.real("low", 0.0f));
  const auto high = static_cast<double>(call.real("high", 1.0f));
  return oneOutput(
      generatedTensor(shape, type, [&](std::size_t) { return low + (high - low) * generator.uniform(); }));
}

template <bool kNormal>
OpResult random(const OpCall& call) {
  return filled(call, call.integers("shape"), ElementType::float32, kNormal);
}

template <bool kNormal>
OpResult randomLike(const OpCall& call) {
  HALFSTEP_TRY(const Tensor like, call.tensor(0));
  return filled(call, like.shape(), like.type(), kNormal);
}

/// 1 with the probability that the input gives.
OpResult bernoulli(const OpCall& call) {
  HALFSTEP_TRY(const Tensor chances, call.tensor(0));
  HALFSTEP_TRY(const ElementType type, typeOf(call, chances.type()));
  Generator generator(seedOf(call));
  return oneOutput(generatedTensor(chances.shape(), type, [&](std::size_t i) {
    return generator.uniform() < chances.valueAt(i) ? 1.0 : 0.0;
  }));
}

/// The first class whose cumulative probability lies above a uniform number. The input has logarithms of
/// probabilities up to a summand.
OpResult multinomial(const OpCall& call) {
  HALFSTEP_TRY(const Tensor logarithms, call.tensor(0));
  HALFSTEP_TRY(const ElementType type, typeOf(call, ElementType::int32));
  const std::int64_t samples = call.integer("sample_size", 1);
  const Shape& shape = logarithms.shape();
  if (shape.size() != 2 || shape[1] < 1 || samples < 1 ||
      (type != ElementType::int32 && type != ElementType::int64)) {
    return call.fail("its input is " + shapeText(shape) + ", its sample_size " + std::to_string(samples));
  }
  if (logarithms.count() == 0) {
    return oneOutput(generatedTensor({0, samples}, type, [](std::size_t) { return 0.0; }));
  }
  const auto classes = static_cast<std::size_t>(shape[1]);
  std::vector<double> cumulative(classes);
  Generator generator(seedOf(call));
  return oneOutput(generatedTensor({shape[0], samples}, type, [&](std::size_t i) {
    const std::size_t row = i / static_cast<std::size_t>(samples);
    if (i % static_cast<std::size_t>(samples) == 0) {
      double most = -std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < classes; ++c) {
        most = std::max(most, logarithms.valueAt(row * classes + c));
      }
      double total = 0;
      for (std::size_t c = 0; c < classes; ++c) {
        total += std::exp(logarithms.valueAt(row * classes + c) - most);
        cumulative[c] = total;
      }
    }
    const double at = generator.uniform() * cumulative.back();
    const auto found =
        std::find_if(cumulative.begin(), cumulative.end() - 1, [&](double c) { return c > at; });
    return static_cast<double>(found - cumulative.begin());
  }));
}

/// Drops elements of floating-point data and scales the others by 1 / (1 − ratio).
OpResult dropped(const OpCall& call, const Tensor& original, double ratio) {
  if (!(ratio >= 0.0 && ratio <= 1.0)) {
    return call.fail("its ratio is " + std::to_string(ratio));
  }
  HALFSTEP_TRY(const Tensor data, widened(original));
  Generator generator(seedOf(call));
  HALFSTEP_TRY(const Tensor mask, generatedTensor(data.shape(), ElementType::boolean, [&](std::size_t) {
                 return generator.uniform() >= ratio ? 1.0 : 0.0;
               }));
  const Elements<std::uint8_t> kept(mask);
  HALFSTEP_TRY(Tensor result, generatedTensor(data.shape(), data.type(), [&](std::size_t i) {
                 return kept[i] != 0 ? data.valueAt(i) / (1.0 - ratio) : 0.0;
               }));
  HALFSTEP_TRY(result, narrowedBack(result, original.type()));
  return std::vector<Value>{std::move(result), mask};
}

/// Before opset 12 it can only be the identity: the attribute `is_test` of the oldest versions, 0 unless
/// given, is not heeded, since their models are run for inference like all others.
OpResult dropout(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  if (call.version() >= 12 && call.has(2)) {
    HALFSTEP_TRY(const double training, call.scalar(2));
    double ratio = 0.5;
    if (call.has(1)) {
      HALFSTEP_TRY(ratio, call.scalar(1));
    }
    if (training != 0 && ratio != 0) {
      return dropped(call, data, ratio);
    }
  }
  std::vector<Value> outputs{data};
  if (call.wants(1)) { // before opset 10 the mask has the data's type
    const ElementType type = call.version() < 10 ? data.type() : ElementType::boolean;
    HALFSTEP_TRY(Tensor mask, generatedTensor(data.shape(), type, [](std::size_t) { return 1.0; }));
    outputs.push_back(std::move(mask));
  }
  return outputs;
}

constexpr OperatorEntry kEntries[] = {
    {"", "Bernoulli", bernoulli},
    {"", "Dropout", dropout},
    {"", "Multinomial", multinomial},
    {"", "RandomNormal", random<true>},
    {"", "RandomNormalLike", randomLike<true>},
    {"", "RandomUniform", random<false>},
    {"", "RandomUniformLike", randomLike<false>},
};

} // namespace

std::span<const OperatorEntry> randomOperators() {
  return kEntries;
}

} // namespace halfstep
