// Which AWS service an address belongs to, from AWS's published ip-ranges.json.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/address.h"
#include "base/error.h"

namespace weir::recorder {

/// Looks up pkt-src-aws-service and pkt-dst-aws-service. Where ranges overlap the most specific one
/// counts, and of several services with the same range the one that says most: any before EC2, and
/// EC2 before AMAZON (facts/flow-logs.md §1.5 leaves it open).
class AwsServices {
 public:
  /// Knows no service.
  AwsServices() = default;
  /// Errors: not readable, not JSON, not of ip-ranges.json's shape.
  static base::Expected<AwsServices> read(const std::filesystem::path& path);

  /// The service's code, or empty. Lives as long as the object.
  [[nodiscard]] std::string_view find(const base::Address& address) const;

 private:
  base::Expected<void> add(std::string_view prefix, const std::string& service,
                           const std::string& where);

  std::set<std::string> names_;
  /// By prefix length, the longest first: the networks of that length.
  std::map<unsigned, std::unordered_map<base::Address, std::string_view>, std::greater<>> ipv4_;
  std::map<unsigned, std::unordered_map<base::Address, std::string_view>, std::greater<>> ipv6_;
};

}  // namespace weir::recorder
