#include "core/analysis/rank_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halfstep {

std::vector<double> ranksOf(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) {
      ++last;
    }
    for (std::size_t i = first; i <= last; ++i) {
      ranks[order[i]] = (static_cast<double>(first) + static_cast<double>(last)) / 2.0 + 1.0;
    }
    first = last + 1;
  }
  return ranks;
}

double rankCorrelation(std::span<const double> a, std::span<const double> b) {
  std::vector<double> x;
  std::vector<double> y;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (!std::isnan(a[i]) && !std::isnan(b[i])) {
      x.push_back(a[i]);
      y.push_back(b[i]);
    }
  }
  if (x.size() < 2) {
    return std::nan("");
  }
  const std::vector<double> p = ranksOf(x);
  const std::vector<double> q = ranksOf(y);
  const double mean = (static_cast<double>(p.size()) + 1.0) / 2.0;
  double pp = 0.0;
  double qq = 0.0;
  double pq = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    pp += (p[i] - mean) * (p[i] - mean);
    qq += (q[i] - mean) * (q[i] - mean);
    pq += (p[i] - mean) * (q[i] - mean);
  }
  return pp > 0.0 && qq > 0.0 ? pq / std::sqrt(pp * qq) : std::nan("");
}

} // namespace halfstep
