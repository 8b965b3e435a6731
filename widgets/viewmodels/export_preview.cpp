#include "widgets/viewmodels/export_preview.h"

#include "core/support/units.h"

#include <QCoreApplication>
#include <QFile>
#include <QStringDecoder>

#include <algorithm>

namespace halfstep {

namespace {

constexpr qint64 kShownBytes = qint64{256} << 10;

struct Words {
  Q_DECLARE_TR_FUNCTIONS(ExportPreview)
};

ExportedText readBack(const std::filesystem::path& path) {
  ExportedText made;
  made.name = QString::fromStdString(path.filename().string());
  QFile file(QString::fromStdString(path.string()));
  if (!file.open(QIODevice::ReadOnly)) {
    made.isText = false;
    return made;
  }
  const QByteArray bytes = file.read(kShownBytes);
  made.whole = file.atEnd();
  QStringDecoder decoder(QStringDecoder::Utf8);
  made.text = decoder(bytes);
  made.isText = !bytes.contains('\0') && !decoder.hasError();
  if (!made.isText) {
    made.text = Words::tr("%1 of data, not text").arg(QString::fromStdString(formatBytes(file.size())));
  }
  return made;
}

} // namespace

Result<ExportPreview> previewExport(const Exporter& exporter, const ExportInput& input,
                                    const std::filesystem::path& folder, const JobContext& job) {
  ExportPreview preview;
  preview.losses = exporter.losses(input);
  preview.patterns = exporter.patterns(input);
  preview.wantsCalibration = exporter.needsCalibration(input) && !input.measured.calibration;
  if (preview.wantsCalibration) {
    preview.note = Words::tr("The plan has static ranges for activations: calibrate first.");
    return preview;
  }
  HALFSTEP_TRY(preview.findings, exporter.check(input, job.part(0.0, 0.5)));
  std::erase_if(preview.findings, [&](const ExportFinding& finding) { // what is among the losses already
    return std::any_of(preview.losses.begin(), preview.losses.end(), [&](const ExportLoss& loss) {
      return loss.layer == finding.layer && loss.what == finding.why;
    });
  });
  if (exporter.writesModel()) {
    preview.note = Words::tr("A model is written only when you export it. It is then opened again, run, and "
                             "compared with the forecast.");
    return preview;
  }
  const std::filesystem::path name = input.model->path.stem().string() + "." + exporter.suffix();
  HALFSTEP_TRY(const ExportReport report, exporter.write(input, folder / name, job.part(0.5, 1.0)));
  for (const auto& file : report.files) {
    preview.files.push_back(readBack(file));
  }
  preview.losses = report.lost; // what only writing tells is there as well
  return preview;
}

} // namespace halfstep
