// Which fields a record prints, and in which order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "record/catalogue.h"

namespace weir::record {

/// A checked `LogFormat`: at least one field, all of them usable in VPC flow logs.
class LogFormat {
 public:
  /// AWS's default: the 14 fields of version 2, in the catalogue's order.
  LogFormat();

  /// `default`, `all` (v2-v5, v8 and weir's own, in the catalogue's order), or AWS's form
  /// "${field} ${field} …". Errors name the field and the nearest known one; transit gateway fields
  /// (v6) are refused as such.
  static base::Expected<LogFormat> parse(std::string_view text);

  [[nodiscard]] const std::vector<const Field*>& fields() const { return fields_; }
  [[nodiscard]] bool has(FieldId id) const;
  /// What `${version}` prints: the highest version among the fields (facts/flow-logs.md §1.1).
  [[nodiscard]] int version() const { return version_; }
  /// "${version} ${account-id} …", as DescribeFlowLogs echoes it.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const LogFormat&, const LogFormat&) = default;

 private:
  explicit LogFormat(std::vector<const Field*> fields);
  std::vector<const Field*> fields_;
  int version_ = 2;
};

/// Of a name that is no field's: "did you mean ${tcp-flags}?", or where to look.
std::string nearest_field(std::string_view name);

}  // namespace weir::record
