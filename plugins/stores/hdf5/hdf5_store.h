// Calibrations as HDF5 files, readable with h5py:
//   attributes of /: format "halfstep_calibration", version, model, model_sha256, data, synthetic,
//   fingerprint /samples: their names /values/000000, …: one group per value with the attributes name, dtype,
//   shape, count, nan, infinite, zeros,
//     min, max, mean, m2, m3, m4, moving_average (lo, hi), channel_axis, histogram_exponent, and the data
//     sets histogram (counts; bin k covers [(k − n/2)·2^exponent, (k + 1 − n/2)·2^exponent), zeros not
//     counted), sample_index, sample_min, sample_max, channel_min, channel_max.
#pragma once

#include "core/io/calibration_store.h"

#include <mutex>

namespace halfstep {

class Hdf5Store : public CalibrationStore {
public:
  std::vector<std::string> suffixes() const override { return {"h5", "hdf5"}; }
  Result<void> save(const StoredCalibration& calibration, const std::filesystem::path& path,
                    const JobContext& job) const override;
  Result<StoredCalibration> load(const std::filesystem::path& path, const JobContext& job) const override;

private:
  mutable std::mutex m_library; ///< which serves one thread at a time
};

} // namespace halfstep
