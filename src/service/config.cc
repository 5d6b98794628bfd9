#include "service/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "deliver/s3_destination.h"
#include "record/log_format.h"

namespace weir::service {
namespace {

namespace fs = std::filesystem;

/// A table of the file whose keys are taken one by one; what is left in the end is not known. Only
/// the first error is kept.
class Keys {
 public:
  Keys(const toml::table& table, std::string where, base::Expected<void>& result)
      : table_(table), where_(std::move(where)), result_(result) {}
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  ~Keys() {
    for (const auto& [key, value] : table_) {
      if (!taken_.contains(std::string(key.str()))) {
        fail(std::string(key.str()), "is not known", "weir.toml.example has all that are");
      }
    }
  }

  template <typename T>
  std::optional<T> take(const std::string& key, const char* kind) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    auto value = node->value_exact<T>();
    if (!value) fail(key, fmt::format("is no {}", kind), "");
    return value;
  }
  std::optional<std::string> text(const std::string& key) { return take<std::string>(key, "text"); }
  std::optional<bool> truth(const std::string& key) { return take<bool>(key, "true or false"); }
  std::optional<std::int64_t> number(const std::string& key, std::int64_t least,
                                     std::int64_t most) {
    const auto value = take<std::int64_t>(key, "number");
    if (value && (*value < least || *value > most)) {
      fail(key, fmt::format("is {}", *value), fmt::format("give {} to {}", least, most));
    }
    return value;
  }
  std::string needed_text(const std::string& key) {
    const auto value = text(key);
    if (!value || value->empty()) fail(key, "is missing", "");
    return value.value_or("");
  }
  /// One of several words; the first where the file does not tell.
  template <typename T>
  T word(const std::string& key, std::initializer_list<std::pair<const char*, T>> words) {
    const auto value = text(key);
    if (!value) return words.begin()->second;
    std::string all;
    for (const auto& [word, meaning] : words) {
      if (*value == word) return meaning;
      all += (all.empty() ? "" : ", ") + std::string(word);
    }
    fail(key, "is '" + *value + "'", "it may be one of " + all);
    return words.begin()->second;
  }
  std::vector<std::string> texts(const std::string& key) {
    std::vector<std::string> out;
    const toml::node* node = find(key);
    const toml::array* array = node == nullptr ? nullptr : node->as_array();
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
      const auto value = array->get(i)->value_exact<std::string>();
      if (value) out.push_back(*value);
    }
    if (out.empty() || out.size() != array->size()) fail(key, "is no list of texts", "");
    return out;
  }
  /// Tables under `key`, `[[key]]`.
  std::vector<const toml::table*> tables(const std::string& key) {
    std::vector<const toml::table*> out;
    const toml::node* node = find(key);
    if (node == nullptr) return out;
    const toml::array* array = node->as_array();
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
      if (array->get(i)->is_table()) out.push_back(array->get(i)->as_table());
    }
    if (array == nullptr || out.size() != array->size()) {
      fail(key, "is no list of tables", "begin each with [[" + key + "]]");
    }
    return out;
  }
  const toml::table* table(const std::string& key) {
    const toml::node* node = find(key);
    if (node == nullptr) return nullptr;
    if (!node->is_table()) fail(key, "is no table", "begin it with [" + key + "]");
    return node->as_table();
  }
  void fail(const std::string& key, std::string what, std::string hint) {
    fail({where_ + key, std::move(what), std::move(hint)});
  }
  void fail(base::Error error) {
    if (result_) result_ = tl::unexpected(std::move(error));
  }

 private:
  const toml::node* find(const std::string& key) {
    taken_.insert(key);
    return table_.get(key);
  }

  const toml::table& table_;
  std::string where_;
  base::Expected<void>& result_;
  std::set<std::string> taken_;
};

