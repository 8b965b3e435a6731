// Opening models through the real window, offscreen: from the command to the painted layers table and to the
// finished figures, then what one does next (quantize a layer, all layers, filter, scroll), and the peak of
// the process's own memory beside what the largest layer takes. Models: 100 MB, 5,000 layers, and one layer
// of 500 M weights in an external file, in both orders. Options: names of the models to try (medium, long,
// large, moved).
#include "app/commands.h"
#include "app/main_window.h"
#include "tests/support/onnx_models.h"
#include "widgets/panels/distribution_panel.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/plots/plot.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QLineEdit>
#include <QScrollBar>
#include <QTableView>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <random>
#include <thread>

using namespace halfstep;

namespace {

constexpr int kGiveUp = 120000;
constexpr double kMegabyte = 1e6;

/// The anonymous memory of this process now, in bytes; mapped files do not count.
double ownMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("RssAnon:", 0) == 0) {
      return std::stod(line.substr(8)) * 1024.0;
    }
  }
  return 0.0;
}

/// Watches ownMemory() while it lives.
class PeakMemory {
public:
  PeakMemory()
      : m_thread([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          m_peak = std::max(m_peak.load(), ownMemory());
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
      }) {}
  double peak() const { return m_peak; }

private:
  std::atomic<double> m_peak = 0.0;
  std::jthread m_thread;
};

std::string normalBytes(std::size_t count) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<float> block(std::min<std::size_t>(count, std::size_t{1} << 22));
  std::generate(block.begin(), block.end(), [&] { return normal(random); });
  const std::string bytes = test::bytesOf(block);
  std::string all;
  all.reserve(count * sizeof(float));
  while (all.size() < count * sizeof(float)) {
    all.append(bytes, 0, std::min(bytes.size(), count * sizeof(float) - all.size()));
  }
  return all;
}

/// 24 MatMul layers of 1024 × 1024 float32: 100 MB.
void writeMedium(const std::string& path) {
  onnx::ModelProto model = test::emptyModel();
  test::addValue(*model.mutable_graph()->mutable_input(), "v0", {1, 1024});
  const std::string values = normalBytes(std::size_t{1024} * 1024);
  for (int i = 0; i < 24; ++i) {
    const std::string weight = "w" + std::to_string(i);
    test::addRaw(*model.mutable_graph(), weight, onnx::TensorProto::FLOAT, {1024, 1024}, values);
    test::addNode(*model.mutable_graph(), "MatMul", "matmul" + std::to_string(i),
                  {"v" + std::to_string(i), weight}, {"v" + std::to_string(i + 1)});
  }
  test::writeFile(path, model.SerializeAsString());
}

/// One layer of 122,070 × 4096 values in an external file, 2 GB: a Gather, whose channels are the rows and
/// lie as they are wanted, or a MatMul, whose channels are the columns, so that all values have to be moved.
void writeLarge(const std::string& path, bool moved) {
  constexpr std::int64_t kRows = 122070;
  constexpr std::int64_t kColumns = 4096;
  onnx::ModelProto model = test::emptyModel();
  test::addValue(*model.mutable_graph()->mutable_input(), "tokens", {1, 8});
  auto& table = *model.mutable_graph()->add_initializer();
  table.set_name("table");
  table.set_data_type(onnx::TensorProto::FLOAT);
  table.add_dims(kRows);
  table.add_dims(kColumns);
  table.set_data_location(onnx::TensorProto::EXTERNAL);
  auto& location = *table.add_external_data();
  location.set_key("location");
  location.set_value("large.data");
  if (moved) {
    test::addNode(*model.mutable_graph(), "MatMul", "product", {"tokens", "table"}, {"y"});
  } else {
    test::addNode(*model.mutable_graph(), "Gather", "embedding", {"table", "tokens"}, {"y"});
  }
  test::writeFile(path, model.SerializeAsString());
  const std::string block = normalBytes(std::size_t{4096} * 1024);
  std::ofstream data(path.substr(0, path.rfind('/') + 1) + "large.data", std::ios::binary);
  for (std::size_t left = std::size_t{kRows} * kColumns * sizeof(float); left > 0;) {
    const std::size_t now = std::min(left, block.size());
    data.write(block.data(), static_cast<std::streamsize>(now));
    left -= now;
  }
}

class Bench : public QObject {
public:
  explicit Bench(const QString& folder)
      : m_session(folder + "/settings.ini")
      , m_window(m_session) {
    m_window.resize(1440, 900);
    m_window.show();
    m_table = m_window.findChild<QTableView*>();
    m_table->viewport()->installEventFilter(this);
    QTest::qWait(100);
  }

