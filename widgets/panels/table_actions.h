// What every table offers: copying the selected rows (TSV) and saving all rows (CSV, TSV). UI thread.
#pragma once

#include "core/support/result.h"

#include <QTableView>

#include <functional>

namespace halfstep {

/// A sortable table of which one whole row is selected at a time, with a context menu of its actions.
void makeRowTable(QTableView& view, int rowHeight);

/// The rows of `view` in its order, with headers; only the selected ones if `selectedOnly` and there are any.
QString tableText(const QTableView& view, QChar separator, bool selectedOnly);

/// Gives `view` the Ctrl+C shortcut and the actions for a context menu; `name` proposes the file name.
/// Failures of saving are told to `failed`.
void addTableActions(QTableView& view, const QString& name,
                     const std::function<void(const QString&)>& failed);

} // namespace halfstep
