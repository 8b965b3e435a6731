#include "core/io/selected_samples.h"

#include "core/analysis/random_stream.h"

#include <algorithm>
#include <numeric>

namespace halfstep {

namespace {

class SelectedSamples : public SampleSource {
public:
  SelectedSamples(std::shared_ptr<const SampleSource> all, std::size_t count, std::vector<std::size_t> order,
                  SampleOrigin origin)
      : m_all(std::move(all))
      , m_count(count)
      , m_order(std::move(order))
      , m_origin(std::move(origin)) {}

  std::size_t count() const override { return m_count; }
  Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
    return m_all->inputs(at(index));
  }
  std::string name(std::size_t index) const override { return m_all->name(at(index)); }
  std::vector<std::int64_t> targets(std::size_t index) const override { return m_all->targets(at(index)); }
  SampleOrigin origin() const override { return m_origin; }

private:
  std::size_t at(std::size_t index) const { return m_order.empty() ? index : m_order[index]; }

  std::shared_ptr<const SampleSource> m_all;
  std::size_t m_count;
  std::vector<std::size_t> m_order; ///< empty: as they are
  SampleOrigin m_origin;
};

} // namespace

std::shared_ptr<const SampleSource> selectSamples(std::shared_ptr<const SampleSource> all,
                                                  std::optional<std::uint64_t> limit,
                                                  std::optional<std::uint64_t> shuffleSeed,
                                                  std::uint64_t fingerprint) {
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(limit.value_or(all->count()), all->count()));
  SampleOrigin origin = all->origin();
  std::vector<std::size_t> order;
  if (shuffleSeed) {
    order.resize(all->count());
    std::iota(order.begin(), order.end(), std::size_t{0});
    RandomStream random(*shuffleSeed);
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[random.below(i)]);
    }
    order.resize(count);
    origin.fingerprint = RandomStream(origin.fingerprint, *shuffleSeed, 1).next();
  }
  if (count < all->count()) {
    origin.description =
        (shuffleSeed ? "" : "the first ") + std::to_string(count) + " of " + origin.description;
  }
  if (shuffleSeed) {
    origin.description += ", shuffled with seed " + std::to_string(*shuffleSeed);
  }
  origin.fingerprint = RandomStream(origin.fingerprint, count, fingerprint).next();
  return std::make_shared<SelectedSamples>(std::move(all), count, std::move(order), std::move(origin));
}

std::shared_ptr<const SampleSource> lastSamples(std::shared_ptr<const SampleSource> all, std::size_t count) {
  SampleOrigin origin = all->origin();
  origin.description = "the last " + std::to_string(count) + " of " + origin.description;
  const std::size_t first = all->count() - count;
  origin.fingerprint = RandomStream(origin.fingerprint, first, count).next();
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), first);
  return std::make_shared<SelectedSamples>(std::move(all), count, std::move(order), std::move(origin));
}

} // namespace halfstep
