#include "app/cli/calibration_options.h"

#include "core/io/calibration_store.h"
#include "core/support/hash.h"

namespace halfstep::cli {

void addCalibrationOption(const CommandParser& parser, std::string& file) {
  parser.option("--calibration", file,
                "Ranges of activations from this file (halfstep-cli calibrate --save) instead of the data");
}

Result<std::shared_ptr<const Calibration>> savedCalibration(Environment& environment, const std::string& file,
                                                            const std::string& modelSha256,
                                                            OtherModel otherModel) {
  const CalibrationStore* store = environment.plugins().calibrationStore();
  if (store == nullptr) {
    return Error{ErrorKind::unsupported, "there is no plug-in that reads calibrations", {}, file};
  }
  HALFSTEP_TRY(const StoredCalibration saved, store->load(file, environment.context()));
  if (!saved.modelSha256.empty() && saved.modelSha256 != modelSha256) {
    if (otherModel == OtherModel::refused) {
      return Error{ErrorKind::usage, "is a calibration of another model, " + saved.modelFile, {}, file};
    }
    printWarning(file + ": is the calibration of another file, " + saved.modelFile);
  }
  return saved.calibration;
}

Result<std::shared_ptr<const Calibration>> calibrationFor(Environment& environment, const std::string& file,
                                                          const Executor& executor,
                                                          const SampleSource& samples, bool needed,
                                                          const JobContext& job) {
  if (!file.empty()) {
    HALFSTEP_TRY(const std::string hash, sha256OfFile(executor.model().path, environment.context()));
    return savedCalibration(environment, file, hash);
  }
  return needed ? calibrate(executor, samples, {}, job) : std::shared_ptr<const Calibration>();
}

} // namespace halfstep::cli
