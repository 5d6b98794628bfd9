#include "cli/service_source.h"

#include "service/config.h"

namespace weir::cli {
void add_service_options(Command& command, ServiceSource& source, const Option* or_else) {
  Option* config = command.add_option("--config", source.config,
                                      "The weir.toml of the running weir up (/etc/weir/weir.toml)");
  Option* socket = command.add_option("--socket", source.socket, "Or the socket it listens at");
  config->type_name("FILE");
  socket->type_name("PATH")->excludes(*config);
  if (or_else == nullptr) return;
  config->excludes(*or_else);
  socket->excludes(*or_else);
}

base::Expected<ServicePlace> place_of(const ServiceSource& source,
                                      const std::filesystem::path& system) {
  if (!source.socket.empty()) return ServicePlace{source.socket, {}};
  const bool is_named = !source.config.empty();
  std::error_code error;
  if (!is_named && !std::filesystem::exists(system, error)) {
    return ServicePlace{service::default_socket(system), {}};
  }
  auto config = service::read_config(is_named ? std::filesystem::path(source.config) : system);
  if (!config) return tl::unexpected(config.error());
  return ServicePlace{config->socket, config->vpc};
}

}  // namespace weir::cli
