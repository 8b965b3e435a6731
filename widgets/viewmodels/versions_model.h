// The named versions of the plan as a table: what each is, and what was known of it when it was kept. Names
// and notes are edited in place. UI thread.
#pragma once

#include "widgets/viewmodels/document.h"

#include <QAbstractTableModel>

namespace halfstep {

class VersionsModel : public QAbstractTableModel {
  Q_OBJECT

public:
  enum Column {
    nameColumn,
    keptColumn,
    sizeColumn,
    layersColumn,
    damageColumn,
    originColumn,
    noteColumn,
    columnCountValue
  };

  explicit VersionsModel(Document& document, QObject* parent = nullptr);

  /// Empty for a row that there is not.
  QString nameAt(int row) const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  /// One undo step; a name that cannot be is told by refused().
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;

signals:
  void refused(const QString& message);

private:
  void takeVersions();
  /// Layers that the version plans otherwise than the document does.
  int differingLayers(const PlanVersion& version) const;

  Document& m_document;
  int m_rows = 0;
};

} // namespace halfstep
