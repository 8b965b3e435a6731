// The difference that a plan makes, layer by layer, with what can be done with it: a card of the Trade-off
// page. UI thread.
#pragma once

#include "widgets/viewmodels/plan_difference_model.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/trade_off.h"

#include <QWidget>

class QLabel;
class QPushButton;
class QTableView;

namespace halfstep {

class DifferenceCard : public QWidget {
  Q_OBJECT

public:
  DifferenceCard(Document& document, Selection& selection, TradeOff& tradeOff, QWidget* parent = nullptr);

signals:
  void failed(const QString& message);

private:
  void makeTable();
  QWidget* content();
  void connectParts();
  void showPoints();
  void showGap();
  void showDifference();

  Document& m_document;
  Selection& m_selection;
  TradeOff& m_tradeOff;
  PlanDifferenceModel m_difference;
  QLabel* m_summary;
  QTableView* m_table;
  QPushButton* m_apply;
  QPushButton* m_measureThis;
  QPushButton* m_improve;
  QLabel* m_gap;
};

} // namespace halfstep