/// Where a flow log is delivered to, in one form of each.
void take_destination(Keys& keys, const std::string& where, const fs::path& base,
                      FlowLogConfig& flow_log) {
  const deliver::LogDestinationAsked asked{
      keys.word<std::string>("log-destination-type",
                             {{"", ""},
                              {"s3", "s3"},
                              {"cloud-watch-logs", "cloud-watch-logs"},
                              {"kinesis-data-firehose", "kinesis-data-firehose"}}),
      keys.text("log-destination").value_or(""), keys.text("log-group-name").value_or(""),
      keys.text("deliver-logs-permission-arn").value_or("")};
  auto found = deliver::log_destination_of(asked, where);
  if (!found) return keys.fail(std::move(found.error()));
  deliver::LogDestination& destination = flow_log.destination = std::move(*found);
  std::string& told = flow_log.log_destination;
  if (destination.takes_events()) {
    told = asked.log_destination.empty() ? "log group " + destination.name : asked.log_destination;
  } else if (flow_log.is_remote()) {
    auto place = deliver::parse_s3_place(destination.name, where + "log-destination");
    if (!place) return keys.fail(std::move(place.error()));
    told = destination.name = place->url();
  } else if (destination.name.empty()) {
    keys.fail("log-destination", "is missing", "");
  } else {
    told = destination.name = (base / destination.name).lexically_normal().string();
  }
}

void take_remote(const toml::table& table, const std::string& where, const fs::path& base,
                 FlowLogConfig& flow_log, base::Expected<void>& result) {
  Keys keys(table, where, result);
  RemoteConfig& out = flow_log.remote;
  out.endpoint_url = keys.text("endpoint-url").value_or("");
  out.profile = keys.text("profile").value_or("");
  if (const auto file = keys.text("ca-bundle")) out.ca_bundle = (base / *file).string();
  if (flow_log.destination.takes_events()) return;  // what is left is about buckets
  out.encryption =
      keys.word<std::string>("sse", {{"", ""}, {"AES256", "AES256"}, {"aws:kms", "aws:kms"}});
  out.kms_key_id = keys.text("sse-kms-key-id").value_or("");
  out.delivery_principal = keys.text("delivery-principal").value_or("");
  out.attaches_policy = keys.truth("attach-bucket-policy").value_or(true);
}

std::optional<base::Endpoint> metrics_of(Keys& keys) {
  const std::string key = "metrics";
  const auto text = keys.text(key);
  if (!text) return std::nullopt;
  const auto endpoint = base::Endpoint::parse(*text);
  if (!endpoint || !endpoint->is_loopback()) {
    keys.fail(key, "is '" + *text + "'",
              "give an address of this host's loopback and a port: 127.0.0.1:9464");
  }
  return endpoint;
}

SpoolConfig spool_of(const toml::table& table, const std::string& where, const fs::path& base,
                     base::Expected<void>& result) {
  Keys keys(table, where, result);
  SpoolConfig out;
  if (const auto folder = keys.text("folder")) out.folder = base / *folder;
  constexpr std::int64_t kMostMegabytes = 1 << 24;
  if (const auto most = keys.number("max-megabytes", 1, kMostMegabytes)) {
    out.bytes = static_cast<std::uint64_t>(*most) << 20U;
  }
  if (const auto longest = keys.number("retry-interval", 1, 3600)) {
    out.retry_interval = std::chrono::seconds(*longest);
  }
  return out;
}

FlowLogConfig flow_log_of(const toml::table& table, const std::string& where, const fs::path& base,
                          base::Expected<void>& result) {
  using deliver::FileFormat;
  using deliver::TrafficType;
  Keys keys(table, where, result);
  FlowLogConfig out;
  out.resource_type = keys.word<ResourceType>(
      "resource-type", {{"VPC", ResourceType::vpc},
                        {"Subnet", ResourceType::subnet},
                        {"NetworkInterface", ResourceType::network_interface}});
  out.resource_ids = keys.texts("resource-ids");
  take_destination(keys, where, base, out);
  if (const toml::table* remote = keys.table("remote")) {
    take_remote(*remote, where + "remote.", base, out, result);
    if (!out.is_remote()) keys.fail("remote", "is not about a folder", "log-destination is one");
  }
  deliver::FlowLog& settings = out.settings;
  settings.id = keys.text("flow-log-id").value_or("");
  settings.region = keys.text("region").value_or("");
  settings.traffic_type = keys.word<TrafficType>("traffic-type", {{"ALL", TrafficType::all},
                                                                  {"ACCEPT", TrafficType::accept},
                                                                  {"REJECT", TrafficType::reject}});
  settings.max_aggregation_interval =
      std::chrono::seconds(keys.number("max-aggregation-interval", 60, 600).value_or(600));
  if (const auto text = keys.text("log-format")) {
    if (auto format = record::LogFormat::parse(*text)) {
      settings.log_format = std::move(*format);
    } else {
      keys.fail("log-format", format.error().what, format.error().hint);
    }
  }
  if (const toml::table* options = keys.table("destination-options")) {
    if (out.destination.takes_events()) {
      keys.fail("destination-options", "are about objects, and none are written", "leave it away");
    }
    Keys inner(*options, where + "destination-options.", result);
    settings.file_format = inner.word<FileFormat>(
        "file-format", {{"plain-text", FileFormat::plain_text}, {"parquet", FileFormat::parquet}});
    settings.hive_compatible_partitions = inner.truth("hive-compatible-partitions").value_or(false);
    settings.per_hour_partition = inner.truth("per-hour-partition").value_or(false);
  }
  return out;
}

