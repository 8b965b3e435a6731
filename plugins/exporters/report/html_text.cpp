#include "plugins/exporters/report/html_text.h"

#include <QList>
#include <QString>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace halfstep {

namespace {

bool isHidden(char32_t character) {
  const QChar::Category category = QChar::category(character);
  return category == QChar::Other_Control || category == QChar::Other_Format ||
         category == QChar::Other_NotAssigned || category == QChar::Other_PrivateUse ||
         category == QChar::Separator_Line || category == QChar::Separator_Paragraph;
}

} // namespace

std::string escaped(std::string_view text) {
  QString plain;
  for (const uint number : QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())).toUcs4()) {
    const char32_t character = number;
    plain +=
        isHidden(character) ? QStringLiteral("\\u{%1}").arg(number, 0, 16) : QString::fromUcs4(&character, 1);
  }
  return plain.toHtmlEscaped().toStdString();
}

std::string elided(std::string_view text, std::size_t most) {
  const QList<uint> characters = QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())).toUcs4();
  const auto length = static_cast<qsizetype>(most);
  if (characters.size() <= length) {
    return std::string(text);
  }
  const qsizetype head = (length - 1) / 2;
  const qsizetype tail = length - 1 - head;
  const auto part = [&](qsizetype from, qsizetype count) {
    const auto* first = reinterpret_cast<const char32_t*>(characters.constData() + from);
    return QString::fromUcs4(first, count);
  };
  return (part(0, head) + QChar(0x2026) + part(characters.size() - tail, tail)).toStdString();
}

std::string coordinate(double value) {
  const auto hundredths = static_cast<std::int64_t>(std::llround(value * 100.0));
  std::string text = std::to_string(std::abs(hundredths) / 100);
  const std::int64_t rest = std::abs(hundredths) % 100;
  if (rest != 0) {
    text += "." + std::to_string(rest / 10);
    text += rest % 10 != 0 ? std::to_string(rest % 10) : std::string();
  }
  return (hundredths < 0 ? "-" : "") + text;
}

std::string exactNumber(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string dataElement(double value, const std::string& text) {
  return "<data value=\"" + exactNumber(value) + "\">" + escaped(text) + "</data>";
}

std::string section(const std::string& id, const std::string& title, const std::string& content) {
  return "<section id=\"" + id + "\" aria-labelledby=\"" + id + "-heading\">\n<h2 id=\"" + id +
         "-heading\">" + escaped(title) + "</h2>\n" + content + "</section>\n";
}

} // namespace halfstep
