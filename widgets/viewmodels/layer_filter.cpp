#include "widgets/viewmodels/layer_filter.h"

#include "core/quant/scheme_grammar.h"

#include <limits>
#include <optional>

namespace halfstep {

namespace {

Error notUnderstood(const QString& term, const QString& why) {
  return Error{ErrorKind::usage, QObject::tr("filter: %1 in “%2”").arg(why, term).toStdString()};
}

/// `*` and `?` stand for anything, slashes too; the whole text must match. (Qt's own wildcards stop at
/// slashes.)
QRegularExpression wildcard(const QString& glob) {
  QString pattern = QRegularExpression::escape(glob);
  pattern.replace(QStringLiteral("\\*"), QStringLiteral(".*"))
      .replace(QStringLiteral("\\?"), QStringLiteral("."));
  return QRegularExpression(QRegularExpression::anchoredPattern(pattern),
                            QRegularExpression::CaseInsensitiveOption);
}

bool holds(double value, int comparison, double bound) {
  switch (comparison) {
  case 0:
    return value < bound;
  case 1:
    return value <= bound;
  case 2:
    return value == bound;
  case 3:
    return value >= bound;
  default:
    return value > bound;
  }
}

} // namespace

Result<LayerFilter> LayerFilter::parse(const QString& text) {
  LayerFilter filter;
  const QString trimmed = text.trimmed();
  if (trimmed.size() > 2 && trimmed.startsWith('/') && trimmed.endsWith('/') && !trimmed.contains(' ')) {
    const QRegularExpression pattern(trimmed.mid(1, trimmed.size() - 2),
                                     QRegularExpression::CaseInsensitiveOption);
    // "/layer1/conv/" is a node's name as well as an expression; both readings find it.
    if (!pattern.isValid()) {
      return notUnderstood(trimmed, pattern.errorString());
    }
    filter.m_texts.push_back({Field::name, pattern});
    return filter;
  }
  for (const QString& term : trimmed.split(' ', Qt::SkipEmptyParts)) {
    HALFSTEP_CHECK(addTerm(filter, term));
  }
  return filter;
}

Result<void> LayerFilter::addTerm(LayerFilter& filter, const QString& term) {
  static const QRegularExpression kComparison(QStringLiteral("^([a-z]+)(<=|>=|<|>|=)(.+)$"));
  static const QRegularExpression kField(QStringLiteral("^(name|op|scheme):(.*)$"));
  if (const auto field = kField.match(term); field.hasMatch()) {
    const Field which = field.captured(1) == QLatin1String("op")
                            ? Field::op
                            : (field.captured(1) == QLatin1String("scheme") ? Field::scheme : Field::name);
    filter.m_texts.push_back({which, wildcard(field.captured(2))});
    return {};
  }
  const auto match = kComparison.match(term);
  if (!match.hasMatch()) {
    filter.m_texts.push_back({Field::name, QRegularExpression(QRegularExpression::escape(term),
                                                              QRegularExpression::CaseInsensitiveOption)});
    return {};
  }
  static const std::vector<std::pair<QString, Field>> kFields = {
      {"sqnr", Field::sqnr},        {"params", Field::parameters}, {"bits", Field::bits},
      {"size", Field::bytes},       {"mse", Field::mse},           {"clipped", Field::clipped},
      {"channels", Field::channels}};
  static const QStringList kOperators = {"<", "<=", "=", ">=", ">"};
  std::optional<Field> field;
  QStringList names;
  for (const auto& [name, value] : kFields) {
    names << name;
    if (name == match.captured(1)) {
      field = value;
    }
  }
  if (!field) {
    return notUnderstood(
        term, QObject::tr("no figure is called “%1” (%2)").arg(match.captured(1), names.join(", ")));
  }
  bool isNumber = false;
  const double bound = match.captured(3).toDouble(&isNumber);
  if (!isNumber) {
    return notUnderstood(term, QObject::tr("“%1” is not a number").arg(match.captured(3)));
  }
  filter.m_comparisons.push_back(
      {*field, static_cast<Operator>(kOperators.indexOf(match.captured(2))), bound});
  return {};
}

bool LayerFilter::matches(const Document& document, int index) const {
  const Layer& layer = document.layer(index);
  for (const TextTerm& term : m_texts) {
    const std::string text = term.field == Field::op       ? layer.op
                             : term.field == Field::scheme ? printScheme(document.scheme(index))
                                                           : layer.name;
    if (!term.pattern.match(QString::fromStdString(text)).hasMatch()) {
      return false;
    }
  }
  const LayerSummary* figures = document.summary(index);
  for (const Comparison& term : m_comparisons) {
    double value = std::numeric_limits<double>::quiet_NaN(); // compares false with everything
    if (term.field == Field::parameters) {
      value = static_cast<double>(layer.parameters());
    } else if (term.field == Field::channels) {
      value = 1.0;
      for (const int axis : layer.channelAxes) {
        value *= static_cast<double>(layer.weight.shape()[static_cast<std::size_t>(axis)]);
      }
    } else if (figures != nullptr) {
      switch (term.field) {
      case Field::sqnr:
        value = figures->errors.sqnrDb();
        break;
      case Field::bits:
        value = figures->bitsPerWeight;
        break;
      case Field::bytes:
        value = static_cast<double>(figures->bytes);
        break;
      case Field::mse:
        value = figures->errors.mse();
        break;
      case Field::clipped:
        value = figures->errors.clippedShare();
        break;
      default:
        break;
      }
    }
    if (!holds(value, static_cast<int>(term.comparison), term.value)) {
      return false;
    }
  }
  return true;
}

} // namespace halfstep
