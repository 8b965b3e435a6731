// The factory of a module with one exporter. Qt's moc needs a class of its own for each module, with Q_OBJECT
// and Q_PLUGIN_METADATA; the rest is here.
#pragma once

#include "core/io/exporter.h"

#include <memory>
#include <vector>

namespace halfstep {

template <class E>
std::vector<std::unique_ptr<Exporter>> oneExporter() {
  std::vector<std::unique_ptr<Exporter>> exporters;
  exporters.push_back(std::make_unique<E>());
  return exporters;
}

} // namespace halfstep
