#include "widgets/viewmodels/data_preview.h"

#include "core/support/units.h"

#include <QCoreApplication>
#include <QStringList>

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

QString words(const char* text) {
  return QCoreApplication::translate("DataPreview", text);
}

/// How a tensor's elements are laid out as a picture; 0 channels where they are none.
struct PictureLayout {
  int height = 0;
  int width = 0;
  int channels = 0;
  std::size_t row = 0;     ///< elements from one row to the next
  std::size_t column = 0;  ///< from one column to the next
  std::size_t channel = 0; ///< from one channel to the next
};

PictureLayout layoutOf(const Shape& shape) {
  constexpr std::int64_t kLeast = 4;
  constexpr std::int64_t kMost = 4096;
  Shape axes = shape;
  while (axes.size() > 3 && axes.front() == 1) {
    axes.erase(axes.begin());
  }
  const auto made = [](std::int64_t h, std::int64_t w, std::int64_t c, bool channelsFirst) {
    if (h < kLeast || w < kLeast || h > kMost || w > kMost) {
      return PictureLayout{};
    }
    PictureLayout layout{static_cast<int>(h), static_cast<int>(w), static_cast<int>(c), 0, 0, 0};
    const auto width = static_cast<std::size_t>(w);
    const auto channels = static_cast<std::size_t>(c);
    layout.row = channelsFirst ? width : width * channels;
    layout.column = channelsFirst ? 1 : channels;
    layout.channel = channelsFirst ? width * static_cast<std::size_t>(h) : 1;
    return layout;
  };
  if (axes.size() == 3 && (axes[0] == 1 || axes[0] == 3)) {
    return made(axes[1], axes[2], axes[0], true);
  }
  if (axes.size() == 3 && (axes[2] == 1 || axes[2] == 3)) {
    return made(axes[0], axes[1], axes[2], false);
  }
  if (axes.size() == 2 && axes[0] == 1) { // a flattened square, as of MNIST
    const auto side = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(axes[1]))));
    return side * side == axes[1] && side >= 8 ? made(side, side, 1, true) : PictureLayout{};
  }
  return {};
}

/// The values from their smallest to their largest as dark to light.
QImage pictureOf(const Tensor& tensor, double least, double most) {
  const PictureLayout layout = layoutOf(tensor.shape());
  const auto values =
      layout.channels > 0 ? toFloats(tensor, {}) : Result<std::vector<float>>(std::vector<float>());
  if (layout.channels == 0 || !values || !(most > least)) {
    return {};
  }
  QImage image(layout.width, layout.height, QImage::Format_RGB32);
  for (int y = 0; y < layout.height; ++y) {
    for (int x = 0; x < layout.width; ++x) {
      int color[3] = {0, 0, 0};
      for (int c = 0; c < 3; ++c) {
        const std::size_t at = static_cast<std::size_t>(y) * layout.row +
                               static_cast<std::size_t>(x) * layout.column +
                               static_cast<std::size_t>(std::min(c, layout.channels - 1)) * layout.channel;
        const double share = (static_cast<double>((*values)[at]) - least) / (most - least);
        color[c] = static_cast<int>(std::clamp(std::isnan(share) ? 0.0 : share, 0.0, 1.0) * 255.0);
      }
      image.setPixel(x, y, qRgb(color[0], color[1], color[2]));
    }
  }
  return image;
}

} // namespace

Result<DataPreview> previewOf(std::shared_ptr<const SampleSource> samples, const Model& model,
                              std::size_t count, const JobContext& job) {
  DataPreview preview;
  const std::size_t shown = std::min(count, samples->count());
  std::size_t labelled = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    HALFSTEP_CHECK(job.checkpoint());
    HALFSTEP_TRY(const auto inputs, samples->inputs(i));
    SamplePreview one;
    one.name = QString::fromStdString(samples->name(i));
    const auto targets = samples->targets(i);
    if (targets.size() == 1) {
      one.label = QString::number(targets.front());
    } else if (!targets.empty()) {
      one.label = words("%1 targets").arg(targets.size());
    }
    labelled += targets.empty() ? 0 : 1;
    QStringList lines;
    for (const ValueInfo& info : model.graph.inputs) {
      const auto value = inputs.find(info.name);
      if (value == inputs.end() || !value->second.isTensor()) {
        continue;
      }
      const Tensor& tensor = value->second.tensor();
      double least = INFINITY;
      double most = -INFINITY;
      for (std::size_t k = 0; k < tensor.count(); ++k) {
        const double x = tensor.valueAt(k);
        least = std::isfinite(x) ? std::min(least, x) : least;
        most = std::isfinite(x) ? std::max(most, x) : most;
      }
      lines << words("%1 %2: %3 to %4")
                   .arg(QString::fromStdString(info.name), QString::fromStdString(shapeText(tensor.shape())),
                        QString::fromStdString(formatReal(least)), QString::fromStdString(formatReal(most)));
      if (one.picture.isNull()) {
        one.picture = pictureOf(tensor, least, most);
      }
    }
    one.content = lines.join('\n');
    preview.first.push_back(std::move(one));
  }
  preview.summary = QString::fromStdString(samples->origin().description);
  if (shown > 0) {
    preview.summary += labelled > 0 ? words(", with labels") : words(", without labels");
  }
  preview.samples = std::move(samples);
  return preview;
}

} // namespace halfstep
