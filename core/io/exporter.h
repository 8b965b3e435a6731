// What writes a plan, a report or a model for a toolchain. Implemented by exporter plug-ins.
#pragma once

#include "core/model/model.h"
#include "core/quant/plan.h"
#include "core/quant/quantizer.h"
#include "core/support/job_context.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace halfstep {

/// What an exporter may draw on. Pointers are never null while `write` runs.
struct ExportInput {
  std::shared_ptr<const Model> model;
  Plan plan;
  std::string programVersion;
};

/// A layer whose scheme the target cannot express, and what becomes of it.
struct ExportLoss {
  std::string layer;
  std::string what;
};

struct ExportReport {
  std::vector<std::filesystem::path> files; ///< written, in order
  std::vector<ExportLoss> lost;
};

class Exporter {
public:
  virtual ~Exporter() = default;

  /// The name on the command line: "ort-overrides".
  virtual std::string formatName() const = 0;
  /// For people: "ONNX Runtime tensor overrides".
  virtual std::string title() const = 0;
  /// One sentence: what reads the file, and the command that does.
  virtual std::string explanation() const = 0;
  virtual std::string suffix() const = 0;
  /// What the target cannot express, before anything is written. Cheap.
  virtual std::vector<ExportLoss> losses(const ExportInput& input) const = 0;
  /// Writes to `path` atomically: the old file or the whole new one. Any thread.
  virtual Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                                     const JobContext& context) const = 0;
};

} // namespace halfstep
