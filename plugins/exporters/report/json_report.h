// report-json: every figure, per layer and per channel, with scales, zero points and ranges.
//
//   {"halfstep_report": 1, "program": "0.1.0", "model": {"file", "sha256", "format", "parameters", "bytes"},
//    "seed": of the intervals, "measured": as measuredJson() in core/io/measured_json.h,
//    "layers": [{"name", "op", "weight", "shape", "dtype", "parameters", "channel_axes", "scheme",
//                "bits_per_weight", "bytes", "mse", "mse_rounding", "mse_clipping", "sqnr_db", "max_error",
//                "mean_error", "cosine", "clipped", "non_finite",
//                "segmentation": {"kind", "channels", "values_per_channel", "segments_per_channel",
//                "length"}, "scales": […], "zero_points": […], "ranges": {"lo": […], "hi": […]}, "channels":
//                {"mse": […], …}}],
//                plus "activations", and where they were measured "errors" {"isolated_sqnr_db",
//                "accumulated_sqnr_db", "left"}, "sensitivity" {"values", "intervals", "planned", "left"} in
//                the order of measured.sensitivity.schemes, "latency_ms" {"times", "spread", "calls"},
//    "total": {"bytes_before", "bytes_after", "ratio", figures as above}}
//
// Scales, zero points and ranges: one per segment, channel after channel. Figures that are not finite are
// null.
#pragma once

#include "core/io/exporter.h"

namespace halfstep {

class JsonReport : public Exporter {
public:
  std::string formatName() const override { return "report-json"; }
  std::string title() const override { return "Report (JSON)"; }
  std::string explanation() const override {
    return "Every figure of every layer and channel, with scales and zero points; for scripts.";
  }
  std::string suffix() const override { return "json"; }
  std::vector<ExportLoss> losses(const ExportInput&) const override { return {}; }
  Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                             const JobContext& context) const override;
};

} // namespace halfstep
