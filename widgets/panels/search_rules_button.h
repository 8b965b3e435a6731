// The rules that a search for a plan keeps to: layers that must share a scheme, and layers that keep theirs.
// A button with a menu; works on the selected layers. UI thread.
#pragma once

#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/trade_off.h"

#include <QPushButton>

class QMenu;

namespace halfstep {

class SearchRulesButton : public QPushButton {
  Q_OBJECT

public:
  SearchRulesButton(Document& document, Selection& selection, TradeOff& tradeOff, QWidget* parent = nullptr);

private:
  void makeActions();
  void change(const std::function<void(SearchRules&)>& edit);
  void pinSelected();
  void tieSelected();
  /// The menu's last part: what there is to take back.
  void listRules();
  void showRules();
  std::vector<std::string> selectedNames() const;

  Document& m_document;
  Selection& m_selection;
  TradeOff& m_tradeOff;
  QMenu* m_menu;
  QAction* m_sameInputs = nullptr;
  QAction* m_sums = nullptr;
  QAction* m_pin = nullptr;
  QAction* m_tie = nullptr;
  std::vector<QAction*> m_listed; ///< made anew each time the menu opens
};

} // namespace halfstep
