#include "app/version_dialogs.h"

#include "core/support/units.h"
#include "widgets/panels/save_version_dialog.h"
#include "widgets/panels/versions_dialog.h"
#include "widgets/viewmodels/plan_versions.h"

#include <QWidget>

namespace halfstep {

VersionDialogs::VersionDialogs(Session& session, QWidget& window)
    : QObject(&window)
    , m_session(session)
    , m_window(window) {}

void VersionDialogs::save() {
  Document& document = m_session.document();
  if (!document.model()) {
    return;
  }
  const auto kept = [this](const QString& name, const QString& note) {
    return presentVersion(name, note, QDateTime::currentDateTimeUtc(), m_session.document(),
                          m_session.analysis(), m_session.tradeOff());
  };
  const PlanVersion now = kept({}, {});
  const QString size = QString::fromStdString(formatBytes(now.bytes.value_or(0)));
  const QString known =
      now.measured
          ? tr("%1 · %2 on %3").arg(size, planFigureText(*now.measured), planOriginText(*now.measured))
          : tr("%1 · not measured: the Error and the Trade-off page do that").arg(size);
  QWidget* parent = m_list != nullptr ? static_cast<QWidget*>(m_list) : &m_window;
  auto* dialog = new SaveVersionDialog(document, proposedVersionName(document), known, parent);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &SaveVersionDialog::chosen, this, [this, kept](const QString& name, const QString& note) {
    const auto saved = m_session.document().saveVersion(kept(name, note));
    emit message(saved ? tr("Kept the plan as %1").arg(name)
                       : QString::fromStdString(saved.error().message()));
  });
  dialog->open();
}

void VersionDialogs::showAll() {
  if (m_list == nullptr) {
    m_list = new VersionsDialog(m_session.document(), &m_window);
    m_list->setAttribute(Qt::WA_DeleteOnClose);
    connect(m_list, &VersionsDialog::saveRequested, this, &VersionDialogs::save);
    connect(m_list, &VersionsDialog::compareRequested, this, &VersionDialogs::compare);
    connect(m_list, &VersionsDialog::failed, this, &VersionDialogs::message);
  }
  if (m_list->isVisible()) {
    m_list->raise();
    m_list->activateWindow();
  } else {
    m_list->show();
  }
}

void VersionDialogs::compare(const QString& version) {
  m_session.comparison().setFrom({PlanChoice::Kind::present, {}});
  m_session.comparison().setTo({PlanChoice::Kind::version, version});
  emit pageRequested(QStringLiteral("trade-off"));
}

} // namespace halfstep
