#include "widgets/plots/plot.h"

#include "core/io/atomic_file.h"
#include "core/support/units.h"

#include <QClipboard>
#include <QFileDialog>
#include <QGuiApplication>
#include <QHelpEvent>
#include <QMenu>
#include <QSvgGenerator>
#include <QToolTip>

namespace halfstep {

namespace {

constexpr int kAxisFont = 11;
constexpr int kStillPixels = 4; ///< a hand that clicks moves the mouse less than this

QFont axisFont(const QWidget& widget) {
  QFont font = widget.font();
  font.setPixelSize(kAxisFont);
  return font;
}

} // namespace

QString numberText(double value, int digits) {
  return QString::fromStdString(formatReal(value, digits));
}

double NumberTicker::getTickStep(const QCPRange& range) {
  m_step = QCPAxisTicker::getTickStep(range);
  if (range.size() < 2.0 * m_step) { // a single number says nothing about the axis
    m_step /= 2.0;
  }
  return m_step;
}

double IndexTicker::getTickStep(const QCPRange& range) {
  m_step = std::max(1.0, std::floor(NumberTicker::getTickStep(range)));
  return m_step;
}

QString NumberTicker::getTickLabel(double tick, const QLocale&, QChar, int) {
  if (std::abs(tick) < m_step * 1e-6) {
    return QStringLiteral("0");
  }
  QString text = QString::number(tick, 'g', 5);
  text.replace(QStringLiteral("e+0"), QStringLiteral("e"))
      .replace(QStringLiteral("e-0"), QStringLiteral("e-"));
  return text.replace('-', QChar(0x2212));
}

Plot::Plot(const QString& name, const QString& keyTitle, const QString& valueTitle, QWidget* parent)
    : QCustomPlot(parent)
    , m_theme(&currentTheme())
    , m_keyTitle(new QCPItemText(this))
    , m_valueTitle(new QCPItemText(this))
    , m_empty(new QCPItemText(this)) {
  setObjectName(name);
  setAccessibleName(keyTitle + QStringLiteral(", ") + valueTitle);
  setFocusPolicy(Qt::StrongFocus);
  setMinimumSize(120, 110);
  setNoAntialiasingOnDrag(true);
  setPlottingHint(QCP::phCacheLabels, true);
  // One buffer for a plot, not one more for the rectangle of a zoom: every paint clears and blends all of
  // them.
  layer(QStringLiteral("overlay"))->setMode(QCPLayer::lmLogical);
  setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
  axisRect()->setAutoMargins(QCP::msLeft | QCP::msBottom);
  axisRect()->setMargins(QMargins(0, 22, 10, 0));
  axisRect()->setMinimumMargins(QMargins(34, 22, 10, 30));
  for (QCPAxis* axis : {xAxis, yAxis}) {
    axis->setTicker(QSharedPointer<QCPAxisTicker>(new NumberTicker));
    axis->setSubTicks(false);
    axis->setTickLength(0, 3);
    axis->ticker()->setTickCount(axis == xAxis ? 6 : 4);
  }
  xAxis->grid()->setVisible(false);
  // Titles at the ends of the axes, not rotated.
  m_keyTitle->setText(keyTitle);
  m_keyTitle->position->setTypeX(QCPItemPosition::ptViewportRatio);
  m_keyTitle->position->setTypeY(QCPItemPosition::ptViewportRatio);
  m_keyTitle->position->setCoords(1.0, 1.0);
  m_keyTitle->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
  m_keyTitle->setPadding(QMargins(0, 0, 10, 1));
  m_valueTitle->setText(valueTitle);
  m_valueTitle->position->setType(QCPItemPosition::ptViewportRatio);
  m_valueTitle->position->setCoords(0.0, 0.0);
  m_valueTitle->setPositionAlignment(Qt::AlignLeft | Qt::AlignTop);
  m_valueTitle->setPadding(QMargins(6, 0, 0, 0));
  m_empty->position->setType(QCPItemPosition::ptAxisRectRatio);
  m_empty->position->setCoords(0.5, 0.5);
  m_empty->setVisible(false);
  for (QCPItemText* item : {m_keyTitle, m_valueTitle, m_empty}) {
    item->setClipToAxisRect(false);
    item->setSelectable(false);
    item->setLayer(QStringLiteral("axes"));
  }
  setMouseTracking(true);
}

void Plot::recolor() {
  m_theme = &currentTheme();
  setBackground(m_theme->panel);
  for (QCPAxis* axis : {xAxis, yAxis}) {
    axis->setBasePen(QPen(m_theme->line));
    axis->setTickPen(QPen(m_theme->line));
    axis->setTickLabelColor(m_theme->textQuiet);
    axis->setTickLabelFont(axisFont(*this));
    axis->grid()->setPen(QPen(m_theme->line));
    axis->grid()->setZeroLinePen(QPen(m_theme->line));
  }
  for (QCPItemText* item : {m_keyTitle, m_valueTitle, m_empty}) {
    item->setColor(m_theme->textQuiet);
    item->setFont(axisFont(*this));
  }
  applyColors(*m_theme);
}

void Plot::setTitles(const QString& keyTitle, const QString& valueTitle) {
  m_keyTitle->setText(keyTitle);
  m_valueTitle->setText(valueTitle);
  setAccessibleName(keyTitle + QStringLiteral(", ") + valueTitle);
}

void Plot::setEmptyText(const QString& text) {
  m_empty->setText(text);
  m_empty->setVisible(!text.isEmpty());
  for (QCPAxis* axis : {xAxis, yAxis}) { // numbers on an empty axis mean nothing
    axis->setTickLabels(text.isEmpty());
    axis->setTicks(text.isEmpty());
    axis->grid()->setVisible(text.isEmpty() && axis == yAxis);
  }
}

void Plot::resizeEvent(QResizeEvent* event) {
  constexpr int kPixelsPerLabel = 60;
  QCustomPlot::resizeEvent(event);
  xAxis->ticker()->setTickCount(std::clamp(width() / kPixelsPerLabel, 2, 8));
}

void Plot::dataChanged() {
  if (!m_zoomed) {
    fitAxes();
  }
  replot(QCustomPlot::rpQueuedReplot);
}

void Plot::remember(const View& view) {
  constexpr std::size_t kMost = 50;
  if (m_earlier.size() == kMost) {
    m_earlier.erase(m_earlier.begin());
  }
  m_earlier.push_back(view);
}

void Plot::zoomOut() {
  if (m_zoomed) {
    remember(present());
  }
  m_zoomed = false;
  fitAxes();
  replot(QCustomPlot::rpQueuedReplot);
}

void Plot::goBack() {
  if (m_earlier.empty()) {
    return;
  }
  const View view = m_earlier.back();
  m_earlier.pop_back();
  m_zoomed = view.zoomed;
  if (m_zoomed) {
    xAxis->setRange(view.keys);
    yAxis->setRange(view.values);
  } else { // everything, which may be other values by now
    fitAxes();
  }
  replot(QCustomPlot::rpQueuedReplot);
}

void Plot::showAll() {
  m_zoomed = false;
  m_earlier.clear();
  fitAxes();
  replot(QCustomPlot::rpQueuedReplot);
}

void Plot::changeEvent(QEvent* event) {
  QCustomPlot::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange) {
    recolor();
    replot(QCustomPlot::rpQueuedReplot);
  }
}

