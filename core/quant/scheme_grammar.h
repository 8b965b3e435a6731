// The scheme grammar: FORMAT[:TOKEN]*, tokens in any order, printed in the canonical order format, mapping,
// code range, granularity, range, rounding, method, defaults left out. parseScheme(printScheme(s)) == s.
#pragma once

#include "core/quant/scheme.h"

#include <string>
#include <string_view>
#include <vector>

namespace halfstep {

/// Errors (kind `usage`): an unknown token, one given twice, or one out of bounds; the message names the
/// token, its place (counted from 1) and the nearest valid ones.
Result<Scheme> parseScheme(std::string_view text);
std::string printScheme(const Scheme& scheme);
std::string printMethodStep(const MethodStep& step);

std::string_view mappingName(Mapping mapping);
std::string_view codeRangeName(CodeRange codeRange);
std::string_view roundingName(Rounding rounding);
std::string granularityName(const Granularity& granularity);
std::string rangeName(const RangeRule& range);

/// Every token that can stand somewhere in a scheme, with "group16…group1024", "pct<p>" and "fixed(lo,hi)" by
/// example; for completion and for "did you mean".
std::vector<std::string> schemeTokens();

} // namespace halfstep
