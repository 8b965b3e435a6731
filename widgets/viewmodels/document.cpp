#include "widgets/viewmodels/document.h"

#include "core/quant/scheme_grammar.h"

#include <QUndoCommand>

namespace halfstep {

/// Changes the plans of some layers; edits of one gesture and the same layers merge.
class PlanEdit : public QUndoCommand {
public:
  PlanEdit(Document& document, std::vector<int> layers, std::vector<LayerPlan> after, int gesture,
           const QString& text)
      : QUndoCommand(text)
      , m_document(document)
      , m_layers(std::move(layers))
      , m_after(std::move(after))
      , m_gesture(gesture) {
    for (const int layer : m_layers) {
      m_before.push_back(document.layerPlan(layer));
    }
  }

  void undo() override { m_document.applyPlans(m_layers, m_before); }
  void redo() override { m_document.applyPlans(m_layers, m_after); }
  int id() const override { return m_gesture >= 0 ? 1 : -1; }

  bool mergeWith(const QUndoCommand* other) override {
    const auto* edit = dynamic_cast<const PlanEdit*>(other);
    if (edit == nullptr || edit->m_gesture != m_gesture || edit->m_layers != m_layers) {
      return false;
    }
    m_after = edit->m_after;
    setText(edit->text());
    return true;
  }

private:
  Document& m_document;
  std::vector<int> m_layers;
  std::vector<LayerPlan> m_before;
  std::vector<LayerPlan> m_after;
  int m_gesture;
};

Document::Document(QObject* parent)
    : QObject(parent) {}

void Document::open(std::shared_ptr<const Model> model, const Plan& plan) {
  m_model = std::move(model);
  m_modelSha256.clear();
  m_planPath.clear();
  m_fallback = plan.fallback;
  m_data = plan.data;
  m_plans.clear();
  for (const Layer& layer : m_model->layers) {
    m_plans.push_back(plan.forLayer(layer.name));
  }
  m_figures.assign(m_plans.size(), {});
  m_undo.clear();
  emit modelChanged();
  emit planPathChanged();
}

void Document::close() {
  m_model.reset();
  m_plans.clear();
  m_figures.clear();
  m_modelSha256.clear();
  m_planPath.clear();
  m_undo.clear();
  emit modelChanged();
  emit planPathChanged();
}

Plan Document::plan() const {
  Plan plan;
  if (m_model) {
    plan.modelFile = m_model->name;
    plan.modelSha256 = m_modelSha256;
    plan.fallback = m_fallback;
    plan.data = m_data;
    for (std::size_t i = 0; i < m_plans.size(); ++i) {
      plan.layers[m_model->layers[i].name] = m_plans[i];
    }
  }
  return plan;
}

void Document::setSchemes(const std::vector<int>& layers, const Scheme& scheme, int gesture) {
  std::vector<int> changed;
  std::vector<LayerPlan> after;
  for (const int layer : layers) {
    if (this->scheme(layer) != scheme || gesture >= 0) {
      changed.push_back(layer);
      after.push_back({scheme, layerPlan(layer).activations});
    }
  }
  if (changed.empty()) {
    return;
  }
  const QString what = QString::fromStdString(printScheme(scheme));
  const QString text = changed.size() == 1
                           ? tr("%1 for %2").arg(what, QString::fromStdString(layer(changed.front()).name))
                           : tr("%1 for %2 layers").arg(what).arg(changed.size());
  m_undo.push(new PlanEdit(*this, std::move(changed), std::move(after), gesture, text));
}

void Document::setActivations(const std::vector<int>& layers, const ActivationScheme& activations) {
  std::vector<int> changed;
  std::vector<LayerPlan> after;
  for (const int layer : layers) {
    if (layerPlan(layer).activations != activations) {
      changed.push_back(layer);
      after.push_back({scheme(layer), activations});
    }
  }
  if (changed.empty()) {
    return;
  }
  const QString what = QString::fromStdString(printActivationScheme(activations));
  const QString text = changed.size() == 1
                           ? tr("%1 into %2").arg(what, QString::fromStdString(layer(changed.front()).name))
                           : tr("%1 into %2 layers").arg(what).arg(changed.size());
  m_undo.push(new PlanEdit(*this, std::move(changed), std::move(after), -1, text));
}

void Document::setPlan(const Plan& plan, const QString& undoText) {
  m_data = plan.data ? plan.data : m_data;
  std::vector<int> changed;
  std::vector<LayerPlan> after;
  for (int i = 0; i < layerCount(); ++i) {
    const LayerPlan& wanted = plan.forLayer(layer(i).name);
    if (layerPlan(i) != wanted) {
      changed.push_back(i);
      after.push_back(wanted);
    }
  }
  if (!changed.empty()) {
    m_undo.push(new PlanEdit(*this, std::move(changed), std::move(after), -1, undoText));
  }
}

void Document::applyPlans(const std::vector<int>& layers, const std::vector<LayerPlan>& plans) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    m_plans[static_cast<std::size_t>(layers[i])] = plans[i];
  }
  emit plansChanged(layers);
}

void Document::markSaved(const QString& path) {
  m_planPath = path;
  m_undo.setClean();
  emit planPathChanged();
}

const LayerSummary* Document::summary(int index) const {
  const auto& current = m_figures[static_cast<std::size_t>(index)].current;
  return current && current->scheme == scheme(index) ? &*current : nullptr;
}

const LayerSummary* Document::previousSummary(int index) const {
  const Figures& figures = m_figures[static_cast<std::size_t>(index)];
  // While the present scheme is being computed, the newest figures there are belong to the one before.
  const auto& candidate = summary(index) != nullptr ? figures.previous : figures.current;
  return candidate ? &*candidate : nullptr;
}

void Document::setSummaries(std::vector<std::pair<int, LayerSummary>> summaries) {
  std::vector<int> layers;
  for (auto& [index, summary] : summaries) {
    Figures& figures = m_figures[static_cast<std::size_t>(index)];
    if (figures.current && figures.current->scheme != summary.scheme) {
      figures.previous = std::move(figures.current);
    }
    figures.current = std::move(summary);
    layers.push_back(index);
  }
  emit summariesChanged(layers);
}

PlanTotals Document::totals() const {
  PlanTotals totals;
  if (!m_model) {
    return totals;
  }
  totals.bytesBefore = m_model->bytes;
  totals.bytesAfter = m_model->bytes;
  totals.layers = layerCount();
  for (int i = 0; i < layerCount(); ++i) {
    const LayerSummary* figures = summary(i);
    if (figures == nullptr) {
      continue;
    }
    ++totals.layersDone;
    totals.errors += figures->errors;
    totals.bytesAfter += figures->bytes - static_cast<std::int64_t>(layer(i).weight.bytes().size());
  }
  return totals;
}

} // namespace halfstep
