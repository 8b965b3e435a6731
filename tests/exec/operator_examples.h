// One small graph for each operator that ONNX's own test cases have none for (later operator sets,
// com.microsoft), written in a line: sound ones, to be run and to be damaged.
#pragma once

#include "tests/exec/graph_mutations.h"

#include <memory>
#include <string>
#include <vector>

namespace halfstep::test {

/// A model and values for its inputs.
struct RunnableModel {
  std::string name;
  std::shared_ptr<const Model> model;
  Values inputs;
};

std::vector<RunnableModel> operatorExamples();

/// A model of one node. `inputs`: separated by spaces, "-" for one that is left out; "f32[2,3]" is a tensor
/// of random values, "f32[1,2]=3,4" one of these, "i64=4,7" a list, "i64:3" a scalar. `attributes`: "axis=1
/// axes=[0,1] alpha=0.5f mode=linear".
RunnableModel exampleOf(const std::string& domain, std::int64_t opset, const std::string& opType,
                        const std::string& inputs, const std::string& attributes, int outputs = 1);

} // namespace halfstep::test
