// The Scheme panel: the selected layers' scheme as controls, the current layer's figures beside what they
// were, and a pinned result. UI thread.
#pragma once

#include "widgets/viewmodels/layer_explorer.h"

#include <QWidget>

#include <functional>

class QLabel;
class QMenu;
class QPushButton;

namespace halfstep {

class FiguresTable;
class SchemeControls;

class SchemePanel : public QWidget {
  Q_OBJECT

public:
  /// `shownLayers` gives the layers that the filter shows, for "apply to all that match".
  SchemePanel(Document& document, Selection& selection, LayerExplorer& explorer,
              std::function<std::vector<int>()> shownLayers, QWidget* parent = nullptr);

signals:
  void failed(const QString& message);

private:
  void layOut();
  void applyChange(const std::function<Scheme(Scheme)>& change);
  void fillApplyMenu();
  void showSchemes();
  void showFigures();
  /// Once, however many changes come together.
  void showFiguresSoon();
  void showWhy();

  Document& m_document;
  Selection& m_selection;
  LayerExplorer& m_explorer;
  std::function<std::vector<int>()> m_shownLayers;
  QLabel* m_subject;
  SchemeControls* m_controls;
  QPushButton* m_apply;
  QMenu* m_applyMenu;
  QPushButton* m_pin;
  QLabel* m_pinned;
  FiguresTable* m_figures;
  bool m_figuresDue = false;
};

} // namespace halfstep
