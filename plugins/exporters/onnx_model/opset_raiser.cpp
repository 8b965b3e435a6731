#include "plugins/exporters/onnx_model/opset_raiser.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

namespace halfstep::onnx_export {

namespace {

using Node = onnx::NodeProto;

struct NodeAt {
  ModelEdit& edit;
  NodePlace place;
  Node& node;
};

bool hasAttribute(const Node& node, const char* name) {
  return findAttribute(node, name) != nullptr;
}

std::int64_t integerOf(const Node& node, const char* name, std::int64_t fallback) {
  const auto* attribute = findAttribute(node, name);
  return attribute != nullptr ? attribute->i() : fallback;
}

/// Gives input `index` the name `value`, with empty ones before it.
void setInput(Node& node, int index, const std::string& value) {
  while (node.input_size() <= index) {
    node.add_input("");
  }
  node.set_input(index, value);
}

std::string constantFor(const NodeAt& at, const std::string& what, onnx::TensorProto tensor) {
  tensor.set_name(at.edit.unique((at.node.name().empty() ? at.node.op_type() : at.node.name()) + "_" + what));
  std::string name = tensor.name();
  at.edit.addConstant(at.place, std::move(tensor));
  return name;
}

/// Makes the integers of an attribute input `index`.
void integersToInput(const NodeAt& at, const char* name, int index, bool isScalarAttribute = false) {
  const auto* attribute = findAttribute(at.node, name);
  if (attribute == nullptr) {
    return;
  }
  std::vector<std::int64_t> values(attribute->ints().begin(), attribute->ints().end());
  if (isScalarAttribute) {
    values = {attribute->i()};
  }
  setInput(at.node, index,
           constantFor(at, name, int64Tensor({}, {static_cast<std::int64_t>(values.size())}, values)));
  removeAttribute(at.node, name);
}

void realToInput(const NodeAt& at, const char* name, int index) {
  const auto* attribute = findAttribute(at.node, name);
  if (attribute == nullptr) {
    return;
  }
  const float value = attribute->f();
  setInput(at.node, index, constantFor(at, name, floatTensor({}, {}, std::span(&value, 1))));
  removeAttribute(at.node, name);
}

void axesToInput(const NodeAt& at) {
  integersToInput(at, "axes", 1);
}

void sliceToInputs(const NodeAt& at) {
  integersToInput(at, "starts", 1);
  integersToInput(at, "ends", 2);
  integersToInput(at, "axes", 3);
}

void clipToInputs(const NodeAt& at) {
  realToInput(at, "min", 1);
  realToInput(at, "max", 2);
}

void padToInputs(const NodeAt& at) {
  integersToInput(at, "pads", 1);
  if (const auto* value = findAttribute(at.node, "value"); value != nullptr && value->f() == 0.0f) {
    removeAttribute(at.node, "value"); // what it is without an input, of any type
  }
  realToInput(at, "value", 2);
}

void splitToInput(const NodeAt& at) {
  integersToInput(at, "split", 1);
}

void splitCount(const NodeAt& at) {
  if (at.node.input_size() < 2 || at.node.input(1).empty()) {
    setInteger(at.node, "num_outputs", at.node.output_size());
  }
}

/// The rank of `value` where the file says it; −1 otherwise.
int rankOf(const NodeAt& at, const std::string& value) {
  const GraphPart& part = at.edit.part(at.place.part);
  if (part.graph == nullptr) {
    return -1;
  }
  for (const auto* values : {&part.graph->value_info(), &part.graph->input(), &part.graph->output()}) {
    for (const auto& info : *values) {
      if (info.name() == value && info.type().has_tensor_type() && info.type().tensor_type().has_shape()) {
        return info.type().tensor_type().shape().dim_size();
      }
    }
  }
  return -1;
}

/// Until version 12, Softmax took everything from `axis` on as one axis.
void flattenedSoftmax(const NodeAt& at) {
  const std::int64_t axis = integerOf(at.node, "axis", 1);
  const int rank = rankOf(at, at.node.input(0));
  setInteger(at.node, "axis", -1);
  if (axis == -1 || (rank >= 0 && axis == rank - 1)) {
    return;
  }
  const std::string base = at.node.name().empty() ? at.node.output(0) : at.node.name();
  const std::string shape = at.edit.unique(base + "_shape");
  const std::string flat = at.edit.unique(base + "_flat");
  const std::string result = at.edit.unique(base + "_flat_result");
  const std::string output = at.node.output(0);
  Node flatten = makeNode("Flatten", flat, {at.node.input(0)}, {flat});
  setInteger(flatten, "axis", axis);
  at.edit.insertBefore(at.place, makeNode("Shape", shape, {at.node.input(0)}, {shape}));
  at.edit.insertBefore(at.place, std::move(flatten));
  at.node.set_input(0, flat);
  at.node.set_output(0, result);
  at.edit.insertBefore({at.place.part, at.place.node + 1},
                       makeNode("Reshape", at.edit.unique(base + "_reshape"), {result, shape}, {output}));
}

void upsampleToResize(const NodeAt& at) {
  if (const auto* scales = findAttribute(at.node, "scales")) {
    const std::vector<float> values(scales->floats().begin(), scales->floats().end());
    setInput(at.node, 1,
             constantFor(at, "scales", floatTensor({}, {static_cast<std::int64_t>(values.size())}, values)));
    removeAttribute(at.node, "scales");
  }
  at.node.set_op_type("Resize");
}

void resizeWithRegion(const NodeAt& at) {
  const std::string scales = at.node.input(1);
  const std::string region = constantFor(at, "roi", floatTensor({}, {0}, {}));
  setInput(at.node, 1, region);
  setInput(at.node, 2, scales);
  setText(at.node, "coordinate_transformation_mode", "asymmetric");
  setText(at.node, "nearest_mode", "floor");
}

void dropRatio(const NodeAt& at) {
  removeAttribute(at.node, "ratio"); // without meaning where nothing is trained
}

void renameGridMode(const NodeAt& at) {
  if (const auto* mode = findAttribute(at.node, "mode")) {
    const std::string old = mode->s();
    setText(at.node, "mode", old == "bilinear" ? "linear" : (old == "bicubic" ? "cubic" : old));
  }
}

/// One change of one operator. `rewrite` keeps the result; without one the node cannot be brought over the
/// version where `applies` (always, where it is null).
struct Change {
  std::string_view operation;
  std::int64_t version; ///< the first that reads it differently
  std::function<void(const NodeAt&)> rewrite;
  std::function<bool(const Node&)> applies = {};
};

const std::vector<Change>& changes() {
  static const std::vector<Change> kChanges = [] {
    std::vector<Change> table;
    const auto add = [&](std::initializer_list<const char*> operations, std::int64_t version,
                         std::function<void(const NodeAt&)> rewrite,
                         std::function<bool(const Node&)> applies = {}) {
      for (const char* operation : operations) {
        table.push_back({operation, version, rewrite, applies});
      }
    };
    const auto has = [](const char* name) {
      return [name](const Node& node) { return hasAttribute(node, name); };
    };
    const auto drop = [](const char* name) {
      return [name](const NodeAt& at) { removeAttribute(at.node, name); };
    };
    add({"Reshape"}, 5, [](const NodeAt& at) { integersToInput(at, "shape", 1); });
    add({"Cast"}, 6, {}); // named types by text
    add({"Tile", "Pad"}, 2, {});
    add({"Tile"}, 6, {});
    add({"Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"}, 7, {},
        has("axis"));
    add({"Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less", "Gemm"}, 7,
        drop("broadcast"));
    add({"BatchNormalization", "Dropout"}, 7, drop("is_test"));
    add({"PRelu", "RNN", "GRU", "LSTM", "Upsample"}, 7, {});
    add({"BatchNormalization"}, 9, {}, [](const Node& node) { return integerOf(node, "spatial", 1) == 0; });
    add({"BatchNormalization"}, 9, drop("spatial"));
    add({"Scan", "MeanVarianceNormalization"}, 9, {});
    add({"Slice"}, 10, sliceToInputs);
    add({"TopK"}, 10, [](const NodeAt& at) { integersToInput(at, "k", 1, true); });
    add({"Upsample"}, 10, upsampleToResize);
    add({"Dropout"}, 10, {}, [](const Node& node) { return node.output_size() > 1; });
    add({"ATen", "Affine", "ConstantFill", "Crop", "DynamicSlice", "GivenTensorFill", "GRUUnit",
         "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh"},
        10, {}); // experimental ones, which are gone
    add({"Clip"}, 11, clipToInputs);
    add({"Pad"}, 11, padToInputs);
    add({"Resize"}, 11, resizeWithRegion);
    add({"Scatter"}, 11, [](const NodeAt& at) { at.node.set_op_type("ScatterElements"); });
    add({"Dropout"}, 12, dropRatio);
    add({"Softmax", "LogSoftmax", "Hardmax"}, 13, flattenedSoftmax);
    add({"Squeeze", "Unsqueeze", "ReduceSum"}, 13, axesToInput);
    add({"Split"}, 13, splitToInput);
    add({"Resize"}, 13, {}, [](const Node& node) {
      const auto* mode = findAttribute(node, "coordinate_transformation_mode");
      return mode != nullptr && mode->s() == "tf_half_pixel_for_nn";
    });
    add({"BatchNormalization"}, 14, {}, [](const Node& node) { return node.output_size() > 1; });
    add({"RoiAlign"}, 16,
        [](const NodeAt& at) { setText(at.node, "coordinate_transformation_mode", "output_half_pixel"); });
    add({"ReduceMax", "ReduceMin", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
         "ReduceLogSumExp", "ReduceSumSquare"},
        18, axesToInput);
    add({"Split"}, 18, splitCount);
    add({"GridSample"}, 20, renameGridMode);
    add({"DFT"}, 20, {});
    add({"GroupNormalization"}, 21, {});
    return table;
  }();
  return kChanges;
}

template <class F>
void forChanges(ModelEdit& edit, std::int64_t from, std::int64_t to, F body) {
  std::vector<const Change*> passed;
  for (const Change& change : changes()) {
    if (change.version > from && change.version <= to) {
      passed.push_back(&change);
    }
  }
  for (std::size_t part = 0; part < edit.parts().size(); ++part) {
    auto& nodes = edit.parts()[part].nodes();
    for (int i = 0; i < nodes.size(); ++i) {
      for (const Change* change :
           passed) { // in the order of their versions, so that they build on each other
        Node& node = *nodes.Mutable(i);
        if (isOnnxDomain(node.domain()) && node.op_type() == change->operation &&
            (!change->applies || change->applies(node))) {
          body(*change, NodeAt{edit, {static_cast<int>(part), i}, node});
        }
      }
    }
  }
}

} // namespace

std::string obstacleToOpset(ModelEdit& edit, std::int64_t to) {
  const std::int64_t from = edit.opset("");
  std::string obstacle;
  forChanges(edit, from, to, [&](const Change& change, const NodeAt& at) {
    if (!change.rewrite && obstacle.empty()) {
      obstacle = at.node.op_type() + (at.node.name().empty() ? "" : " " + at.node.name()) + " of version " +
                 std::to_string(from) + " is another operator from version " +
                 std::to_string(change.version) + " on";
    }
  });
  return obstacle;
}

void raiseOpset(ModelEdit& edit, std::int64_t to) {
  forChanges(edit, edit.opset(""), to, [](const Change& change, const NodeAt& at) {
    if (change.rewrite) {
      change.rewrite(at);
    }
  });
  edit.importOpset("", to);
}

} // namespace halfstep::onnx_export
