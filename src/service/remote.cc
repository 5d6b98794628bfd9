#include "service/remote.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "deliver/event_destination.h"
#include "deliver/s3_destination.h"

namespace weir::service {

namespace fs = std::filesystem;

base::Expected<std::unique_ptr<deliver::Destination>> Remote::destination_of(
    const FlowLogConfig& config, const deliver::FlowLog& flow_log, const base::Log& log) {
  const RemoteConfig& remote = config.remote;
  aws::Options options;
  options.profile = remote.profile;
  options.endpoint_url = remote.endpoint_url;
  options.ca_bundle = remote.ca_bundle;
  if (config.destination.takes_events()) {
    return deliver::open_event_destination(std::move(options), config.destination, flow_log.region);
  }
  auto place = deliver::parse_s3_place(config.destination.name, "log-destination");
  if (!place) return tl::unexpected(place.error());
  place->encryption = remote.encryption;
  place->kms_key_id = remote.kms_key_id;
  const deliver::BucketNeeds needs{place->bucket,
                                   place->prefix,
                                   flow_log.account_id,
                                   flow_log.region,
                                   flow_log.hive_compatible_partitions,
                                   remote.delivery_principal};
  if (auto checked = deliver::check(needs); !checked) return tl::unexpected(checked.error());
  return deliver::open_s3_destination(std::move(options), std::move(*place),
                                      remote.attaches_policy ? std::optional(needs) : std::nullopt,
                                      [log](const std::string& note) {
                                        log({base::Severity::info, note});
                                      });
}

base::Expected<std::shared_ptr<Remote>> Remote::open(const SpoolConfig& spool,
                                                     const FlowLogConfig& config,
                                                     const deliver::FlowLog& flow_log,
                                                     const base::Log& log) {
  auto destination = destination_of(config, flow_log, log);
  if (!destination) return tl::unexpected(destination.error());
  deliver::SpoolLimits limits;
  limits.bytes = spool.bytes;
  const bool takes_events = config.destination.takes_events();
  auto opened =
      deliver::Spool::open(spool.folder / spool_name_of(flow_log.id, takes_events), limits, log);
  if (!opened) return tl::unexpected(opened.error());
  std::shared_ptr<Remote> remote(
      new Remote(std::move(*opened), spool, flow_log.id, takes_events, log));
  remote->deliver_to(std::move(*destination), config, flow_log);
  return remote;
}

void Remote::deliver_to(std::unique_ptr<deliver::Destination> destination,
                        const FlowLogConfig& config, const deliver::FlowLog& flow_log) {
  // Before the next one takes from the same spool.
  deliver::DeliveryStatus before = delivery_ ? delivery_->end() : deliver::DeliveryStatus();
  const Addressee old = std::exchange(addressee_, addressee_of(config, flow_log));
  const std::uint64_t waiting = spool_.status().waiting;
  if (delivery_ && waiting != 0) {
    log_({base::Severity::info,
          fmt::format("flow log {}: {} segments wait for {} ({}), and go to {} ({}) from now on",
                      flow_log_id_, waiting, old.log_destination, old.region,
                      addressee_.log_destination, addressee_.region)});
  }
  const std::chrono::milliseconds longest = limits_.retry_interval;
  const deliver::DeliveryPauses pauses{
      std::min<std::chrono::milliseconds>(std::chrono::seconds(1), longest), longest};
  delivery_ = std::make_unique<deliver::Delivery>(spool_, std::move(destination), pauses, log_,
                                                  std::move(before));
}

bool Remote::is_well() const {
  return !delivery_->status().error && spool_.status().waiting_bytes <= limits_.bytes / 2;
}

DeliveryAccount Remote::account() const {
  return {flow_log_id_, addressee_.log_destination, takes_events_, spool_.status(),
          delivery_->status()};
}

void tell_left_over(const fs::path& folder, const std::vector<std::string>& known,
                    const base::Log& log) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error); !error && at != fs::end(at); at.increment(error)) {
    if (std::find(known.begin(), known.end(), at->path().filename()) != known.end()) continue;
    std::size_t waiting = 0;
    std::error_code unreadable;
    for (fs::directory_iterator each(at->path(), unreadable); !unreadable && each != fs::end(each);
         each.increment(unreadable)) {
      if (each->path().extension() == ".segment") ++waiting;
    }
    if (waiting == 0) continue;
    log({base::Severity::warning,
         fmt::format("{} segments wait in {}, and no flow log delivers them: give one that "
                     "flow-log-id, and a destination of the kind that it had",
                     waiting, at->path().string())});
  }
}

}  // namespace weir::service
