#include "widgets/viewmodels/sweep_view.h"

#include "core/quant/scheme_grammar.h"

#include <QObject>
#include <QStringList>

#include <algorithm>
#include <cmath>

namespace halfstep {

std::shared_ptr<const SweepView> sweepViewOf(std::shared_ptr<const Sensitivity> sweep, BesideSweep beside,
                                             bool running) {
  auto view = std::make_shared<SweepView>();
  for (std::size_t layer = 0; layer < sweep->layers.size(); ++layer) {
    for (std::size_t scheme = 0; scheme < sweep->schemes.size(); ++scheme) {
      // The bootstrap costs more than measuring a small network; while it works the bare figures do.
      view->estimates.push_back(running ? Estimate{sweep->value(layer, scheme), std::nan(""), std::nan("")}
                                        : sweep->estimate(layer, scheme));
    }
  }
  for (std::size_t scheme = 0; scheme < sweep->schemes.size() && !running; ++scheme) {
    view->reliabilities.push_back(reliabilityOf(*sweep, scheme));
  }
  if (!running) {
    view->screeningCorrelation = rankCorrelationsWith(*sweep, beside.screening);
  }
  if (!running && beside.fisher) {
    view->fisherCorrelation = rankCorrelationsWith(*sweep, beside.fisher->values);
  }
  view->sweep = std::move(sweep);
  view->screening = std::move(beside.screening);
  view->fisher = std::move(beside.fisher);
  view->fisherProblem = std::move(beside.fisherProblem);
  view->running = running;
  return view;
}

Result<void> addFisher(const Executor& executor, const Simulation& simulation, const SampleSource& samples,
                       const SweepRequest& request, const JobContext& context, BesideSweep& beside) {
  if (!request.activations.empty()) {
    beside.fisherProblem = "it is of weights alone";
    return {};
  }
  FisherOptions options;
  options.schemes = request.schemes;
  options.samples = request.samples;
  options.beside = request.metric;
  auto fisher = estimateFisher(executor, simulation, samples, options, context);
  if (fisher) {
    beside.fisher = std::move(*fisher);
  } else if (fisher.error().kind == ErrorKind::cancelled) {
    return fisher.error();
  } else {
    beside.fisherProblem = fisher.error().message();
  }
  return {};
}

Result<SweepRequest> sweepRequest(const QString& schemes) {
  SweepRequest request;
  std::vector<LayerPlan> candidates;
  for (const QString& part : schemes.toLower().split(',', Qt::SkipEmptyParts)) {
    HALFSTEP_TRY(const LayerPlan candidate, parseLayerPlan(part.trimmed().toStdString()));
    HALFSTEP_CHECK(checkSupported(candidate.weights));
    HALFSTEP_CHECK(checkSupportedForActivations(candidate.activations.scheme, candidate.activations.dynamic));
    if (std::find(candidates.begin(), candidates.end(), candidate) == candidates.end()) {
      candidates.push_back(candidate);
      request.schemes.push_back(candidate.weights);
      request.activations.push_back(candidate.activations);
    }
  }
  if (candidates.empty()) {
    return Error{ErrorKind::usage, QObject::tr("Name at least one scheme.").toStdString()};
  }
  const bool weightsOnly = std::all_of(candidates.begin(), candidates.end(), [](const LayerPlan& one) {
    return one.activations == ActivationScheme();
  });
  if (weightsOnly) {
    request.activations.clear();
  }
  return request;
}

} // namespace halfstep
