#include "core/quant/scheme.h"

#include "core/quant/scheme_grammar.h"

#include <cassert>

namespace halfstep {

Mapping defaultMapping(NumberFormat format) {
  const FormatFacts& facts = formatFacts(format);
  return facts.family == FormatFamily::integer && !facts.isSigned ? Mapping::asymmetric : Mapping::symmetric;
}

CodeRange defaultCodeRange(Mapping mapping) {
  return mapping == Mapping::asymmetric ? CodeRange::full : CodeRange::restricted;
}

Scheme defaultScheme(NumberFormat format) {
  Scheme scheme;
  scheme.format = format;
  scheme.mapping = defaultMapping(format);
  scheme.codeRange = defaultCodeRange(scheme.mapping);
  return scheme;
}

namespace {

/// What holds for weights and activations.
Result<void> checkSupportedAnywhere(const Scheme& scheme) {
  const FormatFacts& facts = formatFacts(scheme.format);
  const auto notYet = [&](std::string_view token) {
    return Error{ErrorKind::unsupported, "scheme " + printScheme(scheme) + ": '" + std::string(token) +
                                             "' is known but not there yet"};
  };
  const auto contradiction = [&](const std::string& what) {
    return Error{ErrorKind::usage, "scheme " + printScheme(scheme) + ": " + what};
  };
  if (!facts.implemented) {
    return notYet(facts.name);
  }
  for (const MethodStep& step : scheme.method) {
    return notYet(printMethodStep(step));
  }
  if (scheme.range.kind == RangeRule::Kind::hqq) {
    return notYet("hqq");
  }
  if (facts.family != FormatFamily::integer) {
    if (scheme.mapping != Mapping::symmetric &&
        !(scheme.mapping == Mapping::powerOfTwo && facts.family == FormatFamily::scaledFloating)) {
      return contradiction("'" + std::string(mappingName(scheme.mapping)) + "' needs an integer format");
    }
    if (scheme.codeRange != CodeRange::restricted) {
      return contradiction("'" + std::string(codeRangeName(scheme.codeRange)) + "' needs an integer format");
    }
    if (scheme.rounding != Rounding::even) {
      return contradiction("'" + std::string(roundingName(scheme.rounding)) + "' needs an integer format");
    }
  }
  if (scheme.codeRange == CodeRange::absmax && scheme.mapping != Mapping::symmetric) {
    return contradiction("'absmax' needs the 'sym' mapping");
  }
  return {};
}

} // namespace

Result<void> checkSupported(const Scheme& scheme) {
  HALFSTEP_CHECK(checkSupportedAnywhere(scheme));
  if (scheme.range.kind == RangeRule::Kind::movingAverage) {
    return Error{ErrorKind::usage,
                 "scheme " + printScheme(scheme) + ": 'ema' is for activations; weights have no samples"};
  }
  return {};
}

Result<void> checkSupportedForActivations(const Scheme& scheme, bool dynamic) {
  HALFSTEP_CHECK(checkSupportedAnywhere(scheme));
  const std::string name = "activation scheme " + printScheme(scheme) + ": ";
  if (formatFacts(scheme.format).family == FormatFamily::floating) {
    return {};
  }
  if (scheme.granularity.kind == Granularity::Kind::group ||
      (scheme.granularity.kind == Granularity::Kind::channel && !dynamic)) {
    return Error{ErrorKind::usage, name + (dynamic ? "needs 'tensor' or 'channel'"
                                                   : "needs 'tensor': one scale for all values")};
  }
  const auto rule = scheme.range.kind;
  if (dynamic && (rule == RangeRule::Kind::movingAverage || rule == RangeRule::Kind::fixed)) {
    return Error{ErrorKind::usage, name + "a range that is found at run time cannot be 'ema' or 'fixed'"};
  }
  return {};
}

CodeLimits codeLimits(NumberFormat format, CodeRange codeRange) {
  const FormatFacts& facts = formatFacts(format);
  assert(facts.family == FormatFamily::integer);
  const int half = 1 << (facts.bits - 1);
  CodeLimits limits{-half, half - 1, 0};
  if (codeRange == CodeRange::restricted) {
    limits.lowest = -(half - 1);
  }
  if (!facts.isSigned) {
    limits.lowest += half;
    limits.highest += half;
    limits.middle = half;
  }
  return limits;
}

} // namespace halfstep
