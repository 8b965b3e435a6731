// The difference that a plan makes, layer by layer, with what can be done with it: a card of the Trade-off
// page. UI thread.
#pragma once

#include "widgets/viewmodels/plan_comparison.h"
#include "widgets/viewmodels/plan_difference_model.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/trade_off.h"

#include <QWidget>

class QComboBox;
class QLabel;
class QPushButton;
class QTableView;

namespace halfstep {

class DifferenceCard : public QWidget {
  Q_OBJECT

public:
  DifferenceCard(Document& document, Selection& selection, TradeOff& tradeOff, PlanComparison& comparison,
                 QWidget* parent = nullptr);

signals:
  void failed(const QString& message);
  void saveVersionRequested();
  void versionsRequested();

protected:
  void showEvent(QShowEvent* event) override;

private:
  /// At once where it is seen, otherwise when it comes to be: plans change with every step of a drag.
  void showDifferenceSoon();
  void makeTable();
  QWidget* choices();
  QWidget* versionButtons();
  QWidget* content();
  void connectParts();
  void measureTarget();
  void showEntries();
  void showButtons();
  void showGap();
  void showDifference();
  QStringList measuredWords() const;

  Document& m_document;
  Selection& m_selection;
  TradeOff& m_tradeOff;
  PlanComparison& m_comparison;
  PlanDifferenceModel m_difference;
  QComboBox* m_from;
  QComboBox* m_to;
  QLabel* m_summary;
  QTableView* m_table;
  QPushButton* m_apply;
  QPushButton* m_measureThis;
  QPushButton* m_improve;
  QLabel* m_gap;
  bool m_stale = false; ///< what it shows is of an earlier plan
};

} // namespace halfstep
