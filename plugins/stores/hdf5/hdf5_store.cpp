#include "plugins/stores/hdf5/hdf5_store.h"

#include "core/io/atomic_file.h"
#include "core/support/mapped_file.h"
#include "plugins/shared/hdf5/activation_group.h"

#include <algorithm>

namespace halfstep {

namespace {

using hdf5::Handle;

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMostValues = 1 << 20;
constexpr std::size_t kMostSamples = 1 << 26;
constexpr std::size_t kMostChannels = 1 << 26;
constexpr std::size_t kMostAxes = 64;
constexpr std::size_t kBins = 2 * BinaryHistogram::kBinsPerSide;
const char* const kFormat = "halfstep_calibration";

Result<std::vector<std::byte>> calibrationImage(const StoredCalibration& stored, const JobContext& job) {
  const Error noMemory{ErrorKind::failed, "HDF5 could not write it (not enough memory?)"};
  const Handle file = hdf5::newMemoryFile();
  if (!file.isValid()) {
    return noMemory;
  }
  const Calibration& calibration = *stored.calibration;
  const herr_t states[] = {
      hdf5::writeText(file.id(), "format", kFormat),
      hdf5::writeNumber(file.id(), "version", kVersion),
      hdf5::writeText(file.id(), "model", stored.modelFile),
      hdf5::writeText(file.id(), "model_sha256", stored.modelSha256),
      hdf5::writeText(file.id(), "data", calibration.origin.description),
      hdf5::writeNumber(file.id(), "synthetic", std::int64_t{calibration.origin.synthetic}),
      hdf5::writeNumber(file.id(), "fingerprint", calibration.origin.fingerprint),
      hdf5::writeTexts(file.id(), "samples", calibration.sampleNames)};
  const Handle values(H5Gcreate2(file.id(), "values", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  bool good = values.isValid() && *std::min_element(std::begin(states), std::end(states)) >= 0;
  for (std::size_t i = 0; i < calibration.values.size() && good; ++i) {
    HALFSTEP_CHECK(job.checkpoint());
    good = hdf5::writeStatistics(values.id(), hdf5::groupName(i), calibration.values[i]) >= 0;
  }
  return good ? hdf5::imageOf(file) : Result<std::vector<std::byte>>(noMemory);
}

Result<ActivationStatistics> readValue(hid_t group) {
  ActivationStatistics value;
  HALFSTEP_TRY(value.name, hdf5::readText(group, "name"));
  HALFSTEP_TRY(const std::string type, hdf5::readText(group, "dtype"));
  for (const ElementType candidate :
       {ElementType::float32, ElementType::float16, ElementType::bfloat16, ElementType::float64}) {
    value.type = elementTypeName(candidate) == type ? candidate : value.type;
  }
  HALFSTEP_TRY(value.shape, hdf5::readAttribute<std::int64_t>(group, "shape", kMostAxes));
  kernels::MomentPartials& moments = value.moments;
  HALFSTEP_TRY(moments.finite, hdf5::readNumber<std::int64_t>(group, "count"));
  HALFSTEP_TRY(moments.nan, hdf5::readNumber<std::int64_t>(group, "nan"));
  HALFSTEP_TRY(moments.infinite, hdf5::readNumber<std::int64_t>(group, "infinite"));
  HALFSTEP_TRY(moments.zeros, hdf5::readNumber<std::int64_t>(group, "zeros"));
  HALFSTEP_TRY(moments.min, hdf5::readNumber<float>(group, "min"));
  HALFSTEP_TRY(moments.max, hdf5::readNumber<float>(group, "max"));
  HALFSTEP_TRY(moments.mean, hdf5::readNumber<double>(group, "mean"));
  HALFSTEP_TRY(moments.m2, hdf5::readNumber<double>(group, "m2"));
  HALFSTEP_TRY(moments.m3, hdf5::readNumber<double>(group, "m3"));
  HALFSTEP_TRY(moments.m4, hdf5::readNumber<double>(group, "m4"));
  HALFSTEP_TRY(const std::vector<float> average, hdf5::readAttribute<float>(group, "moving_average", 2));
  HALFSTEP_TRY(const std::int64_t axis, hdf5::readNumber<std::int64_t>(group, "channel_axis"));
  HALFSTEP_TRY(const std::int64_t exponent, hdf5::readNumber<std::int64_t>(group, "histogram_exponent"));
  HALFSTEP_TRY(std::vector<std::int64_t> counts, hdf5::readDataset<std::int64_t>(group, "histogram", kBins));
  HALFSTEP_TRY(const auto index, hdf5::readDataset<std::uint32_t>(group, "sample_index", kMostSamples));
  HALFSTEP_TRY(const auto low, hdf5::readDataset<float>(group, "sample_min", kMostSamples));
  HALFSTEP_TRY(const auto high, hdf5::readDataset<float>(group, "sample_max", kMostSamples));
  HALFSTEP_TRY(const auto channelLow, hdf5::readDataset<float>(group, "channel_min", kMostChannels));
  HALFSTEP_TRY(const auto channelHigh, hdf5::readDataset<float>(group, "channel_max", kMostChannels));
  constexpr std::int64_t kExponents = 160; // float32 has no others
  const bool fits = (counts.empty() || counts.size() == kBins) && exponent >= -kExponents &&
                    exponent <= kExponents && average.size() == 2 && index.size() == low.size() &&
                    low.size() == high.size() && channelLow.size() == channelHigh.size() && axis >= -1 &&
                    axis < static_cast<std::int64_t>(kMostAxes) && moments.finite >= 0 &&
                    std::none_of(counts.begin(), counts.end(), [](std::int64_t count) { return count < 0; });
  if (!fits) {
    return Error{ErrorKind::damagedFile, "its parts do not fit together"};
  }
  value.movingAverage = {average[0], average[1]};
  value.channelAxis = static_cast<int>(axis);
  value.histogram = BinaryHistogram::of(static_cast<int>(exponent), std::move(counts));
  for (std::size_t i = 0; i < index.size(); ++i) {
    value.samples.push_back({index[i], low[i], high[i]});
  }
  for (std::size_t i = 0; i < channelLow.size(); ++i) {
    value.channelRanges.push_back({channelLow[i], channelHigh[i]});
  }
  return value;
}

/// Every range of a sample must be of one that has a name: those who show it look the name up.
Result<void> checkSamples(const ActivationStatistics& value, std::size_t samples) {
  for (const SampleRange& range : value.samples) {
    if (range.sample >= samples) {
      return Error{ErrorKind::damagedFile, "holds " + std::to_string(range.sample) + ", but the file has " +
                                               std::to_string(samples) + " samples"};
    }
  }
  return {};
}

Result<StoredCalibration> readFile(hid_t file, const JobContext& job) {
  HALFSTEP_TRY(const std::string format, hdf5::readText(file, "format"));
  HALFSTEP_TRY(const std::int64_t version, hdf5::readNumber<std::int64_t>(file, "version"));
  if (format != kFormat) {
    return Error{ErrorKind::damagedFile, "holds \"" + format + "\" and no calibration"};
  }
  if (version != kVersion) {
    return Error{ErrorKind::unsupported, "is of version " + std::to_string(version) + " of the format"};
  }
  StoredCalibration stored;
  auto calibration = std::make_shared<Calibration>();
  HALFSTEP_TRY(stored.modelFile, hdf5::readText(file, "model"));
  HALFSTEP_TRY(stored.modelSha256, hdf5::readText(file, "model_sha256"));
  HALFSTEP_TRY(calibration->origin.description, hdf5::readText(file, "data"));
  HALFSTEP_TRY(const std::int64_t synthetic, hdf5::readNumber<std::int64_t>(file, "synthetic"));
  HALFSTEP_TRY(calibration->origin.fingerprint, hdf5::readNumber<std::uint64_t>(file, "fingerprint"));
  HALFSTEP_TRY(calibration->sampleNames, hdf5::readTexts(file, "samples", kMostSamples));
  calibration->origin.synthetic = synthetic != 0;
  const Handle values(H5Gopen2(file, "values", H5P_DEFAULT), H5Gclose);
  H5G_info_t info{};
  if (!values.isValid() || H5Gget_info(values.id(), &info) < 0 || info.nlinks > kMostValues) {
    return Error{ErrorKind::damagedFile, "the group /values is missing or absurdly large"};
  }
  for (std::size_t i = 0; i < info.nlinks; ++i) {
    HALFSTEP_CHECK(job.checkpoint());
    const Handle group(H5Gopen2(values.id(), hdf5::groupName(i).c_str(), H5P_DEFAULT), H5Gclose);
    auto value = group.isValid() ? readValue(group.id())
                                 : Result<ActivationStatistics>(Error{ErrorKind::damagedFile, "is missing"});
    if (!value) {
      value.error().where = "/values/" + hdf5::groupName(i);
      return value.error();
    }
    if (auto checked = checkSamples(*value, calibration->sampleNames.size()); !checked) {
      checked.error().where = "/values/" + hdf5::groupName(i) + "/sample_index";
      return checked.error();
    }
    calibration->values.push_back(std::move(*value));
  }
  stored.calibration = std::move(calibration);
  return stored;
}

} // namespace

Result<void> Hdf5Store::save(const StoredCalibration& calibration, const std::filesystem::path& path,
                             const JobContext& job) const {
  const std::lock_guard lock(m_library);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); // it prints otherwise
  auto image = calibrationImage(calibration, job);
  if (!image) {
    image.error().file = path.string();
    return image.error();
  }
  return writeFileAtomically(path, *image);
}

Result<StoredCalibration> Hdf5Store::load(const std::filesystem::path& path, const JobContext& job) const {
  HALFSTEP_TRY(const auto mapped, MappedFile::open(path));
  const std::lock_guard lock(m_library);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const Handle file = hdf5::openImage(mapped->bytes());
  if (!file.isValid()) {
    return Error{ErrorKind::damagedFile, "is no HDF5 file", {}, path.string()};
  }
  auto stored = readFile(file.id(), job);
  if (!stored) {
    stored.error().file = path.string();
  }
  return stored;
}

} // namespace halfstep
