#include "widgets/viewmodels/selection.h"

#include <algorithm>

namespace halfstep {

void Selection::select(std::vector<int> layers, int current) {
  std::sort(layers.begin(), layers.end());
  const bool otherCurrent = current != m_current;
  if (!otherCurrent && layers == m_layers) {
    return;
  }
  m_layers = std::move(layers);
  m_current = current;
  if (otherCurrent) {
    m_channel = 0;
  }
  emit layersChanged();
  if (otherCurrent) {
    emit currentLayerChanged(current);
  }
}

void Selection::selectChannel(int channel) {
  if (channel != m_channel) {
    m_channel = channel;
    emit channelChanged(channel);
  }
}

} // namespace halfstep
