// halfstep: the window.
#include "app/commands.h"
#include "app/display.h"
#include "app/main_window.h"
#include "app/screenshot.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QTemporaryDir>
#include <QTimer>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>

namespace {

using namespace halfstep;

constexpr int kUsage = 2;

struct Arguments {
  QString model;
  QString plan;
  QString data;
  QString theme;
  std::optional<ScreenshotRequest> screenshot;
};

void say(const QString& line) {
  std::fprintf(stderr, "halfstep: %s\n", qPrintable(line));
}

/// The X display that Qt would open; empty where none is named.
QByteArray displayName(int argc, char** argv) {
  QByteArray name = qgetenv("DISPLAY");
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) == "-display" || std::string_view(argv[i]) == "--display") {
      name = argv[i + 1];
    }
  }
  return name;
}

/// Whether there is something to open a window on, or a platform other than X that was asked for.
bool hasScreen(const QByteArray& display) {
  const QByteArray platform = qgetenv("QT_QPA_PLATFORM");
  if (platform.isEmpty() ? qEnvironmentVariableIsSet("WAYLAND_DISPLAY") : !platform.startsWith("xcb")) {
    return true;
  }
  return !display.isEmpty() && xDisplayOpens(display);
}

std::optional<QSize> sizeFrom(const QString& text) {
  const QStringList parts = text.split('x');
  const QSize size = parts.size() == 2 ? QSize(parts[0].toInt(), parts[1].toInt()) : QSize();
  constexpr int kLeast = 200;
  constexpr int kMost = 8192;
  const bool sane =
      size.width() >= kLeast && size.height() >= kLeast && size.width() <= kMost && size.height() <= kMost;
  return sane ? std::optional(size) : std::nullopt;
}

/// Nothing where the arguments make no sense; that was said then.
std::optional<Arguments> parseArguments() {
  QCommandLineParser parser;
  parser.setApplicationDescription(
      QStringLiteral("Shows what quantization does to a neural network, layer by layer."));
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument("MODEL", "The model file to open, or a plan whose model lies beside it.",
                               "[MODEL]");
  parser.addOption(
      {"plan", "Give the layers the schemes of this plan, or of its version FILE#NAME.", "FILE"});
  parser.addOption({"screenshot", "Draw the settled window to a PNG file and exit.", "OUT.png"});
  parser.addOption(
      {"page",
       "The page to draw: distribution, activations, sensitivity, error, latency, trade-off or start.",
       "NAME", "distribution"});
  parser.addOption({"data", "Run the network on this data set.", "PATH"});
  parser.addOption({"measure", "Let the page measure before it is drawn."});
  parser.addOption({"layer", "The layer to select.", "NAME"});
  parser.addOption({"theme", "system, light or dark.", "NAME"});
  parser.addOption({"size", "Size of the window to draw.", "WIDTHxHEIGHT", "1440x900"});
  if (!parser.parse(QCoreApplication::arguments())) {
    say(parser.errorText() + QStringLiteral("; halfstep --help tells more"));
    return std::nullopt;
  }
  if (parser.isSet("help")) {
    parser.showHelp(); // and ends
  }
  if (parser.isSet("version")) {
    parser.showVersion();
  }
  Arguments arguments;
  if (parser.positionalArguments().size() > 1) {
    say(QStringLiteral("one model at a time"));
    return std::nullopt;
  }
  arguments.model = parser.positionalArguments().value(0);
  arguments.plan = parser.value("plan");
  arguments.data = parser.value("data");
  arguments.theme = parser.value("theme");
  if (!arguments.theme.isEmpty() && !QStringList{"system", "light", "dark"}.contains(arguments.theme)) {
    say(QStringLiteral("--theme is system, light or dark, not %1").arg(arguments.theme));
    return std::nullopt;
  }
  if (parser.isSet("screenshot")) {
    ScreenshotRequest request{
        parser.value("screenshot"), parser.value("page"), parser.isSet("measure"), parser.value("layer"), {}};
    const auto size = sizeFrom(parser.value("size"));
    if (!size) {
      say(QStringLiteral("--size is WIDTHxHEIGHT in pixels, not %1").arg(parser.value("size")));
      return std::nullopt;
    }
    if (!QStringList{"distribution", "activations", "sensitivity", "error", "latency", "trade-off", "start"}
             .contains(request.page)) {
      say(QStringLiteral(
              "--page is distribution, activations, sensitivity, error, latency, trade-off or start, not %1")
              .arg(request.page));
      return std::nullopt;
    }
    if (request.page != QLatin1String("start") && arguments.model.isEmpty()) {
      say(QStringLiteral("--screenshot of a page needs a model"));
      return std::nullopt;
    }
    request.size = *size;
    arguments.screenshot = request;
  }
  return arguments;
}

