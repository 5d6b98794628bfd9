// From the flows of a window to records with AWS's fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deliver/flow_log.h"
#include "flow/windows.h"
#include "policy/policy.h"
#include "record/record.h"
#include "recorder/aws_services.h"
#include "recorder/recorder.h"
#include "vpc/network.h"

namespace weir::recorder {

class RecordMaker : public flow::WindowSink {
 public:
  /// All of them outlive the maker.
  RecordMaker(const vpc::Network& network, const policy::Policy& policy,
              const AwsServices& services, const Settings& settings, RecordSink& sink);

  base::Expected<void> flows(const flow::Window& window) override;
  base::Expected<void> skipped(vpc::InterfaceIndex interface, base::UnixSeconds start) override;
  base::Expected<void> silence(vpc::InterfaceIndex interface, base::UnixSeconds start) override;
  base::Expected<void> completed(base::UnixSeconds time) override;

  [[nodiscard]] std::uint64_t records() const { return records_; }

 private:
  /// What an interface's records say in every window.
  struct Described {
    std::string account_id;
    std::string region;
    std::string sublocation_type;
    std::string sublocation_id;
    record::InterfaceMetadata metadata;
  };

  [[nodiscard]] bool is_subscribed(std::size_t interface) const;
  base::Expected<void> add_without_flow(vpc::InterfaceIndex interface, base::UnixSeconds start,
                                        record::LogStatus status);
  void describe(const vpc::NetworkInterface& interface, Described& out) const;
  void merge(std::span<const flow::Counters> verdicts);
  [[nodiscard]] bool is_one_record(const flow::Counters& a, const flow::Counters& b) const;
  [[nodiscard]] bool is_wanted(const flow::Counters& counters) const;
  [[nodiscard]] record::Record make(const flow::Window& window, const flow::FlowKey& key,
                                    const flow::Counters& counters) const;
  [[nodiscard]] std::uint8_t traffic_path(const vpc::Vpc& vpc, const base::Address& dst) const;

  const vpc::Network& network_;
  const policy::Policy& policy_;
  const AwsServices& services_;
  const Settings& settings_;
  RecordSink& sink_;
  bool splits_by_cause_;
  bool splits_by_acl_rule_;
  bool splits_by_group_rule_;
  bool wants_services_;
  std::vector<Described> described_;
  std::vector<flow::Counters> merged_;
  std::uint64_t records_ = 0;
};

}  // namespace weir::recorder
