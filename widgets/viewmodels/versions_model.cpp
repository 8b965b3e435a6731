#include "widgets/viewmodels/versions_model.h"

#include "core/support/units.h"
#include "widgets/viewmodels/plan_versions.h"

namespace halfstep {

VersionsModel::VersionsModel(Document& document, QObject* parent)
    : QAbstractTableModel(parent)
    , m_document(document)
    , m_rows(static_cast<int>(document.versions().size())) {
  connect(&m_document, &Document::versionsChanged, this, &VersionsModel::takeVersions);
  connect(&m_document, &Document::plansChanged, this, [this] {
    if (rowCount() > 0) {
      emit dataChanged(index(0, layersColumn), index(rowCount() - 1, layersColumn));
    }
  });
}

void VersionsModel::takeVersions() {
  const int rows = static_cast<int>(m_document.versions().size());
  if (rows == m_rows) { // an edit in place: the editor that made it must not lose its table
    if (rows > 0) {
      emit dataChanged(index(0, 0), index(rows - 1, columnCountValue - 1));
    }
    return;
  }
  beginResetModel();
  m_rows = rows;
  endResetModel();
}

QString VersionsModel::nameAt(int row) const {
  return row >= 0 && row < rowCount()
             ? QString::fromStdString(m_document.versions()[static_cast<std::size_t>(row)].name)
             : QString();
}

int VersionsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : m_rows;
}

int VersionsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(columnCountValue);
}

int VersionsModel::differingLayers(const PlanVersion& version) const {
  Plan plan;
  plan.fallback = version.fallback;
  plan.layers = version.layers;
  int count = 0;
  for (int i = 0; i < m_document.layerCount(); ++i) {
    count += plan.forLayer(m_document.layer(i).name) != m_document.layerPlan(i) ? 1 : 0;
  }
  return count;
}

QVariant VersionsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) {
    return {};
  }
  const bool number = index.column() == sizeColumn || index.column() == layersColumn;
  if (role == Qt::TextAlignmentRole) {
    return int((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
  }
  if (role != Qt::DisplayRole && role != Qt::EditRole && role != Qt::ToolTipRole) {
    return {};
  }
  const PlanVersion& version = m_document.versions()[static_cast<std::size_t>(index.row())];
  switch (index.column()) {
  case nameColumn:
    return QString::fromStdString(version.name);
  case keptColumn:
    return keptText(version);
  case sizeColumn:
    return version.bytes ? QString::fromStdString(formatBytes(*version.bytes)) : QStringLiteral("–");
  case layersColumn:
    return differingLayers(version);
  case damageColumn:
    return version.measured ? planFigureText(*version.measured) : tr("not measured");
  case originColumn:
    return version.measured ? planOriginText(*version.measured) : QString();
  case noteColumn:
    return QString::fromStdString(version.note);
  default:
    return {};
  }
}

QVariant VersionsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) {
    return {};
  }
  if (role == Qt::DisplayRole) {
    static const QStringList titles = {tr("Name"),   tr("Kept"),        tr("Size"), tr("Differing"),
                                       tr("Damage"), tr("Measured on"), tr("Note")};
    return titles.value(section);
  }
  if (role == Qt::ToolTipRole) {
    static const QStringList tips = {tr("Double-click or F2 to rename"),
                                     tr("When the version was kept"),
                                     tr("Of the layers' weights, scales and zero points counted"),
                                     tr("Layers that have another scheme in the present plan"),
                                     tr("What quantizing by this plan did to the network's output when it "
                                        "was kept, with the 95 % interval"),
                                     tr("The samples that the damage was measured on"),
                                     tr("Your own words; double-click to write")};
    return tips.value(section);
  }
  if (role == Qt::TextAlignmentRole) {
    const bool number = section == sizeColumn || section == layersColumn;
    return int((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
  }
  return {};
}

Qt::ItemFlags VersionsModel::flags(const QModelIndex& index) const {
  const Qt::ItemFlags usual = QAbstractTableModel::flags(index);
  return index.column() == nameColumn || index.column() == noteColumn ? usual | Qt::ItemIsEditable : usual;
}

bool VersionsModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  const QString name = nameAt(index.row());
  if (role != Qt::EditRole || name.isEmpty() || value.toString() == data(index, role).toString()) {
    return false;
  }
  const auto done = index.column() == nameColumn ? m_document.renameVersion(name, value.toString().trimmed())
                                                 : m_document.noteVersion(name, value.toString());
  if (!done) {
    emit refused(QString::fromStdString(done.error().message()));
  }
  return done.has_value();
}

} // namespace halfstep
