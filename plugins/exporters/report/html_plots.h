// The page's plots: which layers each shows, and what is said beside it. Each is a <figure>; a plot that
// cannot be drawn for want of a measurement is a sentence that says how to get it.
#pragma once

#include "plugins/exporters/report/report_content.h"

#include <string>

namespace halfstep {

std::string sqnrFigure(const ReportContent& content);
std::string bitsFigure(const ReportContent& content);
/// One for each picture of the content.
std::string histogramFigures(const ReportContent& content);
std::string errorFigure(const ReportContent& content);
std::string sensitivityFigure(const ReportContent& content);
std::string latencyFigure(const ReportContent& content);

/// <p class="missing">WHAT: not measured. Run <code>COMMAND</code>.</p>
std::string notMeasured(const std::string& what, const std::string& command);

} // namespace halfstep
