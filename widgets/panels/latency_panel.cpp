#include "widgets/panels/latency_panel.h"

#include "core/support/units.h"
#include "widgets/panels/card.h"
#include "widgets/panels/latency_delegate.h"
#include "widgets/panels/layer_row_link.h"
#include "widgets/panels/table_actions.h"
#include "widgets/plots/latency_plot.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QEvent>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

#include <cmath>

namespace halfstep {

namespace {

constexpr int kStacksHeight = 150;

QString typeName(LatencyType type) {
  const auto name = latencyTypeName(type);
  return QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size()));
}

/// What the whole network's times hold, and what it would take without conversions.
QStringList networkWords(const Latency& latency) {
  QStringList words;
  if (!latency.narrowNetworks.empty()) {
    words << QObject::tr(
        "the whole network has everything but its layers, and the values between them, in float32");
  }
  QStringList reckoned;
  for (const LatencyType type : kLatencyTypes) {
    const auto seconds = latency.networkIn(type);
    if (seconds && type != LatencyType::fp32) {
      reckoned << QObject::tr("%1 %2").arg(typeName(type), timeText(*seconds));
    }
  }
  if (!reckoned.isEmpty()) {
    words << QObject::tr("reckoned from its layers, which are %1 of it, without conversions: %2")
                 .arg(QString::fromStdString(
                          formatShare(latency.total(LatencyType::fp32) / latency.network->median)),
                      reckoned.join(QStringLiteral(", ")));
  }
  return words;
}

} // namespace

LatencyPanel::LatencyPanel(Document& document, Selection& selection, NetworkAnalysis& analysis,
                           std::vector<NamedProfile> devices, QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_selection(selection)
    , m_analysis(analysis)
    , m_devices(std::move(devices))
    , m_device(new QComboBox)
    , m_measure(new QPushButton)
    , m_stacks(new LatencyPlot)
    , m_why(new QLabel)
    , m_legend(new QLabel)
    , m_totals(new QLabel)
    , m_origin(new QLabel)
    , m_table(new QTableView) {
  setObjectName(QStringLiteral("latency_panel"));
  layOut();
  connectParts();
  showLatency();
}

void LatencyPanel::layOut() {
  m_device->setObjectName(QStringLiteral("latency_device"));
  m_device->setAccessibleName(tr("Device"));
  m_device->setFixedWidth(230);
  m_device->addItem(tr("Measured on this computer"));
  for (const NamedProfile& device : m_devices) {
    m_device->addItem(tr("Estimate: %1").arg(QString::fromStdString(device.profile.name)));
    m_device->setItemData(m_device->count() - 1, QString::fromStdString(device.profile.source),
                          Qt::ToolTipRole);
  }
  m_measure->setObjectName(QStringLiteral("latency_measure"));
  m_measure->setProperty("role", "primary");
  m_measure->setToolTip(
      tr("Runs every layer alone in float32, bfloat16 and int8 with oneDNN's kernels, and weight-only "
         "int4 with our own"));
  m_legend->setTextFormat(Qt::RichText);
  m_legend->setProperty("role", "caption");
  m_totals->setObjectName(QStringLiteral("latency_totals"));
  m_totals->setTextFormat(Qt::RichText);
  m_totals->setWordWrap(true);
  m_origin->setObjectName(QStringLiteral("latency_origin"));
  m_origin->setProperty("role", "quiet");
  m_origin->setWordWrap(true);
  m_proxy.setSourceModel(&m_model);
  m_proxy.setSortRole(LatencyModel::sortRole);
  m_table->setObjectName(QStringLiteral("latency_table"));
  m_table->setAccessibleName(tr("Latency of every layer"));
  m_table->setModel(&m_proxy);
  m_table->setItemDelegate(new LatencyDelegate(m_table));
  m_rows = new LayerRowLink(*m_table, m_proxy, m_selection);
  makeRowTable(*m_table, LatencyDelegate::kRowHeight);
  m_table->sortByColumn(LatencyModel::layerColumn, Qt::AscendingOrder);
  m_table->horizontalHeader()->setStretchLastSection(true);
  m_table->setColumnWidth(LatencyModel::layerColumn, 170);
  m_table->setColumnWidth(LatencyModel::barsColumn, 200);
  for (int column = LatencyModel::firstTypeColumn; column < static_cast<int>(LatencyModel::reasonColumn);
       ++column) {
    m_table->setColumnWidth(column, 84);
  }
  addTableActions(*m_table, QStringLiteral("latency"), [this](const QString& what) { emit failed(what); });
  auto* top = new QHBoxLayout;
  top->setSpacing(kSpace);
  top->addWidget(m_totals, 1);
  top->addWidget(m_device);
  top->addWidget(m_measure);
  m_stacks->setFixedHeight(kStacksHeight);
  m_why->setObjectName(QStringLiteral("latency_why"));
  m_why->setProperty("role", "quiet");
  m_why->setWordWrap(true);
  auto* whole = new QWidget;
  auto* wholeLayout = new QVBoxLayout(whole);
  wholeLayout->setContentsMargins(0, 0, 0, 0);
  wholeLayout->setSpacing(kSpaceSmall);
  wholeLayout->addWidget(m_stacks);
  wholeLayout->addWidget(m_why);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kSpaceLarge, kSpace, kSpaceLarge, kSpace);
  layout->setSpacing(kSpace);
  layout->addLayout(top);
  layout->addWidget(makeCard(makeCaption(tr("All layers together")), whole));
  layout->addWidget(makeCard(makeCaption(tr("Layer by layer")), m_table, m_legend), 1);
  layout->addWidget(m_origin);
}

