#include "widgets/style/color_map.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace halfstep {

namespace {

constexpr std::array<QRgb, 11> kViridis = {0xff440154, 0xff482475, 0xff414487, 0xff355f8d,
                                           0xff2a788e, 0xff21918c, 0xff22a884, 0xff44bf70,
                                           0xff7ad151, 0xffbddf26, 0xfffde725};

/// Relative luminance. Source: WCAG 2.1.
double luminance(const QColor& color) {
  const auto linear = [](double channel) {
    return channel <= 0.03928 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF());
}

} // namespace

QColor sequentialColor(double position) {
  if (std::isnan(position)) {
    return {};
  }
  const double place = std::clamp(position, 0.0, 1.0) * static_cast<double>(kViridis.size() - 1);
  const auto first = std::min(static_cast<std::size_t>(place), kViridis.size() - 2);
  const double share = place - static_cast<double>(first);
  const QColor a(kViridis[first]);
  const QColor b(kViridis[first + 1]);
  const auto mix = [&](int x, int y) { return static_cast<int>(std::lround(x + share * (y - x))); };
  return {mix(a.red(), b.red()), mix(a.green(), b.green()), mix(a.blue(), b.blue())};
}

QColor readableOn(const QColor& background) {
  const double light = luminance(background);
  const bool white = 1.05 / (light + 0.05) >= (light + 0.05) / 0.05;
  return white ? QColor(Qt::white) : QColor(Qt::black);
}

} // namespace halfstep
