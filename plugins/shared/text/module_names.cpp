#include "plugins/shared/text/module_names.h"

#include "plugins/shared/text/name_patterns.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <vector>

namespace halfstep {

namespace {

bool isModulePath(std::string_view text) {
  const bool plain = std::all_of(
      text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
  return plain && !text.empty() && text.size() <= kLongestName && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos;
}

/// "a.b" of "a.b.weight": of parameters that PyTorch's modules call a weight.
std::optional<std::string> moduleOfParameter(std::string_view parameter) {
  const std::size_t dot = parameter.rfind('.');
  if (dot == std::string_view::npos || parameter.find("weight", dot) == std::string_view::npos ||
      !isModulePath(parameter)) {
    return std::nullopt;
  }
  return std::string(parameter.substr(0, dot));
}

/// Children of a Sequential repeat their parent's name in their own: "/layer1/layer1.0/conv1".
std::optional<std::string> moduleOfScope(std::string_view node, std::string_view op) {
  if (!node.starts_with('/') || !node.ends_with("/" + std::string(op))) {
    return std::nullopt;
  }
  std::vector<std::string> segments;
  const std::string_view scope = node.substr(1, node.size() - op.size() - 1);
  for (std::size_t begin = 0; begin < scope.size();) {
    const std::size_t end = scope.find('/', begin);
    std::string segment(scope.substr(begin, end - begin));
    if (!isModulePath(segment)) {
      return std::nullopt;
    }
    if (!segments.empty() && segment.starts_with(segments.back() + ".")) {
      segments.back() = std::move(segment);
    } else {
      segments.push_back(std::move(segment));
    }
    begin = end + 1;
  }
  std::string path;
  for (const std::string& segment : segments) {
    path += (path.empty() ? "" : ".") + segment;
  }
  return path.empty() || path.size() > kLongestName ? std::nullopt : std::optional(path);
}

} // namespace

TargetName moduleName(const Layer& layer) {
  if (auto module = moduleOfParameter(layer.weightName)) {
    return {std::move(*module), {}};
  }
  for (const std::string& node : layer.nodes) {
    if (auto module = moduleOfScope(node, layer.op)) {
      return {std::move(*module), {}};
    }
  }
  return {{}, "its weight is called " + layer.weightName + ", which names no module"};
}

TargetName nodeName(const Layer& layer) {
  if (layer.nodes.empty()) {
    return {{}, "its node has no name"};
  }
  return layer.nodes.front().size() <= kLongestName ? TargetName{layer.nodes.front(), {}}
                                                    : TargetName{{}, "its node's name is too long"};
}

} // namespace halfstep