Config config_of(const toml::table& table, const fs::path& path, base::Expected<void>& result) {
  const std::string where = path.string() + ": ";
  const fs::path base = path.parent_path();
  Keys keys(table, where, result);
  Config config;
  config.vpc = base / keys.needed_text("vpc");
  if (const auto file = keys.text("ip-ranges")) config.ip_ranges = base / *file;
  const auto state = keys.text("state");
  config.state = state ? base / *state : default_state(path);
  const auto socket = keys.text("socket");
  config.socket = socket ? base / *socket : default_socket(path);
  config.metrics = metrics_of(keys);
  config.user = keys.text("user").value_or("");
  config.publish_interval =
      std::chrono::seconds(keys.number("publish-interval", 1, 300).value_or(300));
  if (const toml::table* capacity = keys.table("capacity")) {
    Keys inner(*capacity, where + "capacity.", result);
    const auto take = [&](const char* key, std::size_t& value) {
      constexpr std::int64_t kMost = 1 << 24;
      if (const auto given = inner.number(key, 1024, kMost)) {
        value = static_cast<std::size_t>(*given);
      }
    };
    take("flows", config.capacity.flows);
    take("ipv6-flows", config.capacity.ipv6_flows);
    take("connections", config.capacity.connections);
  }
  if (const toml::table* spool = keys.table("spool")) {
    config.spool = spool_of(*spool, where + "spool.", base, result);
  }
  if (config.spool.folder.empty()) config.spool.folder = config.state / "spool";
  for (const toml::table* interface : keys.tables("interface")) {
    Keys inner(*interface, where + "interface.", result);
    config.modes[inner.needed_text("network-interface-id")] = inner.word<live::Mode>(
        "mode", {{"observe", live::Mode::observe}, {"enforce", live::Mode::enforce}});
  }
  std::size_t number = 0;
  for (const toml::table* flow_log : keys.tables("flow-log")) {
    const std::string place = fmt::format("{}flow-log[{}].", where, number++);
    config.flow_logs.push_back(flow_log_of(*flow_log, place, base, result));
  }
  if (config.flow_logs.empty()) keys.fail("flow-log", "is missing", "begin one with [[flow-log]]");
  return config;
}

}  // namespace

fs::path default_state(const fs::path& config) {
  std::error_code ignored;
  const fs::path whole = fs::absolute(config, ignored).lexically_normal();
  if (whole.string().starts_with("/etc/")) return "/var/lib/weir";
  return config.parent_path() / (config.stem().string() + ".state");
}

fs::path default_socket(const fs::path& config) {
  std::error_code ignored;
  const fs::path whole = fs::absolute(config, ignored).lexically_normal();
  const fs::path name = config.stem().string() + ".sock";
  const bool is_of_the_system = whole.string().starts_with("/etc/");
  return is_of_the_system ? "/run/weir" / name : config.parent_path() / name;
}

base::Expected<Config> read_config(const fs::path& path) {
  toml::table table;
  try {
    table = toml::parse_file(path.string());
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    return base::fail(at ? fmt::format("{}:{}", path.string(), at.line) : path.string(),
                      std::string(error.description()));
  }
  base::Expected<void> result;
  Config config = config_of(table, path, result);
  if (!result) return tl::unexpected(result.error());
  return config;
}

}  // namespace weir::service
