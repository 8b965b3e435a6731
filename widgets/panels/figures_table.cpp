#include "widgets/panels/figures_table.h"

#include "widgets/panels/table_actions.h"
#include "widgets/style/theme.h"

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QLocale>
#include <QPainter>
#include <QToolTip>

#include <algorithm>

namespace halfstep {

namespace {

constexpr int kQuietFont = 12;
constexpr int kNoteLines = 5;

QFont quietFont(const QWidget& widget) {
  QFont font = widget.font();
  font.setPixelSize(kQuietFont);
  return font;
}

} // namespace

FiguresTable::FiguresTable(QWidget* parent)
    : QWidget(parent) {
  setObjectName(QStringLiteral("figures"));
  setAccessibleName(tr("Figures of the layer"));
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  setFocusPolicy(Qt::StrongFocus);
  setContextMenuPolicy(Qt::ActionsContextMenu);
  auto* copy = new QAction(tr("Copy figures"), this);
  copy->setShortcut(QKeySequence::Copy);
  copy->setShortcutContext(Qt::WidgetShortcut);
  connect(copy, &QAction::triggered, this, [this] { QGuiApplication::clipboard()->setText(text('\t')); });
  auto* save = new QAction(tr("Save figures…"), this);
  connect(save, &QAction::triggered, this, [this] {
    saveTableByDialog(
        *this, objectName(), [this](QChar separator) { return text(separator); },
        [this](const QString& message) { emit saveFailed(message); });
  });
  addActions({copy, save});
}

void FiguresTable::setRows(std::vector<FigureRow> rows, bool comparePinned) {
  const bool otherHeight = rows.size() != m_rows.size();
  m_rows = std::move(rows);
  m_comparePinned = comparePinned;
  if (otherHeight) {
    updateGeometry();
  }
  QStringList lines;
  for (const FigureRow& row : m_rows) {
    lines << row.label.trimmed() + QStringLiteral(": ") + row.value;
  }
  setAccessibleDescription(lines.join(QStringLiteral(", ")));
  update();
}

void FiguresTable::setNote(const QString& note) {
  m_note = note;
  update();
}

const FigureRow* FiguresTable::find(const QString& name) const {
  const auto found =
      std::find_if(m_rows.begin(), m_rows.end(), [&](const FigureRow& row) { return row.name == name; });
  return found != m_rows.end() ? &*found : nullptr;
}

QString FiguresTable::value(const QString& name) const {
  const FigureRow* row = find(name);
  return row != nullptr ? row->value : QString();
}

QString FiguresTable::compared(const FigureRow& row) const {
  return m_comparePinned ? tr("pinned %1").arg(row.pinned) : row.was;
}

QString FiguresTable::compared(const QString& name) const {
  const FigureRow* row = find(name);
  return row != nullptr ? compared(*row) : QString();
}

QString FiguresTable::text(QChar separator) const {
  const auto number = [](const std::optional<double>& value) {
    return value ? QString::number(*value, 'g', QLocale::FloatingPointShortest) : QString();
  };
  QString text =
      QStringList{tr("Figure"), tr("Value"), m_comparePinned ? tr("Pinned") : tr("Before")}.join(separator) +
      '\n';
  for (const FigureRow& row : m_rows) {
    text += QStringList{tableCell(row.plainLabel, separator), number(row.number), number(row.comparedNumber)}
                .join(separator) +
            '\n';
  }
  return text;
}

int FiguresTable::rowHeight() const {
  return fontMetrics().height() + 2;
}

QSize FiguresTable::sizeHint() const {
  return {220, rowHeight() * static_cast<int>(m_rows.size()) + kSpace +
                   kNoteLines * QFontMetrics(quietFont(*this)).lineSpacing()};
}

bool FiguresTable::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    const int row = help->y() / rowHeight();
    if (row >= 0 && row < static_cast<int>(m_rows.size())) {
      explain(row, help->globalPos());
      return true;
    }
  }
  if (event->type() == QEvent::FocusIn || event->type() == QEvent::FocusOut) {
    update();
  }
  return QWidget::event(event);
}

void FiguresTable::explain(int row, const QPoint& at) {
  QToolTip::showText(at, m_rows[static_cast<std::size_t>(row)].explanation, this);
}

void FiguresTable::keyPressEvent(QKeyEvent* event) {
  const int step = event->key() == Qt::Key_Down ? 1 : event->key() == Qt::Key_Up ? -1 : 0;
  if (step == 0 || m_rows.empty()) {
    QWidget::keyPressEvent(event);
    return;
  }
  m_current = std::clamp(m_current + step, 0, static_cast<int>(m_rows.size()) - 1);
  update();
  explain(m_current, mapToGlobal(QPoint(0, (m_current + 1) * rowHeight())));
}

void FiguresTable::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const Theme& theme = currentTheme();
  const QFont plain = font();
  const QFont quiet = quietFont(*this);
  const QFontMetrics quietMetrics(quiet);
  int labels = 0;
  int values = 0;
  for (const FigureRow& row : m_rows) {
    labels = std::max(labels, quietMetrics.horizontalAdvance(row.label));
    values = std::max(values, fontMetrics().horizontalAdvance(row.value));
  }
  const int valuesAt = labels + kSpace;
  const int comparedAt = valuesAt + values + kSpace;
  for (std::size_t i = 0; i < m_rows.size(); ++i) {
    const FigureRow& row = m_rows[i];
    const QRect line(0, static_cast<int>(i) * rowHeight(), width(), rowHeight());
    const auto draw = [&](int from, int to, const QFont& font, const QColor& color, const QString& text) {
      painter.setFont(font);
      painter.setPen(color);
      painter.drawText(QRect(from, line.y(), to - from, line.height()), Qt::AlignLeft | Qt::AlignVCenter,
                       text);
    };
    draw(0, valuesAt, quiet, theme.textQuiet, row.label);
    draw(valuesAt, width(), plain, row.judgement ? theme.judged(*row.judgement) : theme.text, row.value);
    draw(comparedAt, width(), quiet, theme.textQuiet,
         quietMetrics.elidedText(compared(row), Qt::ElideRight, std::max(0, width() - comparedAt)));
  }
  if (hasFocus() && m_current < static_cast<int>(m_rows.size())) {
    painter.setPen(theme.accent);
    painter.drawRect(QRect(0, m_current * rowHeight(), width() - 1, rowHeight() - 1));
  }
  const int noteAt = rowHeight() * static_cast<int>(m_rows.size()) + kSpace;
  painter.setFont(quiet);
  painter.setPen(theme.textQuiet);
  painter.drawText(QRect(0, noteAt, width(), height() - noteAt), Qt::AlignLeft | Qt::TextWordWrap, m_note);
}

} // namespace halfstep
