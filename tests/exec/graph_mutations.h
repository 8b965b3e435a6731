// Damages graphs and what they are run on, at random but by a seed, for tests: attributes, connections,
// element types, shapes, constants, versions; in subgraphs and functions too.
#pragma once

#include "core/exec/value.h"
#include "core/model/model.h"

#include <map>
#include <random>
#include <string>

namespace halfstep::test {

using Random = std::mt19937_64;
using Values = std::map<std::string, Value>;

/// A number in 0…count−1; `count` is not 0.
std::size_t pick(Random& random, std::size_t count);

enum class Content { plain, any };
/// Values of `type` in a valid shape: integers of 0…3 and floats of 0.5…2 and −2…−0.5, or, with `any`, at
/// times others that no operator may choke on.
Tensor randomTensor(ElementType type, const Shape& shape, Random& random, Content content);

/// Another shape, element type or content.
Tensor mutatedTensor(const Tensor& tensor, Random& random);

/// Changes one to three things about the model or the values for its inputs.
void mutate(Model& model, Values& inputs, Random& random);

/// The nodes of the main graph with their attributes, and the values for inputs, for a person to read.
std::string described(const Model& model, const Values& inputs);

/// Makes some of the values for inputs constants of the model.
void fixInputs(Model& model, Values& inputs, Random& random);

} // namespace halfstep::test
