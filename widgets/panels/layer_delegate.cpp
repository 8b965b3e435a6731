#include "widgets/panels/layer_delegate.h"

#include "core/quant/scheme_grammar.h"
#include "widgets/style/color_map.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/layers_model.h"

#include <QCompleter>
#include <QLineEdit>
#include <QPainter>

namespace halfstep {

namespace {

constexpr int kPadding = 6;

void paintName(QPainter& painter, const QRect& cell, const QModelIndex& index, const Theme& theme) {
  const QRect text = cell.adjusted(kPadding, 3, -kPadding, -3);
  const QFontMetrics metrics(painter.font());
  // The end of a long name tells layers apart, so the middle is left out.
  painter.setPen(theme.text);
  painter.drawText(text, Qt::AlignLeft | Qt::AlignTop,
                   metrics.elidedText(index.data().toString(), Qt::ElideMiddle, text.width()));
  QFont small = painter.font();
  small.setPixelSize(11);
  painter.setFont(small);
  painter.setPen(theme.textQuiet);
  painter.drawText(text, Qt::AlignLeft | Qt::AlignBottom, index.data(LayersModel::operatorRole).toString());
}

void paintSize(QPainter& painter, const QRect& cell, const QModelIndex& index, const Theme& theme) {
  const double share = index.data(LayersModel::shareRole).toDouble();
  const QRect box = cell.adjusted(kPadding, 3, -kPadding, -3);
  painter.setPen(theme.text);
  painter.drawText(box, Qt::AlignLeft | Qt::AlignTop, index.data().toString());
  QRectF bar(box.left(), box.bottom() - 7, std::max(3.0, share * box.width()), 5);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(theme.floatSeries);
  painter.drawRoundedRect(bar, 2.5, 2.5);
}

/// One box per scheme of the sweep, in its order.
void paintStrip(QPainter& painter, const QRect& cell, const QModelIndex& index) {
  const QVariantList shares = index.data(LayersModel::stripRole).toList();
  const QRect box = cell.adjusted(kPadding, 0, -kPadding, 0);
  const double width =
      shares.isEmpty() ? 0.0 : std::min(14.0, box.width() / static_cast<double>(shares.size()));
  painter.setPen(Qt::NoPen);
  for (int i = 0; i < shares.size(); ++i) {
    if (shares[i].toDouble() >= 0.0) {
      painter.setBrush(sequentialColor(shares[i].toDouble()));
      painter.drawRect(QRectF(box.left() + i * width, box.center().y() - 6, width - 1.0, 12));
    }
  }
}

QString chipText(const QModelIndex& index) {
  return index.data().toString().replace(':', QStringLiteral(" · "));
}

void paintChip(QPainter& painter, const QRect& cell, const QModelIndex& index, const Theme& theme,
               bool selected) {
  const QFontMetrics metrics(painter.font());
  const int room = cell.width() - 2 * kPadding;
  const QString text = metrics.elidedText(chipText(index), Qt::ElideRight, room - 16);
  const int width = std::min(room, metrics.horizontalAdvance(text) + 16);
  const QRectF chip(cell.left() + kPadding, cell.center().y() - 10.5, width, 22);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(selected ? theme.panel : theme.chip);
  painter.drawRoundedRect(chip, 11, 11);
  painter.setPen(theme.text);
  painter.drawText(chip, Qt::AlignCenter, text);
}

} // namespace

void LayerDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                          const QModelIndex& index) const {
  const Theme& theme = currentTheme();
  const bool selected = option.state.testFlag(QStyle::State_Selected);
  painter->save();
  painter->setFont(option.font);
  if (selected) {
    painter->fillRect(option.rect, theme.selection);
  }
  switch (index.column()) {
  case LayersModel::layerColumn:
    paintName(*painter, option.rect, index, theme);
    break;
  case LayersModel::sizeColumn:
    paintSize(*painter, option.rect, index, theme);
    break;
  case LayersModel::sensitivityColumn:
    paintStrip(*painter, option.rect, index);
    break;
  case LayersModel::schemeColumn:
    paintChip(*painter, option.rect, index, theme, selected);
    break;
  default: {
    const QVariant judgement = index.data(LayersModel::judgementRole);
    const bool judged = index.column() == LayersModel::sqnrColumn && judgement.isValid();
    painter->setPen(judged ? theme.judged(judgement.toInt()) : theme.text);
    painter->drawText(option.rect.adjusted(kPadding, 0, -kPadding, 0), Qt::AlignRight | Qt::AlignVCenter,
                      index.data().toString());
    break;
  }
  }
  painter->setRenderHint(QPainter::Antialiasing, false);
  painter->setPen(theme.line);
  painter->drawLine(option.rect.bottomLeft(), option.rect.bottomRight());
  painter->restore();
}

QSize LayerDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const QFontMetrics metrics(option.font);
  const bool chip = index.column() == LayersModel::schemeColumn;
  const int width = metrics.horizontalAdvance(chip ? chipText(index) : index.data().toString()) +
                    2 * kPadding + (chip ? 20 : 4);
  return {width, kRowHeight};
}

QWidget* LayerDelegate::createEditor(QWidget* parent, const QStyleOptionViewItem&, const QModelIndex&) const {
  auto* editor = new QLineEdit(parent);
  editor->setObjectName(QStringLiteral("scheme_cell_editor"));
  editor->setAccessibleName(tr("Scheme"));
  QStringList formats;
  for (const FormatFacts& facts : allFormats()) {
    if (facts.implemented) {
      formats << QString::fromUtf8(facts.name.data(), static_cast<qsizetype>(facts.name.size()));
    }
  }
  auto* completer = new QCompleter(formats, editor);
  completer->setCaseSensitivity(Qt::CaseInsensitive);
  editor->setCompleter(completer);
  return editor;
}

} // namespace halfstep