void Plot::mousePressEvent(QMouseEvent* event) {
  m_pressed = event->pos();
  m_atPress = present();
  if (event->button() == Qt::LeftButton && takesPress(event->pos())) {
    event->accept();
    return;
  }
  const bool pans = event->modifiers().testFlag(Qt::ControlModifier) || event->button() == Qt::MiddleButton;
  setSelectionRectMode(pans || event->button() != Qt::LeftButton ? QCP::srmNone : QCP::srmZoom);
  if (selectionRect() != nullptr) {
    selectionRect()->setPen(QPen(m_theme->accent));
    QColor fill = m_theme->accent;
    fill.setAlpha(40);
    selectionRect()->setBrush(fill);
  }
  QCustomPlot::mousePressEvent(event);
}

void Plot::mouseMoveEvent(QMouseEvent* event) {
  QCustomPlot::mouseMoveEvent(event);
  if (event->buttons() == Qt::NoButton) {
    const QString text = describeAt(event->pos());
    if (text.isEmpty()) {
      QToolTip::hideText();
    } else {
      QToolTip::showText(event->globalPosition().toPoint(), text, this);
    }
  }
}

void Plot::mouseReleaseEvent(QMouseEvent* event) {
  // A rectangle as flat as a hand that only moves sideways: of that axis it says nothing.
  constexpr int kFlat = 12;
  const QPoint moved = event->pos() - m_pressed;
  axisRect()->setRangeZoomAxes(std::abs(moved.x()) >= kFlat || std::abs(moved.y()) < kFlat ? xAxis : nullptr,
                               std::abs(moved.y()) >= kFlat ? yAxis : nullptr);
  QCustomPlot::mouseReleaseEvent(event);
  axisRect()->setRangeZoomAxes(xAxis, yAxis);
  if (m_atPress.keys != xAxis->range() || m_atPress.values != yAxis->range()) {
    m_zoomed = true;
    remember(m_atPress);
  }
  if (event->button() == Qt::LeftButton && (event->pos() - m_pressed).manhattanLength() < kStillPixels) {
    clicked(event->pos());
  }
}

