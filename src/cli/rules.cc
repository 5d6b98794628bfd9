#include "cli/rules.h"

#include "vpc/read.h"

namespace weir::cli {

base::Expected<std::unique_ptr<Rules>> read_rules(const std::string& path) {
  auto network = vpc::read_network(path);
  if (!network) return tl::unexpected(network.error());
  auto policy = policy::Policy::compile(*network);
  if (!policy) return tl::unexpected(policy.error());
  return std::make_unique<Rules>(Rules{std::move(*network), std::move(*policy)});
}

}  // namespace weir::cli
