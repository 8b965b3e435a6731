// The formulas of the range estimators that look at a histogram or at a few statistics: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace halfstep {

/// The rank (1-based) of the order statistic that percentile `p` (0…100] of `count` values asks for: the
/// smallest r with r/count ≥ p/100, within 1…count. A relative slack of 1e-12 keeps 99.9 % of 1000 at 999.
std::size_t percentileRank(double p, std::size_t count);

/// Kullback–Leibler divergences of clipped from quantized histograms, the candidates i = start … bins:
/// P = the first i bins, the mass beyond added to the last one; Q = those bins without that mass, averaged
/// over the non-empty bins of each of `levels` equal groups; both normalised. ∞ where Q is 0 and P is not.
/// The first bin counts as much as the second one (it holds the zeros). Source: S. Migacz, "8-bit inference
/// with TensorRT", GTC 2017, s7310, as NVIDIA's pytorch-quantization computes it. Cost: O((bins −
/// start)·levels).
std::vector<double> klDivergences(std::span<const std::int64_t> histogram, std::size_t levels,
                                  std::size_t start);

/// How many bins the smallest of those divergences keeps (the last one of equals): the clipping range is that
/// many bin widths.
std::size_t klBins(std::span<const std::int64_t> histogram, std::size_t levels, std::size_t start);

/// The share of the histogram's range (its bins over 0…1) that this keeps with 2^levelBits levels, from 128
/// bins on, as NVIDIA's calibrator does.
float klRatio(std::span<const std::int64_t> histogram, int levelBits);

/// The best clipping range for `bits`, in units of the mean absolute deviation (Laplace) or of the standard
/// deviation (Gauss): the minimum of 2b²e^(−α/b) + α²/(3·4^bits) and its Gaussian counterpart. Source: Banner
/// et al., "Post training 4-bit quantization of convolutional networks", arXiv 1810.05723.
double aciqLaplaceRatio(int bits);
double aciqGaussRatio(int bits);

} // namespace halfstep
