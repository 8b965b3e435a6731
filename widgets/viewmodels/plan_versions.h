// Named versions of the document's plan: what is kept with one, and the words for it. Pure functions; UI
// thread.
#pragma once

#include "widgets/viewmodels/network_analysis.h"
#include "widgets/viewmodels/trade_off.h"

#include <QDateTime>
#include <QString>

#include <optional>

namespace halfstep {

/// A name for the present plan that no version has: its scheme where all layers have the same, otherwise the
/// number format of most weights ("int4 body"); with a number where that is taken.
QString proposedVersionName(const Document& document);

/// What was measured of `plan` and is still known: the Error page's figures, or the Trade-off page's.
std::optional<PlanFigures> knownFigures(const Plan& plan, const Document& document,
                                        const NetworkAnalysis& analysis, const TradeOff& tradeOff);

/// The present plan as a version, with its size and what is known of it.
PlanVersion presentVersion(const QString& name, const QString& note, const QDateTime& now,
                           const Document& document, const NetworkAnalysis& analysis,
                           const TradeOff& tradeOff);

/// Bytes of the layers' weights under a plan.
std::int64_t plannedBytes(const Model& model, const Plan& plan);

/// "KL 0.0012 (0.0010 to 0.0014)": the damage, or else the first figure; empty where there is none.
QString planFigureText(const PlanFigures& figures);
/// "16 of photos", with a word where the samples were drawn at random.
QString planOriginText(const PlanFigures& figures);
/// When a version was kept, in the person's time and order; as it is written where it is no date.
QString keptText(const PlanVersion& version);

} // namespace halfstep
