#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string_view>

#include "cli/options.h"
#include "service/doctor.h"

namespace weir::cli {
namespace {

struct Asked {
  std::string config;
  std::string form = "table";
};

std::string_view word_for(service::Health health) {
  switch (health) {
    case service::Health::ok:
      return "ok";
    case service::Health::warning:
      return "warning";
    default:
      return "lacking";
  }
}

int run(const Asked& asked) {
  std::optional<std::filesystem::path> config;
  if (!asked.config.empty()) config = asked.config;
  const auto findings = service::examine(config);
  base::Table table{{{"subject"}, {"health"}, {"found"}, {"advice"}}, {}};
  for (const service::Finding& finding : findings) {
    table.rows.push_back({finding.subject, std::string(word_for(finding.health)), finding.found,
                          finding.advice.empty() ? "-" : finding.advice});
  }
  base::print(std::cout, table, output_form(asked.form));
  const bool is_lacking = std::any_of(
      findings.begin(), findings.end(),
      [](const service::Finding& finding) { return finding.health == service::Health::lacking; });
  return is_lacking ? kFailed : kDone;
}

}  // namespace

void add_doctor_command(Command& weir, int& exit_code) {
  auto* command = weir.add_subcommand("doctor", "Say what this host lacks for `weir up`");
  auto asked = std::make_shared<Asked>();
  command->add_option("--config", asked->config, "weir.toml: also look at what it names")
      ->type_name("FILE");
  add_output_option(*command, asked->form);
  command->footer("Ends with 1 if `weir up` cannot run here.");
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
