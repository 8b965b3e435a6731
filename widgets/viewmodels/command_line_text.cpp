#include "widgets/viewmodels/command_line_text.h"

#include "core/quant/scheme_grammar.h"

#include <QRegularExpression>

#include <algorithm>
#include <map>

namespace halfstep {

namespace {

/// The layer's name as a glob that matches only itself.
QString globEscaped(const std::string& name) {
  QString glob;
  for (const QChar c : QString::fromStdString(name)) {
    glob += QStringLiteral("*?[").contains(c) ? QStringLiteral("[%1]").arg(c) : QString(c);
  }
  return glob;
}

} // namespace

QString shellQuoted(const QString& word) {
  static const QRegularExpression kPlain(QStringLiteral("^[A-Za-z0-9_./:@%+,=-]+$"));
  if (kPlain.match(word).hasMatch()) {
    return word;
  }
  QString quoted = word;
  quoted.replace('\'', QStringLiteral("'\\''"));
  return '\'' + quoted + '\'';
}

QString quantizeCommand(const Document& document) {
  std::map<std::string, int> uses;
  for (int i = 0; i < document.layerCount(); ++i) {
    ++uses[printScheme(document.scheme(i))];
  }
  if (uses.empty()) {
    return {};
  }
  const std::string common = std::max_element(uses.begin(), uses.end(), [](const auto& a, const auto& b) {
                               return a.second < b.second;
                             })->first;
  QString command = QStringLiteral("halfstep-cli quantize %1 --weights %2")
                        .arg(shellQuoted(QString::fromStdString(document.model()->path.string())),
                             shellQuoted(QString::fromStdString(common)));
  for (int i = 0; i < document.layerCount(); ++i) {
    const std::string scheme = printScheme(document.scheme(i));
    if (scheme != common) {
      command += QStringLiteral(" --set ") +
                 shellQuoted(globEscaped(document.layer(i).name) + '=' + QString::fromStdString(scheme));
    }
  }
  return command;
}

} // namespace halfstep
