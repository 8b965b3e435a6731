#include "widgets/plots/plot_table.h"

#include <algorithm>

namespace halfstep {

QString PlotTable::asText(QChar separator) const {
  QStringList lines;
  QStringList cells;
  for (const QString& header : headers) {
    QString cell = header;
    if (cell.contains(separator) || cell.contains('"')) {
      cell = '"' + cell.replace('"', QStringLiteral("\"\"")) + '"';
    }
    cells << cell;
  }
  lines << cells.join(separator);
  std::size_t rows = 0;
  for (const auto& column : columns) {
    rows = std::max(rows, column.size());
  }
  for (std::size_t row = 0; row < rows; ++row) {
    cells.clear();
    for (const auto& column : columns) {
      cells << (row < column.size() ? QString::number(column[row], 'g', 17) : QString());
    }
    lines << cells.join(separator);
  }
  return lines.join('\n') + '\n';
}

} // namespace halfstep
