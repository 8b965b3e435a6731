#include "widgets/panels/data_dialog.h"

#include "widgets/style/theme.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPainter>
#include <QPointer>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

namespace halfstep {

namespace {

constexpr int kThumbnail = 96;
constexpr int kMostPickedSamples = 1000000;

QLineEdit* field(const char* name, const QString& placeholder, const QString& tooltip, const QString& text) {
  auto* made = new QLineEdit(text);
  made->setObjectName(QString::fromLatin1(name));
  made->setPlaceholderText(placeholder);
  made->setToolTip(tooltip);
  return made;
}

QString joined(const std::vector<double>& values) {
  QStringList parts;
  for (const double value : values) {
    parts << QString::number(value, 'g', 10);
  }
  return parts.join(',');
}

QString joinedShapes(const std::map<std::string, std::vector<std::int64_t>>& shapes) {
  QStringList parts;
  for (const auto& [name, shape] : shapes) {
    parts << QString::fromStdString(printInputShape(name, shape));
  }
  return parts.join(QStringLiteral("; "));
}

/// A square with the picture in its middle, enlarged in whole steps where it is small.
QIcon thumbnail(const QImage& picture) {
  QPixmap pixmap(kThumbnail, kThumbnail);
  pixmap.fill(Qt::transparent);
  QPainter painter(&pixmap);
  const auto mode = picture.width() < kThumbnail / 2 ? Qt::FastTransformation : Qt::SmoothTransformation;
  const QImage scaled = picture.scaled(kThumbnail, kThumbnail, Qt::KeepAspectRatio, mode);
  painter.drawImage((kThumbnail - scaled.width()) / 2, (kThumbnail - scaled.height()) / 2, scaled);
  return QIcon(pixmap);
}

} // namespace

DataDialog::DataDialog(const DataSettings& settings, Opener opener, const QString& openShapes,
                       QWidget* parent)
    : QDialog(parent)
    , m_opener(std::move(opener))
    , m_hasOpenShapes(!openShapes.isEmpty() || !settings.shapes.empty())
    , m_source(field("data_source", tr("folder or file; nothing: drawn at random"),
                     tr("A folder of pictures, arrays or ONNX test data, an "
                        "IDX or .npz file, a text"),
                     QString::fromStdString(settings.source)))
    , m_samples(new QSpinBox)
    , m_resize(field("data_resize", tr("automatic"),
                     tr("256: the shorter side; 240x320: height and width; none"),
                     settings.resize ? QString::fromStdString(printResize(*settings.resize)) : QString()))
    , m_crop(field("data_crop", tr("the input's size"),
                   tr("224, or 240x320 (height, width); from the middle"),
                   settings.crop ? QString::fromStdString(printImageSize(*settings.crop)) : QString()))
    , m_scale(field("data_scale", tr("1/255"), tr("Pixels 0 to 255 are multiplied by this"),
                    settings.scale ? QString::number(*settings.scale, 'g', 12) : QString()))
    , m_mean(field("data_mean", tr("0"), tr("Taken away from each channel: 0.485,0.456,0.406"),
                   joined(settings.mean)))
    , m_std(field("data_std", tr("1"), tr("Each channel is divided by this: 0.229,0.224,0.225"),
                  joined(settings.std)))
    , m_layout(new QComboBox)
    , m_channels(new QComboBox)
    , m_tokenizer(field("data_tokenizer", tr("for texts: bytes, or a file"),
                        tr("bytes, a tokenizer.bin of llama2.c, or a file with one token per line"),
                        QString::fromStdString(settings.tokenizer)))
    , m_shuffle(field("data_shuffle", tr("in their order"),
                      tr("A number: the samples are taken in an order drawn with it, always the same one"),
                      settings.shuffle ? QString::number(*settings.shuffle) : QString()))
    , m_shapes(field("data_shapes", openShapes,
                     tr("The shapes of inputs that the model leaves open, one sample's: input=1,3,224,224;\n"
                        "several are told apart by semicolons. Open dimensions are 1 where nothing is said."),
                     joinedShapes(settings.shapes)))
    , m_message(new QLabel)
    , m_list(new QListWidget)
    , m_buttons(new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel)) {
  setObjectName(QStringLiteral("data_dialog"));
  setWindowTitle(tr("Data"));
  resize(760, 620);
  m_samples->setObjectName(QStringLiteral("data_samples"));
  m_samples->setRange(0, kMostPickedSamples);
  m_samples->setSpecialValueText(tr("all"));
  m_samples->setButtonSymbols(QAbstractSpinBox::NoButtons);
  m_samples->setValue(settings.samples
                          ? static_cast<int>(std::min<std::uint64_t>(*settings.samples, kMostPickedSamples))
                          : 0);
  m_layout->setObjectName(QStringLiteral("data_layout"));
  m_layout->addItems({tr("as the input's shape says"), QStringLiteral("nchw"), QStringLiteral("nhwc")});
  m_channels->setObjectName(QStringLiteral("data_channels"));
  m_channels->addItems(
      {tr("automatic"), QStringLiteral("rgb"), QStringLiteral("bgr"), QStringLiteral("grey")});
  if (settings.layout) {
    m_layout->setCurrentText(QString::fromUtf8(printLayout(*settings.layout).data()));
  }
  if (settings.channels) {
    m_channels->setCurrentText(QString::fromUtf8(printChannels(*settings.channels).data()));
  }
  layOut();
  if (!settings.source.empty() || !settings.shapes.empty()) {
    preview();
  } else {
    m_message->setText(tr("Choose a folder or a file. Nothing leaves this computer."));
  }
}

