#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>

#include "capture/reader.h"
#include "cli/interruption.h"
#include "cli/options.h"
#include "cli/record_destination.h"
#include "cli/record_output.h"
#include "cli/record_summary.h"
#include "deliver/object_key.h"
#include "policy/policy.h"
#include "recorder/recorder.h"
#include "vpc/read.h"

namespace weir::cli {
namespace {

struct Asked {
  std::string capture;
  std::string description;
  deliver::LogDestinationAsked destination;
  std::string interface_id;
  std::string traffic_type = "ALL";
  int max_aggregation_interval = 600;
  std::string log_format = "default";
  std::string file_format;
  bool per_hour_partition = false;
  bool hive_compatible_partitions = false;
  std::string flow_log_id;
  std::string region;
  std::string ip_ranges;
  std::string form;
  bool attaches_policy = true;
  S3Asked s3;
};

/// The objects of one flow log lie under one region.
base::Expected<std::string> region_of(const Asked& asked, const vpc::Network& network,
                                      std::optional<vpc::InterfaceIndex> interface) {
  if (!asked.region.empty()) return asked.region;
  const vpc::Subnet* first = nullptr;
  std::string found;
  for (std::size_t i = 0; i < network.subnets.size(); ++i) {
    const vpc::Subnet& subnet = network.subnets[i];
    if (interface && network[*interface].subnet != static_cast<vpc::SubnetIndex>(i)) continue;
    std::string region = vpc::region_of(subnet.availability_zone);
    if (region.empty() || region == found) continue;
    if (first != nullptr) {
      return base::fail("--region",
                        fmt::format("is not given, and {} lies in {}, {} in {}", first->id, found,
                                    subnet.id, region),
                        "give the region that the objects shall lie under");
    }
    first = &subnet;
    found = std::move(region);
  }
  if (!found.empty()) return found;
  for (const char* variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (const char* value = std::getenv(variable); value != nullptr) return value;
  }
  return base::fail("--region", "is not given, and no subnet tells its Availability Zone",
                    "give the region, such as us-east-1");
}

/// The objects of one flow log lie under one account.
base::Expected<std::string> account_of(const vpc::Network& network,
                                       std::optional<vpc::InterfaceIndex> interface) {
  if (interface) return network[network[*interface].vpc].owner_id;
  for (const vpc::Vpc& vpc : network.vpcs) {
    if (vpc.owner_id == network.vpcs.front().owner_id) continue;
    return base::fail(
        vpc.id, "belongs to another account than " + network.vpcs.front().id,
        "record the accounts one by one, or name the capture's interface with --interface");
  }
  return network.vpcs.front().owner_id;
}

base::Expected<recorder::Settings> settings_of(const Asked& asked, const vpc::Network& network) {
  recorder::Settings settings;
  deliver::FlowLog& flow_log = settings.flow_log;
  auto format = record::LogFormat::parse(asked.log_format);
  if (!format) return tl::unexpected(format.error());
  flow_log.log_format = std::move(*format);
  if (!asked.interface_id.empty()) {
    settings.interface = network.find_interface(asked.interface_id);
    if (!settings.interface) {
      return base::fail("--interface", asked.interface_id + " is not described",
                        "`weir vpc show` lists the interfaces");
    }
  }
  auto account = account_of(network, settings.interface);
  if (!account) return tl::unexpected(account.error());
  flow_log.account_id = *account;
  auto region = region_of(asked, network, settings.interface);
  if (!region) return tl::unexpected(region.error());
  flow_log.region = *region;
  if (asked.traffic_type == "ACCEPT") flow_log.traffic_type = deliver::TrafficType::accept;
  if (asked.traffic_type == "REJECT") flow_log.traffic_type = deliver::TrafficType::reject;
  flow_log.max_aggregation_interval = std::chrono::seconds(asked.max_aggregation_interval);
  if (asked.file_format == "parquet") flow_log.file_format = deliver::FileFormat::parquet;
  flow_log.hive_compatible_partitions = asked.hive_compatible_partitions;
  flow_log.per_hour_partition = asked.per_hour_partition;
  flow_log.id = asked.flow_log_id;
  if (flow_log.id.empty()) {
    flow_log.id = deliver::default_flow_log_id(
        {flow_log.account_id, flow_log.region, network.vpcs.front().id, asked.interface_id,
         asked.traffic_type, std::to_string(asked.max_aggregation_interval),
         flow_log.log_format.to_string(),
         asked.file_format.empty() ? "plain-text" : asked.file_format});
  }
  if (auto checked = deliver::check(flow_log); !checked) return tl::unexpected(checked.error());
  return settings;
}

/// How far a long reading has come, on a terminal only.
class Progress {
 public:
  explicit Progress(const capture::Reader& reader)
      : reader_(reader), is_shown_(isatty(STDERR_FILENO) == 1) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (was_shown_) fmt::print(stderr, "\r\x1b[K");
  }

