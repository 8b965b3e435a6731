// Exports of the open plan: previews and files, with what was measured in the window. Owned by the session;
// UI thread.
#pragma once

#include "plugins/host/plugin_host.h"
#include "widgets/viewmodels/export_preview.h"
#include "widgets/viewmodels/network_analysis.h"

#include <QObject>
#include <QStringList>

#include <functional>

namespace halfstep {

class Exporting : public QObject {
  Q_OBJECT

public:
  Exporting(Document& document, NetworkAnalysis& analysis, const PluginHost& plugins, JobRunner& runner,
            QObject* parent = nullptr);

  /// In the background; `done` is not called where a newer preview was asked for meanwhile.
  void preview(const Exporter& exporter, std::function<void(const Result<ExportPreview>&)> done);
  /// Writes; a model is opened again and compared with the forecast. Ends in exported() or failed().
  void write(const Exporter& exporter, const QString& path);

signals:
  /// `agreement`: what comparing a written model with its forecast gave; empty for other files.
  void exported(const QStringList& files, const QStringList& losses, const QString& agreement);
  void failed(const QString& message);

private:
  struct Request;
  ExportInput input() const;

  Document& m_document;
  NetworkAnalysis& m_analysis;
  const PluginHost& m_plugins;
  JobRunner& m_runner;
};

} // namespace halfstep
