// halfstep-cli kernels: which instruction sets the kernels were compiled for, and which one runs here.
#include "app/cli/command_set.h"
#include "core/kernels/targets.h"

#include <algorithm>

namespace halfstep::cli {

namespace {

Result<void> listKernels(Environment& environment) {
  const kernels::TargetList targets = kernels::kernelTargets();
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"KERNEL", "WHAT"}};
  for (const kernels::KernelFacts& kernel : kernels::allKernels()) {
    list.push_back({{"name", kernel.name}, {"explanation", kernel.explanation}});
    rows.push_back({std::string(kernel.name), std::string(kernel.explanation)});
  }
  std::string text = "Instruction sets, best first:";
  for (const std::string& target : targets.compiled) {
    const bool here = std::count(targets.supported.begin(), targets.supported.end(), target) > 0;
    text += " " + target + (target == targets.chosen ? " (chosen)" : here ? "" : " (not on this processor)");
  }
  environment.output().text(text + "\n\n" + tableText(rows, rows[0].size()));
  environment.output().document({{"compiled", targets.compiled},
                                 {"supported", targets.supported},
                                 {"chosen", targets.chosen},
                                 {"kernels", list}});
  return {};
}

} // namespace

Command kernelsCommand(CLI::App& main) {
  const CommandParser parser(main, "kernels", "Which instruction sets the kernels run on");
  parser.footer("Example:\n  halfstep-cli kernels --json");
  return {parser.app(), listKernels};
}

} // namespace halfstep::cli
