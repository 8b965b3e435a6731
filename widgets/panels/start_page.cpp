#include "widgets/panels/start_page.h"

#include "core/support/units.h"
#include "widgets/style/theme.h"

#include <QCommandLinkButton>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

#include <algorithm>

namespace halfstep {

namespace {

QLabel* caption(const QString& text) {
  auto* label = new QLabel(text);
  label->setProperty("role", "caption");
  return label;
}

/// Buttons read & as the mark of a shortcut.
QString buttonText(QString text) {
  return text.replace('&', QStringLiteral("&&"));
}

/// The file's name; with its folder where another of `paths` is called the same.
QString distinctName(const QString& path, const QStringList& paths) {
  const QFileInfo file(path);
  const auto sameName = [&](const QString& other) {
    return other != path && QFileInfo(other).fileName() == file.fileName();
  };
  return std::none_of(paths.begin(), paths.end(), sameName)
             ? file.fileName()
             : QStringLiteral("%1 – %2").arg(file.fileName(), QDir::toNativeSeparators(file.path()));
}

void clear(QVBoxLayout& layout) {
  while (QLayoutItem* item = layout.takeAt(0)) {
    delete item->widget();
    delete item;
  }
}

} // namespace

std::vector<SampleModel> sampleModels(const QString& folder) {
  QFile file(QDir(folder).filePath(QStringLiteral("manifest.json")));
  std::vector<SampleModel> samples;
  if (folder.isEmpty() || !file.open(QIODevice::ReadOnly)) {
    return samples;
  }
  const QJsonDocument json = QJsonDocument::fromJson(file.readAll());
  const QJsonArray models =
      json.isArray() ? json.array() : json.object().value(QStringLiteral("models")).toArray();
  for (const QJsonValue& value : models) {
    const QJsonObject model = value.toObject();
    SampleModel sample;
    sample.path = QDir(folder).filePath(model.value(QStringLiteral("file")).toString());
    sample.title = model.value(QStringLiteral("title")).toString();
    sample.description = model.value(QStringLiteral("description")).toString();
    sample.facts =
        QObject::tr("%1 parameters · %2 float accuracy")
            .arg(QString::fromStdString(formatCount(model.value(QStringLiteral("parameters")).toInteger())),
                 QString::fromStdString(
                     formatShare(model.value(QStringLiteral("float_accuracy")).toDouble())));
    if (QFileInfo::exists(sample.path)) {
      samples.push_back(sample);
    }
  }
  return samples;
}

StartPage::StartPage(QWidget* parent)
    : QWidget(parent)
    , m_recent(new QVBoxLayout)
    , m_samples(new QVBoxLayout) {
  setObjectName(QStringLiteral("start_page"));
  auto* title = new QLabel(tr("Halfstep"));
  title->setProperty("role", "title");
  auto* subtitle = new QLabel(tr(
      "See what quantization does to a neural network, layer by layer, while you change it.\n"
      "Open a trained model, or drop its file anywhere on this window. Everything stays on this computer."));
  subtitle->setWordWrap(true);
  subtitle->setProperty("role", "quiet");
  auto* open = new QPushButton(tr("Open a model…"));
  open->setObjectName(QStringLiteral("start_open"));
  open->setProperty("role", "primary");
  open->setDefault(true);
  connect(open, &QPushButton::clicked, this, &StartPage::openRequested);

  auto* card = new QWidget;
  card->setObjectName(QStringLiteral("card"));
  card->setAttribute(Qt::WA_StyledBackground);
  card->setMaximumWidth(760);
  auto* inside = new QVBoxLayout(card);
  inside->setContentsMargins(28, 24, 28, 24);
  inside->setSpacing(kSpace);
  inside->addWidget(title);
  inside->addWidget(subtitle);
  inside->addWidget(open, 0, Qt::AlignLeft);
  inside->addSpacing(kSpace);
  inside->addLayout(m_samples);
  inside->addLayout(m_recent);
  m_samples->setSpacing(0);
  m_recent->setSpacing(0);

  auto* scrolled = new QWidget;
  scrolled->setObjectName(QStringLiteral("scrolled"));
  auto* row = new QHBoxLayout;
  row->addStretch(1);
  row->addWidget(card, 4);
  row->addStretch(1);
  auto* column = new QVBoxLayout(scrolled);
  column->addStretch(1);
  column->addLayout(row);
  column->addStretch(2);
  auto* scroll = new QScrollArea;
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setWidget(scrolled);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(scroll);
}

void StartPage::setRecentFiles(const QStringList& paths) {
  clear(*m_recent);
  if (paths.isEmpty()) {
    return;
  }
  m_recent->addSpacing(kSpace);
  m_recent->addWidget(caption(tr("Opened before")));
  constexpr int kShown = 5;
  const QStringList shown = paths.mid(0, kShown);
  for (int i = 0; i < shown.size(); ++i) {
    const QString& path = shown[i];
    auto* link = new QPushButton(buttonText(distinctName(path, shown)));
    link->setObjectName(QStringLiteral("recent_%1").arg(i));
    link->setFlat(true);
    link->setToolTip(path);
    link->setStyleSheet(QStringLiteral("text-align: left;"));
    connect(link, &QPushButton::clicked, this, [this, path] { emit fileChosen(path); });
    m_recent->addWidget(link);
  }
}

void StartPage::setSamples(const std::vector<SampleModel>& samples) {
  clear(*m_samples);
  if (samples.empty()) {
    return;
  }
  m_samples->addWidget(caption(tr("Sample models")));
  for (const SampleModel& sample : samples) {
    auto* link = new QCommandLinkButton(buttonText(sample.title), sample.description + '\n' + sample.facts);
    link->setObjectName(QStringLiteral("sample_") + QFileInfo(sample.path).completeBaseName());
    link->setIcon(QIcon());
    connect(link, &QCommandLinkButton::clicked, this, [this, path = sample.path] { emit fileChosen(path); });
    m_samples->addWidget(link);
  }
}

} // namespace halfstep
