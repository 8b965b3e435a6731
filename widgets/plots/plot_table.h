// The data behind a plot as columns of numbers: what CSV export and the clipboard give. A value.
#pragma once

#include <QString>
#include <QStringList>

#include <vector>

namespace halfstep {

struct PlotTable {
  QStringList headers;                      ///< with units, "weight value", "count"
  std::vector<std::vector<double>> columns; ///< one per header; shorter ones end in empty cells

  /// `separator` ',' for CSV, tab for the clipboard. Numbers with a decimal point and full precision.
  QString asText(QChar separator) const;
};

} // namespace halfstep
