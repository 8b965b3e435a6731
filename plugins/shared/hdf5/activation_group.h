// What calibration learned of a value as a group of an HDF5 file: in calibrations and in results.
#pragma once

#include "core/analysis/activation_statistics.h"
#include "plugins/shared/hdf5/hdf5_handle.h"

#include <string>

namespace halfstep::hdf5 {

/// A new group with the attributes name, dtype, shape, count, nan, infinite, zeros, min, max, mean, m2, m3,
/// m4, moving_average (lo, hi), channel_axis, histogram_exponent, and the data sets histogram (counts; bin k
/// covers
/// [(k − n/2)·2^exponent, (k + 1 − n/2)·2^exponent), zeros not counted), sample_index, sample_min,
/// sample_max, channel_min, channel_max. Negative: it failed.
herr_t writeStatistics(hid_t parent, const std::string& name, const ActivationStatistics& value);

} // namespace halfstep::hdf5
