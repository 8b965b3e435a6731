#include "core/analysis/evaluation.h"

#include "core/analysis/metric_choice.h"
#include "core/exec/elements.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

std::int64_t notFiniteIn(const std::map<std::string, Value>& values) {
  std::int64_t count = 0;
  for (const auto& [name, value] : values) {
    if (!value.isTensor() || !isFloatingPoint(value.tensor().type())) {
      continue;
    }
    const Tensor& tensor = value.tensor();
    if (tensor.type() == ElementType::float32) {
      const Elements<float> numbers(tensor);
      count += std::count_if(numbers.begin(), numbers.end(), [](float x) { return !std::isfinite(x); });
      continue;
    }
    for (std::size_t i = 0; i < tensor.count(); ++i) {
      count += std::isfinite(tensor.valueAt(i)) ? 0 : 1;
    }
  }
  return count;
}

Result<std::shared_ptr<const Evaluation>> evaluate(const Executor& executor, const Simulation& simulation,
                                                   const Plan& plan, const SampleSource& samples,
                                                   const EvaluationOptions& options, const JobContext& job) {
  auto evaluation = std::make_shared<Evaluation>();
  evaluation->origin = samples.origin();
  HALFSTEP_TRY(SimulatedPlan simulated, simulatePlan(simulation, plan, job.part(0.0, 0.1)));
  evaluation->left = std::move(simulated.left);
  const std::size_t count =
      options.samples > 0 ? std::min(options.samples, samples.count()) : samples.count();
  const std::vector<OutputRole> roles = outputRoles(executor.model());
  const JobContext running = job.part(0.1, 1.0);
  for (std::size_t i = 0; i < count; ++i) {
    running.reportProgress(static_cast<double>(i) / static_cast<double>(count), samples.name(i));
    HALFSTEP_TRY(const auto inputs, samples.inputs(i));
    HALFSTEP_TRY(const auto reference, executor.run(inputs, running));
    HALFSTEP_TRY(const auto quantized, executor.run(inputs, running, simulated.options));
    HALFSTEP_TRY(const auto compared, OutputReference::of(roles, reference, samples.targets(i)));
    HALFSTEP_TRY(OutputFigures figures, compared.compare(quantized));
    if (i == 0) {
      evaluation->standard = standardMetric(GraphReach(executor.model()), compared).metric;
    }
    const std::int64_t counts[] = {notFiniteIn(inputs), notFiniteIn(reference), notFiniteIn(quantized)};
    evaluation->notFinite.inputs += counts[0];
    evaluation->notFinite.floatOutputs += counts[1];
    evaluation->notFinite.quantizedOutputs += counts[2];
    if (counts[0] + counts[1] + counts[2] > 0) {
      evaluation->notFinite.samples.push_back(samples.name(i));
    }
    evaluation->sampleNames.push_back(samples.name(i));
    evaluation->samples.push_back(std::move(figures));
    if (options.onSample) {
      options.onSample(*evaluation);
    }
  }
  return std::shared_ptr<const Evaluation>(std::move(evaluation));
}

} // namespace halfstep
