#include "core/support/near_names.h"

#include <algorithm>

namespace halfstep {

namespace {

constexpr std::size_t kMost = 3;
constexpr std::size_t kLongest = 200; // of a name that is compared

/// The fewest changed, added or removed bytes that turn `wanted` into some part of `name` (Sellers'
/// algorithm).
std::size_t distanceToPart(std::string_view wanted, std::string_view name) {
  std::vector<std::size_t> row(name.size() + 1, 0);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < name.size(); ++j) {
      const std::size_t replaced = diagonal + (wanted[i] == name[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return *std::min_element(row.begin(), row.end());
}

} // namespace

std::vector<std::string> nearNames(std::string_view wanted, const std::vector<std::string>& names) {
  std::string plain; // the letters of a glob
  for (const char c : wanted.substr(0, kLongest)) {
    if (c != '*' && c != '?' && c != '[' && c != ']') {
      plain += c;
    }
  }
  std::vector<std::pair<std::size_t, std::string>> scored;
  for (const std::string& name : names) {
    const std::size_t score = distanceToPart(plain, std::string_view(name).substr(0, kLongest));
    if (score <= std::max<std::size_t>(1, plain.size() / 3)) {
      scored.emplace_back(score, name);
    }
  }
  std::stable_sort(scored.begin(), scored.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> near;
  for (std::size_t i = 0; i < std::min(kMost, scored.size()); ++i) {
    near.push_back(scored[i].second);
  }
  return near;
}

std::string nearNamesText(std::string_view wanted, const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : nearNames(wanted, names)) {
    text += (text.empty() ? "; near: " : ", ") + name;
  }
  return text;
}

} // namespace halfstep
