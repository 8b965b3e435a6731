#include "widgets/panels/scheme_panel.h"

#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"
#include "widgets/panels/figures_table.h"
#include "widgets/panels/scheme_controls.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/layers_model.h"
#include "widgets/viewmodels/results_text.h"

#include <QEvent>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QVBoxLayout>

#include <cmath>
#include <map>
#include <set>

namespace halfstep {

namespace {

LayerSummary summaryOf(const LayerView& view) {
  return {view.scheme, view.quantization->total, view.quantization->bytes, view.quantization->bitsPerWeight};
}

/// Scrolls up and down only: never narrower than what it holds, in whatever font.
class ColumnArea : public QScrollArea {
public:
  using QScrollArea::QScrollArea;

  QSize minimumSizeHint() const override {
    QSize size = QScrollArea::minimumSizeHint();
    if (widget() != nullptr) {
      size.setWidth(widget()->minimumSizeHint().width() + verticalScrollBar()->sizeHint().width());
    }
    return size;
  }

protected:
  bool eventFilter(QObject* watched, QEvent* event) override {
    if (event->type() == QEvent::LayoutRequest) {
      updateGeometry();
    }
    return QScrollArea::eventFilter(watched, event);
  }
};

} // namespace

SchemePanel::SchemePanel(Document& document, Selection& selection, LayerExplorer& explorer,
                         std::function<std::vector<int>()> shownLayers, QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_selection(selection)
    , m_explorer(explorer)
    , m_shownLayers(std::move(shownLayers))
    , m_subject(new QLabel)
    , m_controls(new SchemeControls)
    , m_apply(new QPushButton(tr("Apply to…")))
    , m_applyMenu(new QMenu(this))
    , m_pin(new QPushButton(tr("Pin result")))
    , m_pinned(new QLabel)
    , m_figures(new FiguresTable) {
  setObjectName(QStringLiteral("scheme_panel"));
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  m_apply->setObjectName(QStringLiteral("apply_to"));
  m_apply->setToolTip(tr("Give this scheme to more layers"));
  m_apply->setMenu(m_applyMenu);
  m_pin->setObjectName(QStringLiteral("pin_result"));
  m_pin->setToolTip(tr("Keep these figures beside the ones to come"));
  m_pinned->setObjectName(QStringLiteral("pinned_scheme"));
  layOut();
  connect(m_controls, &SchemeControls::partChanged, this, &SchemePanel::applyChange);
  connect(m_controls, &SchemeControls::rejected, this, &SchemePanel::failed);
  connect(m_figures, &FiguresTable::saveFailed, this, &SchemePanel::failed);
  connect(m_applyMenu, &QMenu::aboutToShow, this, &SchemePanel::fillApplyMenu);
  connect(m_pin, &QPushButton::clicked, this,
          [this] { m_explorer.pinned() ? m_explorer.unpin() : m_explorer.pin(); });
  connect(&m_selection, &Selection::layersChanged, this, &SchemePanel::showSchemes);
  connect(&m_document, &Document::plansChanged, this, &SchemePanel::showSchemes);
  connect(&m_document, &Document::modelChanged, this, &SchemePanel::showSchemes);
  connect(&m_document, &Document::summariesChanged, this, &SchemePanel::showFiguresSoon);
  connect(&m_explorer, &LayerExplorer::viewChanged, this, &SchemePanel::showFiguresSoon);
  connect(&m_explorer, &LayerExplorer::pinnedChanged, this, &SchemePanel::showFiguresSoon);
  showSchemes();
}

void SchemePanel::layOut() {
  m_subject->setProperty("role", "caption");
  m_subject->setObjectName(QStringLiteral("scheme_subject"));
  m_subject->setWordWrap(true);
  m_pinned->setProperty("role", "quiet");
  m_pinned->setWordWrap(true);

  auto* scrolled = new QWidget;
  scrolled->setObjectName(QStringLiteral("scrolled"));
  auto* layout = new QVBoxLayout(scrolled);
  layout->setContentsMargins(kSpaceLarge, kSpace, kSpaceLarge, kSpace);
  layout->setSpacing(kSpaceSmall);
  layout->addWidget(m_subject);
  layout->addWidget(m_controls);
  layout->addSpacing(kSpaceSmall);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(m_apply, 1);
  buttons->addWidget(m_pin, 1);
  layout->addLayout(buttons);
  auto* line = new QFrame;
  line->setFrameShape(QFrame::HLine);
  line->setForegroundRole(QPalette::Mid);
  line->setFrameShadow(QFrame::Plain);
  layout->addWidget(line);
  layout->addWidget(m_pinned);
  layout->addWidget(m_figures);
  layout->addStretch(1);

  auto* scroll = new ColumnArea(this);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setWidget(scrolled);
  scroll->setFocusPolicy(Qt::NoFocus);
  auto* outer = new QVBoxLayout(this);
  outer->setContentsMargins(0, 0, 0, 0);
  outer->addWidget(scroll);
}

void SchemePanel::applyChange(const std::function<Scheme(Scheme)>& change) {
  // Layers that end with the same scheme are one edit; usually all of them.
  std::map<std::string, std::pair<Scheme, std::vector<int>>> edits;
  QString refused;
  for (const int layer : m_selection.layers()) {
    Scheme scheme = change(m_document.scheme(layer));
    if (!scheme.method.empty() && !checkSupported(scheme)) { // of a plan made elsewhere; no control shows it
      scheme.method.clear();
    }
    if (const auto supported = checkSupported(scheme); !supported) {
      refused = QString::fromStdString(supported.error().message());
      continue;
    }
    auto& edit = edits[printScheme(scheme)];
    edit.first = scheme;
    edit.second.push_back(layer);
  }
  const bool several = edits.size() > 1;
  if (several) {
    m_document.undoStack().beginMacro(tr("Change %1 layers").arg(m_selection.layers().size()));
  }
  for (const auto& [text, edit] : edits) {
    m_document.setSchemes(edit.second, edit.first);
  }
  if (several) {
    m_document.undoStack().endMacro();
  }
  if (!refused.isEmpty()) {
    emit failed(refused);
  }
  showSchemes();
}

void SchemePanel::fillApplyMenu() {
  m_applyMenu->clear();
  const int current = m_selection.currentLayer();
  if (current < 0) {
    return;
  }
  const Scheme scheme = m_document.scheme(current);
  const auto add = [&](const QString& title, const std::vector<int>& layers) {
    QAction* action = m_applyMenu->addAction(tr("%1 (%2)").arg(title).arg(layers.size()));
    action->setEnabled(!layers.empty());
    connect(action, &QAction::triggered, this,
            [this, layers, scheme] { m_document.setSchemes(layers, scheme); });
  };
  std::vector<int> all;
  std::map<std::string, std::vector<int>> byOperator;
  std::vector<int> alike;
  for (int i = 0; i < m_document.layerCount(); ++i) {
    all.push_back(i);
    byOperator[m_document.layer(i).op].push_back(i);
    if (operatorText(m_document.layer(i)) == operatorText(m_document.layer(current)) &&
        m_document.layer(i).weight.shape() == m_document.layer(current).weight.shape()) {
      alike.push_back(i);
    }
  }
  add(tr("All layers like this: same operator and shape"), alike);
  for (const auto& [op, layers] : byOperator) {
    add(tr("All %1").arg(QString::fromStdString(op)), layers);
  }
  add(tr("All selected"), m_selection.layers());
  add(tr("All that the filter shows"), m_shownLayers());
  add(tr("All layers"), all);
}

void SchemePanel::showSchemes() {
  std::vector<Scheme> schemes;
  for (const int layer : m_selection.layers()) {
    if (layer < m_document.layerCount()) {
      schemes.push_back(m_document.scheme(layer));
    }
  }
  m_controls->setSchemes(schemes);
  m_subject->setText(schemes.size() > 1
                         ? tr("%1 layers: what you change is changed for all").arg(schemes.size())
                         : QString());
  m_subject->setVisible(schemes.size() > 1);
  m_apply->setEnabled(m_selection.currentLayer() >= 0);
  showFiguresSoon();
}

void SchemePanel::showFiguresSoon() {
  if (!m_figuresDue) {
    m_figuresDue = true;
    QMetaObject::invokeMethod(this, &SchemePanel::showFigures, Qt::QueuedConnection);
  }
}

void SchemePanel::showFigures() {
  m_figuresDue = false;
  const int current = m_selection.currentLayer();
  const bool any = current >= 0 && current < m_document.layerCount();
  const auto pinnedView = m_explorer.pinned();
  m_pin->setEnabled(any || pinnedView);
  m_pin->setText(pinnedView ? tr("Unpin") : tr("Pin result"));
  m_pinned->setVisible(pinnedView != nullptr);
  std::optional<LayerSummary> pinned;
  if (pinnedView) {
    pinned = summaryOf(*pinnedView);
    m_pinned->setText(tr("Pinned: %1 of %2")
                          .arg(QString::fromStdString(printScheme(pinnedView->scheme)),
                               QString::fromStdString(m_document.layer(pinnedView->layer).name)));
  }
  std::vector<FigureRow> rows;
  if (any) {
    rows = figureRows(m_document.summary(current), m_document.previousSummary(current),
                      pinned ? &*pinned : nullptr,
                      static_cast<std::int64_t>(m_document.layer(current).weight.bytes().size()));
  }
  m_figures->setRows(std::move(rows), pinned.has_value());
  const auto view = m_explorer.view();
  m_controls->setPresentRange(view && view->layer == current ? view->clipping : ValueRange());
  showWhy();
}

void SchemePanel::showWhy() {
  const auto view = m_explorer.view();
  if (view && view->stored && view->layer == m_selection.currentLayer() &&
      view->scheme.format == NumberFormat::fp32) {
    m_figures->setNote(
        tr("fp32 leaves this layer as it is: the file holds it quantized already, and size and bits are "
           "the file's own."));
    return;
  }
  if (!view || view->layer != m_selection.currentLayer() ||
      formatFacts(view->scheme.format).family != FormatFamily::integer) {
    m_figures->setNote({});
    return;
  }
  const CodeLimits limits = codeLimits(view->scheme.format, view->scheme.codeRange);
  const double sqnr = view->quantization->total.sqnrDb();
  if (!std::isfinite(sqnr)) {
    m_figures->setNote({});
    return;
  }
  const Moments& moments = view->profile->moments;
  const double peak = std::max(std::abs(moments.min), std::abs(moments.max));
  const double rms = std::sqrt(moments.std * moments.std + moments.mean * moments.mean);
  const double crest = rms > 0.0 ? 20.0 * std::log10(peak / rms) : 0.0;
  // Uniform rounding noise is step²/12; a full-scale signal of peak A over 2^b steps gives 6.02·b + 4.77 dB −
  // crest.
  const double rule = 6.02 * formatFacts(view->scheme.format).bits + 4.77 - crest;
  m_figures->setNote(
      tr("Why %1 dB? There are %2 codes. One scale over the whole peak would give about "
         "6.02·%3 + 4.77 − %4 (crest factor) = %5 dB.")
          .arg(QString::fromStdString(formatReal(sqnr)))
          .arg(limits.highest - limits.lowest + 1)
          .arg(formatFacts(view->scheme.format).bits)
          .arg(QString::fromStdString(formatReal(crest)), QString::fromStdString(formatReal(rule))));
}

} // namespace halfstep
