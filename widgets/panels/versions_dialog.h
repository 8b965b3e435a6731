// The named versions of the plan: restore, compare, rename, annotate, delete. Every edit can be undone here
// and in the window. Not modal. UI thread.
#pragma once

#include "widgets/viewmodels/versions_model.h"

#include <QDialog>

class QLabel;
class QPushButton;
class QTableView;

namespace halfstep {

class VersionsDialog : public QDialog {
  Q_OBJECT

public:
  explicit VersionsDialog(Document& document, QWidget* parent = nullptr);

signals:
  void saveRequested();
  void compareRequested(const QString& name);
  void failed(const QString& message);

private:
  void makeTable();
  QPushButton* button(const char* name, const QString& text, const QString& tooltip);
  QString current() const;
  void connectParts();
  void showState();
  void tell(const Result<void>& done);

  Document& m_document;
  VersionsModel m_model;
  QTableView* m_table;
  QLabel* m_message;
  QPushButton* m_restore;
  QPushButton* m_compare;
  QPushButton* m_rename;
  QPushButton* m_delete;
  QPushButton* m_save;
};

} // namespace halfstep
