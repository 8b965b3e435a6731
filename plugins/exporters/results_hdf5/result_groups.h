// The groups of a results file. Each function writes one and returns a negative status where HDF5 failed (for
// want of memory: everything is written there). One thread at a time.
#pragma once

#include "plugins/shared/hdf5/hdf5_handle.h"
#include "plugins/shared/report/measured_layers.h"
#include "plugins/shared/report/report_figures.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace halfstep::hdf5 {

/// The least of several statuses.
inline herr_t worstOf(std::initializer_list<herr_t> states) {
  return std::min(states);
}

/// /layers/NAME: what the plan makes of one layer, with every scale and the histogram of its values. Errors:
/// those of reading the weights; cancelled.
Result<herr_t> writeLayer(hid_t layers, const std::string& name, const ExportInput& input, const Layer& layer,
                          const LayerQuantization& quantization, const JobContext& context);

herr_t writeCalibration(hid_t file, const Calibration& calibration);
herr_t writeEvaluation(hid_t file, const Evaluation& evaluation, std::uint64_t seed);
herr_t writeErrors(hid_t file, const LayerErrors& errors, std::uint64_t seed);
herr_t writeSensitivity(hid_t file, const Sensitivity& sweep);
herr_t writeLatency(hid_t file, const Latency& latency);

} // namespace halfstep::hdf5