void DataDialog::layOut() {
  auto* folder = new QPushButton(tr("Folder…"));
  folder->setObjectName(QStringLiteral("data_folder"));
  auto* file = new QPushButton(tr("File…"));
  file->setObjectName(QStringLiteral("data_file"));
  for (QPushButton* button : {folder, file}) {
    button->setAutoDefault(false);
  }
  auto* source = new QHBoxLayout;
  source->addWidget(m_source, 1);
  source->addWidget(folder);
  source->addWidget(file);
  auto* left = new QFormLayout;
  left->addRow(tr("Samples"), m_samples);
  left->addRow(tr("Shuffle"), m_shuffle);
  left->addRow(tr("Resize"), m_resize);
  left->addRow(tr("Crop"), m_crop);
  left->addRow(tr("Tokenizer"), m_tokenizer);
  auto* right = new QFormLayout;
  right->addRow(tr("Scale"), m_scale);
  right->addRow(tr("Mean"), m_mean);
  right->addRow(tr("Standard deviation"), m_std);
  right->addRow(tr("Layout"), m_layout);
  right->addRow(tr("Channels"), m_channels);
  left->setVerticalSpacing(kSpace);
  right->setVerticalSpacing(kSpace);
  auto* forms = new QHBoxLayout;
  forms->setSpacing(2 * kSpaceLarge);
  forms->addLayout(left, 1);
  forms->addLayout(right, 1);
  auto* shapes = new QFormLayout;
  shapes->addRow(tr("Input shapes"), m_shapes);
  m_message->setObjectName(QStringLiteral("data_message"));
  m_message->setWordWrap(true);
  m_list->setObjectName(QStringLiteral("data_preview"));
  m_list->setAccessibleName(tr("The first samples"));
  m_list->setViewMode(QListView::IconMode);
  m_list->setResizeMode(QListView::Adjust);
  m_list->setMovement(QListView::Static);
  m_list->setIconSize({kThumbnail, kThumbnail});
  m_list->setGridSize({kThumbnail + 32, kThumbnail + 40});
  m_list->setTextElideMode(Qt::ElideMiddle);
  m_list->setWordWrap(true);
  m_buttons->button(QDialogButtonBox::Ok)->setText(tr("Use these samples"));
  m_buttons->button(QDialogButtonBox::Ok)->setEnabled(false);
  auto* layout = new QVBoxLayout(this);
  layout->setSpacing(kSpaceLarge);
  layout->addLayout(source);
  layout->addLayout(forms);
  layout->addLayout(shapes);
  shapes->setRowVisible(m_shapes, m_hasOpenShapes);
  layout->addWidget(m_message);
  layout->addWidget(m_list, 1);
  layout->addWidget(m_buttons);
  connect(folder, &QPushButton::clicked, this, [this] { choosePath(true); });
  connect(file, &QPushButton::clicked, this, [this] { choosePath(false); });
  for (QLineEdit* edit :
       {m_source, m_resize, m_crop, m_scale, m_mean, m_std, m_tokenizer, m_shuffle, m_shapes}) {
    connect(edit, &QLineEdit::editingFinished, this, &DataDialog::preview);
  }
  connect(m_samples, &QSpinBox::editingFinished, this, &DataDialog::preview);
  connect(m_layout, &QComboBox::currentIndexChanged, this, &DataDialog::preview);
  connect(m_channels, &QComboBox::currentIndexChanged, this, &DataDialog::preview);
  connect(m_buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(m_buttons, &QDialogButtonBox::accepted, this, [this] {
    emit chosen(m_shownSettings, m_shown);
    accept();
  });
}

void DataDialog::choosePath(bool folder) {
  auto* dialog = new QFileDialog(this, folder ? tr("A folder of samples") : tr("A file of samples"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFile);
  connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
    m_source->setText(path);
    preview();
  });
  dialog->open();
}

