#include "tests/exec/graph_mutations.h"

#include "core/exec/operator_families.h"

#include <algorithm>
#include <array>
#include <limits>

namespace halfstep::test {

namespace {

constexpr std::size_t kMostElements = std::size_t{1} << 16;

std::int64_t absurdInteger(Random& random) {
  static constexpr std::int64_t kAbsurd[] = {0,
                                             1,
                                             -1,
                                             2,
                                             3,
                                             5,
                                             -7,
                                             64,
                                             100,
                                             1 << 20,
                                             std::int64_t{1} << 31,
                                             std::int64_t{1} << 33,
                                             std::int64_t{1} << 47,
                                             std::int64_t{1} << 62,
                                             -(std::int64_t{1} << 31),
                                             std::numeric_limits<std::int64_t>::max(),
                                             std::numeric_limits<std::int64_t>::max() - 1,
                                             std::numeric_limits<std::int64_t>::min()};
  return kAbsurd[pick(random, std::size(kAbsurd))];
}

float absurdFloat(Random& random) {
  static constexpr float kAbsurd[] = {0.0f,
                                      -0.0f,
                                      1.0f,
                                      -1.0f,
                                      0.5f,
                                      1e-30f,
                                      1e-42f,
                                      3e9f,
                                      1e30f,
                                      -1e30f,
                                      std::numeric_limits<float>::infinity(),
                                      -std::numeric_limits<float>::infinity(),
                                      std::numeric_limits<float>::quiet_NaN()};
  return kAbsurd[pick(random, std::size(kAbsurd))];
}

std::string absurdText(Random& random) {
  static const std::string kAbsurd[] = {
      "",          "NOTSET",   "SAME_UPPER", "SAME_LOWER", "VALID",
      "linear",    "nearest",  "cubic",      "reflect",    "edge",
      "wrap",      "constant", "bilinear",   "border",     "tanh",
      "Affine",    "relu",     "add",        "mul",        "min",
      "max",       "forward",  "reverse",    "LEFT",       "bidirectional",
      "none",      "sum",      "mean",       "ij,jk->ik",  "...i,...i->...",
      "ii->i",     "i->ii",    "->",         "a,b",        "abcdefghijk->a",
      "\xff\xfe ", "(",        "[a-z",       "(a*)*b",     std::string(500, 'i')};
  return kAbsurd[pick(random, std::size(kAbsurd))];
}

ElementType anyType(Random& random) {
  // The common ones as often as all others together.
  static constexpr ElementType kCommon[] = {ElementType::float32, ElementType::int64,   ElementType::uint8,
                                            ElementType::int8,    ElementType::float64, ElementType::float16,
                                            ElementType::boolean, ElementType::int32,   ElementType::string};
  return pick(random, 2) == 0 ? kCommon[pick(random, std::size(kCommon))]
                              : static_cast<ElementType>(1 + pick(random, 26));
}

Shape mutatedShape(Shape shape, Random& random) {
  static constexpr std::int64_t kLengths[] = {0, 1, 1, 2, 3, 4, 5, 8, 17};
  const auto length = [&] { return kLengths[pick(random, std::size(kLengths))]; };
  const auto place = [&] { return static_cast<std::ptrdiff_t>(pick(random, shape.size() + 1)); };
  switch (pick(random, 8)) {
  case 0:
    return {};
  case 1:
    shape.insert(shape.begin() + place(), length());
    break;
  case 2: // more than oneDNN has
    shape.insert(shape.begin() + place(), 2 + pick(random, 16), 1);
    break;
  case 3:
    std::shuffle(shape.begin(), shape.end(), random);
    break;
  case 4: // nothing, of an absurd size
    shape.insert(shape.begin() + place(), std::int64_t{1} << (20 + pick(random, 43)));
    shape.insert(shape.begin() + place(), 0);
    break;
  case 5:
    if (!shape.empty()) {
      shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(pick(random, shape.size())));
    }
    break;
  default:
    if (!shape.empty()) {
      shape[pick(random, shape.size())] = length();
    }
  }
  return shape;
}

/// Only for shapes that are valid; others, and those with too many elements, become small.
Shape boundedShape(Shape shape) {
  const auto count = elementCount(shape);
  return count && *count <= kMostElements ? shape : Shape{2, 3};
}

std::vector<std::byte> randomBytes(ElementType type, std::size_t count, Random& random, Content content) {
  std::vector<std::byte> bytes(packedBytes(type, count));
  const std::size_t width = static_cast<std::size_t>(std::max(8, elementBits(type))) / 8;
  const std::size_t style = content == Content::plain ? 0 : pick(random, 8);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t within = i % width;
    unsigned byte = static_cast<unsigned>(random());
    if (type == ElementType::boolean) {
      byte &= 1;
    } else if (style < 5) { // small integers; floats around one
      const bool top = within + 1 == width;
      const unsigned one = type == ElementType::float64 || type == ElementType::float32    ? 0x3f
                           : type == ElementType::float16 || type == ElementType::bfloat16 ? 0x3c
                                                                                           : 0;
      byte = one != 0 ? (top ? one | (byte & 0x80u) : byte) : (within == 0 ? byte % 4 : 0);
    } else if (style == 5) { // all ones or the sign alone: −1, the smallest integer, NaN
      byte = random() % 2 == 0 ? 0xff : (within + 1 == width ? 0x80 : 0);
    }
    bytes[i] = static_cast<std::byte>(byte);
  }
  return bytes;
}

