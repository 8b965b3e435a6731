#include "widgets/viewmodels/plan_comparison.h"

#include "core/quant/scheme_grammar.h"
#include "widgets/viewmodels/plan_versions.h"

#include <QFileInfo>

#include <algorithm>

namespace halfstep {

using Kind = PlanChoice::Kind;

PlanComparison::PlanComparison(Document& document, NetworkAnalysis& analysis, TradeOff& tradeOff,
                               QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_analysis(analysis)
    , m_tradeOff(tradeOff) {
  connect(&m_document, &Document::modelChanged, this, [this] {
    m_chosen = false;
    m_from = {};
    collect();
  });
  connect(&m_document, &Document::versionsChanged, this, &PlanComparison::collect);
  connect(&m_document, &Document::planPathChanged, this, &PlanComparison::collect);
  connect(&m_tradeOff, &TradeOff::spaceChanged, this, &PlanComparison::collect);
  connect(&m_tradeOff, &TradeOff::chosenChanged, this, [this] {
    const bool listed = isThere({Kind::found, {}});
    listed == m_tradeOff.chosen().has_value() ? emit changed() : collect();
  });
  connect(&m_document, &Document::plansChanged, this, &PlanComparison::changed);
  connect(&m_tradeOff, &TradeOff::pointsChanged, this, &PlanComparison::changed);
  connect(&m_analysis, &NetworkAnalysis::errorsChanged, this, &PlanComparison::changed);
  collect();
}

void PlanComparison::collect() {
  m_entries.clear();
  m_entries.push_back({{Kind::present, {}}, tr("present plan"), tr("The schemes that the layers have now")});
  if (m_document.savedPlan()) {
    m_entries.push_back(
        {{Kind::saved, {}},
         tr("saved plan"),
         tr("As %1 was last read or written here").arg(QFileInfo(m_document.planPath()).fileName())});
  }
  if (m_tradeOff.chosen()) {
    m_entries.push_back({{Kind::found, {}}, tr("plan found"), tr("The best plan within the budget")});
  }
  for (const PlanVersion& version : m_document.versions()) {
    QStringList words = {tr("Version, kept %1").arg(keptText(version))};
    if (version.measured) {
      words << tr("%1 on %2").arg(planFigureText(*version.measured), planOriginText(*version.measured));
    }
    if (!version.note.empty()) {
      words << QString::fromStdString(version.note);
    }
    const QString name = QString::fromStdString(version.name);
    m_entries.push_back({{Kind::version, name}, name, words.join('\n')});
  }
  if (const auto& space = m_tradeOff.space()) {
    for (const LayerPlan& candidate : space->space.candidates) {
      const QString scheme = QString::fromStdString(printLayerPlan(candidate));
      m_entries.push_back(
          {{Kind::uniform, scheme}, tr("all %1").arg(scheme), tr("Every layer has this scheme")});
    }
  }
  m_from = isThere(m_from) ? m_from : PlanChoice();
  m_chosen = m_chosen && isThere(m_to);
  m_to = m_chosen ? m_to : usualTarget();
  emit entriesChanged();
  emit changed();
}

bool PlanComparison::isThere(const PlanChoice& choice) const {
  return std::any_of(m_entries.begin(), m_entries.end(),
                     [&](const Entry& entry) { return entry.choice == choice; });
}

PlanChoice PlanComparison::usualTarget() const {
  if (isThere({Kind::found, {}})) {
    return {Kind::found, {}};
  }
  if (!m_document.versions().empty()) {
    return {Kind::version, QString::fromStdString(m_document.versions().back().name)};
  }
  return isThere({Kind::saved, {}}) ? PlanChoice{Kind::saved, {}} : PlanChoice();
}

void PlanComparison::setFrom(const PlanChoice& choice) {
  if (isThere(choice) && m_from != choice) {
    m_from = choice;
    emit changed();
  }
}

void PlanComparison::setTo(const PlanChoice& choice) {
  if (!isThere(choice)) {
    return;
  }
  m_chosen = true;
  if (m_to != choice) {
    m_to = choice;
    emit changed();
  }
}

Plan PlanComparison::planOf(const PlanChoice& choice) const {
  Plan plan = m_document.plan();
  if (choice.kind == Kind::saved && m_document.savedPlan()) {
    plan.fallback = m_document.savedPlan()->fallback;
    plan.layers = m_document.savedPlan()->layers;
  } else if (choice.kind == Kind::found) {
    return m_tradeOff.chosenPlan();
  } else if (choice.kind == Kind::version) {
    const PlanVersion* version = m_document.findVersion(choice.name);
    return version != nullptr ? plan.withSchemesOf(*version) : plan;
  } else if (choice.kind == Kind::uniform) {
    if (const auto scheme = parseLayerPlan(choice.name.toStdString())) {
      plan.fallback = *scheme;
      plan.layers = m_tradeOff.space() ? m_tradeOff.space()->space.fixed : std::map<std::string, LayerPlan>();
    }
  }
  return plan;
}

QString PlanComparison::titleOf(const PlanChoice& choice) const {
  const auto found = std::find_if(m_entries.begin(), m_entries.end(),
                                  [&](const Entry& entry) { return entry.choice == choice; });
  return found == m_entries.end() ? QString() : found->title;
}

std::optional<PlanFigures> PlanComparison::figuresOf(const PlanChoice& choice) const {
  auto known = knownFigures(planOf(choice), m_document, m_analysis, m_tradeOff);
  if (!known && choice.kind == Kind::version) {
    if (const PlanVersion* version = m_document.findVersion(choice.name)) {
      return version->measured;
    }
  }
  return known;
}

bool PlanComparison::canApply() const {
  const Plan plan = planOf(m_to);
  for (int i = 0; i < m_document.layerCount(); ++i) {
    if (plan.forLayer(m_document.layer(i).name) != m_document.layerPlan(i)) {
      return true;
    }
  }
  return false;
}

void PlanComparison::apply() {
  const QString text = m_to.kind == Kind::found     ? tr("Apply the plan found")
                       : m_to.kind == Kind::version ? tr("Restore version %1").arg(m_to.name)
                                                    : tr("Apply the %1").arg(titleOf(m_to));
  m_document.setPlan(planOf(m_to), text);
}

} // namespace halfstep
