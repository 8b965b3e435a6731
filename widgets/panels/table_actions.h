// What every table offers: copying the selected rows (TSV) and saving all rows (CSV, TSV). UI thread.
#pragma once

#include "core/support/result.h"

#include <QTableView>

#include <functional>

namespace halfstep {

/// A sortable table of which one whole row is selected at a time, with a context menu of its actions.
void makeRowTable(QTableView& view, int rowHeight);

/// The rows of `view` in its order, with headers; only the selected ones if `selectedOnly` and there are any.
/// Numbers in full where the model has them (kPlainRole), cells quoted where they must be.
QString tableText(const QTableView& view, QChar separator, bool selectedOnly);
/// One cell of such a text.
QString tableCell(const QString& text, QChar separator);

/// Asks for a file and writes `text(separator)` there as CSV or TSV; `name` proposes the file name. Failures
/// are told to `failed`.
void saveTableByDialog(QWidget& parent, const QString& name, const std::function<QString(QChar)>& text,
                       const std::function<void(const QString&)>& failed);

/// Gives `view` the Ctrl+C shortcut and the actions for a context menu: copy, save, and sort, for those who
/// have no mouse for the headers. `name` proposes the file name; failures of saving are told to `failed`.
void addTableActions(QTableView& view, const QString& name,
                     const std::function<void(const QString&)>& failed);

} // namespace halfstep
