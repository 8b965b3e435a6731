#include "app/cli/near_names.h"

#include <algorithm>
#include <numeric>

namespace halfstep::cli {

namespace {

constexpr std::size_t kMost = 3;
constexpr std::size_t kLongest = 200; // of a name that is compared

/// Levenshtein distance in bytes.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
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
    const std::string_view compared = std::string_view(name).substr(0, kLongest);
    const bool contains = !plain.empty() && compared.find(plain) != std::string_view::npos;
    const std::size_t score = contains ? 0 : distance(plain, compared);
    if (contains || score <= std::max<std::size_t>(2, std::max(plain.size(), compared.size()) / 2)) {
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

} // namespace halfstep::cli
