// A small classifier with a residual branch, built in memory, and seeded samples for it.
#pragma once

#include "core/analysis/samples.h"
#include "core/exec/elements.h"
#include "core/model/layer_finder.h"
#include "core/model/model.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace halfstep::test {

inline Tensor tensorOf(const Shape& shape, const std::vector<float>& values) {
  const auto made = newTensor<float>(shape).value();
  std::copy(values.begin(), values.end(), made.values.begin());
  return made.finish();
}

inline Tensor randomTensor(const Shape& shape, unsigned seed, float scale = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(elementCount(shape).value());
  for (float& value : values) {
    value = normal(random);
  }
  return tensorOf(shape, values);
}

inline Node operation(const char* op, const char* name, std::vector<std::string> inputs,
                      std::vector<std::string> outputs) {
  Node made;
  made.name = name;
  made.opType = op;
  made.inputs = std::move(inputs);
  made.outputs = std::move(outputs);
  return made;
}

inline ValueInfo floatValue(const char* name, std::vector<std::int64_t> shape) {
  ValueInfo made;
  made.name = name;
  made.type = ElementType::float32;
  made.hasShape = true;
  for (const std::int64_t length : shape) {
    made.shape.push_back({length, {}});
  }
  return made;
}

/// x [1,3,8,8] → Conv c1 → Relu r1 → Conv c2 → Add r1 → Relu r2 → GlobalAveragePool → Flatten → Gemm fc →
/// y [1,10].
inline std::shared_ptr<const Model> smallNetwork() {
  auto model = std::make_shared<Model>();
  model->opsets[""] = 17;
  Graph& graph = model->graph;
  graph.addInitializer("c1.w", randomTensor({8, 3, 3, 3}, 1, 0.3f));
  graph.addInitializer("c1.b", randomTensor({8}, 2, 0.1f));
  graph.addInitializer("c2.w", randomTensor({8, 8, 3, 3}, 3, 0.2f));
  graph.addInitializer("fc.w", randomTensor({10, 8}, 4, 1.0f));
  graph.addInitializer("fc.b", randomTensor({10}, 5, 0.1f));
  for (Node node :
       {operation("Conv", "c1", {"x", "c1.w", "c1.b"}, {"a"}), operation("Relu", "r1", {"a"}, {"b"}),
        operation("Conv", "c2", {"b", "c2.w"}, {"c"}), operation("Add", "add", {"c", "b"}, {"d"}),
        operation("Relu", "r2", {"d"}, {"e"}), operation("GlobalAveragePool", "pool", {"e"}, {"f"}),
        operation("Flatten", "flat", {"f"}, {"g"}), operation("Gemm", "fc", {"g", "fc.w", "fc.b"}, {"y"})}) {
    if (node.opType == "Conv") {
      node.attributes["pads"] = std::vector<std::int64_t>{1, 1, 1, 1};
      node.attributes["kernel_shape"] = std::vector<std::int64_t>{3, 3};
    } else if (node.opType == "Gemm") {
      node.attributes["transB"] = std::int64_t{1};
    }
    graph.nodes.push_back(std::move(node));
  }
  graph.inputs = {floatValue("x", {1, 3, 8, 8})};
  graph.outputs = {floatValue("y", {1, 10})};
  graph.indexConstants();
  model->layers = findLayers(*model, model->warnings);
  return model;
}

/// `count` seeded images; the third is ten times as bright as the others. Targets: the index modulo 10.
class SmallSamples : public SampleSource {
public:
  explicit SmallSamples(std::size_t count)
      : m_count(count) {}
  std::size_t count() const override { return m_count; }
  Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
    const float scale = index == 2 ? 10.0f : 1.0f;
    return std::map<std::string, Value>{
        {"x", randomTensor({1, 3, 8, 8}, 100 + static_cast<unsigned>(index), scale)}};
  }
  std::string name(std::size_t index) const override { return "image " + std::to_string(index); }
  std::vector<std::int64_t> targets(std::size_t index) const override {
    return {static_cast<std::int64_t>(index % 10)};
  }
  SampleOrigin origin() const override { return {"seeded images", true, 7}; }

private:
  std::size_t m_count;
};

} // namespace halfstep::test
