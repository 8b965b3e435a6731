// A scheme: number format + mapping + code range + granularity + range + rounding + method. A value.
#pragma once

#include "core/quant/number_format.h"
#include "core/support/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace halfstep {

/// How real values map to codes. `symmetric` and `powerOfTwo` put zero at the middle code: 0 for signed
/// formats, 2^(b−1) for unsigned ones (as ONNX Runtime's symmetric uint8 and GPTQ's symmetric uint4 do).
enum class Mapping : std::uint8_t { symmetric, asymmetric, powerOfTwo };

/// Which codes are used, and so which scale a range of magnitude A gives (b bits):
/// restricted ±(2^(b−1)−1), A/(2^(b−1)−1) · full −2^(b−1)…2^(b−1)−1, A/2^(b−1) · halfstep full codes,
/// 2A/(2^b−1) · absmax full codes, the extreme value with its sign lands on −2^(b−1). Asymmetric over lo…hi:
/// restricted (hi−lo)/(2^b−2); full and halfstep (hi−lo)/(2^b−1); absmax does not apply.
enum class CodeRange : std::uint8_t { restricted, full, halfstep, absmax };

enum class Rounding : std::uint8_t { even, away, zero, up, stochastic };

struct Granularity {
  enum class Kind : std::uint8_t { tensor, channel, group };
  Kind kind = Kind::channel;
  int groupSize = 0; ///< values per group, 16…1024; 0 unless `kind` is group
  bool operator==(const Granularity&) const = default;
};

/// How the clipping range is found.
struct RangeRule {
  enum class Kind : std::uint8_t { minmax, movingAverage, percentile, mse, kl, aciq, hqq, fixed };
  Kind kind = Kind::minmax;
  double percentile = 0.0; ///< in (50, 100] for `percentile`, otherwise 0
  double lo = 0.0;         ///< for `fixed`
  double hi = 0.0;         ///< for `fixed`, above `lo`
  bool operator==(const RangeRule&) const = default;
};

/// One step of a method: "rtn", "gptq", "smooth" with its strength 0.5, …
struct MethodStep {
  std::string name;
  double parameter = 0.0;
  bool hasParameter = false;
  bool operator==(const MethodStep&) const = default;
};

struct Scheme {
  NumberFormat format = NumberFormat::fp32;
  Mapping mapping = Mapping::symmetric;
  CodeRange codeRange = CodeRange::restricted;
  Granularity granularity;
  RangeRule range;
  Rounding rounding = Rounding::even;
  std::vector<MethodStep> method; ///< empty: round to nearest

  bool operator==(const Scheme&) const = default;
};

/// A scheme of `format` with the grammar's defaults for it.
Scheme defaultScheme(NumberFormat format);
/// `sym` for signed formats, `asym` for unsigned ones.
Mapping defaultMapping(NumberFormat format);
/// `restricted` for symmetric mappings, `full` for asymmetric ones.
CodeRange defaultCodeRange(Mapping mapping);

/// Whether this version can compute `scheme`, and whether its parts go together. Errors: kind `unsupported`,
/// saying which token is not there yet; kind `usage` for parts that contradict each other.
Result<void> checkSupported(const Scheme& scheme);
/// The same for the values between layers: `ema` is allowed (weights have no samples to average over), and
/// the granularity is `tensor`, or, for ranges that are found at run time, `channel`: one scale for every
/// index of all axes but the last (per token).
Result<void> checkSupportedForActivations(const Scheme& scheme, bool dynamic);

/// The codes of an integer format under a mapping and code range: smallest, largest, and the code of real
/// zero for symmetric mappings. Precondition: `format` is an integer format.
struct CodeLimits {
  int lowest = 0;
  int highest = 0;
  int middle = 0; ///< 0 for signed formats, 2^(b−1) for unsigned ones
  bool operator==(const CodeLimits&) const = default;
};
CodeLimits codeLimits(NumberFormat format, CodeRange codeRange);

} // namespace halfstep
