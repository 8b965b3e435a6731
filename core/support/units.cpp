#include "core/support/units.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace halfstep {

namespace {

constexpr const char* kThinNoBreakSpace = "\u202f";
constexpr const char* kMinus = "\u2212";

std::string withTrueMinus(std::string text) {
  for (std::size_t at = text.find('-'); at != std::string::npos; at = text.find('-', at)) {
    text.replace(at, 1, kMinus);
  }
  return text;
}

std::string printed(const char* format, int digits, double value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, digits, value);
  return buffer.data();
}

std::string scaled(double value, const char* const* units, int count, double step) {
  int unit = 0;
  while (unit + 1 < count && std::abs(value) >= step - 0.5) {
    value /= step;
    ++unit;
  }
  const int decimals = unit == 0 ? 0 : (std::abs(value) < 9.995 ? 2 : (std::abs(value) < 99.95 ? 1 : 0));
  return withTrueMinus(printed("%.*f", decimals, value)) + units[unit];
}

} // namespace

std::string formatCount(std::int64_t count) {
  std::string digits = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3;
       at > static_cast<std::ptrdiff_t>(first); at -= 3) {
    digits.insert(static_cast<std::size_t>(at), kThinNoBreakSpace);
  }
  return withTrueMinus(digits);
}

std::string formatShortCount(std::int64_t count) {
  if (std::abs(count) < 10000) {
    return formatCount(count);
  }
  static constexpr const char* kUnits[] = {"", " k", " M", " G", " T"};
  return scaled(static_cast<double>(count), kUnits, 5, 1000.0);
}

std::string formatBytes(std::int64_t bytes) {
  static constexpr const char* kUnits[] = {" B", " KiB", " MiB", " GiB", " TiB"};
  return scaled(static_cast<double>(bytes), kUnits, 5, 1024.0);
}

std::string formatReal(double value, int digits) {
  if (std::isnan(value)) {
    return "–";
  }
  if (std::isinf(value)) {
    return value > 0 ? "∞" : std::string(kMinus) + "∞";
  }
  if (value == 0.0) {
    return "0";
  }
  const double magnitude = std::abs(value);
  if (magnitude >= 1e6 || magnitude < 1e-3) {
    std::string text = printed("%.*e", digits - 1, value);
    const std::size_t exponent = text.find('e'); // "1.31e-05" → "1.31e-5", "1.31e+06" → "1.31e6"
    std::string power = text.substr(exponent + 1);
    const bool negative = power[0] == '-';
    power.erase(0, std::min(power.find_first_not_of("+-0"), power.size() - 1));
    return withTrueMinus(text.substr(0, exponent) + "e" + (negative ? "-" : "") + power);
  }
  const int decimals = std::max(0, digits - 1 - static_cast<int>(std::floor(std::log10(magnitude))));
  return withTrueMinus(printed("%.*f", decimals, value));
}

std::string formatShare(double share) {
  if (share == 0.0) {
    return "0" + std::string(kThinNoBreakSpace) + "%";
  }
  return formatReal(share * 100.0) + kThinNoBreakSpace + "%";
}

} // namespace halfstep
