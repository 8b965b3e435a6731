// The pages in the middle of the window, with a tab for each. UI thread.
#pragma once

#include <QStringList>
#include <QWidget>

class QStackedWidget;
class QTabBar;

namespace halfstep {

class PageStack : public QWidget {
  Q_OBJECT

public:
  explicit PageStack(QWidget* parent = nullptr);

  /// `name` is stable: "sensitivity". The first page is the current one.
  void addPage(const QString& name, const QString& title, const QString& tooltip, QWidget* page);
  QString currentPage() const;
  /// Nothing happens where there is no such page.
  void setCurrentPage(const QString& name);
  QStringList pages() const { return m_names; }

signals:
  /// The page before is still shown.
  void pageAboutToChange();
  void pageChanged(const QString& name);

private:
  void giveRoomTo(int index);

  QTabBar* m_tabs;
  QStackedWidget* m_stack;
  QStringList m_names;
};

} // namespace halfstep
