#include "core/analysis/synthetic_samples.h"

#include "core/analysis/input_facts.h"
#include "core/analysis/random_stream.h"
#include "core/tensor/conversion.h"

#include <algorithm>

namespace halfstep {

namespace {

constexpr std::uint64_t kDefaultBelow = 10;
constexpr std::size_t kMostElements = std::size_t{1} << 31;

} // namespace

Result<Shape> sampleShape(const ValueInfo& input, const Shape* given) {
  Shape shape;
  for (const Dimension& dimension : input.shape) {
    shape.push_back(dimension.value < 0 ? 1 : dimension.value);
  }
  if (given == nullptr) {
    if (!input.hasShape) {
      return Error{ErrorKind::usage,
                   "the model does not say which shape its input " + input.name + " has: give --shape"};
    }
    return shape;
  }
  const bool fits = std::equal(input.shape.begin(), input.shape.end(), given->begin(), given->end(),
                               [](const Dimension& dimension, std::int64_t length) {
                                 return dimension.value < 0 || dimension.value == length;
                               });
  if (input.hasShape && !fits) {
    return Error{ErrorKind::usage, "--shape " + input.name + ": " + shapeText(*given) +
                                       " is not what the model's input is, " + dimensionsText(input)};
  }
  return *given;
}

SyntheticSettings syntheticSettings(const DataSettings& settings) {
  SyntheticSettings drawn;
  drawn.count = static_cast<std::size_t>(settings.samples.value_or(drawn.count));
  drawn.seed = settings.shuffle.value_or(drawn.seed);
  drawn.shapes = settings.shapes;
  return drawn;
}

Result<std::shared_ptr<const SampleSource>> SyntheticSamples::create(const Model& model,
                                                                     const SyntheticSettings& settings) {
  std::vector<Input> inputs;
  for (const auto& [name, shape] : settings.shapes) {
    const auto& known = model.graph.inputs;
    if (std::none_of(known.begin(), known.end(),
                     [&](const ValueInfo& input) { return input.name == name; })) {
      return Error{ErrorKind::usage, "--shape " + name + ": the model has no such input"};
    }
  }
  for (const ValueInfo& info : model.graph.inputs) {
    const bool number = info.type == ElementType::boolean ||
                        ((isInteger(info.type) || isQuantizable(info.type)) && elementBits(info.type) >= 8);
    if (!info.container.empty() || !number) {
      return Error{ErrorKind::unsupported, "the model's input " + info.name + " is " +
                                               (info.container.empty() ? "" : info.container + " of ") +
                                               std::string(elementTypeName(info.type)) +
                                               ", which cannot be drawn at random"};
    }
    const auto given = settings.shapes.find(info.name);
    HALFSTEP_TRY(Shape shape, sampleShape(info, given == settings.shapes.end() ? nullptr : &given->second));
    HALFSTEP_TRY(const std::size_t count, elementCount(shape));
    if (count > kMostElements) {
      return Error{ErrorKind::usage, "the model's input " + info.name + " has " + std::to_string(count) +
                                         " elements, too many to draw"};
    }
    std::uint64_t below = kDefaultBelow;
    if (const auto rows = tableRows(model.graph, info.name); rows && *rows > 0) {
      below = static_cast<std::uint64_t>(*rows);
    }
    inputs.push_back({info.name, info.type, std::move(shape), below});
  }
  return std::shared_ptr<const SampleSource>(new SyntheticSamples(std::move(inputs), settings));
}

Result<std::map<std::string, Value>> SyntheticSamples::inputs(std::size_t index) const {
  std::map<std::string, Value> values;
  for (std::size_t k = 0; k < m_inputs.size(); ++k) {
    const Input& input = m_inputs[k];
    HALFSTEP_TRY(const std::size_t count, elementCount(input.shape));
    RandomStream random(m_settings.seed, index, k);
    std::vector<double> drawn(count);
    for (double& value : drawn) {
      value = isFloatingPoint(input.type)
                  ? random.normal()
                  : static_cast<double>(random.below(input.type == ElementType::boolean ? 2 : input.below));
    }
    HALFSTEP_TRY(Tensor tensor, tensorOfReals(input.type, input.shape, drawn));
    values[input.name] = std::move(tensor);
  }
  return values;
}

SampleOrigin SyntheticSamples::origin() const {
  SampleOrigin origin;
  origin.synthetic = true;
  origin.description = std::to_string(m_settings.count) + " samples drawn at random (seed " +
                       std::to_string(m_settings.seed) + ")";
  origin.fingerprint = RandomStream(m_settings.seed, m_settings.count, 0).next();
  for (const Input& input : m_inputs) {
    for (const std::int64_t dimension : input.shape) {
      origin.fingerprint = RandomStream(origin.fingerprint, static_cast<std::uint64_t>(dimension), 0).next();
    }
  }
  return origin;
}

} // namespace halfstep
