// Numbers as people read them, the same on screen, in tables and in reports: thousands apart by a thin space
// (U+2009), a true minus sign (U+2212), at least three significant digits.
#pragma once

#include <cstdint>
#include <string>

namespace halfstep {

/// 147456 → "147 456" (thin spaces).
std::string formatCount(std::int64_t count);
/// 25557032 → "25.6 M"; below ten thousand as formatCount.
std::string formatShortCount(std::int64_t count);
/// Bytes in binary units: 80179 → "78.3 KiB".
std::string formatBytes(std::int64_t bytes);
/// A real number with `digits` significant digits; very large and very small ones as 1.31e−5. NaN is "–".
std::string formatReal(double value, int digits = 3);
/// A share in 0…1 as percent: 0.0031 → "0.31 %".
std::string formatShare(double share);

} // namespace halfstep
