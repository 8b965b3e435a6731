// A scheme as controls: format, mapping, code range, granularity, range, rounding, and the same as text.
// Shows one scheme (or a mixture) and tells which part a person changed. UI thread.
#pragma once

#include "core/quant/quantizer.h"

#include <QWidget>

#include <functional>
#include <vector>

class QComboBox;
class QLabel;
class QLineEdit;

namespace halfstep {

class RealSpinBox;
class SegmentedControl;

class SchemeControls : public QWidget {
  Q_OBJECT

public:
  explicit SchemeControls(QWidget* parent = nullptr);

  /// Shows what the schemes have in common; parts in which they differ show no choice. Empty disables
  /// everything.
  void setSchemes(const std::vector<Scheme>& schemes);
  /// The clipping range of the layer that is shown: where a fixed range begins.
  void setPresentRange(const ValueRange& range) { m_presentRange = range; }

signals:
  /// A person changed one part: apply it to each scheme (the other parts stay as they are).
  void partChanged(const std::function<Scheme(Scheme)>& change);
  /// Text that is not a scheme, and why.
  void rejected(const QString& message);

private:
  void addRow(const QString& title, const QString& tooltip, QWidget* control, QWidget* more = nullptr);
  void makeControls();
  void connectControls();
  void change(const std::function<void(Scheme&)>& edit);
  void chooseFormat(const QString& value);
  void chooseRange(const QString& value);
  void beginFixedRange();
  void takeFixedRange();
  void say(const QString& problem);
  void takeText();
  void enableParts(const Scheme& scheme);

  QLineEdit* m_text;
  QLabel* m_message;
  SegmentedControl* m_floats;
  SegmentedControl* m_bits;
  SegmentedControl* m_signedness;
  SegmentedControl* m_mapping;
  SegmentedControl* m_codeRange;
  SegmentedControl* m_granularity;
  QComboBox* m_groupSize;
  SegmentedControl* m_range;
  RealSpinBox* m_percentile;
  QWidget* m_fixed;
  RealSpinBox* m_low;
  RealSpinBox* m_high;
  SegmentedControl* m_rounding;
  ValueRange m_presentRange;
  bool m_updating = false;
};

} // namespace halfstep
