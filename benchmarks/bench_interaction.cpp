// From a change of a control to the repainted page, through the real window, on a layer of 4096 × 4096
// weights: median and 95th percentile, beside one frame (16 ms) and beside a plain read of the same weights
// in the same run; with the batch lane idle and with it working. "exact ms" (median): until the exact figures
// replace an estimate; "=" where they come at once. Needs no display (QT_QPA_PLATFORM=offscreen).
#include "app/main_window.h"
#include "core/quant/quantizer.h"
#include "core/quant/scheme_grammar.h"
#include "widgets/panels/distribution_panel.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <utility>

#include <time.h>

using namespace halfstep;

namespace {

constexpr double kFrame = 16.0; // milliseconds
constexpr int kSide = 4096;
constexpr qint64 kGiveUp = 5000;
constexpr int kBetweenClicks = 30; // milliseconds: a hand is slower; a drag goes on without a rest

/// One layer of kSide² normally distributed weights with a few outliers.
std::shared_ptr<const Model> largeModel() {
  const std::size_t count = std::size_t{kSide} * kSide;
  std::vector<std::byte> bytes(count * sizeof(float));
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  for (std::size_t i = 0; i < count; ++i) {
    const float value = normal(random) * (i % 9973 == 0 ? 6.0f : 1.0f);
    std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
  }
  Layer layer;
  layer.name = "large";
  layer.op = "Gemm";
  layer.weightName = "large.weight";
  layer.weight = Tensor::own(ElementType::float32, {kSide, kSide}, std::move(bytes)).value();
  layer.channelAxes = {0};
  auto model = std::make_shared<Model>();
  model->name = "large";
  model->format = "made here";
  model->parameters = static_cast<std::int64_t>(count);
  model->bytes = static_cast<std::int64_t>(count * sizeof(float));
  model->layers.push_back(std::move(layer));
  return model;
}

/// The window with the layer selected, and a stopwatch from a change to the paint that shows it.
class Bench {
public:
  Bench()
      : m_session(m_folder.filePath("settings.ini"))
      , m_window(m_session) {
    m_window.resize(1440, 900);
    m_window.show();
    Plan plan;
    plan.fallback.weights = defaultScheme(NumberFormat::int8);
    m_session.document().open(largeModel(), plan);
    m_session.selection().select({0}, 0);
    m_panel = m_window.findChild<DistributionPanel*>();
    QObject::connect(&m_session.explorer(), &LayerExplorer::viewChanged, &m_window, [this] { notePaints(); });
    const bool ready =
        QTest::qWaitFor([this] { return m_session.explorer().view() && m_session.isSettled(); }, 60000);
    if (!ready) {
      std::fprintf(stderr, "the window did not settle\n");
      std::exit(1);
    }
  }

  Session& session() { return m_session; }
  HistogramPlot& histogram() { return m_panel->histogram(); }

  QToolButton* button(const char* name) {
    auto* found = m_window.findChild<QToolButton*>(QLatin1String(name));
    if (found == nullptr) {
      std::fprintf(stderr, "no button %s\n", name);
      std::exit(1);
    }
    return found;
  }

  /// Milliseconds from just before `change` until every plot was painted with a view of the then present
  /// scheme.
  double time(const std::function<void()>& change) {
    QElapsedTimer clock;
    m_paints.clear();
    const double processorBefore = threadProcessorTime();
    clock.start();
    change();
    while (!isPainted() && clock.elapsed() < kGiveUp) {
      QCoreApplication::processEvents(QEventLoop::AllEvents | QEventLoop::WaitForMoreEvents); // sleeps
    }
    m_processorTimes.push_back(threadProcessorTime() - processorBefore);
    const double painted = static_cast<double>(clock.nsecsElapsed()) * 1e-6;
    if (m_session.explorer().view()->estimated) {
      while (m_session.explorer().view()->estimated && clock.elapsed() < kGiveUp) {
        QCoreApplication::processEvents(QEventLoop::AllEvents | QEventLoop::WaitForMoreEvents);
      }
      m_exactTimes.push_back(static_cast<double>(clock.nsecsElapsed()) * 1e-6);
    }
    return painted;
  }

  /// Milliseconds until the exact figures were there, of those changes since the last call that showed an
  /// estimate first.
  std::vector<double> takeExactTimes() { return std::exchange(m_exactTimes, {}); }

  /// Processor milliseconds that the UI thread used for each change since the last call: what drawing costs,
  /// however busy the machine is.
  std::vector<double> takeProcessorTimes() { return std::exchange(m_processorTimes, {}); }

private:
  static double threadProcessorTime() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
  }

  void notePaints() {
    const auto view = m_session.explorer().view();
    m_paints.clear();
    if (view && view->scheme == m_session.document().scheme(0)) {
      for (const Plot* plot : m_panel->plots()) {
        m_paints.push_back(plot->paintCount());
      }
    }
  }

  bool isPainted() const {
    if (m_paints.empty()) {
      return false;
    }
    const auto plots = m_panel->plots();
    for (std::size_t i = 0; i < plots.size(); ++i) {
      // The error curve does not depend on the range and follows in its own time.
      if (plots[i]->objectName() != QLatin1String("clipping_curve") &&
          plots[i]->paintCount() == m_paints[i]) {
        return false;
      }
    }
    return true;
  }

  QTemporaryDir m_folder;
  Session m_session;
  MainWindow m_window;
  DistributionPanel* m_panel = nullptr;
  std::vector<int> m_paints;
  std::vector<double> m_processorTimes;
  std::vector<double> m_exactTimes;
};

