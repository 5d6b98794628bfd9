#include "cli/record_destination.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>

#include "base/printable.h"
#include "cli/options.h"
#include "deliver/s3_destination.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSpool = ".spool";  // beside what is kept for a person

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
  publisher_.reset();  // with what is open still
  delivery_.reset();
  spool_.reset();
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(undelivered_ == 0 ? folder_ : folder_ / kSpool, ignored);
}

base::Expected<std::unique_ptr<RecordDestination>> RecordDestination::open(
    const std::string& destination, const deliver::FlowLog& flow_log, const S3Asked& s3,
    bool attaches_policy) {
  std::unique_ptr<RecordDestination> out(new RecordDestination());
  if (aws::is_s3_url(destination)) {
    auto opened = out->open_bucket(destination, flow_log, s3, attaches_policy);
    if (!opened) return tl::unexpected(opened.error());
    return out;
  }
  auto publisher = deliver::Publisher::open(destination, flow_log);
  if (!publisher) return tl::unexpected(publisher.error());
  out->publisher_.emplace(std::move(*publisher));
  return out;
}

base::Expected<void> RecordDestination::open_bucket(const std::string& destination,
                                                    const deliver::FlowLog& flow_log,
                                                    const S3Asked& s3, bool attaches_policy) {
  auto place = s3_place(destination, s3);
  if (!place) return tl::unexpected(place.error());
  const deliver::BucketNeeds needs{place->bucket,
                                   place->prefix,
                                   flow_log.account_id,
                                   flow_log.region,
                                   flow_log.hive_compatible_partitions,
                                   s3.delivery_principal};
  if (auto checked = deliver::check(needs); !checked) return checked;
  auto session = open_session(s3);
  if (!session) return tl::unexpected(session.error());
  if (attaches_policy) {
    auto attached = deliver::attach_as_aws_does((*session)->s3(), *place, needs, note);
    if (!attached) return tl::unexpected(attached.error().error);
  }
  auto folder = make_temporary_folder();
  if (!folder) return tl::unexpected(folder.error());
  folder_ = std::move(*folder);
  // All that is recorded may wait there, as far as the disk reaches.
  constexpr deliver::SpoolLimits kNoLimits{std::numeric_limits<std::uint64_t>::max(), 0};
  auto spool = deliver::Spool::open(folder_ / kSpool, kNoLimits, [](const std::string&) {});
  if (!spool) return tl::unexpected(spool.error());
  spool_.emplace(std::move(*spool));
  auto publisher = deliver::Publisher::open(*spool_, flow_log);
  if (!publisher) return tl::unexpected(publisher.error());
  publisher_.emplace(std::move(*publisher));
  url_ = place->url();
  const std::shared_ptr<aws::Session> shared = std::move(*session);
  auto bucket = std::make_unique<deliver::S3Destination>(
      std::shared_ptr<aws::S3>(shared, &shared->s3()), std::move(*place), std::nullopt, note);
  delivery_ = std::make_unique<deliver::Delivery>(
      *spool_, std::move(bucket), deliver::DeliveryPauses(), [](const std::string&) {});
  return {};
}

base::Expected<void> RecordDestination::finish() {
  if (!delivery_) return {};
  constexpr std::chrono::hours kAsLongAsItTakes{24 * 365};
  const bool is_delivered = delivery_->drain(kAsLongAsItTakes);
  const auto error = delivery_->last_error();
  delivery_.reset();
  if (is_delivered) return {};
  keep_undelivered();
  return tl::unexpected(error ? error->error : base::Error{url_, "could not be delivered to", ""});
}

/// As they are to lie in the bucket, for `aws s3 cp`.
void RecordDestination::keep_undelivered() {
  while (const auto segment = spool_->take([](std::uint64_t) { return true; })) {
    ++undelivered_;
    if (auto unpacked = deliver::unpack(*segment, folder_); !unpacked) {
      note(unpacked.error().message());
    }
  }
}

void RecordDestination::print_undelivered() const {
  fmt::print(stderr,
             "weir: {} could not be delivered and {} kept: `aws s3 cp --recursive --acl "
             "bucket-owner-full-control {} {}` delivers what is there\n",
             count_of(undelivered(), "object"), undelivered() == 1 ? "is" : "are", folder_.string(),
             url_);
}

}  // namespace weir::cli