  void run(const char* name, const QString& path) {
    QElapsedTimer clock;
    clock.start();
    PeakMemory memory;
    m_session.document().close();
    QCoreApplication::processEvents();
    const double before = ownMemory();
    clock.restart();
    m_tablePaints = 0;
    m_window.commands().open(path);
    waitFor([&] { return m_tablePaints > 0 && m_session.document().layerCount() > 0; });
    const double shown = seconds(clock);
    std::printf("\n%s: %d layers\n", name, m_session.document().layerCount());
    report("layers table painted", shown);
    waitFor([&] { return m_session.explorer().view() != nullptr; });
    report("first layer's plots", seconds(clock));
    waitFor([&] { return m_session.isSettled(); });
    report("all figures, exact", seconds(clock));

    m_table->setFocus();
    report("one layer to int4: painted", changed([&] { click("bits_4"); }, 1));
    waitFor([&] { return m_session.isSettled(); });
    m_table->selectAll();
    report("select all: painted", changed([] {}, 0));
    report("all layers to int8 tensor: painted", changed([&] { click("granularity_tensor"); }, 1));
    waitFor([&] { return m_session.isSettled(); });
    if (m_session.document().layerCount() > 100) {
      auto* filter = m_window.findChild<QLineEdit*>("layers_filter");
      report("filter typed: painted", changed([&] { QTest::keyClicks(filter, "conv49"); }, 0));
      filter->clear();
      std::vector<double> pages;
      QScrollBar* bar = m_table->verticalScrollBar();
      for (int i = 0; i < 100; ++i) {
        pages.push_back(changed([&] { bar->setValue(i * (bar->maximum() / 100)); }, 0));
      }
      std::sort(pages.begin(), pages.end());
      report("a page scrolled, 95th percentile", pages[94]);
    }
    double largest = 0.0;
    for (int i = 0; i < m_session.document().layerCount(); ++i) {
      largest = std::max(largest, 4.0 * static_cast<double>(m_session.document().layer(i).parameters()));
    }
    const double allowed = 3.0 * largest + 300.0 * kMegabyte;
    std::printf("%-38s %8.0f MB  %.2f of what is allowed (3 x the largest layer's %.0f MB + 300 MB; before: "
                "%.0f MB)\n",
                "peak memory of its own", memory.peak() / kMegabyte, memory.peak() / allowed,
                largest / kMegabyte, before / kMegabyte);
    std::fflush(stdout);
  }

protected:
  bool eventFilter(QObject* watched, QEvent* event) override {
    if (event->type() == QEvent::Paint && m_session.document().layerCount() > 0) {
      ++m_tablePaints;
    }
    return QObject::eventFilter(watched, event);
  }

private:
  static double seconds(const QElapsedTimer& clock) {
    return static_cast<double>(clock.nsecsElapsed()) * 1e-9;
  }

  static void report(const char* what, double time) {
    std::printf("%-38s %8.1f ms\n", what, time * 1e3);
    std::fflush(stdout);
  }

  template <class Condition>
  static void waitFor(const Condition& condition) {
    QElapsedTimer clock;
    clock.start();
    while (!condition() && clock.elapsed() < kGiveUp) {
      QCoreApplication::processEvents(QEventLoop::AllEvents, 1);
    }
    if (!condition()) {
      std::fprintf(stderr, "gave up waiting\n");
      std::exit(1);
    }
  }

  void click(const char* name) {
    QTest::mouseClick(m_window.findChild<QToolButton*>(QLatin1String(name)), Qt::LeftButton);
  }

  /// Seconds from before `change` until table and, for `views` > 0, the plots show it.
  double changed(const std::function<void()>& change, int views) {
    auto* panel = m_window.findChild<DistributionPanel*>();
    QElapsedTimer clock;
    int painted = -1;
    const auto connection = connect(&m_session.explorer(), &LayerExplorer::viewChanged, this, [&] {
      painted = painted < 0 ? panel->plots().front()->paintCount() : painted;
    });
    m_tablePaints = 0;
    clock.start();
    change();
    m_table->viewport()->update();
    waitFor([&] {
      return m_tablePaints > 0 &&
             (views == 0 || (painted >= 0 && panel->plots().front()->paintCount() > painted));
    });
    disconnect(connection);
    return seconds(clock);
  }

  Session m_session;
  MainWindow m_window;
  QTableView* m_table = nullptr;
  int m_tablePaints = 0;
};

} // namespace

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
  }
  QApplication application(argc, argv);
  applyTheme(application, lightTheme());
  const QTemporaryDir folder;
  const QStringList wanted = application.arguments().mid(1);
  const auto isWanted = [&](const char* name) {
    return wanted.isEmpty() || wanted.contains(QLatin1String(name));
  };
  Bench bench(folder.path());
  const auto at = [&](const char* name) { return folder.filePath(QLatin1String(name)).toStdString(); };
  if (isWanted("medium")) {
    writeMedium(at("medium.onnx"));
    bench.run("100 MB in 24 layers", folder.filePath("medium.onnx"));
  }
  if (isWanted("long")) {
    test::writeFile(at("long.onnx"), test::longModel(5000));
    bench.run("5,000 layers", folder.filePath("long.onnx"));
  }
  for (const bool moved : {false, true}) {
    if (const char* name = moved ? "moved" : "large"; isWanted(name)) {
      writeLarge(at("large.onnx"), moved);
      bench.run(moved ? "500 M weights in one layer, channels last" : "500 M weights in one layer",
                folder.filePath("large.onnx"));
    }
  }
  return 0;
}
