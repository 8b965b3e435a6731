#include "widgets/viewmodels/command_line_text.h"

#include "core/quant/scheme_grammar.h"

#include <QRegularExpression>

#include <algorithm>
#include <map>
#include <set>

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

QString text(const std::string& words) {
  return QString::fromStdString(words);
}

/// " --data PATH --mean …" for settings; empty for samples drawn at random.
QString dataWords(const std::optional<DataSettings>& data) {
  if (!data) {
    return {};
  }
  QString words;
  const auto add = [&](const char* option, const QString& value) {
    words += QStringLiteral(" %1 %2").arg(QString::fromLatin1(option), shellQuoted(value));
  };
  const auto joined = [](const std::vector<double>& values) {
    QStringList parts;
    for (const double value : values) {
      parts << QString::number(value, 'g', 17);
    }
    return parts.join(',');
  };
  for (const auto& [name, shape] : data->shapes) {
    add("--shape", text(printInputShape(name, shape)));
  }
  if (data->source.empty()) { // drawn at random
    if (data->shuffle) {
      add("--shuffle", QString::number(*data->shuffle));
    }
    return words;
  }
  add("--data", text(data->source));
  if (data->shuffle) {
    add("--shuffle", QString::number(*data->shuffle));
  }
  if (data->resize) {
    add("--resize", text(printResize(*data->resize)));
  }
  if (data->crop) {
    add("--crop", text(printImageSize(*data->crop)));
  }
  if (data->scale) {
    add("--scale", QString::number(*data->scale, 'g', 17));
  }
  if (!data->mean.empty()) {
    add("--mean", joined(data->mean));
  }
  if (!data->std.empty()) {
    add("--std", joined(data->std));
  }
  if (data->layout) {
    add("--layout", text(std::string(printLayout(*data->layout))));
  }
  if (data->channels) {
    add("--channels", text(std::string(printChannels(*data->channels))));
  }
  if (!data->tokenizer.empty()) {
    add("--tokenizer", text(data->tokenizer));
  }
  return words;
}

QString sampleWords(std::size_t samples) {
  return samples > 0 ? QStringLiteral(" --samples %1").arg(samples) : QString();
}

/// "halfstep-cli COMMAND MODEL".
QString start(const char* command, const Document& document) {
  return QStringLiteral("halfstep-cli %1 %2")
      .arg(QString::fromLatin1(command), shellQuoted(text(document.model()->path.string())));
}

QString sweepWords(const NetworkAnalysis& analysis) {
  const auto& view = analysis.sweep();
  if (!view) {
    return {};
  }
  QStringList schemes;
  for (std::size_t scheme = 0; scheme < view->sweep->schemes.size(); ++scheme) {
    schemes << text(printLayerPlan(view->sweep->candidate(scheme)));
  }
  return QStringLiteral(" --schemes %1 --metric %2")
             .arg(shellQuoted(schemes.join(',')), text(std::string(metricName(view->sweep->metric)))) +
         sampleWords(view->sweep->samples);
}

/// " --weights COMMON --set 'LAYER=SCHEME' …"
QString schemeWords(const Document& document) {
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
  QString words = QStringLiteral(" --weights ") + shellQuoted(text(common));
  for (int i = 0; i < document.layerCount(); ++i) {
    const std::string scheme = printScheme(document.scheme(i));
    if (scheme != common) {
      words +=
          QStringLiteral(" --set ") + shellQuoted(globEscaped(document.layer(i).name) + '=' + text(scheme));
    }
  }
  return words;
}

/// What the layers' inputs are quantized to. One scheme for all is an option; several need the plan's file.
QString activationWords(const Document& document) {
  std::set<std::string> schemes;
  for (int i = 0; i < document.layerCount(); ++i) {
    schemes.insert(printActivationScheme(document.layerPlan(i).activations));
  }
  if (schemes.size() == 1) {
    return *schemes.begin() == "fp32"
               ? QString()
               : QStringLiteral(" --activations ") + shellQuoted(text(*schemes.begin()));
  }
  const bool saved = !document.planPath().isEmpty() && !document.hasUnsavedPlan();
  return QStringLiteral(" --plan ") +
         shellQuoted(saved ? document.planPath() : QStringLiteral("SAVE-THE-PLAN-FIRST.halfstep.json"));
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
  return document.layerCount() > 0 ? start("quantize", document) + schemeWords(document) : QString();
}

QString pageCommand(const QString& page, const Document& document, const NetworkAnalysis& analysis) {
  if (!document.model() || document.layerCount() == 0) {
    return {};
  }
  const QString data = dataWords(document.data());
  if (page == QLatin1String("sensitivity")) {
    return start("sensitivity", document) + data + sweepWords(analysis);
  }
  if (page == QLatin1String("error")) {
    const auto& errors = analysis.errors();
    return start("evaluate", document) + schemeWords(document) + activationWords(document) + data +
           sampleWords(errors ? errors->errors->samples : 0) + QStringLiteral(" --layers");
  }
  if (page == QLatin1String("activations")) {
    const auto& calibration = analysis.calibration();
    return start("calibrate", document) + data +
           sampleWords(calibration ? calibration->sampleNames.size() : 0);
  }
  return page == QLatin1String("latency") ? start("latency", document) + data : quantizeCommand(document);
}

QString searchCommand(const Document& document, const NetworkAnalysis& analysis, const TradeOff& tradeOff) {
  if (!document.model() || document.layerCount() == 0) {
    return {};
  }
  QString budget = QStringLiteral("size=25%");
  if (const auto& space = tradeOff.space()) {
    const auto number = [&](double scale) { return QString::number(scale * tradeOff.budget(), 'f', 3); };
    budget = space->across == PlanQuantity::size      ? QStringLiteral("size=%1B").arg(number(1.0))
             : space->across == PlanQuantity::latency ? QStringLiteral("latency=%1us").arg(number(1e6))
                                                      : QStringLiteral("bops=%1").arg(number(1.0));
  }
  QString command = start("search", document) + dataWords(document.data()) + sweepWords(analysis) +
                    QStringLiteral(" --budget ") + budget;
  const SearchRules& rules = tradeOff.rules();
  for (const TieRule rule : rules.ties) {
    command +=
        rule == TieRule::sameInput ? QStringLiteral(" --tie same-input") : QStringLiteral(" --tie residual");
  }
  for (const auto& names : rules.tied) {
    QStringList list;
    for (const std::string& name : names) {
      list << QString::fromStdString(name);
    }
    command += QStringLiteral(" --tie ") + shellQuoted(list.join(','));
  }
  for (const auto& [name, plan] : rules.pinned) {
    command += QStringLiteral(" --pin ") +
               shellQuoted(globEscaped(name) + '=' + QString::fromStdString(printLayerPlan(plan)));
  }
  return command;
}

} // namespace halfstep