void LatencyPanel::connectParts() {
  connect(m_measure, &QPushButton::clicked, this, [this] {
    if (m_analysis.latencyRuns()) {
      m_analysis.stop(NetworkAnalysis::latencyKey());
    } else {
      measure();
    }
  });
  connect(m_device, &QComboBox::currentIndexChanged, this, [this](int index) {
    m_model.setDevice(index > 0 ? std::optional(m_devices[static_cast<std::size_t>(index - 1)].profile)
                                : std::nullopt);
    showLegend();
    showTotals();
    showStacks();
    m_rows->showCurrent();
  });
  connect(m_stacks, &LatencyPlot::layerPicked, this,
          [this](int layer) { m_selection.select({layer}, layer); });
  connect(m_stacks, &Plot::saveFailed, this, &LatencyPanel::failed);
  connect(&m_selection, &Selection::currentLayerChanged, this,
          [this] { m_stacks->setCurrentLayer(m_selection.currentLayer()); });
  connect(&m_document, &Document::plansChanged, this, [this] {
    m_stale = m_model.latency() != nullptr; // plans change with every step of a drag
    if (m_stale && isVisible()) {
      showStacks();
    }
  });
  connect(&m_analysis, &NetworkAnalysis::latencyChanged, this, &LatencyPanel::showLatency);
  connect(&m_analysis, &NetworkAnalysis::samplesChanged, this, &LatencyPanel::showLatency);
}

void LatencyPanel::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange) {
    showLegend();
  }
}

void LatencyPanel::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (m_stale) {
    showStacks();
  }
}

void LatencyPanel::measure() {
  m_analysis.startLatency();
}

void LatencyPanel::showLatency() {
  if (m_model.latency() != m_analysis.latency()) {
    m_model.setLatency(m_analysis.latency());
  }
  m_measure->setText(m_analysis.latencyRuns() ? tr("Stop") : tr("Measure"));
  m_measure->setEnabled(m_analysis.samples() != nullptr);
  showLegend();
  showTotals();
  showStacks();
  m_rows->showCurrent();
}

void LatencyPanel::showStacks() {
  m_stale = false;
  std::vector<LatencyStack> stacks;
  QStringList names;
  if (const auto& latency = m_model.latency()) {
    for (const LatencyType type : kLatencyTypes) {
      stacks.push_back(m_model.stack(type));
    }
    std::vector<LayerPlan> plans;
    for (int layer = 0; layer < m_document.layerCount(); ++layer) {
      plans.push_back(m_document.layerPlan(layer));
    }
    stacks.push_back(m_model.stack(plans));
    for (const LayerLatency& layer : latency->layers) {
      names << QString::fromStdString(layer.shape.name);
    }
  }
  m_stacks->setStacks(std::move(stacks), names);
  m_stacks->setCurrentLayer(m_selection.currentLayer());
  m_why->setText(m_model.whyNotFaster());
  m_why->setVisible(!m_why->text().isEmpty());
}

void LatencyPanel::showLegend() {
  QStringList legend;
  for (const LatencyType type : kLatencyTypes) {
    legend << QStringLiteral("<span style='color:%1'>■</span> %2")
                  .arg(latencyColor(type, currentTheme()).name(), typeName(type));
  }
  if (!m_model.isEstimate()) {
    legend << tr("<span style='color:%1'>▬</span> conversions around it")
                  .arg(LatencyDelegate::conversionColor(currentTheme()).name());
  }
  m_legend->setText(legend.join(QStringLiteral(" &nbsp; ")));
}

void LatencyPanel::showTotals() {
  const auto& latency = m_analysis.latency();
  m_device->setEnabled(latency != nullptr);
  if (!latency) {
    m_totals->setText(
        m_analysis.samples() == nullptr
            ? m_analysis.samplesProblem().toHtmlEscaped()
            : tr("Measures every layer alone on this computer, in four types, and tells why a smaller "
                 "type is not faster."));
    m_origin->clear();
    return;
  }
  QStringList memory;
  for (const LatencyType type : kLatencyTypes) {
    memory << tr("%1 %2").arg(typeName(type), QString::fromStdString(formatBytes(static_cast<std::int64_t>(
                                                  memoryToLoad(*m_document.model(), type)))));
  }
  m_totals->setText(tr("Memory to load: ") + memory.join(QStringLiteral(" · ")));
  QStringList words;
  if (m_model.isEstimate()) {
    const auto& device = m_devices[static_cast<std::size_t>(m_device->currentIndex() - 1)].profile;
    words << tr("Estimate by the roofline model: at best, not measured")
          << QString::fromStdString(device.source);
  } else {
    if (!latency->isComplete()) {
      words << (m_analysis.latencyRuns() ? tr("Partial: %1 of %2 layers so far")
                                         : tr("Partial, stopped after %1 of %2 layers"))
                   .arg(latency->layers.size())
                   .arg(latency->layerCount);
    }
    words << tr("Measured: %1").arg(QString::fromStdString(latency->machine.name))
          << (latency->threads == 1 ? tr("1 thread") : tr("%1 threads").arg(latency->threads))
          << (latency->vnni ? tr("with VNNI") : tr("without VNNI"))
          << tr("medians; a layer without a kernel counts in fp32");
    words << networkWords(*latency);
  }
  m_origin->setText(words.join(QStringLiteral(" · ")));
}

} // namespace halfstep
