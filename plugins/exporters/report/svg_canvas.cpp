#include "plugins/exporters/report/svg_canvas.h"

#include "plugins/exporters/report/html_text.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + coordinate(value) + "\"";
}

std::string styled(const std::string& style) {
  return " class=\"" + style + "\"";
}

/// The end of an element with, if there is one, a title in it.
std::string closed(const std::string& element, const std::string& title) {
  return title.empty() ? "/>" : "><title>" + escaped(title) + "</title></" + element + ">";
}

} // namespace

SvgCanvas::SvgCanvas(const PlotHead& head, double width, double height)
    : m_text("<svg viewBox=\"0 0 " + coordinate(width) + " " + coordinate(height) + "\"" +
             attribute("width", width) + attribute("height", height) + " role=\"img\" aria-labelledby=\"" +
             head.id + "-title " + head.id + "-desc\"><title id=\"" + head.id + "-title\">" +
             escaped(head.title) + "</title><desc id=\"" + head.id + "-desc\">" + escaped(head.description) +
             "</desc>") {}

void SvgCanvas::rectangle(double x, double y, double width, double height, const std::string& style,
                          const std::string& title) {
  m_text += "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", width) +
            attribute("height", height) + styled(style) + closed("rect", title);
}

void SvgCanvas::line(double x1, double y1, double x2, double y2, const std::string& style) {
  m_text += "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) + attribute("y2", y2) +
            styled(style) + "/>";
}

void SvgCanvas::polyline(const std::vector<double>& xs, const std::vector<double>& ys,
                         const std::string& style) {
  m_text += "<polyline points=\"";
  for (std::size_t i = 0; i < xs.size(); ++i) {
    m_text += (i > 0 ? " " : "") + coordinate(xs[i]) + "," + coordinate(ys[i]);
  }
  m_text += "\"" + styled(style) + "/>";
}

void SvgCanvas::dot(double x, double y, const std::string& style, const std::string& title) {
  constexpr double kRadius = 3.0;
  m_text += "<circle" + attribute("cx", x) + attribute("cy", y) + attribute("r", kRadius) + styled(style) +
            closed("circle", title);
}

void SvgCanvas::text(double x, double y, const std::string& anchor, const std::string& words,
                     const std::string& style, const std::string& title) {
  m_text += "<text" + attribute("x", x) + attribute("y", y) + " text-anchor=\"" + anchor + "\"" +
            styled(style) + ">" + (title.empty() ? "" : "<title>" + escaped(title) + "</title>") +
            escaped(words) + "</text>";
}

void SvgCanvas::swatch(double x, double y, double width, double height, const std::string& colour,
                       const std::string& title) {
  m_text += "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", width) +
            attribute("height", height) + " fill=\"" + colour + "\"" + closed("rect", title);
}

void SvgCanvas::combs(const std::vector<double>& xs, double top, double bottom, const std::string& style) {
  m_text += "<path d=\"";
  for (const double x : xs) {
    m_text += "M" + coordinate(x) + " " + coordinate(top) + "V" + coordinate(bottom);
  }
  m_text += "\"" + styled(style) + "/>";
}

void SvgCanvas::legend(double x, double y, const std::vector<std::string>& series) {
  constexpr double kSquare = 10.0;
  constexpr double kLetter = 7.0; // about as wide as letters of the label's size are
  for (std::size_t i = 0; i < series.size(); ++i) {
    rectangle(x, y - kSquare + 1, kSquare, kSquare, "s" + std::to_string(i));
    text(x + kSquare + 4, y, "start", series[i]);
    x += kSquare + 20 + kLetter * static_cast<double>(series[i].size());
  }
}

std::vector<double> ticksOf(const SvgScale& scale, int count) {
  const double rough = (scale.hi - scale.lo) / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double share = rough / power;
  const double step = power * (share <= 1.0 ? 1.0 : share <= 2.0 ? 2.0 : share <= 5.0 ? 5.0 : 10.0);
  std::vector<double> ticks;
  for (double k = std::ceil(scale.lo / step - 1e-9); k * step <= scale.hi + 1e-9 * step; k += 1.0) {
    ticks.push_back(k * step);
  }
  return ticks;
}

SvgScale scaleOver(const std::vector<double>& values, double from, double to) {
  SvgScale scale{0.0, 0.0, from, to};
  for (const double value : values) {
    if (std::isfinite(value)) {
      scale.lo = std::min(scale.lo, value);
      scale.hi = std::max(scale.hi, value);
    }
  }
  if (!(scale.hi - scale.lo > 0.0)) {
    scale.hi = scale.lo + 1.0;
  }
  return scale;
}

} // namespace halfstep