Attribute mutatedAttribute(const Attribute& attribute, Random& random);

template <class T, class Make>
std::vector<T> mutatedList(std::vector<T> list, Random& random, const Make& make) {
  switch (pick(random, 4)) {
  case 0:
    list.resize(pick(random, 7), make());
    break;
  case 1:
    std::fill(list.begin(), list.end(), make());
    break;
  default:
    if (!list.empty()) {
      list[pick(random, list.size())] = make();
    }
  }
  return list;
}

/// Of another type than any operator expects there.
Attribute strangeAttribute(Random& random) {
  switch (pick(random, 7)) {
  case 0:
    return absurdInteger(random);
  case 1:
    return absurdFloat(random);
  case 2:
    return absurdText(random);
  case 3:
    return std::vector<std::int64_t>(pick(random, 5), absurdInteger(random));
  case 4:
    return std::vector<float>(pick(random, 5), absurdFloat(random));
  case 5:
    return std::vector<std::string>(pick(random, 5), absurdText(random));
  default:
    return randomTensor(anyType(random), {static_cast<std::int64_t>(pick(random, 4))}, random, Content::any);
  }
}

void mutateNode(Graph& graph, std::size_t index, Random& random);

void mutateSomeNode(Graph& graph, Random& random) {
  if (!graph.nodes.empty()) {
    mutateNode(graph, pick(random, graph.nodes.size()), random);
  }
}

Attribute mutatedAttribute(const Attribute& attribute, Random& random) {
  if (pick(random, 10) == 0) {
    return strangeAttribute(random);
  }
  if (std::holds_alternative<std::int64_t>(attribute)) {
    return absurdInteger(random);
  }
  if (std::holds_alternative<float>(attribute)) {
    return absurdFloat(random);
  }
  if (std::holds_alternative<std::string>(attribute)) {
    return absurdText(random);
  }
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&attribute)) {
    return mutatedList(*integers, random, [&] { return absurdInteger(random); });
  }
  if (const auto* reals = std::get_if<std::vector<float>>(&attribute)) {
    return mutatedList(*reals, random, [&] { return absurdFloat(random); });
  }
  if (const auto* texts = std::get_if<std::vector<std::string>>(&attribute)) {
    return mutatedList(*texts, random, [&] { return absurdText(random); });
  }
  if (const auto* tensor = std::get_if<Tensor>(&attribute)) {
    return mutatedTensor(*tensor, random);
  }
  if (const auto* inner = std::get_if<std::shared_ptr<const Graph>>(&attribute); inner && *inner) {
    auto copy = std::make_shared<Graph>(**inner);
    const std::size_t what = pick(random, 6);
    if (what == 0 && !copy->inputs.empty()) {
      copy->inputs.pop_back();
    } else if (what == 1 && !copy->outputs.empty()) {
      copy->outputs.erase(copy->outputs.begin());
    } else if (what == 2 && !copy->outputs.empty()) {
      copy->outputs.push_back(copy->outputs.front());
    } else {
      mutateSomeNode(*copy, random);
    }
    return std::shared_ptr<const Graph>(std::move(copy));
  }
  return attribute;
}

void mutateAttributes(Node& node, Random& random) {
  if (node.attributes.empty() || pick(random, 12) == 0) {
    static const char* const kNames[] = {"axis",         "axes",       "keepdims",  "to",         "mode",
                                         "perm",         "group",      "pads",      "strides",    "dilations",
                                         "kernel_shape", "auto_pad",   "ceil_mode", "value",      "size",
                                         "block_size",   "exclusive",  "epsilon",   "batch_dims", "k",
                                         "clip",         "num_outputs"};
    node.attributes[kNames[pick(random, std::size(kNames))]] = strangeAttribute(random);
    return;
  }
  const auto chosen =
      std::next(node.attributes.begin(), static_cast<std::ptrdiff_t>(pick(random, node.attributes.size())));
  if (pick(random, 8) == 0) {
    node.attributes.erase(chosen);
  } else {
    chosen->second = mutatedAttribute(chosen->second, random);
  }
}