void Plot::mouseDoubleClickEvent(QMouseEvent* event) {
  if (!takesDoubleClick(event->pos())) {
    zoomOut();
  }
  event->accept();
}

void Plot::wheelEvent(QWheelEvent* event) {
  // Along the value axis a wheel would only lose the foot of the columns.
  axisRect()->setRangeZoom(Qt::Horizontal);
  constexpr ulong kOneTurn = 700; // milliseconds between notches that one look back undoes together
  const View before = present();
  QCustomPlot::wheelEvent(event);
  if (before.keys != xAxis->range()) {
    if (m_earlier.empty() || event->timestamp() - m_lastWheel > kOneTurn) {
      remember(before);
    }
    m_lastWheel = event->timestamp();
    m_zoomed = true;
  }
  event->accept();
}

void Plot::keyPressEvent(QKeyEvent* event) {
  const auto controlAnd = [&](Qt::KeyboardModifiers more, int key) {
    return event->modifiers() == (Qt::ControlModifier | more) && event->key() == key;
  };
  const int step = event->key() == Qt::Key_Right ? 1 : (event->key() == Qt::Key_Left ? -1 : 0);
  if (step != 0 && stepped(step)) {
    event->accept();
  } else if (event->key() == Qt::Key_Escape || event->key() == Qt::Key_Space) {
    zoomOut();
  } else if (event->key() == Qt::Key_Backspace) {
    goBack();
  } else if (event->matches(QKeySequence::Copy)) {
    copyData();
  } else if (controlAnd(Qt::ShiftModifier, Qt::Key_E)) {
    saveByDialog(QStringLiteral("png"));
  } else if (controlAnd(Qt::AltModifier, Qt::Key_E)) {
    saveByDialog(QStringLiteral("svg"));
  } else {
    QCustomPlot::keyPressEvent(event);
  }
}

