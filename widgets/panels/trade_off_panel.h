// The Trade-off page: the best plans for every budget, predicted and measured, and the difference that the
// chosen one makes. UI thread.
#pragma once

#include "widgets/viewmodels/plan_comparison.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/trade_off.h"

#include <QWidget>

class QLabel;
class QLineEdit;
class QPushButton;
class QSlider;
class QStackedWidget;

namespace halfstep {

class DifferenceCard;
class SearchRulesButton;
class SegmentedControl;
class TradeOffPlot;

class TradeOffPanel : public QWidget {
  Q_OBJECT

public:
  TradeOffPanel(Document& document, Selection& selection, NetworkAnalysis& analysis, TradeOff& tradeOff,
                PlanComparison& comparison, QWidget* parent = nullptr);

  TradeOffPlot& plot() { return *m_plot; }
  /// Measures the sensitivities if need be, and then plans. For the page's button and for --screenshot.
  void measure();

signals:
  void failed(const QString& message);
  void saveVersionRequested();
  void versionsRequested();

protected:
  void changeEvent(QEvent* event) override;

private:
  QWidget* controls();
  QWidget* plotCard();
  QWidget* emptyPage();
  void connectParts();
  void showSpace();
  void showPoints();
  void showChosen();
  void showEmpty();
  void choosePreset(const QString& name);
  void choosePoint(int index);
  void setBudget(double atMost);

  Document& m_document;
  NetworkAnalysis& m_analysis;
  TradeOff& m_tradeOff;
  PlanComparison& m_comparison;
  SegmentedControl* m_across;
  SegmentedControl* m_up;
  SegmentedControl* m_presets;
  SearchRulesButton* m_rules;
  TradeOffPlot* m_plot;
  QLabel* m_legend;
  QSlider* m_slider;
  QLabel* m_budget;
  QPushButton* m_measure;
  QLabel* m_empty;
  QLineEdit* m_schemes;
  QPushButton* m_start;
  DifferenceCard* m_difference;
  QStackedWidget* m_content; ///< what there is to measure, or the plot
  QWidget* m_controls = nullptr;
  bool m_plansNext = false; ///< the sweep that runs was started here: plans are measured after it
};

} // namespace halfstep
