#include "core/analysis/search_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace halfstep {

bool SearchChoice::fits(const SearchMove& first, const SearchMove* second) const {
  return std::all_of(m_problem.limits.begin(), m_problem.limits.end(), [&](const SearchLimit& limit) {
    const std::size_t q = limit.quantity;
    return m_sums[q] + change(first, q) + (second != nullptr ? change(*second, q) : 0.0) <= limit.atMost;
  });
}

std::vector<SearchMove> SearchChoice::moves() const {
  std::vector<SearchMove> moves;
  for (std::size_t g = 0; g < m_groups.size(); ++g) {
    for (std::size_t c = 0; c < m_groups[g].candidates.size(); ++c) {
      if (c != m_picks[g]) {
        moves.push_back({g, c});
      }
    }
  }
  return moves;
}

void SearchChoice::sumUp() {
  m_sums.assign(m_problem.quantities.size(), 0.0);
  for (std::size_t g = 0; g < m_groups.size(); ++g) {
    const Quantities& add = m_groups[g].candidates[m_picks[g]].sums;
    for (std::size_t q = 0; q < m_sums.size(); ++q) {
      m_sums[q] += add[q];
    }
  }
}

namespace {

/// The best single move within the limits, as long as there is one.
void takeSingleMoves(SearchChoice& choice) {
  const std::size_t rounds = 4 * choice.picks().size() + 16;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::optional<SearchMove> best;
    for (const SearchMove& move : choice.moves()) {
      if (choice.gain(move) > (best ? choice.gain(*best) : 0.0) && choice.fits(move)) {
        best = move;
      }
    }
    if (!best) {
      return;
    }
    choice.apply(*best);
  }
}

/// Moves that make room, by what they free of the first limit's quantity, the most first; and for every
/// beginning of that list the two moves of different groups that lose least.
struct Rooms {
  std::vector<SearchMove> moves;
  std::vector<double> changes; ///< of the quantity; rising
  std::vector<std::pair<std::size_t, std::size_t>> least;
};

Rooms roomsOf(const SearchChoice& choice, std::vector<SearchMove> moves) {
  const std::size_t cost = choice.problem().limits.front().quantity;
  std::sort(moves.begin(), moves.end(), [&](const SearchMove& a, const SearchMove& b) {
    return choice.change(a, cost) < choice.change(b, cost);
  });
  Rooms rooms{std::move(moves), {}, {}};
  const std::size_t none = rooms.moves.size();
  const auto loss = [&](std::size_t i) {
    return i == none ? std::numeric_limits<double>::infinity() : -choice.gain(rooms.moves[i]);
  };
  std::pair<std::size_t, std::size_t> best{none, none};
  for (std::size_t i = 0; i < rooms.moves.size(); ++i) {
    const bool sameGroup = best.first != none && rooms.moves[best.first].group == rooms.moves[i].group;
    if (loss(i) < loss(best.first)) {
      best = {i, sameGroup ? best.second : best.first};
    } else if (!sameGroup && loss(i) < loss(best.second)) {
      best.second = i;
    }
    rooms.changes.push_back(choice.change(rooms.moves[i], cost));
    rooms.least.push_back(best);
  }
  return rooms;
}

/// The best exchange of two groups that gains something: one takes what does not fit by itself, the other
/// makes room. O(m log m) for m moves.
bool takeExchange(SearchChoice& choice) {
  const SearchLimit& limit = choice.problem().limits.front();
  std::vector<SearchMove> gains;
  std::vector<SearchMove> losses;
  for (const SearchMove& move : choice.moves()) {
    (choice.gain(move) > 0.0 ? gains : losses).push_back(move);
  }
  const Rooms rooms = roomsOf(choice, std::move(losses));
  const double slack = limit.atMost - choice.sums()[limit.quantity];
  double bestGain = 1e-12 * std::abs(choice.sums()[choice.problem().objective]); // more than rounding
  std::optional<std::pair<SearchMove, SearchMove>> exchange;
  for (const SearchMove& gain : gains) {
    const double allowed = slack - choice.change(gain, limit.quantity);
    const auto end = std::upper_bound(rooms.changes.begin(), rooms.changes.end(), allowed);
    if (end == rooms.changes.begin()) {
      continue;
    }
    const auto [first, second] = rooms.least[static_cast<std::size_t>(end - rooms.changes.begin()) - 1];
    const std::size_t index = rooms.moves[first].group != gain.group ? first : second;
    if (index == rooms.moves.size()) {
      continue;
    }
    const SearchMove& room = rooms.moves[index];
    const double both = choice.gain(gain) + choice.gain(room);
    if (both > bestGain && choice.fits(gain, &room)) {
      bestGain = both;
      exchange = {gain, room};
    }
  }
  if (!exchange) {
    return false;
  }
  choice.apply(exchange->first);
  choice.apply(exchange->second);
  return true;
}

} // namespace

SearchPicks improvedPicks(const SearchProblem& problem, const std::vector<SearchGroup>& groups,
                          SearchPicks picks) {
  constexpr int kExchanges = 24;
  SearchChoice choice(problem, groups, std::move(picks));
  takeSingleMoves(choice);
  for (int i = 0; i < kExchanges && takeExchange(choice); ++i) {
    takeSingleMoves(choice);
  }
  return choice.picks();
}

} // namespace halfstep
