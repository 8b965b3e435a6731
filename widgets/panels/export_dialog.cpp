#include "widgets/panels/export_dialog.h"

#include "widgets/style/theme.h"

#include <QClipboard>
#include <QComboBox>
#include <QFontDatabase>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QPointer>
#include <QPushButton>
#include <QTabWidget>
#include <QTableWidget>
#include <QVBoxLayout>

namespace halfstep {

namespace {

QTableWidget* table(const char* name, const QString& accessibleName, const QStringList& headers) {
  auto* made = new QTableWidget(0, static_cast<int>(headers.size()));
  made->setObjectName(QString::fromLatin1(name));
  made->setAccessibleName(accessibleName);
  made->setHorizontalHeaderLabels(headers);
  made->setEditTriggers(QAbstractItemView::NoEditTriggers);
  made->setSelectionBehavior(QAbstractItemView::SelectRows);
  made->setWordWrap(true);
  made->setShowGrid(false);
  made->verticalHeader()->hide();
  made->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  made->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  made->horizontalHeader()->setMaximumSectionSize(260);
  made->horizontalHeader()->setStretchLastSection(true);
  return made;
}

QString fromUtf8(const std::string& words) {
  return QString::fromStdString(words);
}

} // namespace

ExportDialog::ExportDialog(std::vector<const Exporter*> exporters, Previewer previewer, QWidget* parent)
    : QDialog(parent)
    , m_exporters(std::move(exporters))
    , m_previewer(std::move(previewer))
    , m_formats(new QListWidget)
    , m_title(new QLabel)
    , m_explanation(new QLabel)
    , m_note(new QLabel)
    , m_tabs(new QTabWidget)
    , m_files(new QComboBox)
    , m_text(new QPlainTextEdit)
    , m_losses(table("export_losses", tr("What the format cannot express"),
                     {tr("Layer"), tr("What becomes of it")}))
    , m_findings(table("export_findings", tr("What the target does by itself"),
                       {tr("Layer"), tr("What"), tr("Why")}))
    , m_patterns(table("export_patterns", tr("Rules and what they match"),
                       {tr("Rule"), tr("Matched by"), tr("Sets"), tr("Layers of this model")}))
    , m_copy(new QPushButton(tr("Copy")))
    , m_calibrate(new QPushButton(tr("Calibrate")))
    , m_export(new QPushButton(tr("Export…"))) {
  setObjectName(QStringLiteral("export_dialog"));
  setWindowTitle(tr("Export"));
  resize(980, 640);
  layOut();
  for (const Exporter* exporter : m_exporters) {
    auto* item = new QListWidgetItem(fromUtf8(exporter->title()), m_formats);
    item->setData(Qt::UserRole, fromUtf8(exporter->formatName()));
    item->setToolTip(tr("%1 (%2)").arg(fromUtf8(exporter->title()), fromUtf8(exporter->formatName())));
  }
  connect(m_formats, &QListWidget::currentRowChanged, this, &ExportDialog::refresh);
  connect(m_files, &QComboBox::currentIndexChanged, this, &ExportDialog::showFile);
  connect(m_copy, &QPushButton::clicked, this,
          [this] { QGuiApplication::clipboard()->setText(m_text->toPlainText()); });
  connect(m_calibrate, &QPushButton::clicked, this, &ExportDialog::calibrationRequested);
  connect(m_export, &QPushButton::clicked, this, [this] {
    if (const Exporter* exporter = current()) {
      emit exportRequested(*exporter);
    }
  });
}

QWidget* ExportDialog::details() {
  m_title->setObjectName(QStringLiteral("export_title"));
  m_title->setProperty("role", "title");
  m_explanation->setObjectName(QStringLiteral("export_explanation"));
  m_explanation->setWordWrap(true);
  m_explanation->setProperty("role", "quiet");
  m_explanation->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_note->setObjectName(QStringLiteral("export_note"));
  m_note->setWordWrap(true);
  m_files->setObjectName(QStringLiteral("export_file"));
  m_files->setAccessibleName(tr("File"));
  m_text->setObjectName(QStringLiteral("export_text"));
  m_text->setAccessibleName(tr("Preview of the file"));
  m_text->setReadOnly(true);
  m_text->setLineWrapMode(QPlainTextEdit::NoWrap);
  m_text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  m_copy->setObjectName(QStringLiteral("export_copy"));
  m_tabs->setObjectName(QStringLiteral("export_tabs"));
  auto* preview = new QWidget;
  auto* inside = new QVBoxLayout(preview);
  inside->setContentsMargins(0, kSpace, 0, 0);
  auto* top = new QHBoxLayout;
  top->addWidget(m_files, 1);
  top->addWidget(m_copy);
  inside->addLayout(top);
  inside->addWidget(m_text, 1);
  m_tabs->addTab(preview, tr("Text"));
  m_tabs->addTab(m_losses, QString());
  m_tabs->addTab(m_findings, QString());
  m_tabs->addTab(m_patterns, QString());
  auto* made = new QWidget;
  auto* layout = new QVBoxLayout(made);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_title);
  layout->addWidget(m_explanation);
  layout->addWidget(m_note);
  layout->addWidget(m_tabs, 1);
  return made;
}

