// What a plug-in says of itself before any of its code runs: the JSON file named in Q_PLUGIN_METADATA.
//
//   {"kind": "loader", "id": "onnx", "apiVersion": 1, "name": "ONNX models"}
//
// kind: "loader", "exporter", "images", "archive" or "store"; id: unique among all plug-ins, lower case;
// apiVersion: kPluginApiVersion of the headers it was built with; name: for people.
#pragma once

namespace halfstep {

/// Raised with every change that a module built before it would not survive: to a factory, to the interfaces
/// in core/io, or to the types they pass.
inline constexpr int kPluginApiVersion = 1;

} // namespace halfstep
