#include "core/analysis/evaluation.h"

#include "core/analysis/metric_choice.h"

namespace halfstep {

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
    evaluation->sampleNames.push_back(samples.name(i));
    evaluation->samples.push_back(std::move(figures));
    if (options.onSample) {
      options.onSample(*evaluation);
    }
  }
  return std::shared_ptr<const Evaluation>(std::move(evaluation));
}

} // namespace halfstep
