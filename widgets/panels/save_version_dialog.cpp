#include "widgets/panels/save_version_dialog.h"

#include "widgets/style/theme.h"

#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

namespace halfstep {

SaveVersionDialog::SaveVersionDialog(const Document& document, const QString& proposed, const QString& known,
                                     QWidget* parent)
    : QDialog(parent)
    , m_document(document)
    , m_name(new QLineEdit(proposed))
    , m_note(new QLineEdit)
    , m_problem(new QLabel) {
  constexpr int kWidth = 460;
  setObjectName(QStringLiteral("save_version_dialog"));
  setWindowTitle(tr("Save version"));
  setMinimumWidth(kWidth);
  m_name->setObjectName(QStringLiteral("version_name"));
  m_name->setToolTip(tr("What the version is called here and on the command line: plan.halfstep.json#NAME"));
  m_name->selectAll();
  m_note->setObjectName(QStringLiteral("version_note"));
  m_note->setPlaceholderText(tr("why it is kept"));
  m_note->setToolTip(tr("Your own words; they are saved with it"));
  m_problem->setObjectName(QStringLiteral("version_problem"));
  m_problem->setWordWrap(true);
  auto* figures = new QLabel(known);
  figures->setWordWrap(true);
  figures->setProperty("role", "quiet");
  auto* form = new QFormLayout;
  form->addRow(tr("&Name"), m_name);
  form->addRow(QString(), m_problem);
  form->addRow(tr("N&ote"), m_note);
  form->addRow(tr("Kept with it"), figures);
  auto* explanation = new QLabel(tr("The schemes of all layers are kept under this name, in the plan's file "
                                    "once that is saved."));
  explanation->setWordWrap(true);
  explanation->setProperty("role", "quiet");
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Save | QDialogButtonBox::Cancel);
  m_save = buttons->button(QDialogButtonBox::Save);
  m_save->setObjectName(QStringLiteral("version_save"));
  m_save->setText(tr("Save version"));
  m_save->setProperty("role", "primary");
  auto* layout = new QVBoxLayout(this);
  layout->setSpacing(kSpaceLarge);
  layout->addWidget(explanation);
  layout->addLayout(form);
  layout->addWidget(buttons);
  connect(m_name, &QLineEdit::textChanged, this, &SaveVersionDialog::check);
  connect(buttons, &QDialogButtonBox::accepted, this, [this] {
    emit chosen(m_name->text().trimmed(), m_note->text().trimmed());
    accept();
  });
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  check();
}

void SaveVersionDialog::check() {
  const auto possible = checkVersionName(m_document.versions(), m_name->text().trimmed().toStdString());
  m_problem->setText(possible ? QString() : QString::fromStdString(possible.error().what));
  m_problem->setVisible(!possible);
  m_save->setEnabled(possible.has_value());
}

} // namespace halfstep
