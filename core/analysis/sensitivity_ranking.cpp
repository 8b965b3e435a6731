// What a sweep's figures say together: values, rankings, and how far they can be trusted.
#include "core/analysis/rank_statistics.h"
#include "core/analysis/sensitivity.h"
#include "core/quant/quantizer.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace halfstep {

namespace {

constexpr int kTieDraws = 400;

double damageOf(OutputMetric metric, std::span<const OutputFigures> samples,
                std::span<const std::uint32_t> picks) {
  const double value = metricOf(metric, samples, picks);
  return isBetterWhenLarger(metric) ? -value : value;
}

/// Whether a paired bootstrap over the samples leaves the sign of the difference open.
bool isTied(const Sensitivity& sensitivity, std::span<const OutputFigures> a,
            std::span<const OutputFigures> b) {
  if (a.size() < 2) {
    return true;
  }
  std::mt19937_64 random(sensitivity.seed);
  std::vector<std::uint32_t> picks(a.size());
  std::vector<double> differences;
  for (int draw = 0; draw < kTieDraws; ++draw) {
    for (std::uint32_t& pick : picks) {
      pick = static_cast<std::uint32_t>(random() % a.size());
    }
    const double difference = damageOf(sensitivity.metric, a, picks) - damageOf(sensitivity.metric, b, picks);
    if (!std::isnan(difference)) {
      differences.push_back(difference);
    }
  }
  const Estimate interval = withInterval(0.0, std::move(differences));
  return std::isnan(interval.low) || (interval.low <= 0.0 && interval.high >= 0.0);
}

} // namespace

std::vector<std::string> Sensitivity::candidateNames() const {
  std::vector<std::string> names;
  for (std::size_t scheme = 0; scheme < schemes.size(); ++scheme) {
    names.push_back(printLayerPlan(candidate(scheme)));
  }
  return names;
}

double Sensitivity::value(std::size_t layer, std::size_t scheme) const {
  const auto& measured = cell(layer, scheme).samples;
  return measured.empty() ? std::nan("") : metricOf(metric, measured);
}

Estimate Sensitivity::estimate(std::size_t layer, std::size_t scheme) const {
  const auto& measured = cell(layer, scheme).samples;
  if (measured.empty()) {
    return {std::nan(""), std::nan(""), std::nan("")};
  }
  return estimateOf(metric, measured, seed);
}

double Sensitivity::damage(std::size_t layer, std::size_t scheme) const {
  const double own = value(layer, scheme);
  return isBetterWhenLarger(metric) ? -own : own;
}

double Sensitivity::baseline() const {
  const auto most = std::max_element(cells.begin(), cells.end(), [](const auto& a, const auto& b) {
    return a.samples.size() < b.samples.size();
  });
  if (most == cells.end() || most->samples.empty()) {
    return std::nan("");
  }
  switch (metric) {
  case OutputMetric::accuracy:
    return metricOf(OutputMetric::floatAccuracy, most->samples);
  case OutputMetric::perplexity:
    return metricOf(OutputMetric::floatPerplexity, most->samples);
  case OutputMetric::sqnr:
    return INFINITY;
  case OutputMetric::cosine:
  case OutputMetric::top1:
  case OutputMetric::top5:
    return 1.0;
  default:
    return 0.0;
  }
}

double Sensitivity::progress() const {
  std::size_t done = 0;
  std::size_t all = 0;
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    for (std::size_t scheme = 0; scheme < schemes.size() && left[layer].empty(); ++scheme) {
      done += std::min(cell(layer, scheme).samples.size(), samples);
      all += samples;
    }
  }
  return all > 0 ? static_cast<double>(done) / static_cast<double>(all) : 1.0;
}

bool Sensitivity::isComplete() const {
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    for (std::size_t scheme = 0; scheme < schemes.size() && left[layer].empty(); ++scheme) {
      if (cell(layer, scheme).samples.size() < samples) {
        return false;
      }
    }
  }
  return true;
}

RankingReliability reliabilityOf(const Sensitivity& sensitivity, std::size_t scheme) {
  RankingReliability reliability;
  reliability.samples = sensitivity.samples;
  std::vector<double> damages(sensitivity.layers.size(), std::nan(""));
  for (std::size_t layer = 0; layer < sensitivity.layers.size(); ++layer) {
    const auto& measured = sensitivity.cell(layer, scheme).samples;
    damages[layer] = sensitivity.damage(layer, scheme);
    if (!std::isnan(damages[layer])) {
      reliability.order.push_back(layer);
      reliability.samples = std::min(reliability.samples, measured.size());
    }
  }
  std::stable_sort(reliability.order.begin(), reliability.order.end(),
                   [&](std::size_t a, std::size_t b) { return damages[a] > damages[b]; });
  std::vector<std::uint32_t> even;
  std::vector<std::uint32_t> odd;
  for (std::uint32_t i = 0; i < reliability.samples; ++i) {
    (i % 2 == 0 ? even : odd).push_back(i);
  }
  reliability.splitHalf = std::nan("");
  if (odd.size() >= 2) {
    std::vector<double> first;
    std::vector<double> second;
    for (const std::size_t layer : reliability.order) {
      const auto& measured = sensitivity.cell(layer, scheme).samples;
      first.push_back(damageOf(sensitivity.metric, measured, even));
      second.push_back(damageOf(sensitivity.metric, measured, odd));
    }
    reliability.splitHalf = rankCorrelation(first, second);
  }
  for (std::size_t i = 0; i < reliability.order.size(); ++i) {
    const auto samplesOf = [&](std::size_t place) {
      return std::span(sensitivity.cell(reliability.order[place], scheme).samples).first(reliability.samples);
    };
    reliability.tied.push_back(i > 0 && isTied(sensitivity, samplesOf(i - 1), samplesOf(i)));
  }
  return reliability;
}

std::vector<double> rankCorrelationsWith(const Sensitivity& sensitivity, std::span<const double> figures) {
  const std::size_t schemes = sensitivity.schemes.size();
  std::vector<double> correlations;
  for (std::size_t scheme = 0; scheme < schemes; ++scheme) {
    std::vector<double> damages;
    std::vector<double> others;
    for (std::size_t layer = 0; layer < sensitivity.layers.size(); ++layer) {
      const std::size_t cell = layer * schemes + scheme;
      damages.push_back(sensitivity.damage(layer, scheme));
      others.push_back(cell < figures.size() ? figures[cell] : std::nan(""));
    }
    correlations.push_back(rankCorrelation(damages, others));
  }
  return correlations;
}

Result<std::vector<double>> screenWeights(const Model& model, const std::vector<Scheme>& schemes,
                                          const JobContext& job) {
  std::vector<double> errors;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    job.reportProgress(static_cast<double>(i) / static_cast<double>(model.layers.size()),
                       model.layers[i].name);
    HALFSTEP_CHECK(job.checkpoint());
    HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(model.layers[i], job));
    for (const Scheme& scheme : schemes) {
      HALFSTEP_TRY(const LayerQuantization quantized, quantizeLayer(*matrix, scheme, job));
      errors.push_back(quantized.total.squares > 0.0 ? quantized.total.squaredErrors / quantized.total.squares
                                                     : 0.0);
    }
  }
  return errors;
}

} // namespace halfstep