Result<DataSettings> DataDialog::settings() const {
  DataSettings made;
  made.source = m_source->text().trimmed().toStdString();
  if (m_samples->value() > 0) {
    made.samples = static_cast<std::uint64_t>(m_samples->value());
  }
  const auto text = [](const QLineEdit* edit) { return edit->text().trimmed().toStdString(); };
  if (!text(m_resize).empty()) {
    HALFSTEP_TRY(made.resize, parseResize(text(m_resize)));
  }
  if (!text(m_crop).empty()) {
    HALFSTEP_TRY(made.crop, parseImageSize(text(m_crop)));
  }
  if (!text(m_scale).empty()) {
    HALFSTEP_TRY(made.scale, parseScale(text(m_scale)));
  }
  if (!text(m_mean).empty()) {
    HALFSTEP_TRY(made.mean, parseChannelValues(text(m_mean)));
  }
  if (!text(m_std).empty()) {
    HALFSTEP_TRY(made.std, parseChannelValues(text(m_std)));
  }
  if (m_layout->currentIndex() > 0) {
    HALFSTEP_TRY(made.layout, parseLayout(m_layout->currentText().toStdString()));
  }
  if (m_channels->currentIndex() > 0) {
    HALFSTEP_TRY(made.channels, parseChannels(m_channels->currentText().toStdString()));
  }
  made.tokenizer = text(m_tokenizer);
  if (!text(m_shuffle).empty()) {
    bool isNumber = false;
    made.shuffle = m_shuffle->text().trimmed().toULongLong(&isNumber);
    if (!isNumber) {
      return Error{ErrorKind::usage, "'" + text(m_shuffle) + "': shuffle wants a whole number, or nothing"};
    }
  }
  for (const QString& part : m_shapes->text().split(';', Qt::SkipEmptyParts)) {
    if (!part.trimmed().isEmpty()) {
      HALFSTEP_TRY(auto shape, parseInputShape(part.trimmed().toStdString()));
      made.shapes.insert_or_assign(std::move(shape.first), std::move(shape.second));
    }
  }
  HALFSTEP_CHECK(checkDataSettings(made));
  return made;
}

void DataDialog::preview() {
  const auto wanted = settings();
  m_buttons->button(QDialogButtonBox::Ok)->setEnabled(false);
  if (!wanted) {
    m_message->setText(QString::fromStdString(wanted.error().message()));
    return;
  }
  if (wanted->source.empty() && wanted->shapes.empty()) {
    m_list->clear();
    m_message->setText(tr("Choose a folder or a file. Nothing leaves this computer."));
    return;
  }
  m_message->setText(tr("Reading …"));
  const QPointer<DataDialog> self(this);
  m_opener(*wanted, [this, self, asked = ++m_asked, wanted = *wanted](const Result<DataPreview>& result) {
    if (self && asked == m_asked) {
      m_shownSettings = wanted;
      show(result);
    }
  });
}

void DataDialog::show(const Result<DataPreview>& result) {
  m_list->clear();
  if (!result) {
    m_message->setText(QString::fromStdString(result.error().message()));
    return;
  }
  m_shown = *result;
  m_message->setText(m_shown.summary);
  for (const SamplePreview& one : m_shown.first) {
    const QString text = one.label.isEmpty() ? one.name : tr("%1\n%2").arg(one.label, one.name);
    auto* item = new QListWidgetItem(text, m_list);
    if (!one.picture.isNull()) {
      item->setIcon(thumbnail(one.picture));
    } else {
      item->setText(text + '\n' + one.content);
    }
    item->setToolTip(one.name + '\n' + one.content);
  }
  m_buttons->button(QDialogButtonBox::Ok)->setEnabled(m_shown.samples && m_shown.samples->count() > 0);
}

} // namespace halfstep
