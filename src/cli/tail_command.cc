#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "cli/interruption.h"
#include "cli/log_source.h"
#include "cli/options.h"
#include "cli/record_words.h"
#include "cli/tail_printer.h"
#include "logs/follow.h"
#include "vpc/read.h"

namespace weir::cli {
namespace {

using record::FieldId;

constexpr std::size_t kMostLines = 1'000'000'000;
constexpr int kLastPort = 65'535;

struct Asked {
  std::vector<std::string> from;
  std::string log_format;
  std::string vpc;
  std::string action;
  std::optional<std::uint16_t> port;
  std::string address;
  std::string interface;
  std::string form = "sentence";
  std::size_t lines = 10;
  bool does_not_follow = false;
};

/// Which records are wanted. What has no flow (NODATA, SKIPDATA) has no action, port or address.
struct Filter {
  std::string action;
  std::optional<std::uint16_t> port;
  std::optional<base::Prefix> address;
  std::string interface;

  [[nodiscard]] bool wants(const LoggedRecord& record) const {
    if (!action.empty() && record.text(FieldId::action) != action) return false;
    if (!interface.empty() && record.text(FieldId::interface_id) != interface) return false;
    if (port && record.number(FieldId::srcport) != *port &&
        record.number(FieldId::dstport) != *port) {
      return false;
    }
    if (!address) return true;
    constexpr std::array kAddresses = {FieldId::srcaddr, FieldId::dstaddr, FieldId::pkt_srcaddr,
                                       FieldId::pkt_dstaddr};
    return std::any_of(kAddresses.begin(), kAddresses.end(), [&](FieldId field) {
      const auto held = base::Address::parse(record.text(field));
      return held && address->contains(*held);
    });
  }
};

/// Prints what is wanted of what comes; first keeps the last of what was there.
class Tail : public logs::LineSink {
 public:
  Tail(const Filter& filter, TailPrinter& printer) : filter_(filter), printer_(printer) {}

  /// Reads what was there, the newest first, until it has the last `count` records; prints them.
  void print_last(std::size_t count, logs::Follower& follower) {
    most_kept_ = count;
    while (kept_.size() < count && !was_interrupted() && follower.read_earlier(*this)) ++age_;
    most_kept_.reset();
    if (was_interrupted()) return;
    for (const auto& [place, record] : kept_) printer_.print(record);
    kept_.clear();
    std::cout.flush();
  }

  bool lines(const logs::LineReader::Columns& columns, const logs::Lines& lines,
             std::size_t first) override {
    if (format_ == nullptr || format_->columns() != columns) {
      format_ = std::make_shared<RecordFormat>(columns);
    }
    std::vector<std::string_view> values(columns.size());
    for (std::size_t line = first; line < lines.size(); ++line) {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = lines.field(line, i);
      const LoggedRecord record(format_, values);
      if (!filter_.wants(record)) continue;
      if (most_kept_) {
        keep(record);
      } else {
        printer_.print(record);
      }
    }
    std::cout.flush();
    return !was_interrupted() && std::cout.good();
  }

  void problems(const logs::Problems& problems) override {
    for (const std::string& problem : problems.first()) fmt::print(stderr, "weir: {}\n", problem);
    const std::uint64_t more = problems.bad_lines() > logs::Problems::kKept
                                   ? problems.bad_lines() - logs::Problems::kKept
                                   : 0;
    if (more != 0) {
      fmt::print(stderr, "weir: warning: {} did not fit\n", count_of(more, "more line"));
    }
    has_damage_ |= problems.damaged_objects() != 0;
  }

  [[nodiscard]] bool has_damage() const { return has_damage_; }

 private:
  /// By when it ended; where that is the same, by the order of objects and of lines.
  struct Place {
    std::int64_t end = 0;
    std::int64_t age = 0;
    std::uint64_t number = 0;
    auto operator<=>(const Place&) const = default;
  };

  void keep(const LoggedRecord& record) {
    auto end = record.number(FieldId::end);
    if (!end) end = record.number(FieldId::start);
    const Place place{end.value_or(0), -age_, ++number_};
    if (kept_.size() == *most_kept_) {
      if (kept_.empty() || place < kept_.begin()->first) return;
      kept_.erase(kept_.begin());
    }
    kept_.emplace(place, record.kept());
  }

