// A layer's figures as people read them, beside what they were before and beside a pinned result. Values
// only.
#pragma once

#include "widgets/viewmodels/document.h"

#include <QString>

#include <optional>
#include <vector>

namespace halfstep {

struct FigureRow {
  QString name;                 ///< stable, for object names and tests: "sqnr"
  QString label;                ///< "SQNR"
  QString value;                ///< "24.9 dB"; "…" while it is computed
  QString was;                  ///< "was 22.6"; empty if there is nothing to compare with
  QString pinned;               ///< the pinned result's value
  QString explanation;          ///< the tooltip: what it is and how it is computed
  std::optional<int> judgement; ///< −1, 0, 1 for figures with a judged meaning
  QString plainLabel;           ///< for tables that are copied or saved: "SQNR, dB"
  /// The numbers in full, in plainLabel's unit; nothing where there is none.
  std::optional<double> number;
  std::optional<double> comparedNumber; ///< the pinned result's, or else the one before
};

/// `previous` and `pinned` may be null.
std::vector<FigureRow> figureRows(const LayerSummary* current, const LayerSummary* previous,
                                  const LayerSummary* pinned, std::int64_t originalBytes);

/// "97.8 → 15.1 MiB (6.5×) · weight SQNR 27.9 dB"
QString totalsText(const PlanTotals& totals);

} // namespace halfstep
