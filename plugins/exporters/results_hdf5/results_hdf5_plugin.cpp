// results-hdf5: every array of a report, readable with h5py.
//   attributes of /: format "halfstep_results", version, program, model, model_sha256, seed (of intervals)
//   /plan: the plan file's text
//   /layers/000000, …: one group per layer, in the model's order (result_groups.h, docs/reports.md)
//   /calibration, /evaluation, /layer_errors, /sensitivity, /latency: what was measured, and only that
#include "core/io/atomic_file.h"
#include "core/io/plan_file.h"
#include "plugins/api/exporter_factory.h"
#include "plugins/exporters/results_hdf5/result_groups.h"

#include <QObject>

#include <mutex>

namespace halfstep {

namespace {

constexpr std::int64_t kVersion = 1;

Result<std::vector<std::byte>> resultsImage(const ExportInput& input, const JobContext& context) {
  const Error noMemory{ErrorKind::failed, "HDF5 could not write it (not enough memory?)"};
  const hdf5::Handle file = hdf5::newMemoryFile();
  const hdf5::Handle layers = file.isValid() ? hdf5::makeGroup(file.id(), "layers") : hdf5::Handle();
  if (!layers.isValid()) {
    return noMemory;
  }
  herr_t worst = hdf5::worstOf({hdf5::writeText(file.id(), "format", "halfstep_results"),
                                hdf5::writeNumber(file.id(), "version", kVersion),
                                hdf5::writeText(file.id(), "program", input.programVersion),
                                hdf5::writeText(file.id(), "model", input.model->name),
                                hdf5::writeText(file.id(), "model_sha256", input.plan.modelSha256),
                                hdf5::writeNumber(file.id(), "seed", context.seed()),
                                hdf5::writeTexts(file.id(), "plan", {planToJson(input.plan)})});
  std::optional<Error> failure; // forEachLayer goes on whatever its taker thinks
  std::size_t index = 0;
  HALFSTEP_CHECK(forEachLayer(
      input, context.part(0.0, 0.8), [&](const Layer& layer, const LayerQuantization& quantization) {
        if (failure || worst < 0) {
          return;
        }
        auto state =
            hdf5::writeLayer(layers.id(), hdf5::groupName(index++), input, layer, quantization, context);
        if (!state) {
          failure = state.error();
        } else {
          worst = std::min(worst, *state);
        }
      }));
  if (failure) {
    return std::move(*failure);
  }
  const MeasuredResults& measured = input.measured;
  const std::uint64_t seed = context.seed();
  const herr_t states[] = {
      measured.calibration ? hdf5::writeCalibration(file.id(), *measured.calibration) : 0,
      measured.evaluation ? hdf5::writeEvaluation(file.id(), *measured.evaluation, seed) : 0,
      measured.layerErrors ? hdf5::writeErrors(file.id(), *measured.layerErrors, seed) : 0,
      measured.sensitivity ? hdf5::writeSensitivity(file.id(), *measured.sensitivity) : 0,
      measured.latency ? hdf5::writeLatency(file.id(), *measured.latency) : 0};
  worst = std::min(worst, *std::min_element(std::begin(states), std::end(states)));
  return worst >= 0 ? hdf5::imageOf(file) : Result<std::vector<std::byte>>(noMemory);
}

} // namespace

class ResultsHdf5 : public Exporter {
public:
  std::string formatName() const override { return "results-hdf5"; }
  std::string title() const override { return "Results (HDF5)"; }
  std::string explanation() const override {
    return "All arrays: histograms, scales, figures of channels, sensitivities, errors, latency; for h5py.";
  }
  std::string suffix() const override { return "h5"; }
  std::vector<ExportLoss> losses(const ExportInput&) const override { return {}; }
  Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                             const JobContext& context) const override {
    const std::lock_guard lock(m_library);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); // it prints otherwise
    HALFSTEP_TRY(const std::vector<std::byte> image, resultsImage(input, context));
    HALFSTEP_CHECK(writeFileAtomically(path, image));
    return ExportReport{{path}, {}};
  }

private:
  mutable std::mutex m_library; ///< which serves one thread at a time
};

class ResultsHdf5Plugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "results_hdf5_plugin.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    std::vector<std::unique_ptr<Exporter>> exporters;
    exporters.push_back(std::make_unique<ResultsHdf5>());
    return exporters;
  }
};

} // namespace halfstep

#include "results_hdf5_plugin.moc"
