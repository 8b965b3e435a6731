#include "plugins/shared/text/text_exporter.h"

#include "core/io/atomic_file.h"
#include "plugins/shared/text/literals.h"

#include <algorithm>
#include <cctype>

namespace halfstep {

Result<ExportReport> TextExporter::write(const ExportInput& input, const std::filesystem::path& path,
                                         const JobContext& context) const {
  HALFSTEP_TRY(const std::vector<TextFile> files, texts(input, path, context));
  ExportReport report;
  report.lost = losses(input);
  HALFSTEP_CHECK(context.checkpoint());
  HALFSTEP_CHECK(writeFilesAtomically(files));
  for (const TextFile& file : files) {
    report.files.push_back(file.path);
  }
  return report;
}

std::string TextExporter::headLine(const ExportInput& input) const {
  std::string line = "Plan of " + input.model->name + ", written by Halfstep " + input.programVersion + ". " +
                     m_target.explanation;
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
  return line;
}

std::pair<std::filesystem::path, std::filesystem::path>
besideEachOther(const std::filesystem::path& path, const std::string& first, const std::string& second) {
  std::filesystem::path one = path;
  std::filesystem::path two = path;
  (path.extension() == second ? one : two).replace_extension(path.extension() == second ? first : second);
  return {one, two};
}

} // namespace halfstep
