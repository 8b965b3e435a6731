// The page's sections of text and tables. Each is whole HTML, with its heading.
#pragma once

#include "plugins/exporters/report/report_content.h"

#include <string>

namespace halfstep {

/// What a reader in a hurry needs, and what to beware of.
std::string summarySection(const ReportContent& content);
std::string modelSection(const ReportContent& content);
std::string outputSection(const ReportContent& content);
std::string originsSection(const ReportContent& content);
/// Every layer; and below, where there is a sweep, every sensitivity.
std::string layersSection(const ReportContent& content);
/// The plan file itself and the command that makes the page again.
std::string reproductionSection(const ReportContent& content);
std::string glossarySection();

/// What a metric is called for people: "KL divergence".
std::string metricTitle(OutputMetric metric);

} // namespace halfstep
