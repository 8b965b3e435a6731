// "Copy as command": the command line that computes what the window shows.
#pragma once

#include "widgets/viewmodels/document.h"
#include "widgets/viewmodels/network_analysis.h"
#include "widgets/viewmodels/trade_off.h"

#include <QString>

namespace halfstep {

/// `halfstep-cli quantize MODEL --weights SCHEME --set 'LAYER=SCHEME' …`, quoted for a POSIX shell: the
/// scheme that most layers have as the default, one --set for each layer that differs.
QString quantizeCommand(const Document& document);

/// The command line that computes what a page of the window shows: "distribution" (and every other name)
/// quantizeCommand, "sensitivity" the sweep (or the one that would be measured with the usual schemes),
/// "error" evaluate with the plan's schemes, "activations" calibrate, "latency" latency; with the document's
/// data.
QString pageCommand(const QString& page, const Document& document, const NetworkAnalysis& analysis);

/// `halfstep-cli search` within the budget that the Trade-off page shows, with its sweep's schemes and its
/// ties; size=25% where there is no budget yet.
QString searchCommand(const Document& document, const NetworkAnalysis& analysis, const TradeOff& tradeOff);

/// `text` as one word of a POSIX shell.
QString shellQuoted(const QString& text);

} // namespace halfstep
