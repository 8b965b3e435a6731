// The inputs that `run` is given on the command line, brought to what the model declares.
#pragma once

#include "core/exec/value.h"
#include "core/model/model.h"

#include <map>
#include <string>
#include <vector>

namespace halfstep::cli {

/// Reads "NAME=FILE.npy" pairs. Numbers of another size of the same kind are converted: floating point
/// rounded to nearest (NumPy makes float64), integers where every value is one of the model's type. Errors:
/// kind `usage`, naming the input, for one that the model does not have and for a type or shape that is not
/// the declared one; what reading the file gives.
Result<std::map<std::string, Value>> readInputs(const std::vector<std::string>& given, const Model& model);

} // namespace halfstep::cli