struct Figures {
  double median = 0.0;
  double p95 = 0.0;
};

Figures figuresOf(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[std::min(times.size() - 1,
                          static_cast<std::size_t>(share * static_cast<double>(times.size())))];
  };
  return {at(0.5), at(0.95)};
}

void click(QToolButton* target) {
  QTest::mouseClick(target, Qt::LeftButton);
}

/// Clicks through the buttons, over and over.
std::vector<double> timeButtons(Bench& bench, const std::vector<const char*>& names, int rounds) {
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    for (const char* name : names) {
      QToolButton* target = bench.button(name);
      if (!target->isChecked()) {
        times.push_back(bench.time([&] { click(target); }));
        QTest::qWait(kBetweenClicks);
      }
    }
  }
  return times;
}

/// Drags the upper clipping handle, a few pixels at a time.
std::vector<double> timeDrag(Bench& bench, int steps) {
  std::vector<double> times;
  HistogramPlot& plot = bench.histogram();
  QPoint at = plot.handlePosition(true);
  QTest::mousePress(&plot, Qt::LeftButton, {}, at);
  for (int step = 0; step < steps; ++step) {
    at.rx() += step < steps / 2 ? -3 : 3;
    times.push_back(bench.time([&] { QTest::mouseMove(&plot, at); }));
  }
  QTest::mouseRelease(&plot, Qt::LeftButton, {}, at);
  return times;
}

/// Milliseconds of one plain pass over the weights on this machine, now: the best of several.
double readTime(const LayerView& view) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    QElapsedTimer clock;
    clock.start();
    const auto metrics = evaluateParameters(*view.matrix, view.quantization->parameters, {});
    best = std::min(best, metrics ? static_cast<double>(clock.nsecsElapsed()) * 1e-6 : best);
  }
  return best;
}

void measure(Bench& bench, const char* situation) {
  const double pass = readTime(*bench.session().explorer().view());
  std::printf("\n%s (one fused pass over the weights alone: %.2f ms)\n", situation, pass);
  std::printf("%-34s %6s %10s %10s %12s %12s %10s %10s\n", "control", "n", "median ms", "p95 ms",
              "p95 / frame", "p95 / pass", "UI cpu ms", "exact ms");
  const auto row = [&](const char* control, const std::vector<double>& times) {
    if (times.empty()) {
      return;
    }
    const Figures figures = figuresOf(times);
    const double drawing = figuresOf(bench.takeProcessorTimes()).median;
    const std::vector<double> exact = bench.takeExactTimes();
    const QString later =
        exact.empty() ? QStringLiteral("=") : QString::number(figuresOf(exact).median, 'f', 2);
    std::printf("%-34s %6zu %10.2f %10.2f %12.2f %12.1f %10.2f %10s%s\n", control, times.size(),
                figures.median, figures.p95, figures.p95 / kFrame, figures.p95 / pass, drawing,
                qPrintable(later), figures.p95 <= kFrame ? "" : "   over");
    std::fflush(stdout);
  };
  click(bench.button("granularity_channel"));
  click(bench.button("range_minmax"));
  QTest::qWait(300);
  row("bits, per channel", timeButtons(bench, {"bits_4", "bits_5", "bits_6", "bits_7", "bits_8"}, 12));
  row("mapping, per channel", timeButtons(bench, {"mapping_asym", "mapping_sym"}, 30));
  row("rounding, per channel", timeButtons(bench, {"rounding_away", "rounding_even"}, 30));
  row("range minmax/mse, per channel", timeButtons(bench, {"range_mse", "range_minmax"}, 30));
  row("range minmax/kl, per channel", timeButtons(bench, {"range_kl", "range_minmax"}, 30));
  row("range minmax/pct, per channel", timeButtons(bench, {"range_pct", "range_minmax"}, 30));
  click(bench.button("granularity_tensor"));
  QTest::qWait(300);
  row("bits, per tensor", timeButtons(bench, {"bits_4", "bits_5", "bits_6", "bits_7", "bits_8"}, 12));
  row("range minmax/mse, per tensor", timeButtons(bench, {"range_mse", "range_minmax"}, 30));
  row("range minmax/kl, per tensor", timeButtons(bench, {"range_kl", "range_minmax"}, 30));
  row("clipping handle dragged, tensor", timeDrag(bench, 120));
  click(bench.button("range_minmax"));
  click(bench.button("granularity_group"));
  QTest::qWait(300);
  row("bits, groups", timeButtons(bench, {"bits_4", "bits_5", "bits_6", "bits_7", "bits_8"}, 12));
  row("range minmax/mse, groups", timeButtons(bench, {"range_mse", "range_minmax"}, 30));
  click(bench.button("range_minmax"));
  click(bench.button("granularity_channel"));
  QTest::qWait(500);
}

} // namespace

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
  }
  QApplication application(argc, argv);
  applyTheme(application, lightTheme());
  Bench bench;
  std::printf("from a control to the repainted page, %d x %d weights, window 1440x900\n", kSide, kSide);
  measure(bench, "batch lane idle");
  // A sweep over the same weights, as another layer of a model would be quantized.
  const auto matrix = bench.session().explorer().view()->matrix;
  bench.session().jobs().start<int>(
      {Lane::batch, "sweep", {}, false},
      [matrix](const JobContext& context) -> Result<int> {
        while (true) {
          HALFSTEP_TRY(const auto quantized,
                       quantizeLayer(*matrix, parseScheme("int4:mse").value(), context));
          static_cast<void>(quantized);
        }
      },
      &application, [](Result<int>) {});
  measure(bench, "batch lane quantizing all the time");
  return 0;
}
