#include "core/analysis/timed_primitive.h"

#include <utility>

namespace halfstep {

TimedPrimitive::TimedPrimitive(dnnl::primitive primitive, std::string implementation,
                               const onednn::Dims& inputDims, const dnnl::memory::desc& input,
                               const onednn::Dims& outputDims, const dnnl::memory::desc& output)
    : m_primitive(std::move(primitive))
    , m_implementation(std::move(implementation))
    , m_stream(onednn::engine())
    , m_plainInput(onednn::plain(inputDims), onednn::engine())
    , m_plainOutput(onednn::plain(outputDims), onednn::engine())
    , m_input(input, onednn::engine())
    , m_output(output, onednn::engine()) {}

void TimedPrimitive::run() {
  m_primitive.execute(m_stream, m_arguments);
  m_stream.wait();
}

void TimedPrimitive::convertInput() {
  m_inputReorder.execute(m_stream, m_plainInput, m_input);
  m_stream.wait();
}

void TimedPrimitive::convertOutput() {
  m_outputReorder.execute(m_stream, m_output, m_plainOutput);
  m_stream.wait();
}

std::vector<float> TimedPrimitive::output() {
  convertOutput();
  const auto* values = static_cast<const float*>(m_plainOutput.get_data_handle());
  return {values, values + m_plainOutput.get_desc().get_size() / sizeof(float)};
}

void TimedPrimitive::move(dnnl::memory from, dnnl::memory to, const dnnl::primitive_attr& attributes) {
  dnnl::reorder(from, to, attributes).execute(m_stream, from, to);
  m_stream.wait();
}

PreparedLayer preparedFrom(const std::shared_ptr<TimedPrimitive>& layer) {
  PreparedLayer prepared;
  prepared.implementation = layer->implementation();
  prepared.run = [layer] { layer->run(); };
  if (layer->convertsInput()) {
    prepared.convertInput = [layer] { layer->convertInput(); };
  }
  if (layer->convertsOutput()) {
    prepared.convertOutput = [layer] { layer->convertOutput(); };
  }
  prepared.output = [layer] { return layer->output(); };
  return prepared;
}

} // namespace halfstep
