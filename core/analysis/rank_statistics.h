// Statistics of rankings. Pure functions; any thread.
#pragma once

#include <span>
#include <vector>

namespace halfstep {

/// Ranks 1…n; equal values share the mean of their ranks. NaN is not allowed.
std::vector<double> ranksOf(std::span<const double> values);

/// Spearman's ρ: the correlation of the ranks. NaN for fewer than two pairs, or where one side is constant.
/// Pairs with a NaN are left out.
double rankCorrelation(std::span<const double> a, std::span<const double> b);

} // namespace halfstep