void drawAndQuit(Session& session, MainWindow& window, const Arguments& arguments) {
  const auto finish = [](int status, const QString& message) {
    if (!message.isEmpty()) {
      say(message);
    }
    QCoreApplication::exit(status);
  };
  const auto draw = [&session, &window, arguments, finish] {
    takeScreenshot(session, window, *arguments.screenshot, finish);
  };
  window.resize(arguments.screenshot->size); // before the docks share its width
  QObject::connect(&session, &Session::openFailed, &window,
                   [finish](const QString& message, int status) { finish(status, message); });
  // What a window says in boxes.
  QObject::connect(&session, &Session::failed, &window, [&session, finish](const QString& message) {
    if (session.document().model()) {
      say(QStringLiteral("warning: ") + message);
    } else {
      finish(exitStatus(ErrorKind::failed), message); // a plan whose model is not there
    }
  });
  const QString plan = arguments.plan.isEmpty() ? arguments.model : arguments.plan;
  QObject::connect(&session, &Session::planMismatched, &window, [plan](const QStringList& lines) {
    for (const QString& line : lines) {
      say(QStringLiteral("warning: %1: %2").arg(plan, line));
    }
  });
  if (arguments.model.isEmpty() || arguments.screenshot->page == QLatin1String("start")) {
    QTimer::singleShot(0, &window, draw);
  } else {
    QObject::connect(&session, &Session::opened, &window, draw);
  }
}

/// Leaves out what Qt says of a platform without screens, which is no news to somebody who wants a picture.
void printMessage(QtMsgType, const QMessageLogContext&, const QString& message) {
  if (!message.contains(QLatin1String("propagateSizeHints")) &&
      !message.contains(QLatin1String("XDG_RUNTIME_DIR"))) {
    std::fprintf(stderr, "%s\n", qPrintable(message));
  }
}

} // namespace

int main(int argc, char** argv) {
  const auto wants = [&](std::initializer_list<std::string_view> options) {
    return std::any_of(argv + 1, argv + argc, [&](const std::string_view argument) {
      return std::find(options.begin(), options.end(), argument.substr(0, argument.find('='))) !=
             options.end();
    });
  };
  for (const int signal : {SIGPIPE, SIGXFSZ}) { // errors of writing, as on the command line
    std::signal(signal, SIG_IGN);
  }
  const bool wantsPicture = wants({"--screenshot"});
  const QByteArray display = displayName(argc, argv);
  if (!wants({"-platform", "--platform"}) && !hasScreen(display)) {
    // There is still something to draw a picture on, and words need no screen.
    if (!wantsPicture && !wants({"-h", "--help", "-v", "--version"})) {
      say(QStringLiteral("no display can be opened%1; --screenshot OUT.png draws the window to a file, "
                         "halfstep-cli works without")
              .arg(display.isEmpty() ? QString()
                                     : QStringLiteral(" (DISPLAY=%1)").arg(QString::fromLocal8Bit(display))));
      return exitStatus(ErrorKind::failed);
    }
    qputenv("QT_QPA_PLATFORM", "offscreen");
  }
  if (wantsPicture) {
    qInstallMessageHandler(printMessage);
  }
  QApplication application(argc, argv);
  QApplication::setApplicationName(QStringLiteral("halfstep"));
  QApplication::setApplicationDisplayName(QStringLiteral("Halfstep"));
  QApplication::setApplicationVersion(QStringLiteral(HALFSTEP_VERSION));
  QApplication::setDesktopFileName(QStringLiteral("org.halfstep.halfstep"));
  QApplication::setWindowIcon(QIcon(QStringLiteral(":/halfstep/icon.svg")));

  const auto arguments = parseArguments();
  if (!arguments) {
    return kUsage;
  }
  // A picture is the same whoever takes it: it neither reads nor changes a person's settings.
  const QTemporaryDir scratch;
  Session session(arguments->screenshot ? scratch.filePath(QStringLiteral("settings.ini")) : QString());
  const QString theme =
      !arguments->theme.isEmpty()
          ? arguments->theme
          : session.settings().value(QStringLiteral("theme"), QStringLiteral("system")).toString();
  applyTheme(application, themeFor(themeChoiceFromName(theme)));
  MainWindow window(session);
  QObject::connect(&window, &MainWindow::themeChosen, &application, [&](const QString& name) {
    session.settings().setValue(QStringLiteral("theme"), name);
    applyTheme(application, themeFor(themeChoiceFromName(name)));
  });
  if (arguments->screenshot) {
    drawAndQuit(session, window, *arguments);
  }
  window.show();
  const bool startPage = arguments->screenshot && arguments->screenshot->page == QLatin1String("start");
  if (!arguments->model.isEmpty() && !startPage) {
    if (!arguments->data.isEmpty()) {
      QObject::connect(&session, &Session::opened, &window, [&session, path = arguments->data] {
        DataSettings settings = session.document().data().value_or(DataSettings());
        settings.source = path.toStdString();
        session.openDataAndUse(settings);
      });
    }
    if (arguments->plan.isEmpty()) {
      window.commands().open(arguments->model); // a model, or a plan with its model beside it
    } else {
      session.openModel(arguments->model, arguments->plan);
    }
  }
  return QApplication::exec();
}
