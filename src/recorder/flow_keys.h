// What tells the flows of a log apart: the addresses that its records show.
#pragma once

#include <array>
#include <vector>

#include "flow/table.h"
#include "record/log_format.h"
#include "recorder/aws_services.h"
#include "vpc/network.h"

namespace weir::recorder {

/// For any number of threads at once.
class FlowKeys {
 public:
  /// `network` and `services` outlive it.
  FlowKeys(const vpc::Network& network, const AwsServices& services,
           const record::LogFormat& format);

  /// `key` has a packet's own addresses and leaves with those of its record: at its own end an
  /// interface shows its primary address, and the packet's is kept apart where the format has a
  /// field of it.
  void show(flow::FlowKey& key) const;

 private:
  /// By family; unspecified: the interface has none.
  using PrimaryAddresses = std::array<base::Address, 2>;

  const AwsServices& services_;
  std::vector<PrimaryAddresses> primaries_;  ///< by interface: what its records show as its own
  std::array<bool, 2> keeps_own_address_{};  ///< by direction
  std::array<bool, 2> keeps_own_service_{};
};

}  // namespace weir::recorder
