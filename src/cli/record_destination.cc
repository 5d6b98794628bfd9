#include "cli/record_destination.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>

#include "base/printable.h"
#include "cli/interruption.h"
#include "cli/options.h"
#include "cli/record_summary.h"
#include "deliver/connection.h"
#include "deliver/event_writer.h"
#include "deliver/publisher.h"
#include "deliver/s3_destination.h"
#include "deliver/segment_folder.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

// Beside each other, so that what a person is told to deliver holds nothing else.
constexpr const char* kSpool = "spool";
constexpr const char* kUndelivered = "undelivered";

base::Expected<fs::path> make_temporary_folder() {
  std::error_code error;
  const fs::path above = fs::temp_directory_path(error);
  std::string path = ((error ? fs::path("/tmp") : above) / "weir-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) {
    return base::fail(path, std::string("cannot be made: ") + std::strerror(errno),
                      "set TMPDIR to a folder that can be written to");
  }
  return fs::path(path);
}

void note(const std::string& text) {
  fmt::print(stderr, "weir: note: {}\n", base::printable(text));
}

}  // namespace

RecordDestination::~RecordDestination() {
  writer_.reset();  // with what is open still
  delivery_.reset();
  spool_.reset();
  if (folder_.empty()) return;
  std::error_code ignored;
  if (!is_spool_kept_) fs::remove_all(folder_ / kSpool, ignored);
  fs::remove(folder_, ignored);  // if nothing is kept there
}

base::Expected<std::unique_ptr<RecordDestination>> RecordDestination::open(
    const deliver::LogDestination& destination, const deliver::FlowLog& flow_log, const S3Asked& s3,
    bool attaches_policy) {
  std::unique_ptr<RecordDestination> out(new RecordDestination(destination.name));
  base::Expected<void> opened;
  if (destination.takes_events()) {
    opened = out->open_events(destination, flow_log, s3.options);
  } else if (destination.type == deliver::LogDestinationType::s3) {
    opened = out->open_bucket(flow_log, s3, attaches_policy);
  } else {
    auto publisher = deliver::Publisher::open(destination.name, flow_log);
    if (!publisher) {
      base::Error error = std::move(publisher.error());
      if (error.hint.empty()) error.hint = "choose another --log-destination";
      return tl::unexpected(std::move(error));
    }
    out->writer_ = std::make_unique<deliver::Publisher>(std::move(*publisher));
  }
  if (!opened) return tl::unexpected(opened.error());
  return out;
}

base::Expected<void> RecordDestination::open_bucket(const deliver::FlowLog& flow_log,
                                                    const S3Asked& s3, bool attaches_policy) {
  auto place = s3_place(name_, s3);
  if (!place) return tl::unexpected(place.error());
  const deliver::BucketNeeds needs{place->bucket,
                                   place->prefix,
                                   flow_log.account_id,
                                   flow_log.region,
                                   flow_log.hive_compatible_partitions,
                                   s3.delivery_principal};
  if (auto checked = deliver::check(needs); !checked) return checked;
  keep_secrets();
  auto opened = deliver::Connection::open(s3.options);
  if (!opened) return tl::unexpected(opened.error());
  const std::shared_ptr<deliver::Connection>& connection = *opened;
  const auto cancel = [connection] { connection->cancel(); };
  aws::S3& bucket = connection->session().s3();
  if (attaches_policy) {
    const OnInterruption ends(cancel);
    auto attached = deliver::attach_as_aws_does(bucket, *place, needs, note);
    if (!attached) return tl::unexpected(attached.error().error);
  }
  if (auto spool = open_spool(); !spool) return spool;
  auto publisher = deliver::Publisher::open(*spool_, flow_log);
  if (!publisher) return tl::unexpected(publisher.error());
  writer_ = std::make_unique<deliver::Publisher>(std::move(*publisher));
  name_ = place->url();
  begin(std::make_unique<deliver::S3Destination>(std::shared_ptr<aws::S3>(connection, &bucket),
                                                 std::move(*place), std::nullopt, note, cancel));
  return {};
}

base::Expected<void> RecordDestination::open_events(const deliver::LogDestination& destination,
                                                    const deliver::FlowLog& flow_log,
                                                    const aws::Options& options) {
  keep_secrets();
  auto events = deliver::open_event_destination(options, destination, flow_log.region);
  if (!events) return tl::unexpected(events.error());
  if (auto opened = open_spool(); !opened) return opened;
  auto writer = deliver::EventWriter::open(*spool_, flow_log);
  if (!writer) return tl::unexpected(writer.error());
  writer_ = std::make_unique<deliver::EventWriter>(std::move(*writer));
  events_ = events->get();
  is_of_events_ = true;
  name_ = events_->name();
  begin(std::move(*events));
  return {};
}

