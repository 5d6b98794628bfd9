// weir.toml: what `weir up` records, and where to. weir.toml.example documents every key.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/error.h"
#include "deliver/flow_log.h"
#include "deliver/log_destination.h"
#include "live/datapath.h"

namespace weir::service {

enum class ResourceType : std::uint8_t { vpc, subnet, network_interface };

/// How a destination that is not a folder is reached; "" is not given (aws/settings.h).
struct RemoteConfig {
  std::string endpoint_url;
  std::string profile;
  std::string ca_bundle;
  // Of S3:
  std::string encryption;  ///< "AES256", "aws:kms"
  std::string kms_key_id;
  std::string delivery_principal;
  bool attaches_policy = true;

  friend bool operator==(const RemoteConfig&, const RemoteConfig&) = default;
};

/// Where what is to be delivered waits.
struct SpoolConfig {
  std::filesystem::path folder;                    ///< has one of each flow log
  std::uint64_t bytes = std::uint64_t{10} << 30U;  ///< of each flow log
  std::chrono::seconds retry_interval{60};         ///< the longest time between two attempts
};

/// One flow log, with the names, values and defaults of AWS's CreateFlowLogs.
struct FlowLogConfig {
  ResourceType resource_type = ResourceType::vpc;
  std::vector<std::string> resource_ids;
  /// For people: a folder, "s3://bucket/prefix", an ARN, "log group {name}". No two are the same.
  std::string log_destination;
  deliver::LogDestination destination;
  RemoteConfig remote;  ///< of what is not a folder
  /// Account, region and id are empty where the file does not tell them.
  deliver::FlowLog settings;

  [[nodiscard]] bool is_remote() const {
    return destination.type != deliver::LogDestinationType::folder;
  }
};

struct Config {
  std::filesystem::path vpc;        ///< file or folder of AWS's describe JSON
  std::filesystem::path ip_ranges;  ///< empty: none
  std::filesystem::path state;      ///< folder of what outlives the process
  std::filesystem::path socket;     ///< where the running service can be asked
  /// Where everybody on this host gets the metrics, of loopback; nothing: only at the socket.
  std::optional<base::Endpoint> metrics;
  std::string user;  ///< who it becomes at the start; empty: it stays who started it
  /// How often objects are published; less than five minutes is for labs.
  std::chrono::seconds publish_interval{300};
  live::Capacity capacity;
  SpoolConfig spool;
  std::map<std::string, live::Mode> modes;  ///< by interface; others observe
  std::vector<FlowLogConfig> flow_logs;
};

/// Of a service whose file does not name one: beside the file, `weir.toml` → `weir.state`; but
/// /var/lib/weir if the file lies in /etc.
std::filesystem::path default_state(const std::filesystem::path& config);

/// Of a service whose file does not name one: beside the file, `weir.toml` → `weir.sock`; but in
/// /run/weir if the file lies in /etc.
std::filesystem::path default_socket(const std::filesystem::path& config);

/// Relative paths are relative to the file's folder. Errors name file, key and what it may be;
/// unknown keys are errors.
base::Expected<Config> read_config(const std::filesystem::path& path);

}  // namespace weir::service
