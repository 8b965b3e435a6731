// The geometry that convolutions and poolings share: strides, dilations, padding and the sizes that follow.
// Internal to the operators.
#pragma once

#include "core/exec/operator_call.h"

#include <algorithm>

namespace halfstep {

/// One window sliding over the spatial axes.
struct Windows {
  std::vector<std::int64_t> kernel;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> before; ///< padding
  std::vector<std::int64_t> after;
  std::size_t rank() const { return kernel.size(); }
  /// How many input positions the window reaches over on an axis.
  std::int64_t reach(std::size_t axis) const { return (kernel[axis] - 1) * dilations[axis] + 1; }
};

/// An attribute with one number per spatial axis, `fallback` where it is left out. Error: another length, or
/// a number outside least…2^30.
inline Result<std::vector<std::int64_t>> perAxis(const OpCall& call, std::string_view name, std::size_t count,
                                                 std::int64_t fallback, std::int64_t least) {
  std::vector<std::int64_t> values = call.integers(name);
  if (values.empty()) {
    values.assign(count, fallback);
  }
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  const bool sane =
      std::all_of(values.begin(), values.end(), [&](std::int64_t v) { return v >= least && v <= kMost; });
  if (values.size() != count || !sane) {
    return call.fail("its " + std::string(name) + " make no sense for " + std::to_string(count) +
                     " spatial axes");
  }
  return values;
}

/// Reads strides, dilations, pads and auto_pad for an input with these spatial dimensions.
inline Result<Windows> windowsOf(const OpCall& call, std::vector<std::int64_t> kernel,
                                 const std::vector<std::int64_t>& spatial) {
  const std::size_t rank = spatial.size();
  Windows windows;
  windows.kernel = std::move(kernel);
  if (windows.kernel.size() != rank || rank == 0) {
    return call.fail("its kernel has " + std::to_string(windows.kernel.size()) + " axes, the input " +
                     std::to_string(rank));
  }
  if (std::any_of(windows.kernel.begin(), windows.kernel.end(),
                  [](std::int64_t k) { return k < 1 || k > 1 << 30; })) {
    return call.fail("its kernel makes no sense");
  }
  HALFSTEP_TRY(windows.strides, perAxis(call, "strides", rank, 1, 1));
  HALFSTEP_TRY(windows.dilations, perAxis(call, "dilations", rank, 1, 1));
  HALFSTEP_TRY(const std::vector<std::int64_t> pads, perAxis(call, "pads", 2 * rank, 0, 0));
  windows.before.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank));
  windows.after.assign(pads.begin() + static_cast<std::ptrdiff_t>(rank), pads.end());
  const std::string automatic = call.text("auto_pad", "NOTSET");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const std::int64_t out = (spatial[axis] + windows.strides[axis] - 1) / windows.strides[axis];
      const std::int64_t pad =
          std::max<std::int64_t>(0, (out - 1) * windows.strides[axis] + windows.reach(axis) - spatial[axis]);
      windows.before[axis] = automatic == "SAME_UPPER" ? pad / 2 : pad - pad / 2;
      windows.after[axis] = pad - windows.before[axis];
    }
  } else if (automatic == "VALID") {
    windows.before.assign(rank, 0);
    windows.after.assign(rank, 0);
  } else if (automatic != "NOTSET" && !automatic.empty()) {
    return call.fail("auto_pad " + automatic + " is unknown");
  }
  return windows;
}

/// The number of window positions along each axis; with `ceiling` the last one may hang over, as long as it
/// starts within the input or its leading padding. Error: the window is larger than the padded input.
inline Result<std::vector<std::int64_t>> positions(const OpCall& call, const Windows& windows,
                                                   const std::vector<std::int64_t>& spatial, bool ceiling) {
  std::vector<std::int64_t> counts;
  for (std::size_t axis = 0; axis < spatial.size(); ++axis) {
    const std::int64_t room =
        spatial[axis] + windows.before[axis] + windows.after[axis] - windows.reach(axis);
    const std::int64_t stride = windows.strides[axis];
    if (room < 0) {
      return call.fail("the window is larger than the padded input on spatial axis " + std::to_string(axis));
    }
    std::int64_t count = (ceiling ? room + stride - 1 : room) / stride + 1;
    if (ceiling && (count - 1) * stride >= spatial[axis] + windows.before[axis]) {
      --count;
    }
    counts.push_back(count);
  }
  return counts;
}

} // namespace halfstep
