// Asks for the name and the note of a version of the plan. UI thread.
#pragma once

#include "widgets/viewmodels/document.h"

#include <QDialog>

class QLabel;
class QLineEdit;
class QPushButton;

namespace halfstep {

class SaveVersionDialog : public QDialog {
  Q_OBJECT

public:
  /// `known`: what will be kept of the present plan's figures, for people.
  SaveVersionDialog(const Document& document, const QString& proposed, const QString& known,
                    QWidget* parent = nullptr);

signals:
  void chosen(const QString& name, const QString& note);

private:
  void check();

  const Document& m_document;
  QLineEdit* m_name;
  QLineEdit* m_note;
  QLabel* m_problem;
  QPushButton* m_save = nullptr;
};

} // namespace halfstep
