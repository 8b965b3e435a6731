// The Distribution page: what the current layer's values look like and what its scheme does to them. UI
// thread.
#pragma once

#include "widgets/viewmodels/layer_explorer.h"

#include <QWidget>

class QLabel;
class QGridLayout;

namespace halfstep {

class ChannelRangePlot;
class ClippingCurvePlot;
class HistogramPlot;
class Plot;
class RoundingErrorPlot;
class SegmentedControl;
class TransferPlot;

class DistributionPanel : public QWidget {
  Q_OBJECT

public:
  DistributionPanel(Document& document, Selection& selection, LayerExplorer& explorer,
                    QWidget* parent = nullptr);

  HistogramPlot& histogram() { return *m_histogram; }
  std::vector<Plot*> plots() const;

signals:
  void failed(const QString& message);

protected:
  void changeEvent(QEvent* event) override;

private:
  QWidget* card(const QString& title, const QString& tooltip, QWidget* content, QWidget* corner = nullptr);
  void layOut();
  void connectPlots();
  void showView();
  void showHeader();

  Document& m_document;
  Selection& m_selection;
  LayerExplorer& m_explorer;
  QLabel* m_title;
  QLabel* m_facts;
  QLabel* m_origin;
  SegmentedControl* m_scale;
  HistogramPlot* m_histogram;
  ChannelRangePlot* m_channels;
  ClippingCurvePlot* m_curve;
  TransferPlot* m_transfer;
  RoundingErrorPlot* m_errors;
  QLabel* m_histogramTitle = nullptr;
  QLabel* m_curveTitle = nullptr;
  int m_gesture = -1;
};

} // namespace halfstep
