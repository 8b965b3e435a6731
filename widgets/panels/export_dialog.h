// Writes the plan for a toolchain: what each format holds, what it cannot express, what the target would do
// by itself, and the text as it would be written. UI thread.
#pragma once

#include "widgets/viewmodels/export_preview.h"

#include <QDialog>

#include <functional>
#include <vector>

class QComboBox;
class QLabel;
class QListWidget;
class QPlainTextEdit;
class QPushButton;
class QTabWidget;
class QTableWidget;

namespace halfstep {

class ExportDialog : public QDialog {
  Q_OBJECT

public:
  /// Works out a preview in the background and calls back with it, or the error.
  using Previewer = std::function<void(const Exporter&, std::function<void(const Result<ExportPreview>&)>)>;

  /// `exporters` must outlive the dialog.
  ExportDialog(std::vector<const Exporter*> exporters, Previewer previewer, QWidget* parent = nullptr);

  void chooseFormat(const QString& format);
  /// The plan, or what is known of the network, has changed.
  void refresh();

signals:
  /// A person wants the file.
  void exportRequested(const Exporter& exporter);
  void calibrationRequested();

private:
  QWidget* details();
  void layOut();
  void show(const Result<ExportPreview>& preview);
  void showFile(int index);
  void fill(QTableWidget& table, const std::vector<QStringList>& rows);
  const Exporter* current() const;

  std::vector<const Exporter*> m_exporters;
  Previewer m_previewer;
  ExportPreview m_preview;
  QListWidget* m_formats;
  QLabel* m_title;
  QLabel* m_explanation;
  QLabel* m_note;
  QTabWidget* m_tabs;
  QComboBox* m_files;
  QPlainTextEdit* m_text;
  QTableWidget* m_losses;
  QTableWidget* m_findings;
  QTableWidget* m_patterns;
  QPushButton* m_copy;
  QPushButton* m_calibrate;
  QPushButton* m_export;
  int m_asked = 0; ///< counts requests: only the newest answer is shown
};

} // namespace halfstep
