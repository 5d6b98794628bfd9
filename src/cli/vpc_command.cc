#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "base/printable.h"
#include "cli/options.h"
#include "policy/policy.h"
#include "vpc/read.h"
#include "vpc/show.h"

namespace weir::cli {
namespace {

struct Asked {
  std::string path;
  std::string form = "table";
};

/// Prints every error; nothing if the description is sound.
std::optional<vpc::Network> read_whole(const std::string& path) {
  vpc::Reading reading = vpc::read_description(path);
  for (const base::Error& error : reading.errors) failed(error);
  if (!reading.errors.empty()) return std::nullopt;
  return std::move(reading.network);
}

int check(const Asked& asked) {
  const auto network = read_whole(asked.path);
  if (!network) return kFailed;
  if (auto policy = policy::Policy::compile(*network); !policy) return failed(policy.error());
  for (const std::string& line : vpc::advice(*network))
    fmt::print(stderr, "weir: note: {}\n", line);
  fmt::print("{} is sound: {}, {}, {}, {}, {}, {}\n", asked.path,
             count_of(network->vpcs.size(), "VPC"), count_of(network->subnets.size(), "subnet"),
             count_of(network->interfaces.size(), "interface"),
             count_of(network->security_groups.size(), "security group"),
             count_of(network->network_acls.size(), "network ACL"),
             count_of(network->prefix_lists.size(), "prefix list"));
  return kDone;
}

int show(const Asked& asked) {
  const auto network = read_whole(asked.path);
  if (!network) return kFailed;
  const base::OutputForm form = output_form(asked.form);
  if (form != base::OutputForm::table) {
    base::print(std::cout, vpc::network_table(*network), form);
    return kDone;
  }
  base::print(std::cout, vpc::interface_table(*network), form);
  for (std::size_t i = 0; i < network->interfaces.size(); ++i) {
    const vpc::NetworkInterface& interface = network->interfaces[i];
    std::cout << "\n" << interface.id;
    if (!interface.name.empty()) std::cout << " (" << base::printable(interface.name) << ")";
    std::cout << ", rules in the order in which they are asked\n";
    base::print(std::cout, vpc::rule_table(*network, static_cast<vpc::InterfaceIndex>(i)), form);
  }
  return kDone;
}

void add(Command& vpc, const char* name, const char* description, int (*run)(const Asked&),
         bool prints_data, int& exit_code) {
  auto* command = vpc.add_subcommand(name, description);
  auto asked = std::make_shared<Asked>();
  command->add_option("description", asked->path, "File or folder of AWS's describe JSON")
      ->required()
      ->type_name("PATH");
  if (prints_data) add_output_option(*command, asked->form);
  command->callback([asked, run, &exit_code] { exit_code = run(*asked); });
}

}  // namespace

void add_vpc_command(Command& weir, int& exit_code) {
  auto* vpc = weir.add_subcommand("vpc", "Check or print the description of a network");
  vpc->require_subcommand();
  add(*vpc, "check", "Say what is wrong with a description, all of it", check, false, exit_code);
  add(*vpc, "show", "Print each interface and its rules", show, true, exit_code);
}

}  // namespace weir::cli