/// The name of some value of the graph; of one that nobody makes at times.
std::string someValue(const Graph& graph, Random& random) {
  std::vector<std::string> names = {"nobody makes this"};
  for (const ValueInfo& input : graph.inputs) {
    names.push_back(input.name);
  }
  names.insert(names.end(), graph.initializerNames.begin(), graph.initializerNames.end());
  for (const Node& node : graph.nodes) {
    names.insert(names.end(), node.outputs.begin(), node.outputs.end());
  }
  return names[pick(random, names.size())];
}

void mutateInputs(Graph& graph, Node& node, Random& random) {
  std::vector<std::string>& inputs = node.inputs;
  if (inputs.empty()) {
    inputs.push_back(someValue(graph, random));
    return;
  }
  std::string& chosen = inputs[pick(random, inputs.size())];
  switch (pick(random, 6)) {
  case 0:
    chosen.clear();
    break;
  case 1:
    std::swap(chosen, inputs[pick(random, inputs.size())]);
    break;
  case 2:
    inputs.resize(pick(random, inputs.size()) + 1);
    break;
  case 3:
    inputs.push_back(inputs[pick(random, inputs.size())]);
    break;
  default: // its own output among them: a cycle
    chosen = someValue(graph, random);
  }
}

void mutateOutputs(Graph& graph, Node& node, Random& random) {
  switch (pick(random, 4)) {
  case 0:
    if (!node.outputs.empty()) {
      node.outputs.pop_back();
    }
    break;
  case 1:
    if (!node.outputs.empty()) {
      node.outputs[pick(random, node.outputs.size())].clear();
    }
    break;
  case 2:
    node.outputs.push_back("more " + std::to_string(node.outputs.size()));
    break;
  default:
    node.outputs.push_back(someValue(graph, random));
  }
}

/// An operator in place of another, all of them equally likely.
void mutateOperator(Node& node, Random& random) {
  static const auto kFamilies = operatorFamilies();
  std::size_t count = 0;
  for (const auto& family : kFamilies) {
    count += family.size();
  }
  std::size_t chosen = pick(random, count);
  for (const auto& family : kFamilies) {
    if (chosen < family.size()) {
      node.domain = family[chosen].domain;
      node.opType = family[chosen].opType;
      return;
    }
    chosen -= family.size();
  }
}

void mutateNode(Graph& graph, std::size_t index, Random& random) {
  Node& node = graph.nodes[index];
  switch (pick(random, 12)) {
  case 0:
  case 1:
  case 2:
    mutateInputs(graph, node, random);
    break;
  case 3:
    mutateOutputs(graph, node, random);
    break;
  case 4:
    mutateOperator(node, random);
    break;
  case 5: {
    Node copy = node; // which makes the same values, or others of the same inputs
    if (pick(random, 2) == 0) {
      for (std::string& output : copy.outputs) {
        output += " again";
      }
    }
    graph.nodes.push_back(std::move(copy));
    break;
  }
  case 6:
    if (graph.nodes.size() > 1) {
      graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(index));
    }
    break;
  default:
    mutateAttributes(node, random);
  }
}

void mutateInitializer(Graph& graph, Random& random) {
  if (!graph.initializerNames.empty()) {
    Tensor& tensor = graph.initializers[graph.initializerNames[pick(random, graph.initializerNames.size())]];
    tensor = mutatedTensor(tensor, random);
  }
}

void mutateValue(Values& inputs, Random& random) {
  if (inputs.empty()) {
    return;
  }
  const auto chosen = std::next(inputs.begin(), static_cast<std::ptrdiff_t>(pick(random, inputs.size())));
  Value& value = chosen->second;
  const std::size_t what = pick(random, 20);
  if (what == 0) {
    value = Value();
  } else if (what == 1) {
    value = Value::sequence({value, value});
  } else if (what == 2) {
    inputs.erase(chosen);
  } else if (value.isTensor()) {
    value = mutatedTensor(value.tensor(), random);
  } else if (value.isSequence() && !value.items().empty()) {
    std::vector<Value> items = value.items();
    Value& item = items[pick(random, items.size())];
    item = item.isTensor() ? Value(mutatedTensor(item.tensor(), random)) : Value();
    value = Value::sequence(std::move(items));
  }
}

/// What belongs to the graph as a whole.
void mutateGraph(Model& model, Random& random) {
  Graph& graph = model.graph;
  switch (pick(random, 5)) {
  case 0:
    if (!model.opsets.empty()) {
      std::next(model.opsets.begin(), static_cast<std::ptrdiff_t>(pick(random, model.opsets.size())))
          ->second =
          pick(random, 4) == 0 ? absurdInteger(random) : static_cast<std::int64_t>(1 + pick(random, 25));
    }
    break;
  case 1:
    if (!graph.outputs.empty()) {
      graph.outputs[pick(random, graph.outputs.size())].name = someValue(graph, random);
    }
    break;
  case 2:
    if (!graph.inputs.empty()) {
      graph.inputs.erase(graph.inputs.begin() +
                         static_cast<std::ptrdiff_t>(pick(random, graph.inputs.size())));
    }
    break;
  case 3:
    if (!graph.inputs.empty()) { // the graph's own words are not binding
      graph.inputs[pick(random, graph.inputs.size())].type = anyType(random);
    }
    break;
  default:
    std::shuffle(graph.nodes.begin(), graph.nodes.end(), random);
  }
}

