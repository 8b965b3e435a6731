#include "core/exec/executor.h"

#include "core/exec/run.h"
#include "core/support/mapped_file.h"

namespace halfstep {

Result<Executor> Executor::create(std::shared_ptr<const Model> model, ComputeType computeType) {
  Executor executor;
  HALFSTEP_TRY(PreparedGraphs prepared, prepareGraphs(*model));
  executor.m_model = std::move(model);
  executor.m_prepared = std::make_shared<const PreparedGraphs>(std::move(prepared));
  executor.m_state = std::make_shared<ExecutorState>(computeType);
  return executor;
}

Result<std::map<std::string, Value>> Executor::run(const std::map<std::string, Value>& inputs,
                                                   const JobContext& job, const RunOptions& options) const {
  auto outputs = Run(*m_model, *m_prepared, *m_state, job, options).main(inputs);
  HALFSTEP_CHECK(MappedFile::checkOpen()); // model and samples: rather than what zeros or an operator say
  return outputs;
}

std::size_t Executor::lowPrecisionNodes() const {
  std::size_t count = 0;
  for (const auto& [graph, prepared] : *m_prepared) {
    for (const PreparedNode& node : prepared.nodes) {
      count += node.memory->computeType != ComputeType::fp32 ? 1 : 0;
    }
  }
  return count;
}

const PreparedGraph& Executor::prepared() const {
  return m_prepared->at(&m_model->graph);
}

} // namespace halfstep
