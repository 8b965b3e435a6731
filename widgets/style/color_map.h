// The sequential colour map for heat maps: viridis, dark for small figures. Told apart by people with any
// colour vision, and in grey. Values; any thread.
#pragma once

#include <QColor>

namespace halfstep {

/// The colour at `position` 0…1 (clamped; NaN gives an invalid colour). Source of the figures: S. van der
/// Walt and N. Smith's viridis of Matplotlib 1.5, eleven of its colours, between them linear.
QColor sequentialColor(double position);

/// Black or white, whichever reads better on `background`.
QColor readableOn(const QColor& background);

} // namespace halfstep
