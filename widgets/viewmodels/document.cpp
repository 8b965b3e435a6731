#include "widgets/viewmodels/document.h"

#include "core/quant/scheme_grammar.h"

#include <QUndoCommand>

#include <algorithm>

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

/// Changes the list of named versions.
class VersionsEdit : public QUndoCommand {
public:
  VersionsEdit(Document& document, std::vector<PlanVersion> after, const QString& text)
      : QUndoCommand(text)
      , m_document(document)
      , m_before(document.versions())
      , m_after(std::move(after)) {}

  void undo() override { m_document.applyVersions(m_before); }
  void redo() override { m_document.applyVersions(m_after); }

private:
  Document& m_document;
  std::vector<PlanVersion> m_before;
  std::vector<PlanVersion> m_after;
};

namespace {

std::vector<PlanVersion>::iterator versionIn(std::vector<PlanVersion>& versions, const std::string& name) {
  return std::find_if(versions.begin(), versions.end(),
                      [&](const PlanVersion& version) { return version.name == name; });
}

Error noVersion(const QString& name) {
  return Error{ErrorKind::usage, "there is no version \"" + name.toStdString() + "\""};
}

} // namespace

Document::Document(QObject* parent)
    : QObject(parent) {}

void Document::open(std::shared_ptr<const Model> model, const Plan& plan) {
  m_model = std::move(model);
  m_modelSha256.clear();
  m_planPath.clear();
  m_fallback = plan.fallback;
  m_data = plan.data;
  m_versions = plan.versions;
  m_savedPlan.reset();
  m_plans.clear();
  for (const Layer& layer : m_model->layers) {
    m_plans.push_back(plan.forLayer(layer.name));
  }
  m_figures.assign(m_plans.size(), {});
  m_undo.clear();
  emit modelChanged();
  emit planPathChanged();
  emit versionsChanged();
}

void Document::close() {
  m_model.reset();
  m_plans.clear();
  m_figures.clear();
  m_modelSha256.clear();
  m_planPath.clear();
  m_versions.clear();
  m_savedPlan.reset();
  m_undo.clear();
  emit modelChanged();
  emit planPathChanged();
  emit versionsChanged();
}

Plan Document::planToSave() const {
  Plan whole = plan();
  whole.versions = m_versions;
  return whole;
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
  m_gesture = gesture;
  m_undo.push(new PlanEdit(*this, std::move(changed), std::move(after), gesture, text));
  m_gesture = -1;
}

void Document::setActivations(const std::vector<int>& layers, const ActivationScheme& activations,
                              int gesture) {
  std::vector<int> changed;
  std::vector<LayerPlan> after;
  for (const int layer : layers) {
    if (layerPlan(layer).activations != activations || gesture >= 0) {
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
  m_undo.push(new PlanEdit(*this, std::move(changed), std::move(after), gesture, text));
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

void Document::setPlanAndVersions(const Plan& plan, const QString& undoText) {
  if (plan.versions == m_versions) { // a macro would be a step even without a change
    setPlan(plan, undoText);
    return;
  }
  m_undo.beginMacro(undoText);
  setPlan(plan, undoText);
  editVersions(plan.versions, undoText);
  m_undo.endMacro();
}

const PlanVersion* Document::findVersion(const QString& name) const {
  const auto found = std::find_if(
      m_versions.begin(), m_versions.end(),
      [wanted = name.toStdString()](const PlanVersion& version) { return version.name == wanted; });
  return found == m_versions.end() ? nullptr : &*found;
}

Result<void> Document::saveVersion(PlanVersion version) {
  HALFSTEP_CHECK(checkVersionName(m_versions, version.name));
  const QString name = QString::fromStdString(version.name);
  std::vector<PlanVersion> after = m_versions;
  after.push_back(std::move(version));
  editVersions(std::move(after), tr("Save version %1").arg(name));
  return {};
}

Result<void> Document::renameVersion(const QString& name, const QString& newName) {
  std::vector<PlanVersion> after = m_versions;
  const auto version = versionIn(after, name.toStdString());
  if (version == after.end()) {
    return noVersion(name);
  }
  if (newName != name) {
    HALFSTEP_CHECK(checkVersionName(m_versions, newName.toStdString()));
  }
  version->name = newName.toStdString();
  editVersions(std::move(after), tr("Rename version %1 to %2").arg(name, newName));
  return {};
}

Result<void> Document::noteVersion(const QString& name, const QString& note) {
  std::vector<PlanVersion> after = m_versions;
  const auto version = versionIn(after, name.toStdString());
  if (version == after.end()) {
    return noVersion(name);
  }
  version->note = note.toStdString();
  editVersions(std::move(after), tr("Note on version %1").arg(name));
  return {};
}

Result<void> Document::removeVersion(const QString& name) {
  std::vector<PlanVersion> after = m_versions;
  const auto version = versionIn(after, name.toStdString());
  if (version == after.end()) {
    return noVersion(name);
  }
  after.erase(version);
  editVersions(std::move(after), tr("Delete version %1").arg(name));
  return {};
}

Result<void> Document::restoreVersion(const QString& name) {
  const PlanVersion* version = findVersion(name);
  if (version == nullptr) {
    return noVersion(name);
  }
  setPlan(plan().withSchemesOf(*version), tr("Restore version %1").arg(name));
  return {};
}

void Document::editVersions(std::vector<PlanVersion> after, const QString& undoText) {
  if (after != m_versions) {
    m_undo.push(new VersionsEdit(*this, std::move(after), undoText));
  }
}

void Document::applyVersions(const std::vector<PlanVersion>& versions) {
  m_versions = versions;
  emit versionsChanged();
}

void Document::applyPlans(const std::vector<int>& layers, const std::vector<LayerPlan>& plans) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    m_plans[static_cast<std::size_t>(layers[i])] = plans[i];
    Figures& figures = m_figures[static_cast<std::size_t>(layers[i])];
    if (m_gesture >= 0 && figures.gesture != m_gesture && figures.current) {
      figures.previous = figures.current;
    }
    figures.gesture = m_gesture;
  }
  emit plansChanged(layers);
}

void Document::markSaved(const QString& path, const Plan& saved) {
  m_planPath = path;
  m_savedPlan = saved;
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
  const bool isPresent = summary(index) != nullptr || figures.gesture >= 0;
  const auto& candidate = isPresent ? figures.previous : figures.current;
  return candidate ? &*candidate : nullptr;
}

void Document::setSummaries(std::vector<std::pair<int, LayerSummary>> summaries) {
  std::vector<int> layers;
  for (auto& [index, summary] : summaries) {
    Figures& figures = m_figures[static_cast<std::size_t>(index)];
    if (figures.current && figures.current->scheme != summary.scheme && figures.gesture < 0) {
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
