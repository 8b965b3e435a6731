#include "core/model/subgraphs.h"

namespace halfstep {

std::vector<const Graph*> subgraphsOf(const Node& node) {
  std::vector<const Graph*> graphs;
  for (const auto& [name, attribute] : node.attributes) {
    if (const auto* graph = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
      graphs.push_back(graph->get());
    } else if (const auto* several = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
      for (const auto& one : *several) {
        graphs.push_back(one.get());
      }
    }
  }
  std::erase(graphs, nullptr);
  return graphs;
}

} // namespace halfstep
