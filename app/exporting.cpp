#include "app/exporting.h"

#include "core/analysis/forecast_check.h"
#include "core/support/hash.h"
#include "core/support/units.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QTemporaryDir>

#include <cmath>

namespace halfstep {

namespace {

constexpr std::size_t kCheckedSamples = 16;

Result<void> addHash(ExportInput& input, const JobContext& job) {
  if (input.plan.modelSha256.empty()) {
    HALFSTEP_TRY(input.plan.modelSha256, sha256OfFile(input.model->path, job));
  }
  return {};
}

QString agreementText(const ForecastCheck& check) {
  const QString samples = QString::fromStdString(check.origin.description);
  QString text = check.largestRelative == 0.0
                     ? Exporting::tr("opened again, its outputs equal the forecast")
                     : Exporting::tr("opened again, its outputs are %1 dB from the forecast")
                           .arg(QString::fromStdString(formatReal(check.sqnr)));
  if (!std::isnan(check.top1)) {
    text += Exporting::tr(", same class in %1").arg(QString::fromStdString(formatShare(check.top1)));
  }
  if (std::isfinite(check.ownNoise)) {
    text += Exporting::tr("; by rounding alone the written model is %1 dB from itself")
                .arg(QString::fromStdString(formatReal(check.ownNoise)));
  }
  return text + Exporting::tr(" (%1 of %2)").arg(check.samples).arg(samples);
}

} // namespace

Exporting::Exporting(Document& document, NetworkAnalysis& analysis, const PluginHost& plugins,
                     JobRunner& runner, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_analysis(analysis)
    , m_plugins(plugins)
    , m_runner(runner) {}

ExportInput Exporting::input() const {
  ExportInput input{m_document.model(), m_document.plan(),
                    QCoreApplication::applicationVersion().toStdString()};
  input.plan.modelSha256 = m_document.modelHash();
  input.measured.calibration = m_analysis.calibration();
  input.measured.latency = m_analysis.wholeLatency();
  if (m_analysis.sweep() && !m_analysis.sweep()->running) {
    input.measured.sensitivity = m_analysis.sweep()->sweep;
  }
  if (m_analysis.errors() && !m_analysis.errors()->running && !m_analysis.errorsAreOld()) {
    input.measured.layerErrors = m_analysis.errors()->errors;
    input.measured.evaluation = m_analysis.errors()->evaluation;
  }
  return input;
}

void Exporting::preview(const Exporter& exporter, std::function<void(const Result<ExportPreview>&)> done) {
  if (!m_document.model()) {
    return;
  }
  m_runner.start<ExportPreview>(
      {Lane::batch, tr("Preview of the export"), QStringLiteral("export_preview"), true},
      [input = input(), raw = &exporter](const JobContext& context) mutable -> Result<ExportPreview> {
        HALFSTEP_CHECK(addHash(input, context));
        const QTemporaryDir folder;
        if (!folder.isValid()) {
          return Error{ErrorKind::failed, "there is no place for temporary files"};
        }
        return previewExport(*raw, input, folder.path().toStdString(), context);
      },
      this, [done = std::move(done)](const Result<ExportPreview>& preview) { done(preview); });
}

void Exporting::write(const Exporter& exporter, const QString& path) {
  struct Written {
    ExportReport report;
    QString agreement;
  };
  const auto work =
      [input = input(), raw = &exporter, path, &plugins = m_plugins, samples = m_analysis.samples(),
       executorOf = m_analysis.executorSource()](const JobContext& context) mutable -> Result<Written> {
    HALFSTEP_CHECK(addHash(input, context));
    Written written;
    HALFSTEP_TRY(written.report, raw->write(input, path.toStdString(), context.part(0.0, 0.6)));
    if (raw->writesModel() && written.report.written && samples) {
      HALFSTEP_TRY(const auto model, plugins.loadModel(written.report.files.front(), {}));
      HALFSTEP_TRY(const Executor again, Executor::create(model));
      HALFSTEP_TRY(const Executor* original, executorOf());
      const Simulation simulation(input.model, input.measured.calibration);
      HALFSTEP_TRY(const ForecastCheck check,
                   checkForecast(*original, simulation, *written.report.written, again, *samples,
                                 kCheckedSamples, context.part(0.6, 1.0)));
      written.agreement = agreementText(check);
    }
    return written;
  };
  m_runner.start<Written>(
      {Lane::batch, tr("Export %1").arg(QFileInfo(path).fileName()), QStringLiteral("export"), false}, work,
      this, [this](const Result<Written>& written) {
        if (!written) {
          emit failed(QString::fromStdString(written.error().message()));
          return;
        }
        QStringList files;
        for (const auto& file : written->report.files) {
          files << QString::fromStdString(file.string());
        }
        QStringList losses;
        for (const ExportLoss& loss : written->report.lost) {
          losses << QString::fromStdString(loss.layer + ": " + loss.what);
        }
        emit exported(files, losses, written->agreement);
      });
}

} // namespace halfstep
