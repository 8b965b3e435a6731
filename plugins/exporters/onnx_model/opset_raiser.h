// Raises the version of ONNX's operators that a file imports. Where an operator reads a node of the older
// version differently, the node is rewritten so that its result stays the same. libonnx's own converter ends
// at version 17 and refuses models with other domains, so the rules are here. Source: the operators' change
// logs (onnx Changelog.md, versions 1 to 25).
#pragma once

#include "plugins/exporters/onnx_model/model_edit.h"

#include <string>

namespace halfstep::onnx_export {

/// Why nodes of `edit` cannot be read in version `to`: "Scan of version 8 changed in 9"; empty where nothing
/// stands in the way.
std::string obstacleToOpset(ModelEdit& edit, std::int64_t to);
/// Rewrites the nodes (some are inserted; apply() makes them) and imports version `to`. Precondition: there
/// is no obstacle.
void raiseOpset(ModelEdit& edit, std::int64_t to);

} // namespace halfstep::onnx_export
