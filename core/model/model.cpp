#include "core/model/model.h"

namespace halfstep {

std::optional<std::size_t> Model::layerIndex(std::string_view layerName) const {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].name == layerName) {
      return i;
    }
  }
  return std::nullopt;
}

} // namespace halfstep