base::Expected<void> RecordDestination::open_spool() {
  auto folder = make_temporary_folder();
  if (!folder) return tl::unexpected(folder.error());
  folder_ = std::move(*folder);
  // All that is recorded may wait there, as far as the disk reaches.
  constexpr deliver::SpoolLimits kNoLimits{std::numeric_limits<std::uint64_t>::max(), 0};
  auto spool = deliver::Spool::open(folder_ / kSpool, kNoLimits, [](const base::LogLine&) {});
  if (!spool) return tl::unexpected(spool.error());
  spool_.emplace(std::move(*spool));
  return {};
}

void RecordDestination::begin(std::unique_ptr<deliver::Destination> destination) {
  delivery_ = std::make_unique<deliver::Delivery>(
      *spool_, std::move(destination), deliver::DeliveryPauses(), [](const base::LogLine&) {});
}

base::Expected<void> RecordDestination::finish(bool was_reading_interrupted) {
  if (!delivery_) return {};
  if (was_reading_interrupted) {
    watch_next_interruption();  // before it is told: who reads it may interrupt at once
    note("what was read is being delivered; interrupted again, the rest is kept in files");
  }
  constexpr std::chrono::hours kAsLongAsItTakes{24 * 365};
  bool is_delivered = false;
  {
    const OnInterruption ends([this] { delivery_->cancel(); });
    is_delivered = delivery_->drain(kAsLongAsItTakes);
    was_cancelled_ = was_interrupted();
  }
  const auto why = delivery_->status().last_error;
  if (events_ != nullptr) tally_ = events_->tally();
  events_ = nullptr;
  delivery_.reset();
  auto kept = keep_undelivered();
  if (is_delivered) return kept;
  base::Error error{name_, "could not be delivered to", ""};
  if (why) {
    error = why->error;
    error.what = std::string(to_string(why->kind)) + ": " + error.what;
  }
  if (kept) return tl::unexpected(std::move(error));
  note(error.message());
  return kept;
}

/// As they are to lie in the bucket, for `aws s3 cp`; events as `weir query` reads them. Error: the
/// spool has what is neither delivered nor there.
base::Expected<void> RecordDestination::keep_undelivered() {
  base::Error why;
  for (;;) {
    const auto segment = spool_->take([](std::uint64_t) { return true; });
    if (!segment && !segment.error().unread) break;
    if (!segment) {  // it stays taken, and is not asked for again
      why = segment.error().error;
      continue;
    }
    if (auto unpacked = deliver::unpack(*segment, folder_ / kUndelivered); !unpacked) {
      why = std::move(unpacked.error());
      continue;
    }
    ++undelivered_;
    spool_->free(segment->sequence);
  }
  const deliver::SpoolStatus left = spool_->status();
  const std::uint64_t missing = left.waiting + left.damaged + left.gone;
  is_spool_kept_ = missing != 0;
  if (left.damaged != 0) {
    note(fmt::format("{}: {} of records set aside there, which the disk has damaged",
                     (folder_ / kSpool / "damaged").string(), count_of(left.damaged, "file")));
  }
  if (left.gone != 0) {
    note(fmt::format("{}: {} of records gone from there, which somebody has removed",
                     (folder_ / kSpool).string(), count_of(left.gone, "file")));
  }
  if (left.waiting != 0) {
    note(
        fmt::format("{}: {} of records kept there, each with a last line but one that says how "
                    "many of its bytes are the object: {}",
                    (folder_ / kSpool).string(), count_of(left.waiting, "file"), why.message()));
  }
  if (!is_spool_kept_) return {};
  return base::fail(
      (folder_ / kSpool).string(),
      fmt::format("had {} of records that were not delivered", count_of(missing, "file")),
      "check the disk, and record again");
}

bool RecordDestination::tell(std::uint64_t made) {
  return is_of_events_ ? tell_events(made) : tell_objects(made);
}

bool RecordDestination::tell_objects(std::uint64_t made) {
  if (undelivered_ == 0 && !is_spool_kept_) {
    print_objects(name_, made, writer_->take_published());
    return true;
  }
  if (undelivered_ != 0) {
    fmt::print(stderr,
               "weir: {} could not be delivered and {} kept: `aws s3 cp --recursive --acl "
               "bucket-owner-full-control {} {}` delivers what is there\n",
               count_of(undelivered_, "object"), undelivered_ == 1 ? "is" : "are",
               (folder_ / kUndelivered).string(), name_);
  }
  return false;
}

bool RecordDestination::tell_events(std::uint64_t made) {
  print_events(name_, made, writer_->take_published(), tally_);
  if (undelivered_ != 0) {
    fmt::print(stderr, "weir: the files that hold them are kept in {}: `weir query` reads them\n",
               (folder_ / kUndelivered).string());
  }
  return undelivered_ == 0 && !is_spool_kept_ && tally_.refused() == 0;
}

}  // namespace weir::cli
