// What a logged record says, in words. All text is fit for a terminal, whatever the log holds.
#pragma once

#include <string>
#include <string_view>

#include "cli/logged_record.h"
#include "vpc/network.h"

namespace weir::cli {

/// What terminals take as colours; empty where there are none.
struct Palette {
  std::string_view accepted;
  std::string_view refused;
  std::string_view warning;
  std::string_view faint;
  std::string_view end;
};
Palette terminal_palette();
/// On a terminal, unless NO_COLOR forbids it: what standard output is to be coloured with.
Palette output_palette();

class RecordWords {
 public:
  /// `network`, if any, gives names to interfaces and addresses; it outlives the words.
  explicit RecordWords(const vpc::Network* network = nullptr, Palette palette = {})
      : network_(network), palette_(palette) {}

  /// "2026-11-23 23:18:05 web 203.0.113.10 → 10.20.1.10 (web) ssh (22/TCP) refused: 3 packets, 180
  /// bytes in 2 s; no inbound rule of security group sg-… allows it"
  [[nodiscard]] std::string sentence(const LoggedRecord& record) const;

  /// "2026-11-23 23:18:05", UTC, of the record's start.
  [[nodiscard]] std::string time(const LoggedRecord& record) const;
  /// The recording interface by its name, or else its ID.
  [[nodiscard]] std::string interface(const LoggedRecord& record) const;
  /// An address, and the name of the interface that has it: "10.20.1.10 (web)".
  [[nodiscard]] std::string address(const LoggedRecord& record, record::FieldId field) const;
  /// The name alone; empty where it has none.
  [[nodiscard]] std::string address_name(const LoggedRecord& record, record::FieldId field) const;
  /// "https (443/TCP)", "reply of https (443/TCP)", "port 9000/TCP", "ICMP".
  [[nodiscard]] std::string service(const LoggedRecord& record) const;
  /// Which rule or which cause, as far as the record tells; may be empty.
  [[nodiscard]] std::string reason(const LoggedRecord& record) const;
  /// The colour of the record's action or status.
  [[nodiscard]] std::string_view colour(const LoggedRecord& record) const;
  [[nodiscard]] const Palette& palette() const { return palette_; }

 private:
  const vpc::Network* network_;
  Palette palette_;
};

}  // namespace weir::cli
