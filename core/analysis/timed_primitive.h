// A oneDNN primitive with its memory and the ways in and out of it, as latency times them. Internal to
// layer_primitive and recurrent_primitive.
#pragma once

#include "core/analysis/layer_primitive.h"
#include "core/exec/operators/onednn.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace halfstep {

/// Input and output come and go as row-major float32. Members may throw dnnl::error. One thread.
class TimedPrimitive {
public:
  /// `input`, `output`: what the primitive reads and writes; arguments and both ways are set by the class
  /// that derives.
  TimedPrimitive(dnnl::primitive primitive, std::string implementation, const onednn::Dims& inputDims,
                 const dnnl::memory::desc& input, const onednn::Dims& outputDims,
                 const dnnl::memory::desc& output);

  void run();
  void convertInput();
  void convertOutput();
  /// What the last run wrote.
  std::vector<float> output();
  /// float32 that is row-major already needs no conversion.
  bool convertsInput() const { return m_input.get_desc() != m_plainInput.get_desc(); }
  bool convertsOutput() const { return m_output.get_desc() != m_plainOutput.get_desc(); }
  const std::string& implementation() const { return m_implementation; }

protected:
  /// Reorders once, for what does not change from run to run.
  void move(dnnl::memory from, dnnl::memory to, const dnnl::primitive_attr& attributes = {});

  dnnl::primitive m_primitive;
  std::string m_implementation;
  dnnl::stream m_stream;
  dnnl::memory m_plainInput;
  dnnl::memory m_plainOutput;
  dnnl::memory m_input;
  dnnl::memory m_output;
  std::unordered_map<int, dnnl::memory> m_arguments;
  dnnl::reorder m_inputReorder;
  dnnl::reorder m_outputReorder;
};

PreparedLayer preparedFrom(const std::shared_ptr<TimedPrimitive>& layer);

} // namespace halfstep
