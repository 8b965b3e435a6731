// What the window shows before a model is open: open a file, the recent ones, and the sample models. UI
// thread.
#pragma once

#include <QWidget>

#include <vector>

class QVBoxLayout;

namespace halfstep {

/// A sample model as its manifest describes it.
struct SampleModel {
  QString path;
  QString title;
  QString description;
  QString facts; ///< "89 610 parameters · 98.3 % accuracy"
};

/// The samples in `folder` by its manifest.json; empty where there is none or it cannot be read.
std::vector<SampleModel> sampleModels(const QString& folder);

class StartPage : public QWidget {
  Q_OBJECT

public:
  explicit StartPage(QWidget* parent = nullptr);

  void setRecentFiles(const QStringList& paths);
  void setSamples(const std::vector<SampleModel>& samples);

signals:
  void openRequested();
  void fileChosen(const QString& path);

private:
  QVBoxLayout* m_recent;
  QVBoxLayout* m_samples;
};

} // namespace halfstep
