#include "cli/record_destination.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/printable.h"
#include "cli/options.h"
#include "deliver/policy_attachment.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

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

/// What AWS does when a flow log is created with an S3 destination, and what its console says then.
base::Expected<void> attach(aws::S3& s3, const deliver::S3Place& place,
                            const deliver::BucketNeeds& needs) {
  const auto changed = deliver::attach_policy(s3, needs);
  const std::string bucket = "s3://" + place.bucket;
  if (!changed) {
    const bool is_forbidden = changed.error().status == 403 || changed.error().status == 405;
    if (!is_forbidden || !deliver::probe(s3, place, needs.account_id)) {
      return tl::unexpected(changed.error().error);
    }
    note("no policy was attached to " + bucket + " (" + changed.error().error.what +
         "); delivery works without it");
    return {};
  }
  if (!*changed) return {};
  const std::string who = needs.principal.empty()
                              ? "AWS's log delivery (delivery.logs.amazonaws.com)"
                              : needs.principal;
  note("a resource-based policy was created and attached to the target bucket " + bucket +
       ": it lets " + who + " put objects under " + deliver::delivered_prefix(needs) +
       " and read the bucket's ACL");
  if (s3.is_aws()) return {};
  // Such servers accept the policy, and may know no service to match it with.
  const auto put = deliver::probe(s3, place, needs.account_id);
  if (put) return {};
  base::Error error = put.error().error;
  if (put.error().is("AccessDenied") && needs.principal.empty()) {
    error.hint =
        "this server may not know service principals: let the bucket's owner run `weir "
        "bucket-policy attach --delivery-principal ARN`, with the ARN of who delivers";
  }
  return tl::unexpected(std::move(error));
}

}  // namespace

RecordDestination::~RecordDestination() {
  publisher_.reset();  // with what is open still
  const bool is_all_delivered = undelivered() == 0;
  bucket_.reset();
  std::error_code ignored;
  if (!folder_.empty() && is_all_delivered) fs::remove_all(folder_, ignored);
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
  session_ = std::move(*session);
  if (attaches_policy) {
    if (auto attached = attach(session_->s3(), *place, needs); !attached) return attached;
  }
  auto folder = make_temporary_folder();
  if (!folder) return tl::unexpected(folder.error());
  folder_ = std::move(*folder);
  auto publisher = deliver::Publisher::open(folder_.string(), flow_log);
  if (!publisher) return tl::unexpected(publisher.error());
  publisher_.emplace(std::move(*publisher));
  url_ = place->url();
  bucket_ = std::make_unique<deliver::S3Destination>(session_->s3(), std::move(*place));
  publisher_->deliver_to(*bucket_);
  return {};
}

void RecordDestination::print_undelivered() const {
  fmt::print(stderr,
             "weir: {} could not be delivered and {} kept: `aws s3 cp --recursive --acl "
             "bucket-owner-full-control {} {}` delivers what is there\n",
             count_of(undelivered(), "object"), undelivered() == 1 ? "is" : "are", folder_.string(),
             url_);
}

}  // namespace weir::cli
