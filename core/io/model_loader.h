// What reads a model file. Implemented by loader plug-ins; chosen by content first, by suffix second.
#pragma once

#include "core/exec/value.h"
#include "core/model/model.h"
#include "core/support/job_context.h"

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace halfstep {

class ModelLoader {
public:
  virtual ~ModelLoader() = default;

  /// "ONNX".
  virtual std::string formatName() const = 0;
  /// Without dots: {"onnx"}.
  virtual std::vector<std::string> suffixes() const = 0;
  /// How sure the loader is that a file with these first bytes (at most 4096) is its own: 0 no … 100 certain.
  virtual int recognise(std::span<const std::byte> head) const = 0;
  /// Reads the model; its weights stay in the mapped file. Any thread; several at a time. Errors name the
  /// file and the place in it. Nothing in the file is ever executed.
  virtual Result<std::shared_ptr<const Model>> load(const std::filesystem::path& path,
                                                    const JobContext& context) const = 0;
  /// Reads a file that holds one value in the format's own form (ONNX: "input_0.pb"). `container`: what the
  /// model says it is (ValueInfo::container), as such files need not say it themselves. The same errors;
  /// `unsupported` where the format has no such files.
  virtual Result<Value> loadValue(const std::filesystem::path& path,
                                  [[maybe_unused]] std::string_view container) const {
    return Error{ErrorKind::unsupported, "holds no values that can be read", {}, path.string()};
  }
  /// A file with one tensor. Errors: as above; an empty one.
  Result<Tensor> loadTensor(const std::filesystem::path& path) const {
    HALFSTEP_TRY(const Value value, loadValue(path, ""));
    if (!value.isTensor()) {
      return Error{ErrorKind::damagedFile, "holds no tensor", {}, path.string()};
    }
    return value.tensor();
  }
};

} // namespace halfstep
