#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aws/s3.h"
#include "base/address.h"
#include "cli/flow_feed.h"
#include "cli/interruption.h"
#include "cli/log_source.h"
#include "cli/options.h"
#include "cli/record_words.h"
#include "cli/service_source.h"
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
  ServiceSource service;
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

/// Prints what is wanted of what a running service drains.
class ServiceTail : public FlowSink {
 public:
  ServiceTail(const Filter& filter, TailPrinter& printer) : filter_(filter), printer_(printer) {}

  void flow(const LoggedRecord& record) override {
    if (filter_.wants(record)) printer_.print(record);
  }
  void drained(base::UnixSeconds /*time*/, std::uint64_t left_out) override {
    std::cout.flush();
    if (left_out == 0) return;
    fmt::print(stderr, "weir: {} not shown; they are in the records\n",
               count_of(left_out, "more flow"));
  }
  void missed(std::uint64_t lines) override {
    fmt::print(stderr,
               "weir: {} of the service could not be shown, printed too slowly or not understood; "
               "the flows are in the records\n",
               count_of(lines, "line"));
  }

 private:
  const Filter& filter_;
  TailPrinter& printer_;
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

/// Says each record in words, from `vpc` on where there is a description.
struct Words {
  std::optional<vpc::Network> network;
  std::optional<RecordWords> words;
  std::unique_ptr<TailPrinter> printer;

  base::Expected<void> begin(const std::filesystem::path& vpc, const std::string& form) {
    if (!vpc.empty()) {
      auto read = vpc::read_network(vpc);
      if (!read) return tl::unexpected(read.error());
      network = std::move(*read);
    }
    words.emplace(network ? &*network : nullptr, output_palette());
    printer = make_tail_printer(std::cout, *words, form_of(form), network.has_value());
    return {};
  }
};

int run_on_service(const Asked& asked) {
  const auto filter = filter_of(asked);
  if (!filter) return failed(filter.error(), kUsage);
  const auto place = place_of(asked.service);
  if (!place) return failed(place.error());
  Words words;
  std::filesystem::path vpc = asked.vpc;
  if (vpc.empty()) vpc = place->vpc;
  if (auto begun = words.begin(vpc, asked.form); !begun) return failed(begun.error());
  watch_interruption();
  auto client = http::Client::open(place->socket);
  if (!client) return failed(client.error());
  ServiceTail tail(*filter, *words.printer);
  FlowFeed feed(std::move(*client), tail);
  while (!was_interrupted() && std::cout.good()) {
    const auto goes_on = feed.wait(interruption_descriptor(), std::chrono::minutes(1));
    if (!goes_on) return failed(goes_on.error());
    if (!*goes_on) {
      fmt::print(stderr, "weir: weir up has ended\n");
      break;
    }
  }
  return kDone;
}

int run(const Asked& asked) {
  if (asked.from.empty()) return run_on_service(asked);
  if (std::find(asked.from.begin(), asked.from.end(), "-") != asked.from.end()) {
    return failed({"--from -", "cannot be followed", "ask it with weir query"}, kUsage);
  }
  if (const auto in_s3 = std::find_if(asked.from.begin(), asked.from.end(), aws::is_s3_url);
      in_s3 != asked.from.end()) {
    return failed({"--from " + *in_s3, "cannot be followed: S3 does not tell of new objects",
                   "ask it with weir query and --since"},
                  kUsage);
  }
  const auto filter = filter_of(asked);
  if (!filter) return failed(filter.error(), kUsage);
  auto columns = columns_without_header(asked);
  if (!columns) return failed(columns.error(), kUsage);
  Words words;
  if (auto begun = words.begin(asked.vpc, asked.form); !begun) return failed(begun.error());
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
  Tail tail(*filter, *words.printer);
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
  auto* command =
      weir.add_subcommand("tail", "Follow flow logs, or a running weir up, each record in words");
  auto asked = std::make_shared<Asked>();
  const Option* from =
      command->add_option("--from", asked->from, "Folders, files or globs with flow logs")
          ->type_name("PATH");
  add_service_options(*command, asked->service, from);
  command->add_option("--lines", asked->lines, "So many of the last records first (10)")
      ->needs(*from)
      ->range(0, kMostLines)
      ->type_name("N");
  command->add_flag("--no-follow", asked->does_not_follow, "End after them")->needs(*from);
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
      ->needs(*from)
      ->type_name("FORMAT");
  command->add_option("--output", asked->form, "How to print: sentence, table, json or csv")
      ->one_of({"sentence", "table", "json", "csv"})
      ->type_name("FORM");
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