void Plot::contextMenuEvent(QContextMenuEvent* event) {
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  menu->addAction(tr("Show all"), QKeySequence(Qt::Key_Escape), this, &Plot::zoomOut);
  menu->addAction(tr("Back to the view before"), QKeySequence(Qt::Key_Backspace), this, &Plot::goBack)
      ->setEnabled(!m_earlier.empty());
  menu->addSeparator();
  menu->addAction(tr("Copy data"), QKeySequence(QKeySequence::Copy), this, &Plot::copyData);
  menu->addAction(tr("Copy picture"), this, &Plot::copyPicture);
  menu->addSeparator();
  const std::pair<QString, const char*> kinds[] = {{tr("Save as PNG…"), "png"},
                                                   {tr("Save as SVG…"), "svg"},
                                                   {tr("Save as PDF…"), "pdf"},
                                                   {tr("Save data as CSV…"), "csv"}};
  for (const auto& [text, suffix] : kinds) {
    menu->addAction(text, this, [this, suffix = QString::fromLatin1(suffix)] { saveByDialog(suffix); });
  }
  menu->popup(event->globalPos());
}

bool Plot::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) { // where a value is told, the explanation would take its place
    const QPoint at = static_cast<QHelpEvent*>(event)->pos();
    if (!describeAt(at).isEmpty()) {
      return true;
    }
  }
  return QCustomPlot::event(event);
}

QString Plot::describeAt(const QPoint& at) const {
  return axisRect()->rect().contains(at) ? describe(xAxis->pixelToCoord(at.x()), yAxis->pixelToCoord(at.y()))
                                         : QString();
}

void Plot::leaveEvent(QEvent* event) {
  QCustomPlot::leaveEvent(event);
  QToolTip::hideText();
}

void Plot::paintEvent(QPaintEvent* event) {
  ++m_paintCount;
  QCustomPlot::paintEvent(event);
}

void Plot::copyPicture() {
  QGuiApplication::clipboard()->setPixmap(toPixmap(0, 0, 2.0));
}

void Plot::copyData() const {
  QGuiApplication::clipboard()->setText(table().asText('\t'));
}

void Plot::saveByDialog(const QString& suffix) {
  auto* dialog = new QFileDialog(this, tr("Save plot"), objectName() + '.' + suffix,
                                 QStringLiteral("%1 (*.%2)").arg(suffix.toUpper(), suffix));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(suffix);
  connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
    if (const auto saved = save(path); !saved) {
      emit saveFailed(QString::fromStdString(saved.error().message()));
    }
  });
  dialog->open();
}

Result<void> Plot::save(const QString& path) {
  const QString suffix = QFileInfo(path).suffix().toLower();
  if (suffix == QLatin1String("csv") || suffix == QLatin1String("tsv")) {
    const QChar separator = suffix == QLatin1String("csv") ? ',' : '\t';
    return writeFileAtomically(path.toStdString(), std::string_view(table().asText(separator).toStdString()));
  }
  return savePicture(path, suffix);
}

Result<void> Plot::savePicture(const QString& path, const QString& suffix) {
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  if (suffix == QLatin1String("png")) {
    toPixmap(0, 0, 2.0).save(&buffer, "PNG");
  } else if (suffix == QLatin1String("svg")) {
    QSvgGenerator generator;
    generator.setOutputDevice(&buffer);
    generator.setSize(size());
    generator.setViewBox(rect());
    generator.setTitle(objectName());
    QCPPainter painter;
    painter.begin(&generator);
    toPainter(&painter, width(), height());
    painter.end();
  } else if (suffix == QLatin1String("pdf")) {
    QPdfWriter writer(&buffer);
    writer.setTitle(objectName());
    writer.setResolution(96);
    writer.setPageSize(QPageSize(QSizeF(width() * 0.75, height() * 0.75), QPageSize::Point));
    writer.setPageMargins(QMarginsF());
    QCPPainter painter;
    painter.begin(&writer);
    painter.setMode(QCPPainter::pmVectorized);
    painter.setMode(QCPPainter::pmNoCaching);
    toPainter(&painter, width(), height());
    painter.end();
  } else {
    return Error{
        ErrorKind::usage, "a plot is saved as .png, .svg, .pdf, .csv or .tsv", {}, path.toStdString()};
  }
  return writeFileAtomically(
      path.toStdString(),
      std::as_bytes(std::span(bytes.constData(), static_cast<std::size_t>(bytes.size()))));
}

} // namespace halfstep