  const Filter& filter_;
  TailPrinter& printer_;
  std::shared_ptr<const RecordFormat> format_;
  std::optional<std::size_t> most_kept_;
  std::map<Place, LoggedRecord> kept_;
  std::int64_t age_ = 0;
  std::uint64_t number_ = 0;
  bool has_damage_ = false;
};

base::Expected<Filter> filter_of(const Asked& asked) {
  Filter filter{asked.action, asked.port, std::nullopt, asked.interface};
  if (asked.address.empty()) return filter;
  filter.address = base::Prefix::parse(asked.address);
  if (const auto single = base::Address::parse(asked.address)) {
    filter.address = base::Prefix::host(*single);
  }
  if (!filter.address) {
    return base::fail("--address", "'" + asked.address + "' is no address and no CIDR block",
                      "give 203.0.113.7, 10.0.0.0/16 or 2001:db8::/32");
  }
  return filter;
}

base::Expected<logs::LineReader::Columns> columns_without_header(const Asked& asked) {
  return fields_of_format(asked.log_format.empty() ? "default" : asked.log_format);
}

TailForm form_of(const std::string& form) {
  if (form == "table") return TailForm::table;
  if (form == "json") return TailForm::json;
  return form == "csv" ? TailForm::csv : TailForm::sentence;
}

/// https://no-color.org: any value but an empty one.
bool wants_colours() {
  const char* refused = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0');
}

int run(const Asked& asked) {
  if (std::find(asked.from.begin(), asked.from.end(), "-") != asked.from.end()) {
    return failed({"--from -", "cannot be followed", "ask it with weir query"}, kUsage);
  }
  const auto filter = filter_of(asked);
  if (!filter) return failed(filter.error(), kUsage);
  auto columns = columns_without_header(asked);
  if (!columns) return failed(columns.error(), kUsage);
  std::optional<vpc::Network> network;
  if (!asked.vpc.empty()) {
    auto read = vpc::read_network(asked.vpc);
    if (!read) return failed(read.error());
    network = std::move(*read);
  }
  watch_interruption();
  const auto mode =
      asked.does_not_follow ? logs::Follower::Mode::once : logs::Follower::Mode::follow;
  auto follower = logs::Follower::open(asked.from, std::move(*columns), mode);
  if (!follower) return failed(follower.error());
  if ((*follower)->parquet_objects() != 0) {
    fmt::print(stderr, "weir: {} left out; ask them with weir query\n",
               count_of((*follower)->parquet_objects(), "Parquet object"));
  }
  if (asked.does_not_follow && (*follower)->text_objects() == 0) {
    return failed({asked.from.front(), "has no flow-log object in text",
                   "objects are named *.log or *.log.gz"});
  }
  const RecordWords words(network ? &*network : nullptr,
                          wants_colours() ? terminal_palette() : Palette{});
  const auto printer =
      make_tail_printer(std::cout, words, form_of(asked.form), network.has_value());
  Tail tail(*filter, *printer);
  tail.print_last(asked.lines, **follower);
  base::Expected<void> done;
  if (!asked.does_not_follow && !was_interrupted()) {
    done = (*follower)->follow(interruption_descriptor(), tail);
  }
  std::cout.flush();
  for (const base::Error& error : (*follower)->unfinished()) {
    fmt::print(stderr, "weir: {}\n", error.message());
  }
  if (!done) return failed(done.error());
  if (asked.does_not_follow && was_interrupted()) {
    return failed({"", "interrupted", ""}, kInterrupted);
  }
  return asked.does_not_follow && tail.has_damage() ? kDamaged : kDone;
}

}  // namespace

void add_tail_command(Command& weir, int& exit_code) {
  auto* command = weir.add_subcommand("tail", "Follow flow logs, each record in words");
  auto asked = std::make_shared<Asked>();
  command->add_option("--from", asked->from, "Folders, files or globs with flow logs")
      ->required()
      ->type_name("PATH");
  command->add_option("--lines", asked->lines, "So many of the last records first (10)")
      ->range(0, kMostLines)
      ->type_name("N");
  command->add_flag("--no-follow", asked->does_not_follow, "End after them");
  command->add_option("--action", asked->action, "Only ACCEPT or only REJECT")
      ->one_of({"ACCEPT", "REJECT"})
      ->type_name("ACTION");
  command->add_option("--port", asked->port, "Only from or to this port")
      ->range(0, kLastPort)
      ->type_name("N");
  command->add_option("--address", asked->address, "Only from or to these addresses")
      ->type_name("CIDR");
  command->add_option("--interface", asked->interface, "Only of this interface")->type_name("ENI");
  command->add_option("--vpc", asked->vpc, "Description of the network, for names")
      ->type_name("PATH");
  command
      ->add_option("--log-format", asked->log_format,
                   "Of files without a header line: '${field} …' or default")
      ->type_name("FORMAT");
  command->add_option("--output", asked->form, "How to print: sentence, table, json or csv")
      ->one_of({"sentence", "table", "json", "csv"})
      ->type_name("FORM");
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
