// The records that `weir tail` wants of those that come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/address.h"
#include "cli/logged_record.h"
#include "cli/tail_printer.h"
#include "logs/follow.h"

namespace weir::cli {

/// Which records are wanted. What has no flow (NODATA, SKIPDATA) has no action, port or address.
struct TailFilter {
  std::string action;
  std::optional<std::uint16_t> port;
  std::optional<base::Prefix> address;
  std::string interface;

  [[nodiscard]] bool wants(const LoggedRecord& record) const;
};

/// Prints what is wanted of what comes; first keeps the last of what was there.
class TailSink : public logs::LineSink {
 public:
  /// Both outlive it.
  TailSink(const TailFilter& filter, TailPrinter& printer) : filter_(filter), printer_(printer) {}

  /// Reads what was there, the newest first, until it has the last `count` records; prints them.
  void print_last(std::size_t count, logs::Following& following);

  bool lines(const logs::LineReader::Columns& columns, const logs::Lines& lines,
             std::size_t first) override;
  void problems(const logs::Problems& problems) override;

  [[nodiscard]] bool has_damage() const { return has_damage_; }

 private:
  /// By when it ended; where that is the same, by the order of objects and of lines.
  struct Place {
    std::int64_t end = 0;
    std::int64_t age = 0;
    std::uint64_t number = 0;
    auto operator<=>(const Place&) const = default;
  };

  void keep(const LoggedRecord& record);

  const TailFilter& filter_;
  TailPrinter& printer_;
  std::shared_ptr<const RecordFormat> format_;
  std::optional<std::size_t> most_kept_;
  std::map<Place, LoggedRecord> kept_;
  std::int64_t age_ = 0;
  std::uint64_t number_ = 0;
  bool has_damage_ = false;
};

}  // namespace weir::cli
