// report-html: one page that needs nothing beside it: no scripts, no fonts, no pictures from elsewhere. For
// people who get it by mail. The same input gives the same bytes: there is no date in it.
#pragma once

#include "core/io/exporter.h"

namespace halfstep {

class HtmlReport : public Exporter {
public:
  std::string formatName() const override { return "report-html"; }
  std::string title() const override { return "Report (HTML)"; }
  std::string explanation() const override {
    return "One page with plan, figures, plots and where they come from; opens offline in any browser.";
  }
  std::string suffix() const override { return "html"; }
  std::vector<ExportLoss> losses(const ExportInput&) const override { return {}; }
  Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                             const JobContext& context) const override;
};

} // namespace halfstep
