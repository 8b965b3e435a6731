// What is selected, everywhere at once: the layers, the current one among them, and a channel of it. Panels
// read and write it; they never talk to each other. Owned by the session; UI thread.
#pragma once

#include <QObject>

#include <vector>

namespace halfstep {

class Selection : public QObject {
  Q_OBJECT

public:
  using QObject::QObject;

  /// Indices of the selected layers, ascending; may be empty.
  const std::vector<int>& layers() const { return m_layers; }
  /// The layer that the pages show; −1 for none.
  int currentLayer() const { return m_current; }
  /// The channel of the current layer whose levels and transfer function are shown.
  int channel() const { return m_channel; }

  void select(std::vector<int> layers, int current);
  void selectChannel(int channel);
  void clear() { select({}, -1); }

signals:
  void layersChanged();
  void currentLayerChanged(int layer);
  void channelChanged(int channel);

private:
  std::vector<int> m_layers;
  int m_current = -1;
  int m_channel = 0;
};

} // namespace halfstep
