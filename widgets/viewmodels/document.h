// What the window is about: the model, the plan with its undo history, and the figures computed so far.
// Owned by the session; UI thread only. Every edit of the plan goes through the undo stack.
#pragma once

#include "core/model/model.h"
#include "core/quant/error_metrics.h"
#include "core/quant/plan.h"

#include <QObject>
#include <QString>
#include <QUndoStack>

#include <memory>
#include <optional>
#include <vector>

namespace halfstep {

/// One layer's figures under one scheme, small enough to keep for every layer.
struct LayerSummary {
  Scheme scheme; ///< what the figures belong to
  ErrorSums errors;
  std::int64_t bytes = 0;
  double bitsPerWeight = 0.0;
  bool estimated = false; ///< from a sample; the exact figures are on their way
};

/// The plan as a whole. Only layers whose figures are up to date count in `errors`.
struct PlanTotals {
  std::int64_t bytesBefore = 0; ///< all tensors as the file holds them
  std::int64_t bytesAfter = 0;  ///< the same with every layer as planned
  ErrorSums errors;             ///< summed over the layers
  int layers = 0;
  int layersDone = 0; ///< with figures for their present scheme
};

class Document : public QObject {
  Q_OBJECT

public:
  explicit Document(QObject* parent = nullptr);

  const std::shared_ptr<const Model>& model() const { return m_model; }
  /// Replaces everything: `plan` becomes the plan, the history and the figures are cleared.
  void open(std::shared_ptr<const Model> model, const Plan& plan);
  void close();

  int layerCount() const { return static_cast<int>(m_plans.size()); }
  const Layer& layer(int index) const { return m_model->layers[static_cast<std::size_t>(index)]; }
  const LayerPlan& layerPlan(int index) const { return m_plans[static_cast<std::size_t>(index)]; }
  const Scheme& scheme(int index) const { return layerPlan(index).weights; }
  /// The plan without its versions. Layers that have the fallback's plan are written out too.
  Plan plan() const;
  /// The plan as it would be saved, with its versions.
  Plan planToSave() const;

  QUndoStack& undoStack() { return m_undo; }
  /// One undo step. Consecutive calls with the same `gesture` ≥ 0 (a drag) become one step.
  void setSchemes(const std::vector<int>& layers, const Scheme& scheme, int gesture = -1);
  /// One undo step: what the layers' inputs are quantized to. Calls with the same `gesture` ≥ 0 become one.
  void setActivations(const std::vector<int>& layers, const ActivationScheme& activations, int gesture = -1);
  /// One undo step; layers that the plan does not name get its fallback.
  void setPlan(const Plan& plan, const QString& undoText);
  /// The same with the plan's versions in place of the present ones: one undo step.
  void setPlanAndVersions(const Plan& plan, const QString& undoText);

  /// What was kept under names, the oldest first. They are not cut down to the model's layers: what a version
  /// says of others stays in the file.
  const std::vector<PlanVersion>& versions() const { return m_versions; }
  /// Null where there is none of that name.
  const PlanVersion* findVersion(const QString& name) const;
  /// One undo step each. Errors (usage): a name that is empty or taken, or of no version.
  Result<void> saveVersion(PlanVersion version);
  Result<void> renameVersion(const QString& name, const QString& newName);
  Result<void> noteVersion(const QString& name, const QString& note);
  Result<void> removeVersion(const QString& name);
  /// Gives the layers the version's schemes.
  Result<void> restoreVersion(const QString& name);

  /// The data that the network is run on, as the plan keeps it; nothing for samples drawn at random. Not part
  /// of the undo history.
  const std::optional<DataSettings>& data() const { return m_data; }
  void setData(std::optional<DataSettings> data) { m_data = std::move(data); }

  /// The file the plan was saved to or opened from; empty if neither.
  QString planPath() const { return m_planPath; }
  /// `saved`: what the file holds.
  void markSaved(const QString& path, const Plan& saved);
  void markSaved(const QString& path) { markSaved(path, planToSave()); }
  /// What the file at planPath() held when this window last read or wrote it.
  const std::optional<Plan>& savedPlan() const { return m_savedPlan; }
  bool hasUnsavedPlan() const { return m_model && !m_undo.isClean(); }

  void setModelHash(std::string sha256) { m_modelSha256 = std::move(sha256); }
  const std::string& modelHash() const { return m_modelSha256; }

  /// Figures for the layer's present scheme; nothing while they are not computed.
  const LayerSummary* summary(int index) const;
  /// Older figures that the present ones can be compared with: of a drag, those from before it.
  const LayerSummary* previousSummary(int index) const;
  /// Figures of some layers, by index; announced together.
  void setSummaries(std::vector<std::pair<int, LayerSummary>> figures);
  PlanTotals totals() const;

signals:
  /// Another model, or none; everything else is reset with it.
  void modelChanged();
  void plansChanged(const std::vector<int>& layers);
  void summariesChanged(const std::vector<int>& layers);
  void planPathChanged();
  void versionsChanged();

private:
  friend class PlanEdit;
  friend class VersionsEdit;
  void applyPlans(const std::vector<int>& layers, const std::vector<LayerPlan>& plans);

  void editVersions(std::vector<PlanVersion> after, const QString& undoText);
  void applyVersions(const std::vector<PlanVersion>& versions);

  struct Figures {
    std::optional<LayerSummary> current;
    std::optional<LayerSummary> previous;
    int gesture = -1; ///< the drag that `current` is of; `previous` stays what was there before it
  };

  std::shared_ptr<const Model> m_model;
  std::string m_modelSha256;
  LayerPlan m_fallback;
  std::vector<LayerPlan> m_plans;
  std::vector<Figures> m_figures;
  int m_gesture = -1; ///< of the edit that is being applied
  QUndoStack m_undo;
  QString m_planPath;
  std::optional<DataSettings> m_data;
  std::vector<PlanVersion> m_versions;
  std::optional<Plan> m_savedPlan;
};

} // namespace halfstep
