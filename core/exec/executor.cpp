#include "core/exec/executor.h"

#include "core/exec/run.h"

namespace halfstep {

Result<Executor> Executor::create(std::shared_ptr<const Model> model) {
  Executor executor;
  HALFSTEP_TRY(PreparedGraphs prepared, prepareGraphs(*model));
  executor.m_model = std::move(model);
  executor.m_prepared = std::make_shared<const PreparedGraphs>(std::move(prepared));
  executor.m_state = std::make_shared<ExecutorState>();
  return executor;
}

Result<std::map<std::string, Value>> Executor::run(const std::map<std::string, Value>& inputs,
                                                   const JobContext& job, const RunOptions& options) const {
  return Run(*m_model, *m_prepared, *m_state, job, options).main(inputs);
}

const PreparedGraph& Executor::prepared() const {
  return m_prepared->at(&m_model->graph);
}

} // namespace halfstep
