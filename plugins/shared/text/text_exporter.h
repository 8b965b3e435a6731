// The part of an exporter that every text format shares: what it is called, and writing its files.
#pragma once

#include "core/io/atomic_file.h"
#include "core/io/exporter.h"

#include <string>
#include <vector>

namespace halfstep {

/// What a text format says of itself.
struct TextTarget {
  const char* format;      ///< "gptqmodel"
  const char* title;       ///< "GPTQModel quantize_config"
  const char* explanation; ///< the tool with its version, and the command that reads the file
  const char* suffix;      ///< of the first file
};

using TextFile = TextToWrite;

class TextExporter : public Exporter {
public:
  explicit TextExporter(TextTarget target)
      : m_target(target) {}

  std::string formatName() const override { return m_target.format; }
  std::string title() const override { return m_target.title; }
  std::string explanation() const override { return m_target.explanation; }
  std::string suffix() const override { return m_target.suffix; }
  /// All texts are made before the first is written, and all files are written or none.
  Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                             const JobContext& context) const override;

protected:
  /// The files, the first at `path` or beside it.
  virtual Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                              const JobContext& context) const = 0;
  /// "Written by Halfstep 0.1 for MODEL; read by …": for the head of formats with comments, on one line.
  std::string headLine(const ExportInput& input) const;

private:
  TextTarget m_target;
};

/// `path` and the same with another ending, for two files beside each other: the one that `path` ends in
/// stays as it is written. {first, second}.
std::pair<std::filesystem::path, std::filesystem::path>
besideEachOther(const std::filesystem::path& path, const std::string& first, const std::string& second);

} // namespace halfstep
