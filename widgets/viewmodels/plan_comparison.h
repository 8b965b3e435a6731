// The two plans that the Trade-off page compares, chosen from those that there are: the present one, the one
// on disk, the one found, the named versions, the same scheme everywhere. Owned by the session; UI thread.
#pragma once

#include "widgets/viewmodels/network_analysis.h"
#include "widgets/viewmodels/trade_off.h"

#include <QObject>

#include <optional>
#include <vector>

namespace halfstep {

struct PlanChoice {
  enum class Kind { present, saved, found, version, uniform };
  Kind kind = Kind::present;
  QString name; ///< of a version, or the scheme of all layers as it is written
  bool operator==(const PlanChoice&) const = default;
};

class PlanComparison : public QObject {
  Q_OBJECT

public:
  PlanComparison(Document& document, NetworkAnalysis& analysis, TradeOff& tradeOff,
                 QObject* parent = nullptr);

  struct Entry {
    PlanChoice choice;
    QString title;
    QString explanation; ///< for tooltips
  };
  /// What there is to choose from.
  const std::vector<Entry>& entries() const { return m_entries; }
  const PlanChoice& from() const { return m_from; }
  /// Until a person chooses one: the plan found, or else the newest version, or else the saved plan.
  const PlanChoice& to() const { return m_to; }
  void setFrom(const PlanChoice& choice);
  void setTo(const PlanChoice& choice);

  /// The present plan for a choice that is gone.
  Plan planOf(const PlanChoice& choice) const;
  QString titleOf(const PlanChoice& choice) const;
  /// What was measured of it, in this session or, for a version, when it was kept.
  std::optional<PlanFigures> figuresOf(const PlanChoice& choice) const;

  /// Whether to() is another plan than the document's.
  bool canApply() const;
  /// to() becomes the document's plan: one undo step.
  void apply();

signals:
  void entriesChanged();
  /// One of the two plans, or what is known of them.
  void changed();

private:
  void collect();
  bool isThere(const PlanChoice& choice) const;
  PlanChoice usualTarget() const;

  Document& m_document;
  NetworkAnalysis& m_analysis;
  TradeOff& m_tradeOff;
  std::vector<Entry> m_entries;
  PlanChoice m_from;
  PlanChoice m_to;
  bool m_chosen = false; ///< a person chose m_to
};

} // namespace halfstep