void ExportDialog::layOut() {
  m_formats->setObjectName(QStringLiteral("export_formats"));
  m_formats->setAccessibleName(tr("Formats"));
  m_formats->setFixedWidth(270);
  m_formats->setSpacing(2);
  m_formats->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_formats->setTextElideMode(Qt::ElideRight);
  m_calibrate->setObjectName(QStringLiteral("export_calibrate"));
  m_export->setObjectName(QStringLiteral("export_write"));
  m_export->setProperty("role", "primary");
  auto* close = new QPushButton(tr("Close"));
  close->setObjectName(QStringLiteral("export_close"));
  connect(close, &QPushButton::clicked, this, &QDialog::reject);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(m_calibrate);
  buttons->addStretch(1);
  buttons->addWidget(close);
  buttons->addWidget(m_export);
  m_export->setDefault(true);
  auto* columns = new QHBoxLayout;
  columns->setSpacing(kSpaceLarge);
  columns->addWidget(m_formats);
  columns->addWidget(details(), 1);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kSpaceLarge, kSpaceLarge, kSpaceLarge, kSpaceLarge);
  layout->setSpacing(kSpaceLarge);
  layout->addLayout(columns, 1);
  layout->addLayout(buttons);
}

const Exporter* ExportDialog::current() const {
  const int row = m_formats->currentRow();
  return row >= 0 ? m_exporters[static_cast<std::size_t>(row)] : nullptr;
}

void ExportDialog::chooseFormat(const QString& format) {
  for (int row = 0; row < m_formats->count(); ++row) {
    if (m_formats->item(row)->data(Qt::UserRole).toString() == format) {
      m_formats->setCurrentRow(row);
    }
  }
}

void ExportDialog::refresh() {
  const Exporter* exporter = current();
  if (exporter == nullptr) {
    return;
  }
  m_title->setText(fromUtf8(exporter->title()));
  m_explanation->setText(fromUtf8(exporter->explanation()));
  const int asked = ++m_asked;
  m_export->setEnabled(false);
  m_calibrate->setVisible(false);
  m_note->setText(tr("Working out the preview …"));
  m_note->setVisible(true);
  m_previewer(*exporter, [self = QPointer<ExportDialog>(this), asked](const Result<ExportPreview>& preview) {
    if (self && self->m_asked == asked) {
      self->show(preview);
    }
  });
}

void ExportDialog::fill(QTableWidget& table, const std::vector<QStringList>& rows) {
  table.setRowCount(static_cast<int>(rows.size()));
  for (int row = 0; row < table.rowCount(); ++row) {
    const QStringList& cells = rows[static_cast<std::size_t>(row)];
    for (int column = 0; column < cells.size(); ++column) {
      auto* item = new QTableWidgetItem(cells[column]);
      item->setToolTip(cells[column]);
      table.setItem(row, column, item);
    }
  }
}

void ExportDialog::show(const Result<ExportPreview>& preview) {
  m_preview = preview ? *preview : ExportPreview();
  m_export->setEnabled(preview && !m_preview.wantsCalibration);
  m_calibrate->setVisible(m_preview.wantsCalibration);
  m_note->setText(preview ? m_preview.note : fromUtf8(preview.error().message()));
  m_note->setVisible(!m_note->text().isEmpty());
  std::vector<QStringList> losses;
  for (const ExportLoss& loss : m_preview.losses) {
    losses.push_back({loss.layer == "*" ? tr("all layers") : fromUtf8(loss.layer), fromUtf8(loss.what)});
  }
  fill(*m_losses, losses);
  std::vector<QStringList> findings;
  for (const ExportFinding& finding : m_preview.findings) {
    findings.push_back({finding.layer == "*" ? tr("all layers") : fromUtf8(finding.layer),
                        fromUtf8(finding.what), fromUtf8(finding.why)});
  }
  fill(*m_findings, findings);
  std::vector<QStringList> patterns;
  for (const ExportPattern& pattern : m_preview.patterns) {
    QStringList layers;
    for (const std::string& layer : pattern.layers) {
      layers << fromUtf8(layer);
    }
    patterns.push_back({fromUtf8(pattern.pattern), fromUtf8(pattern.matching), fromUtf8(pattern.meaning),
                        tr("%1: %2").arg(layers.size()).arg(layers.join(QStringLiteral(", ")))});
  }
  fill(*m_patterns, patterns);
  m_tabs->setTabText(1, losses.empty() ? tr("Nothing is lost") : tr("Lost (%1)").arg(losses.size()));
  m_tabs->setTabText(2, tr("In the target (%1)").arg(findings.size()));
  m_tabs->setTabVisible(2, !findings.empty());
  m_tabs->setTabText(3, tr("Rules (%1)").arg(patterns.size()));
  m_tabs->setTabVisible(3, !patterns.empty());
  m_tabs->setTabVisible(0, !m_preview.files.empty());
  m_tabs->setTabVisible(1, preview && !m_preview.wantsCalibration);
  m_tabs->setVisible(preview && !m_preview.wantsCalibration);
  if (!m_preview.files.empty()) {
    m_tabs->setCurrentIndex(0);
  } else if (losses.empty() && !findings.empty()) {
    m_tabs->setCurrentIndex(2);
  }
  m_files->clear();
  for (const ExportedText& file : m_preview.files) {
    m_files->addItem(file.name);
  }
  showFile(m_files->currentIndex());
}

void ExportDialog::showFile(int index) {
  if (index < 0 || index >= static_cast<int>(m_preview.files.size())) {
    m_text->clear();
    m_copy->setEnabled(false);
    return;
  }
  const ExportedText& file = m_preview.files[static_cast<std::size_t>(index)];
  m_text->setPlainText(file.whole ? file.text : file.text + tr("\n… (the beginning only)"));
  m_copy->setEnabled(file.isText && file.whole);
}

} // namespace halfstep
