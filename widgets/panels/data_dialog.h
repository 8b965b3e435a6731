// Chooses the data that the network is run on: where it is, how it is prepared, and what comes of that. UI
// thread.
#pragma once

#include "core/quant/data_settings.h"
#include "widgets/viewmodels/data_preview.h"

#include <QDialog>

#include <functional>

class QComboBox;
class QDialogButtonBox;
class QLabel;
class QLineEdit;
class QListWidget;
class QSpinBox;

namespace halfstep {

class DataDialog : public QDialog {
  Q_OBJECT

public:
  /// Opens a data set in the background and calls back with the preview, or the error.
  using Opener = std::function<void(const DataSettings&, std::function<void(Result<DataPreview>)>)>;

  /// `settings`: what to start from. `openShapes`: the inputs whose shapes the model leaves open, as a hint;
  /// empty where there are none.
  DataDialog(const DataSettings& settings, Opener opener, const QString& openShapes,
             QWidget* parent = nullptr);

signals:
  /// A person took what the preview shows.
  void chosen(const DataSettings& settings, const DataPreview& preview);

private:
  void layOut();
  void choosePath(bool folder);
  Result<DataSettings> settings() const;
  void preview();
  void show(const Result<DataPreview>& result);

  Opener m_opener;
  bool m_hasOpenShapes;
  QLineEdit* m_source;
  QSpinBox* m_samples;
  QLineEdit* m_resize;
  QLineEdit* m_crop;
  QLineEdit* m_scale;
  QLineEdit* m_mean;
  QLineEdit* m_std;
  QComboBox* m_layout;
  QComboBox* m_channels;
  QLineEdit* m_tokenizer;
  QLineEdit* m_shuffle;
  QLineEdit* m_shapes;
  QLabel* m_message;
  QListWidget* m_list;
  QDialogButtonBox* m_buttons;
  DataSettings m_shownSettings;
  DataPreview m_shown;
  int m_asked = 0; ///< counts requests: only the newest answer is shown
};

} // namespace halfstep
