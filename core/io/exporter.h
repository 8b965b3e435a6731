// What writes a plan, a report or a model for a toolchain. Implemented by exporter plug-ins.
#pragma once

#include "core/analysis/calibration.h"
#include "core/analysis/latency.h"
#include "core/analysis/layer_errors.h"
#include "core/analysis/sensitivity.h"
#include "core/quant/plan.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halfstep {

/// What was measured of the network with the plan at hand. Null where it was not.
struct MeasuredResults {
  std::shared_ptr<const Calibration> calibration; ///< where static ranges of activations come from
  std::shared_ptr<const Evaluation> evaluation;
  std::shared_ptr<const LayerErrors> layerErrors;
  std::shared_ptr<const Sensitivity> sensitivity;
  std::shared_ptr<const Latency> latency;
};

/// What an exporter may draw on. `model` is never null.
struct ExportInput {
  std::shared_ptr<const Model> model;
  Plan plan;
  std::string programVersion;
  MeasuredResults measured = {};
  /// A model file that would be larger keeps its weights in a second file beside it, for formats that can.
  std::uint64_t externalDataAbove = 2'000'000'000;
};

/// A layer whose scheme the target cannot express, and what becomes of it. "*": all of them.
struct ExportLoss {
  std::string layer;
  std::string what;
};

/// What the target would make of a layer without saying so, and why: it stays in float, for want of a pair.
struct ExportFinding {
  std::string layer;
  std::string what;
  std::string why;
};

/// A rule that the target matches against names by itself, and the layers of this model that it matches.
struct ExportPattern {
  std::string pattern;  ///< as it is written
  std::string matching; ///< how the target matches: "re.match", "fnmatch", "exact", …
  std::string meaning;  ///< what it sets, for people: "int8 per channel"
  std::vector<std::string> layers;
};

struct ExportReport {
  std::vector<std::filesystem::path> files; ///< written, in order
  std::vector<ExportLoss> lost;
  std::optional<Plan> written; ///< of a model: what of the plan is in it, to forecast what it computes
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
  /// What the target would leave in float, or do otherwise than planned, and why; says more than `losses`
  /// where the target decides by itself. Writes nothing.
  virtual Result<std::vector<ExportFinding>> check(const ExportInput& input, const JobContext& context) const;
  /// The rules that `write` would write. Cheap.
  virtual std::vector<ExportPattern> patterns(const ExportInput& input) const;
  /// Whether `write` needs `input.measured.calibration` for this plan.
  virtual bool needsCalibration(const ExportInput& input) const;
  /// Whether the first file is a model that can be opened and run again, to compare it with the forecast.
  virtual bool writesModel() const { return false; }
  /// Writes to `path` atomically: the old file or the whole new one. Any thread. Error (usage): a calibration
  /// that is needed is missing.
  virtual Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                                     const JobContext& context) const = 0;
};

} // namespace halfstep