  void show(std::uint64_t packets) {
    if (!is_shown_ || reader_.input().total() == 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    was_shown_ = true;
    fmt::print(stderr, "\r\x1b[K{} packets, {} % of the capture", packets,
               reader_.input().consumed() * 100 / reader_.input().total());
  }

 private:
  const capture::Reader& reader_;
  bool is_shown_;
  bool was_shown_ = false;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(1);
};

/// Reads to the end, or to the first error. What was read before an error of the capture is
/// recorded.
base::Expected<void> record_all(capture::Reader& reader, recorder::Recorder& recorder,
                                const RecordOutput& output, const UntilInterrupted& interruption) {
  std::vector<capture::CapturedPacket> packets(256);
  Progress progress(reader);
  std::uint64_t count = 0;
  for (;;) {
    auto read = reader.read(packets);
    if (!read) {
      auto finished = recorder.finish();
      // It may have been cut off in the middle of a packet.
      if (!finished || interruption.has_cut_off()) return finished;
      return tl::unexpected(read.error());
    }
    if (*read == 0 || output.has_failed()) return recorder.finish();
    auto recorded = recorder.record(std::span(packets).first(*read));
    if (!recorded) return recorded;
    count += *read;
    progress.show(count);
  }
}

/// Nothing where records are only printed. Errors: what no option alone is wrong about.
base::Expected<std::optional<deliver::LogDestination>> destination_of(const Asked& asked) {
  std::optional<deliver::LogDestination> out;
  const deliver::LogDestinationAsked& given = asked.destination;
  const bool is_given = !given.log_destination.empty() || !given.log_group_name.empty() ||
                        !given.log_destination_type.empty() ||
                        !given.deliver_logs_permission_arn.empty();
  if (!is_given && asked.form.empty()) {
    return base::fail("record", "has nowhere to put the records",
                      "give --log-destination FOLDER, or --output table to print them");
  }
  if (is_given) {
    auto destination = deliver::log_destination_of(given, "--");
    if (!destination) return tl::unexpected(destination.error());
    out = std::move(*destination);
  }
  if (out && out->type == deliver::LogDestinationType::s3) {
    if (auto place = s3_place(out->name, asked.s3); !place) return tl::unexpected(place.error());
  }
  if (out && !out->takes_events()) return out;
  const std::initializer_list<std::pair<bool, const char*>> of_objects = {
      {asked.file_format == "parquet" || (!out && !asked.file_format.empty()), "--file-format"},
      {asked.per_hour_partition, "--per-hour-partition"},
      {asked.hive_compatible_partitions, "--hive-compatible-partitions"},
      {!asked.s3.encryption.empty(), "--sse"},
      {!asked.s3.kms_key_id.empty(), "--sse-kms-key-id"},
      {!out && !asked.flow_log_id.empty(), "--flow-log-id"},
  };
  for (const auto& [is_set, option] : of_objects) {
    if (!is_set) continue;
    return base::fail(option, "is about objects, and none are written",
                      "give --log-destination FOLDER or s3://bucket/prefix, or leave it away");
  }
  return out;
}

int interrupted() {
  return failed({"", "interrupted", "what was read until then is recorded"}, kInterrupted);
}

/// Knows none without a file.
base::Expected<recorder::AwsServices> services_of(const std::string& ip_ranges) {
  if (ip_ranges.empty()) return recorder::AwsServices();
  return recorder::AwsServices::read(ip_ranges);
}

/// Null: there is none.
base::Expected<std::unique_ptr<RecordDestination>> open_destination(
    const std::optional<deliver::LogDestination>& destination, const deliver::FlowLog& flow_log,
    const Asked& asked) {
  if (!destination) return nullptr;
  return RecordDestination::open(*destination, flow_log, asked.s3, asked.attaches_policy);
}

/// Publishes and delivers what there is, whatever was `done`; the first error. `place` may be null.
base::Expected<void> finish(base::Expected<void> done, RecordOutput& output,
                            RecordDestination* place) {
  const bool was_reading_interrupted = was_interrupted();
  auto written = output.finish();
  if (done && !written) done = std::move(written);
  if (place == nullptr) return done;
  auto delivered = place->finish(was_reading_interrupted);
  if (done && !delivered) done = std::move(delivered);
  return done;
}

int run(const Asked& asked) {
  const auto destination = destination_of(asked);
  if (!destination) return failed(destination.error(), kUsage);
  const auto network = vpc::read_network(asked.description);
  if (!network) return failed(network.error());
  auto settings = settings_of(asked, *network);
  if (!settings) return failed(settings.error(), kUsage);
  const auto policy = policy::Policy::compile(*network);
  if (!policy) return failed(policy.error());
  const auto services = services_of(asked.ip_ranges);
  if (!services) return failed(services.error());
  UntilInterrupted interruption;
  auto input = base::open_file(asked.capture, std::ref(interruption));
  if (!input) return failed(input.error());
  watch_interruption();
  const std::string name = asked.capture == "-" ? "standard input" : asked.capture;
  auto reader = capture::open_capture(std::move(*input), name);
  if (!reader && interruption.has_cut_off()) return interrupted();
  if (!reader) return failed(reader.error());

  auto place = open_destination(*destination, settings->flow_log, asked);
  if (!place) return failed(place.error(), was_interrupted() ? kInterrupted : kFailed);
  const std::unique_ptr<RecordDestination>& opened = *place;
  deliver::RecordWriter* writer = opened ? &opened->writer() : nullptr;
  std::optional<base::OutputForm> form;
  if (!asked.form.empty()) form = output_form(asked.form);
  RecordOutput output(*network, settings->flow_log.log_format, writer, form);
  auto recorder = recorder::Recorder::make(*network, *policy, *services, *settings, output);
  if (!recorder) return failed(recorder.error());

  base::Expected<void> done = record_all(**reader, *recorder, output, interruption);
  done = finish(std::move(done), output, opened.get());
  output.print(std::cout);
  std::cout.flush();
  const recorder::Summary summary = recorder->summary();
  print_summary(name, asked.interface_id, summary, !output.has_failed(), (*reader)->interfaces());
  const bool is_delivered = !opened || opened->tell(summary.records);
  const bool was_cancelled = opened && opened->was_cancelled();
  if (!done) return failed(done.error(), was_cancelled ? kInterrupted : kFailed);
  if (summary.accounted() != summary.read) {
    return failed({name,
                   fmt::format("{} packets were read but {} are accounted for", summary.read,
                               summary.accounted()),
                   "this is a defect of weir: please report it"});
  }
  if (interruption.has_cut_off()) return interrupted();
  return is_delivered ? kDone : kFailed;
}

}  // namespace

void add_record_command(Command& weir, int& exit_code) {
  auto* command = weir.add_subcommand("record", "Judge a capture and write its flow-log records");
  auto asked = std::make_shared<Asked>();
  command->add_option("--read", asked->capture, "pcap or pcapng file; - is standard input")
      ->required()
      ->type_name("CAPTURE");
  command->add_option("--vpc", asked->description, "File or folder of AWS's describe JSON")
      ->required()
      ->type_name("PATH");
  command
      ->add_option("--log-destination", asked->destination.log_destination,
                   "Folder for the objects, s3://bucket/prefix, or an ARN")
      ->type_name("FOLDER|URL|ARN");
  command
      ->add_option("--log-destination-type", asked->destination.log_destination_type,
                   "s3, cloud-watch-logs or kinesis-data-firehose")
      ->one_of({"s3", "cloud-watch-logs", "kinesis-data-firehose"})
      ->type_name("TYPE");
  command
      ->add_option("--log-group-name", asked->destination.log_group_name,
                   "Log group of CloudWatch Logs; made when there is traffic")
      ->type_name("NAME");
  command
      ->add_option("--deliver-logs-permission-arn", asked->destination.deliver_logs_permission_arn,
                   "Role that delivers to CloudWatch Logs or Data Firehose")
      ->type_name("ARN");
  command->add_option("--interface", asked->interface_id, "The capture is this interface's own")
      ->type_name("eni-…");
  command->add_option("--traffic-type", asked->traffic_type, "ALL, ACCEPT or REJECT")
      ->one_of({"ALL", "ACCEPT", "REJECT"})
      ->type_name("TYPE");
  command
      ->add_option("--max-aggregation-interval", asked->max_aggregation_interval,
                   "Seconds of a window: 60 or 600 (default)")
      ->one_of({"60", "600"})
      ->type_name("SECONDS");
  command
      ->add_option("--log-format", asked->log_format,
                   "'${field} …', default, or all; `weir fields` lists them")
      ->type_name("FORMAT");
  command->add_option("--file-format", asked->file_format, "plain-text (default) or parquet")
      ->one_of({"plain-text", "parquet"})
      ->type_name("FORMAT");
  command->add_flag("--per-hour-partition", asked->per_hour_partition, "A folder for each hour");
  command->add_flag("--hive-compatible-partitions", asked->hive_compatible_partitions,
                    "Folders named key=value");
  command->add_option("--flow-log-id", asked->flow_log_id, "Default: made from the settings")
      ->type_name("fl-…");
  command->add_option("--region", asked->region, "Default: that of the first subnet's zone");
  command
      ->add_option("--ip-ranges", asked->ip_ranges, "AWS's ip-ranges.json, for pkt-*-aws-service")
      ->type_name("FILE");
  command->add_flag("!--no-attach-bucket-policy", asked->attaches_policy,
                    "Leave the bucket's policy as it is");
  command->add_option("--sse", asked->s3.encryption, "Encryption of the objects in S3")
      ->one_of({"AES256", "aws:kms"})
      ->type_name("TYPE");
  command->add_option("--sse-kms-key-id", asked->s3.kms_key_id, "ARN of the key, for aws:kms")
      ->type_name("ARN");
  add_principal_option(*command, asked->s3);
  add_s3_options(*command, asked->s3.options);
  add_output_option(*command, asked->form);
  command->refuse_empty_values();
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
