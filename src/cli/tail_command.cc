#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "cli/flow_feed.h"
#include "cli/interruption.h"
#include "cli/log_source.h"
#include "cli/options.h"
#include "cli/record_words.h"
#include "cli/s3_options.h"
#include "cli/s3_source.h"
#include "cli/service_source.h"
#include "cli/tail_printer.h"
#include "cli/tail_sink.h"
#include "logs/follow.h"
#include "logs/follow_s3.h"
#include "vpc/read.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostLines = 1'000'000'000;
constexpr int kLastPort = 65'535;
constexpr int kLongestInterval = 3600;

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
  int interval = 30;
  aws::Options s3;
};

/// Prints what is wanted of what a running service drains.
class ServiceTail : public FlowSink {
 public:
  ServiceTail(const TailFilter& filter, TailPrinter& printer)
      : filter_(filter), printer_(printer) {}

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
  const TailFilter& filter_;
  TailPrinter& printer_;
};

base::Expected<TailFilter> filter_of(const Asked& asked) {
  TailFilter filter{asked.action, asked.port, std::nullopt, asked.interface};
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

logs::Following::Mode mode_of(const Asked& asked) {
  return asked.does_not_follow ? logs::Following::Mode::once : logs::Following::Mode::follow;
}

/// What is followed, and what that needs.
struct Followed {
  std::shared_ptr<logs::S3Reader> s3;
  std::unique_ptr<OnInterruption> ends;
  std::unique_ptr<logs::Following> following;
};

base::Expected<void> open_s3(const Asked& asked, logs::S3Follower::Settings settings,
                             logs::LineSink& sink, Followed& followed) {
  settings.interval = std::chrono::seconds(asked.interval);
  settings.now = [] {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  };
  auto reader = connect_s3(asked.s3);
  if (!reader) return tl::unexpected(reader.error());
  followed.s3 = std::move(*reader);
  followed.ends = std::make_unique<OnInterruption>([s3 = followed.s3] { s3->cancel(); });
  auto opened = logs::S3Follower::open(*followed.s3, std::move(settings), sink);
  if (!opened) return tl::unexpected(opened.error());
  followed.following = std::move(*opened);
  return {};
}

base::Expected<void> open_folders(const Asked& asked, logs::LineReader::Columns columns,
                                  Followed& followed) {
  auto opened = logs::Follower::open(asked.from, std::move(columns), mode_of(asked));
  if (!opened) return tl::unexpected(opened.error());
  followed.following = std::move(*opened);
  return {};
}

int interrupted(const Asked& asked) {
  return asked.does_not_follow ? failed({"", "interrupted", ""}, kInterrupted) : kDone;
}

/// Says what is not shown of what was there. False: there is nothing, and nothing will come.
bool tell_start(const Asked& asked, const Followed& followed) {
  if (const std::size_t count = followed.following->parquet_objects(); count != 0) {
    fmt::print(stderr, "weir: {} left out; ask them with weir query\n",
               count_of(count, "Parquet object"));
  }
  if (followed.following->text_objects() != 0) return true;
  base::Error error{asked.from.front(), "has no flow-log object in text",
                    "objects are named *.log or *.log.gz"};
  if (followed.s3 != nullptr) {
    error.hint += "; of AWS's days only yesterday (UTC) and today are looked at";
  }
  if (followed.s3 != nullptr || asked.does_not_follow) failed(error);
  return !asked.does_not_follow;
}

int run_on_logs(const Asked& asked, TailSink& tail, const Followed& followed) {
  if (!tell_start(asked, followed)) return kFailed;
  tail.print_last(asked.lines, *followed.following);
  base::Expected<void> done;
  if (!asked.does_not_follow && !was_interrupted()) {
    done = followed.following->follow(interruption_descriptor(), tail);
  }
  std::cout.flush();
  for (const base::Error& error : followed.following->unfinished()) {
    tell({base::Severity::warning, error.message()});
  }
  if (!done) return failed(done.error());
  if (was_interrupted()) return interrupted(asked);
  return asked.does_not_follow && tail.has_damage() ? kDamaged : kDone;
}

int run(const Asked& asked) {
  if (asked.from.empty()) return run_on_service(asked);
  if (std::find(asked.from.begin(), asked.from.end(), "-") != asked.from.end()) {
    return failed({"--from -", "cannot be followed", "ask it with weir query"}, kUsage);
  }
  auto folders = s3_folders_of(asked.from);
  if (!folders) return failed(folders.error(), kUsage);
  if (!folders->empty() && folders->size() != asked.from.size()) {
    return failed(
        {"--from", "names places in S3 and others", "follow each by a weir tail of its own"},
        kUsage);
  }
  const auto filter = filter_of(asked);
  if (!filter) return failed(filter.error(), kUsage);
  auto columns = columns_without_header(asked);
  if (!columns) return failed(columns.error(), kUsage);
  Words words;
  if (auto begun = words.begin(asked.vpc, asked.form); !begun) return failed(begun.error());
  watch_interruption();
  TailSink tail(*filter, *words.printer);
  Followed followed;
  const auto opened =
      folders->empty()
          ? open_folders(asked, std::move(*columns), followed)
          : open_s3(asked, {std::move(*folders), std::move(*columns), mode_of(asked), {}, {}}, tail,
                    followed);
  if (!opened) return was_interrupted() ? interrupted(asked) : failed(opened.error());
  return run_on_logs(asked, tail, followed);
}

}  // namespace

void add_tail_command(Command& weir, int& exit_code) {
  auto* command =
      weir.add_subcommand("tail", "Follow flow logs, or a running weir up, each record in words");
  auto asked = std::make_shared<Asked>();
  const Option* from =
      command
          ->add_option("--from", asked->from,
                       "Folders, files, globs or s3://bucket/prefix with flow logs")
          ->type_name("PATH");
  add_service_options(*command, asked->service, from);
  command->add_option("--lines", asked->lines, "So many of the last records first (10)")
      ->needs(*from)
      ->range(0, kMostLines)
      ->type_name("N");
  command->add_flag("--no-follow", asked->does_not_follow, "End after them")->needs(*from);
  command->add_option("--interval", asked->interval, "Of S3: seconds between listings (30)")
      ->needs(*from)
      ->range(1, kLongestInterval)
      ->type_name("SECONDS");
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
  command->add_option("--region", asked->s3.region, "Of S3's first request; or AWS_REGION")
      ->type_name("REGION");
  add_s3_options(*command, asked->s3);
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
