// A small model made of known values, for tests of view-models and widgets.
#pragma once

#include "widgets/viewmodels/document.h"

#include <cmath>
#include <cstring>
#include <memory>

namespace halfstep::test {

/// Float32 values that look like weights: deterministic, roughly bell-shaped, different in every channel.
inline Tensor exampleWeight(Shape shape, double scale) {
  const std::size_t count = elementCount(shape).value();
  std::vector<std::byte> bytes(count * sizeof(float));
  for (std::size_t i = 0; i < count; ++i) {
    const double u = std::fmod(static_cast<double>(i) * 0.6180339887498949, 1.0);
    const auto value = static_cast<float>(scale * std::log((u + 1e-3) / (1.001 - u)));
    std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
  }
  return Tensor::own(ElementType::float32, std::move(shape), std::move(bytes)).value();
}

/// Layers conv1 [8,3,3,3], conv2 [16,8,3,3] and fc [10,256].
inline std::shared_ptr<const Model> exampleModel() {
  auto model = std::make_shared<Model>();
  model->name = "example.onnx";
  model->path = "/models/example.onnx";
  model->format = "ONNX";
  model->opsets[""] = 13;
  const std::tuple<const char*, const char*, Shape, double> layers[] = {
      {"conv1", "Conv", {8, 3, 3, 3}, 0.1},
      {"conv2", "Conv", {16, 8, 3, 3}, 0.05},
      {"fc", "Gemm", {10, 256}, 0.02}};
  for (const auto& [name, op, shape, scale] : layers) {
    Layer layer;
    layer.name = name;
    layer.op = op;
    layer.weightName = std::string(name) + ".weight";
    layer.weight = exampleWeight(shape, scale);
    layer.channelAxes = {0};
    layer.nodes = {name};
    model->parameters += static_cast<std::int64_t>(layer.weight.count());
    model->layers.push_back(std::move(layer));
  }
  model->bytes = model->parameters * 4;
  return model;
}

inline Plan int8Plan() {
  Plan plan;
  plan.fallback.weights = defaultScheme(NumberFormat::int8);
  return plan;
}

} // namespace halfstep::test