void mutateOnce(Model& model, Values& inputs, Random& random) {
  switch (pick(random, 10)) {
  case 0:
    mutateGraph(model, random);
    break;
  case 1:
    if (!model.functions.empty()) {
      mutateSomeNode(model.functions[pick(random, model.functions.size())].body, random);
      break;
    }
    [[fallthrough]];
  case 2:
  case 3:
    mutateValue(inputs, random);
    break;
  case 4:
    if (!model.graph.initializerNames.empty()) {
      mutateInitializer(model.graph, random);
      break;
    }
    [[fallthrough]];
  default:
    mutateSomeNode(model.graph, random);
  }
}

std::string described(const Tensor& tensor) {
  std::string text = std::string(elementTypeName(tensor.type())) + shapeText(tensor.shape()) + " =";
  for (std::size_t i = 0; i < std::min<std::size_t>(tensor.count(), 8); ++i) {
    text += " " + (tensor.type() == ElementType::string ? '"' + tensor.strings()[i] + '"'
                                                        : std::to_string(tensor.valueAt(i)));
  }
  return text;
}

template <class T>
std::string described(const std::vector<T>& list) {
  std::string text = "[";
  for (const T& item : list) {
    if constexpr (std::is_arithmetic_v<T>) {
      text += (text.size() > 1 ? ", " : "") + std::to_string(item);
    } else if constexpr (std::is_same_v<T, std::string>) {
      text += (text.size() > 1 ? ", " : "") + item;
    }
  }
  return text + "]";
}

std::string described(const Attribute& attribute) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_arithmetic_v<T>) {
          return std::to_string(value);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return value;
        } else if constexpr (requires { described(value); }) {
          return described(value);
        } else {
          return "…";
        }
      },
      attribute);
}

} // namespace

std::string described(const Model& model, const Values& inputs) {
  std::string text;
  for (const Node& node : model.graph.nodes) {
    text +=
        "    " + node.domain + " " + node.opType + described(node.inputs) + " →" + described(node.outputs);
    for (const auto& [name, attribute] : node.attributes) {
      text += " " + name + "=" + described(attribute);
    }
    text += "\n";
  }
  for (const auto& [name, tensor] : model.graph.initializers) {
    text += "    constant " + name + " " + described(tensor) + "\n";
  }
  for (const auto& [name, value] : inputs) {
    text += "    input " + name + " " + (value.isTensor() ? described(value.tensor()) : "no tensor") + "\n";
  }
  return text;
}

std::size_t pick(Random& random, std::size_t count) {
  return static_cast<std::size_t>(random() % count);
}

Tensor randomTensor(ElementType type, const Shape& shape, Random& random, Content content) {
  const std::size_t count = elementCount(shape).value();
  if (type == ElementType::string) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) {
      texts.push_back(content == Content::plain || pick(random, 2) == 0 ? "a b" : absurdText(random));
    }
    return Tensor::ofStrings(shape, std::move(texts)).value();
  }
  return Tensor::own(type, shape, randomBytes(type, count, random, content)).value();
}

Tensor mutatedTensor(const Tensor& tensor, Random& random) {
  Shape shape = tensor.shape();
  ElementType type = tensor.type() == ElementType::undefined ? ElementType::float32 : tensor.type();
  const std::size_t what = pick(random, 6);
  if (what < 3) {
    shape = mutatedShape(std::move(shape), random);
  } else if (what == 3) {
    type = anyType(random);
  }
  return randomTensor(type, boundedShape(std::move(shape)), random, Content::any);
}

void mutate(Model& model, Values& inputs, Random& random) {
  for (std::size_t count = 1 + pick(random, 3); count > 0; --count) {
    mutateOnce(model, inputs, random);
  }
  model.graph.nodeConstants.clear();
  model.graph.indexConstants();
}

void fixInputs(Model& model, Values& inputs, Random& random) {
  std::erase_if(model.graph.inputs, [&](const ValueInfo& input) {
    const auto given = inputs.find(input.name);
    if (given == inputs.end() || !given->second.isTensor() || pick(random, 2) == 0) {
      return false;
    }
    model.graph.addInitializer(input.name, given->second.tensor());
    inputs.erase(given);
    return true;
  });
}

} // namespace halfstep::test
