#include "tests/architecture/source_rules.h"

#include "tests/architecture/source_text.h"

#include <algorithm>
#include <array>
#include <regex>

namespace halfstep::test {

namespace {

/// One floor of the house and the floors below it that it may include. "plugins/*" stands for one folder per
/// plug-in (plugins/loaders/onnx, plugins/template), each a floor of its own.
struct Floor {
  std::string_view name;
  std::vector<std::string_view> mayInclude;
};

const std::vector<Floor>& floors() {
  static const std::vector<Floor> table = {
      {"core/support", {}},
      {"core/kernels", {"core/support"}},
      {"core/tensor", {"core/support", "core/kernels"}},
      {"core/model", {"core/support", "core/kernels", "core/tensor"}},
      {"core/quant", {"core/support", "core/kernels", "core/tensor", "core/model"}},
      {"core/exec", {"core/support", "core/kernels", "core/tensor", "core/model", "core/quant"}},
      {"core/analysis",
       {"core/support", "core/kernels", "core/tensor", "core/model", "core/quant", "core/exec"}},
      {"core/io",
       {"core/support", "core/kernels", "core/tensor", "core/model", "core/quant", "core/exec",
        "core/analysis"}},
      {"plugins/api", {"core"}},
      {"plugins/host", {"core", "plugins/api"}},
      {"plugins/shared", {"core"}},
      {"plugins/*", {"core", "plugins/api", "plugins/shared"}},
      {"widgets/jobs", {"core"}},
      {"widgets/viewmodels", {"core", "widgets/jobs"}},
      {"widgets/style", {}},
      {"widgets/plots", {"core", "widgets/jobs", "widgets/viewmodels", "widgets/style"}},
      {"widgets/panels", {"core", "widgets/jobs", "widgets/viewmodels", "widgets/style", "widgets/plots"}},
      {"app", {"core", "plugins/api", "plugins/host", "widgets"}},
      {"benchmarks", {"core", "plugins/api", "plugins/host", "widgets", "app", "tests"}},
      {"tests", {"core", "plugins", "widgets", "app"}},
  };
  return table;
}

/// Headers of libraries that a floor may not see.
struct ForbiddenHeader {
  std::string_view where; ///< beginning of the path
  std::regex header;
  std::string_view what;
};

const std::vector<ForbiddenHeader>& forbiddenHeaders() {
  static const std::vector<ForbiddenHeader> table = {
      {"core/", std::regex("Q[A-Z]\\w*|Qt\\w*/.*|q[a-z]+\\.h|qcustomplot\\.h"), "core does not know Qt"},
      {"core/", std::regex("google/protobuf/.*|onnx/.*|hdf5.*|H5\\w*\\.h|flatbuffers/.*"),
       "core does not know a file format's library"},
      {"widgets/jobs/", std::regex("qcustomplot\\.h|QtWidgets/.*"), "jobs draw nothing"},
      {"widgets/viewmodels/", std::regex("qcustomplot\\.h|QtWidgets/.*"), "view-models draw nothing"},
      {"app/cli/", std::regex("qcustomplot\\.h|QtWidgets/.*|QtGui/.*"), "the command line has no window"},
      {"plugins/", std::regex("qcustomplot\\.h|QtWidgets/.*|QtGui/.*"), "plug-ins draw nothing"},
      {"widgets/", std::regex("google/protobuf/.*|onnx/.*|hdf5.*|H5\\w*\\.h|flatbuffers/.*"),
       "file formats are the plug-ins' matter"},
  };
  return table;
}

/// Where no header of Qt Widgets may be included by its bare name (`<QLabel>`).
constexpr std::array<std::string_view, 5> kWithoutWidgets = {"core/", "plugins/", "widgets/jobs/",
                                                             "widgets/viewmodels/", "app/cli/"};

struct ForbiddenCode {
  std::vector<std::string_view> where;
  std::regex code;
  std::string_view what;
};

const std::vector<ForbiddenCode>& forbiddenCode() {
  static const std::vector<std::string_view> everywhere = {"core/", "plugins/", "widgets/", "app/"};
  static const std::vector<std::string_view> libraries = {"core/", "plugins/", "widgets/"};
  static const std::vector<ForbiddenCode> table = {
      {everywhere, std::regex("\\bQ_(GLOBAL|APPLICATION)_STATIC\\b"), "a singleton"},
      {everywhere,
       std::regex("\\bstatic\\s+[\\w:<>]+\\s*[&*]\\s*(instance|self|singleton|shared|global)\\w*\\s*\\("),
       "a singleton"},
      {everywhere,
       std::regex("^\\s*(inline\\s+)?static\\s+(?!const\\b|constexpr\\b|inline\\b|constinit const\\b)"
                  "[\\w:<>,\\s]+[&*\\s]\\s*\\w+\\s*(=|;|\\{)"),
       "state that everything shares"},
      {everywhere, std::regex("\\bprocessEvents\\s*\\(|\\bQEventLoop\\b|\\bBlockingQueuedConnection\\b"),
       "the UI thread waits for nothing"},
      {libraries,
       std::regex("\\bstd::(cout|cerr|clog|abort|exit|quick_exit|terminate)\\b|"
                  "\\b(printf|fprintf|puts|perror)\\s*\\("),
       "a library returns its errors and prints nothing"},
      {everywhere,
       std::regex("#\\s*pragma\\s+(GCC\\s+(optimize|target)|STDC\\s+FP_CONTRACT)|"
                  "__attribute__\\s*\\(\\(\\s*optimize"),
       "compiler settings stand in CMake, once"},
      {{"core/"},
       std::regex("\\bstd::random_device\\b|\\bsystem_clock\\b|\\bs?rand\\s*\\("),
       "core has no clock on the wall and no dice: seeds are parameters"},
  };
  return table;
}

/// Longer than this, a file answers more than one question. (Habit: 400 and 150 lines.)
constexpr int kLongestSource = 700;
constexpr int kLongestHeader = 300;

bool isHeader(std::string_view path) {
  return path.ends_with(".h");
}

std::string stem(std::string_view path) {
  return std::string(path.substr(0, path.rfind('.')));
}

bool within(std::string_view floor, std::string_view allowed) {
  return floor == allowed || (floor.starts_with(allowed) && floor[allowed.size()] == '/');
}

/// "a/b" of "a/b/c/d" for `count` 2; everything where there are no more folders than that.
std::string firstFolders(std::string_view folder, int count) {
  std::size_t end = 0;
  for (int i = 0; i < count && end != std::string_view::npos; ++i) {
    end = folder.find('/', i == 0 ? 0 : end + 1);
  }
  return std::string(folder.substr(0, end));
}

const Floor* rowOf(std::string_view floor) {
  const auto find = [](std::string_view name) {
    const auto row = std::find_if(floors().begin(), floors().end(),
                                  [&](const Floor& candidate) { return candidate.name == name; });
    return row == floors().end() ? nullptr : &*row;
  };
  if (const Floor* row = find(floor)) {
    return row;
  }
  return floor.starts_with("plugins/") ? find("plugins/*") : nullptr;
}

bool isPanel(std::string_view path) {
  static const std::regex panel("widgets/panels/\\w+_(panel|page)\\.(h|cpp)");
  return std::regex_match(path.begin(), path.end(), panel);
}

std::string projectIncludeProblem(const std::string& path, const std::string& target) {
  if (target.ends_with(".moc")) {
    return target.find('/') == std::string::npos ? std::string() : "includes a generated file of another";
  }
  const std::string there = floorOf(target);
  if (there.empty()) {
    return "\"" + target + "\" is not written from the project's folder";
  }
  const std::string here = floorOf(path);
  if (here == there) {
    return isPanel(target) && stem(target) != stem(path)
               ? "\"" + target + "\": a panel is included by the window alone"
               : std::string();
  }
  const Floor* row = rowOf(here);
  const auto& allowed = row->mayInclude;
  const bool below = std::any_of(allowed.begin(), allowed.end(),
                                 [&](std::string_view floor) { return within(there, floor); });
  return below ? std::string() : here + " may not include " + there + " (\"" + target + "\")";
}

std::string libraryIncludeProblem(const std::string& path, const std::string& target,
                                  const std::set<std::string>& qtWidgetsHeaders) {
  for (const ForbiddenHeader& rule : forbiddenHeaders()) {
    if (path.starts_with(rule.where) && std::regex_match(target, rule.header)) {
      return "<" + target + ">: " + std::string(rule.what);
    }
  }
  const bool withoutWidgets = std::any_of(kWithoutWidgets.begin(), kWithoutWidgets.end(),
                                          [&](std::string_view where) { return path.starts_with(where); });
  if (withoutWidgets && qtWidgetsHeaders.contains(target)) {
    return "<" + target + "> is a header of Qt Widgets";
  }
  return {};
}

} // namespace

std::string floorOf(std::string_view path) {
  const std::string_view folder = path.substr(0, path.rfind('/'));
  if (folder == path) {
    return {};
  }
  if (within(folder, "app")) {
    return "app";
  }
  if (within(folder, "tests") || within(folder, "benchmarks")) {
    return std::string(folder.substr(0, folder.find('/')));
  }
  const bool kindOfPlugin = within(folder, "plugins/loaders") || within(folder, "plugins/methods") ||
                            within(folder, "plugins/exporters") || within(folder, "plugins/images") ||
                            within(folder, "plugins/archives");
  const std::string floor = firstFolders(folder, kindOfPlugin ? 3 : 2);
  return rowOf(floor) != nullptr ? floor : std::string();
}

std::vector<Finding> includeFindings(const std::string& path, std::string_view text,
                                     const std::set<std::string>& qtWidgetsHeaders) {
  if (floorOf(path).empty()) {
    return {{path, 0, "no rule says what may be included here; say it in source_rules.cpp"}};
  }
  static const std::regex include("\\s*#\\s*include\\s*([<\"])([^>\"]+)[>\"].*");
  std::vector<Finding> findings;
  int line = 0;
  for (const std::string& code : codeLines(text, Literals::keep)) {
    ++line;
    std::smatch match;
    if (!std::regex_match(code, match, include)) {
      continue;
    }
    const std::string problem = match[1] == "\"" ? projectIncludeProblem(path, match[2])
                                                 : libraryIncludeProblem(path, match[2], qtWidgetsHeaders);
    if (!problem.empty()) {
      findings.push_back({path, line, problem});
    }
  }
  return findings;
}

std::vector<Finding> codeFindings(const std::string& path, std::string_view text) {
  std::vector<Finding> findings;
  const std::vector<std::string> lines = codeLines(text, Literals::blank);
  for (const ForbiddenCode& rule : forbiddenCode()) {
    if (std::none_of(rule.where.begin(), rule.where.end(),
                     [&](std::string_view where) { return path.starts_with(where); })) {
      continue;
    }
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (std::regex_search(lines[i], rule.code)) {
        findings.push_back({path, static_cast<int>(i) + 1, std::string(rule.what) + ": " + lines[i]});
      }
    }
  }
  if (isHeader(path)) {
    // Highway includes its own -inl.h files once for every instruction set.
    const bool once = std::find(lines.begin(), lines.end(), "#pragma once") != lines.end();
    if (!once && !path.ends_with("-inl.h")) {
      findings.push_back({path, 0, "a header without #pragma once"});
    }
    static const std::regex usingNamespace("^using namespace\\b");
    static const std::regex wordsOfQt("\\b(signals|slots|emit|foreach|forever)\\b");
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (path.starts_with("core/") && std::regex_search(lines[i], wordsOfQt)) {
        findings.push_back({path, static_cast<int>(i) + 1, "a word that is a macro where Qt came first"});
      }
      if (std::regex_search(lines[i], usingNamespace)) {
        findings.push_back({path, static_cast<int>(i) + 1, "a header that opens a namespace for everybody"});
      }
    }
  }
  return findings;
}

std::vector<Finding> sizeFindings(const std::string& path, std::string_view text) {
  const auto lines = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  const int most = isHeader(path) ? kLongestHeader : kLongestSource;
  if (lines <= most) {
    return {};
  }
  return {{path, lines, "longer than " + std::to_string(most) + " lines: more than one question"}};
}

std::vector<std::string> commandFindings(const std::string& command) {
  std::vector<std::string> findings;
  static const std::regex changesNumbers(
      "\\s(-ffast-math|-Ofast|-funsafe-math-optimizations|-fassociative-math|-freciprocal-math|"
      "-ffinite-math-only|-fno-signed-zeros|-march=\\S+|-mtune=\\S+|-ffp-contract=(fast|on))(?=\\s)");
  const std::string padded = " " + command + " ";
  std::smatch match;
  if (std::regex_search(padded, match, changesNumbers)) {
    findings.push_back(match[1].str() + " changes what is computed");
  }
  if (padded.find(" -ffp-contract=off ") == std::string::npos) {
    findings.push_back("without -ffp-contract=off: is halfstep_settings linked?");
  }
  return findings;
}

} // namespace halfstep::test
