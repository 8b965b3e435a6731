#include "widgets/panels/page_stack.h"

#include "widgets/style/theme.h"

#include <QStackedWidget>
#include <QTabBar>
#include <QVBoxLayout>

namespace halfstep {

PageStack::PageStack(QWidget* parent)
    : QWidget(parent)
    , m_tabs(new QTabBar(this))
    , m_stack(new QStackedWidget(this)) {
  setObjectName(QStringLiteral("page_stack"));
  m_tabs->setObjectName(QStringLiteral("pages"));
  m_tabs->setAccessibleName(tr("Pages"));
  m_tabs->setDrawBase(false);
  m_tabs->setExpanding(false);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, kSpaceSmall, 0, 0);
  layout->setSpacing(0);
  auto* row = new QHBoxLayout;
  row->setContentsMargins(kSpaceLarge, 0, kSpaceLarge, 0);
  row->addWidget(m_tabs, 1);
  layout->addLayout(row);
  layout->addWidget(m_stack, 1);
  connect(m_tabs, &QTabBar::currentChanged, this, [this](int index) {
    emit pageAboutToChange();
    giveRoomTo(index);
    m_stack->setCurrentIndex(index);
    emit pageChanged(currentPage());
  });
}

void PageStack::addPage(const QString& name, const QString& title, const QString& tooltip, QWidget* page) {
  m_names << name;
  m_stack->addWidget(page);
  giveRoomTo(m_stack->currentIndex());
  m_tabs->setTabToolTip(m_tabs->addTab(title), tooltip);
}

void PageStack::giveRoomTo(int index) {
  // A page that is not shown takes part in nothing, not even in how narrow the window may be.
  for (int i = 0; i < m_stack->count(); ++i) {
    const auto policy = i == index ? QSizePolicy::Preferred : QSizePolicy::Ignored;
    m_stack->widget(i)->setSizePolicy(policy, policy);
  }
}

QString PageStack::currentPage() const {
  return m_names.value(m_tabs->currentIndex());
}

void PageStack::setCurrentPage(const QString& name) {
  if (const auto index = m_names.indexOf(name); index >= 0) {
    m_tabs->setCurrentIndex(static_cast<int>(index));
  }
}

} // namespace halfstep
