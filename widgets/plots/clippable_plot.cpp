#include "widgets/plots/clippable_plot.h"

namespace halfstep {

ClippablePlot::ClippablePlot(const QString& name, const QString& keyTitle, const QString& valueTitle,
                             QWidget* parent)
    : Plot(name, keyTitle, valueTitle, parent)
    , m_handles(*this) {
  connect(this, &QCustomPlot::afterLayout, this, [this] { m_handles.place(); });
}

bool ClippablePlot::takesDoubleClick(const QPoint& position) {
  m_handles.release();
  if (m_handles.endAt(position) == ClippingHandles::End::none) {
    return false;
  }
  emit clippingReset();
  return true;
}

void ClippablePlot::tellDrag(const QMouseEvent& event, bool finished) {
  if (const auto range = m_handles.draggedTo(xAxis->pixelToCoord(event.pos().x()))) {
    emit clippingDragged(range->first, range->second, finished);
  }
}

void ClippablePlot::mouseMoveEvent(QMouseEvent* event) {
  if (m_handles.isDragged()) {
    tellDrag(*event, false);
    return;
  }
  const bool grabs =
      event->buttons() == Qt::NoButton && m_handles.endAt(event->pos()) != ClippingHandles::End::none;
  setCursor(grabs ? Qt::SizeHorCursor : Qt::ArrowCursor);
  Plot::mouseMoveEvent(event);
}

void ClippablePlot::mouseReleaseEvent(QMouseEvent* event) {
  if (m_handles.isDragged()) {
    tellDrag(*event, true);
    m_handles.release();
    return;
  }
  Plot::mouseReleaseEvent(event);
}

void ClippablePlot::keyPressEvent(QKeyEvent* event) {
  // Arrow keys narrow and widen the clipping range by one percent; with Shift only its low end (asymmetric
  // mappings).
  if (m_handles.canClip() && (event->key() == Qt::Key_Left || event->key() == Qt::Key_Right)) {
    const bool lowEnd = event->modifiers().testFlag(Qt::ShiftModifier);
    if (const auto range = m_handles.stepped(lowEnd ? ClippingHandles::End::low : ClippingHandles::End::high,
                                             event->key() == Qt::Key_Right)) {
      emit clippingDragged(range->first, range->second, true);
    }
    return;
  }
  Plot::keyPressEvent(event);
}

void ClippablePlot::dataMoved() {
  if (!m_handles.isDragged() && !m_handles.areShown()) {
    dataChanged();
  } else {
    replot(QCustomPlot::rpQueuedReplot);
  }
}

} // namespace halfstep
