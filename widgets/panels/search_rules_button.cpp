#include "widgets/panels/search_rules_button.h"

#include "core/quant/scheme_grammar.h"

#include <QMenu>

#include <algorithm>

namespace halfstep {

namespace {

QString namesText(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 3;
  QStringList shown;
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) {
    shown << QString::fromStdString(names[i]);
  }
  return names.size() > kShown ? SearchRulesButton::tr("%1 and %2 more")
                                     .arg(shown.join(QStringLiteral(", ")))
                                     .arg(names.size() - kShown)
                               : shown.join(QStringLiteral(", "));
}

} // namespace

SearchRulesButton::SearchRulesButton(Document& document, Selection& selection, TradeOff& tradeOff,
                                     QWidget* parent)
    : QPushButton(parent)
    , m_document(document)
    , m_selection(selection)
    , m_tradeOff(tradeOff)
    , m_menu(new QMenu(this)) {
  setObjectName(QStringLiteral("trade_off_rules"));
  setToolTip(tr("What every plan that is found keeps to: layers that share one scheme, and layers that keep "
                "the scheme they have"));
  m_menu->setToolTipsVisible(true);
  makeActions();
  setMenu(m_menu);
  connect(m_menu, &QMenu::aboutToShow, this, &SearchRulesButton::listRules);
  connect(&m_tradeOff, &TradeOff::rulesChanged, this, &SearchRulesButton::showRules);
  showRules();
}

void SearchRulesButton::makeActions() {
  const auto add = [this](const QString& name, const QString& text, const QString& tip) {
    QAction* action = m_menu->addAction(text);
    action->setObjectName(name);
    action->setToolTip(tip);
    return action;
  };
  m_sameInputs = add(QStringLiteral("trade_off_tie_inputs"), tr("&Same inputs share a scheme"),
                     tr("Products of the same value have one scheme: query, key and value; gate and up"));
  m_sums =
      add(QStringLiteral("trade_off_tie_sums"), tr("S&ums share a scheme"),
          tr("Layers that meet in one sum or concatenation have one scheme, as integer kernels want it"));
  for (const auto& [action, rule] :
       {std::pair(m_sameInputs, TieRule::sameInput), std::pair(m_sums, TieRule::residual)}) {
    action->setCheckable(true);
    connect(action, &QAction::toggled, this, [this, rule = rule](bool on) {
      change([&](SearchRules& rules) {
        std::erase(rules.ties, rule);
        if (on) {
          rules.ties.push_back(rule);
        }
      });
    });
  }
  m_menu->addSeparator();
  m_pin = add(QStringLiteral("trade_off_pin"), QString(),
              tr("The layers that are selected keep the schemes that they have now, whatever the budget"));
  m_tie = add(QStringLiteral("trade_off_tie"), QString(), tr("The layers that are selected get one scheme"));
  connect(m_pin, &QAction::triggered, this, &SearchRulesButton::pinSelected);
  connect(m_tie, &QAction::triggered, this, &SearchRulesButton::tieSelected);
}

std::vector<std::string> SearchRulesButton::selectedNames() const {
  std::vector<std::string> names;
  for (const int layer : m_selection.layers()) {
    names.push_back(m_document.layer(layer).name);
  }
  return names;
}

void SearchRulesButton::change(const std::function<void(SearchRules&)>& edit) {
  SearchRules rules = m_tradeOff.rules();
  edit(rules);
  m_tradeOff.setRules(std::move(rules));
}

void SearchRulesButton::pinSelected() {
  change([&](SearchRules& rules) {
    for (const int layer : m_selection.layers()) {
      rules.pinned[m_document.layer(layer).name] = m_document.layerPlan(layer);
    }
  });
}

void SearchRulesButton::tieSelected() {
  const std::vector<std::string> names = selectedNames();
  if (names.size() < 2) {
    return;
  }
  change([&](SearchRules& rules) {
    if (std::find(rules.tied.begin(), rules.tied.end(), names) == rules.tied.end()) {
      rules.tied.push_back(names);
    }
  });
}

void SearchRulesButton::listRules() {
  for (QAction* action : m_listed) {
    delete action;
  }
  m_listed.clear();
  const int selected = static_cast<int>(m_selection.layers().size());
  m_pin->setText(tr("&Pin %n selected layer(s) to the present scheme", nullptr, selected));
  m_pin->setEnabled(selected > 0);
  m_tie->setText(tr("&Tie %n selected layer(s)", nullptr, selected));
  m_tie->setEnabled(selected > 1);
  const SearchRules rules = m_tradeOff.rules();
  if (rules.pinned.empty() && rules.tied.empty()) {
    return;
  }
  m_listed.push_back(m_menu->addSeparator());
  const auto add = [this](const QString& text, std::function<void(SearchRules&)> edit) {
    m_listed.push_back(m_menu->addAction(text));
    connect(m_listed.back(), &QAction::triggered, this, [this, edit = std::move(edit)] { change(edit); });
  };
  for (const auto& [name, plan] : rules.pinned) {
    add(tr("Unpin %1 (%2)").arg(QString::fromStdString(name), QString::fromStdString(printLayerPlan(plan))),
        [name = name](SearchRules& edited) { edited.pinned.erase(name); });
  }
  for (const auto& names : rules.tied) {
    add(tr("Untie %1").arg(namesText(names)),
        [names](SearchRules& edited) { std::erase(edited.tied, names); });
  }
  add(tr("&Forget all pins and ties"), [](SearchRules& edited) {
    edited.pinned.clear();
    edited.tied.clear();
  });
}

void SearchRulesButton::showRules() {
  const SearchRules& rules = m_tradeOff.rules();
  for (const auto& [action, rule] :
       {std::pair(m_sameInputs, TieRule::sameInput), std::pair(m_sums, TieRule::residual)}) {
    const QSignalBlocker quiet(action);
    action->setChecked(std::find(rules.ties.begin(), rules.ties.end(), rule) != rules.ties.end());
  }
  const std::size_t count = rules.ties.size() + rules.tied.size() + rules.pinned.size();
  setText(count == 0 ? tr("Rules") : tr("Rules: %1").arg(count));
}

} // namespace halfstep
