// One run of an executor. Internal to core/exec.
#pragma once

#include "core/exec/buffer_pool.h"
#include "core/exec/executor.h"
#include "core/exec/prepared_graph.h"
#include "core/exec/schedule.h"
#include "core/exec/tail.h"

#include <span>

namespace halfstep {

/// What an executor keeps between runs, beside what its nodes keep. Any thread.
class ExecutorState {
public:
  explicit ExecutorState(ComputeType computeType)
      : m_computeType(computeType)
      , m_pool(std::make_shared<BufferPool>()) {}
  ~ExecutorState() { m_pool->close(); }

  ComputeType computeType() const { return m_computeType; }
  BufferPool& pool() { return *m_pool; }
  /// The schedule of a run that nobody interferes with; null before there is one.
  std::shared_ptr<const Schedule> usual(const PreparedGraph& graph) const;
  void setUsual(const PreparedGraph& graph, std::shared_ptr<const Schedule> schedule);

private:
  const ComputeType m_computeType;
  std::shared_ptr<BufferPool> m_pool;
  mutable std::mutex m_mutex;
  std::map<const PreparedGraph*, std::shared_ptr<const Schedule>> m_usual;
};

/// The values of one graph while it runs, within those of the graph around it.
struct Frame {
  const PreparedGraph* graph = nullptr;
  const Frame* outer = nullptr;
  const std::map<std::string, std::int64_t>* opsets = nullptr;
  const Node* call = nullptr; ///< of a function: whose attributes its nodes may refer to
  const Function* function = nullptr;
  int depth = 0;
  const Schedule* schedule = nullptr;
  std::vector<Value> values; ///< by slot
  std::vector<bool> made;    ///< by slot: whether `values` has it

  explicit Frame(const PreparedGraph& of)
      : graph(&of)
      , values(of.names.size())
      , made(of.names.size(), false) {}

  void set(Slot slot, Value value) {
    values[slot] = std::move(value);
    made[slot] = true;
  }
  void release(Slot slot) {
    values[slot] = Value();
    made[slot] = false;
  }
  /// Null if there is none.
  const Value* find(Slot slot) const;
  const Value* find(const std::string& name) const;
};

class Run {
public:
  Run(const Model& model, const PreparedGraphs& prepared, ExecutorState& state, const JobContext& job,
      const RunOptions& options)
      : m_model(model)
      , m_prepared(prepared)
      , m_state(state)
      , m_job(job)
      , m_options(options) {}

  /// Runs the model's graph.
  Result<std::map<std::string, Value>> main(const std::map<std::string, Value>& inputs);

private:
  Result<void> setInputs(const std::map<std::string, Value>& inputs, Frame& frame);
  /// Runs the graph of `frame`, whose inputs are in place; its outputs in order.
  Result<std::vector<Value>> graph(Frame& frame, bool isMain = false);
  Result<void> step(const ScheduledStep& step, Frame& frame, bool isMain);
  /// A node and what it takes of `tail`; how many that are.
  Result<std::size_t> nodes(const PreparedNode& first, std::span<const std::size_t> tail, Frame& frame,
                            bool isMain);
  Result<std::vector<Value>> outputsOf(const std::vector<Slot>& places, const Frame& frame) const;

  Result<std::shared_ptr<const Schedule>> scheduleFor(const Frame& frame, bool isMain);
  Result<std::shared_ptr<const Schedule>> usualSchedule(const PreparedGraph& graph);
  Result<std::vector<Value>> computedConstants(const PreparedGraph& graph);
  bool foldsAreTouched(const PreparedGraph& graph, const Schedule& usual) const;
  std::vector<bool> neededSteps(const Schedule& schedule, const PreparedGraph& graph) const;
  /// `tensor`, a constant of the model, or what stands in for it.
  const Tensor& standIn(const Tensor& tensor) const;
  std::vector<Value> initializersOf(const PreparedGraph& graph) const;
  /// What stands in for the result of a Constant or of the decoding of a constant's codes; null if nothing.
  const Tensor* standInOf(const PreparedNode& prepared, const Frame& frame) const;
  bool isEdited(const Node& node) const { return m_options.edits.contains(&node); }
  bool isKnown(Slot slot) const { return !m_known.empty() && m_known[slot]; }

  /// `done`: how many nodes of `tail` it did; null where there is none.
  Result<std::vector<Value>> node(const PreparedNode& prepared, const Frame& frame,
                                  std::span<const std::size_t> tail, std::size_t& done);
  Result<std::vector<Value>> operation(const PreparedNode& prepared, const Node& node, const Frame& frame,
                                       std::vector<Value>& inputs, std::span<const std::size_t> tail,
                                       std::size_t& done);
  Result<std::vector<Value>> inputsOf(const PreparedNode& node, const Frame& frame, Slot without) const;
  Result<Tail> tailOf(const PreparedNode& first, std::span<const std::size_t> nodes,
                      const Frame& frame) const;
  Result<std::vector<Value>> subgraph(const Graph& graph, const Frame& outer, std::vector<Value> given);
  Result<std::vector<Value>> call(const Function& function, const Node& node, const Frame& frame,
                                  std::vector<Value>& inputs);

  const Model& m_model;
  const PreparedGraphs& m_prepared;
  ExecutorState& m_state;
  const JobContext& m_job;
  const RunOptions& m_options;
  bool m_replacesInitializers = false;
  // Of the main graph, by slot; empty where there are none.
  std::vector<bool> m_seen;
  std::vector<bool> m_known;
  std::map<const PreparedGraph*, std::shared_ptr<const Schedule>> m_schedules; ///< of this run
};

} // namespace halfstep
