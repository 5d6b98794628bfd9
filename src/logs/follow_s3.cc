#include "logs/follow_s3.h"

#include <poll.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "logs/open_lines.h"

namespace weir::logs {
namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{4} << 20U;
/// Whether there is no such object any more, or another one under its key.
bool is_of_the_past(const aws::Failure& failure) {
  constexpr int kPreconditionFailed = 412;
  return failure.is("NoSuchKey") || failure.status == kPreconditionFailed;
}

base::UnixSeconds stamp_of(const Object& object) {
  return object.key.slot ? *object.key.slot : object.modified;
}

bool is_older(const Object& a, const Object& b) {
  return std::forward_as_tuple(stamp_of(a), a.path) < std::forward_as_tuple(stamp_of(b), b.path);
}

/// Once.
void tell(bool& is_told, const aws::Failure& failure, LineSink& sink) {
  if (std::exchange(is_told, true)) return;
  base::Error error = asked_again(failure);
  Problems problems;
  problems.damaged(std::exchange(error.where, ""), error);
  sink.problems(problems);
}

/// The bytes of an object, one piece after the other.
class Pieces : public base::Input {
 public:
  /// All outlive it; `failure` is what reading ended with.
  Pieces(const Object& object, S3Reader& s3, std::optional<aws::Failure>& failure)
      : object_(object), s3_(s3), failure_(failure) {}

  base::Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    if (left_.empty() && fetched_ < object_.bytes) {
      auto piece = s3_.get(object_, {fetched_, std::min(kPieceBytes, object_.bytes - fetched_)});
      if (!piece) {
        failure_ = std::move(piece.error());
        return base::fail("", failure_->error.what);
      }
      if (piece->empty()) return base::fail("", "is shorter than it was when it was listed");
      piece_ = std::move(*piece);
      left_ = piece_;
      fetched_ += piece_.size();
    }
    const std::size_t count = std::min(out.size(), left_.size());
    std::copy_n(left_.begin(), count, out.begin());
    left_.remove_prefix(count);
    return count;
  }
  [[nodiscard]] std::uint64_t consumed() const override { return fetched_ - left_.size(); }
  [[nodiscard]] std::uint64_t total() const override { return object_.bytes; }

 private:
  const Object& object_;
  S3Reader& s3_;
  std::optional<aws::Failure>& failure_;
  std::string piece_;
  std::string_view left_;
  std::uint64_t fetched_ = 0;
};

/// False: `stop` came.
bool wait_or_stop(int stop, std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  pollfd waited{stop, POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::max(end - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration()));
    const int ready = ::poll(&waited, 1, static_cast<int>(left.count()));
    if (ready >= 0) return ready == 0;
  }
}

}  // namespace

S3Follower::S3Follower(S3Reader& s3, Settings settings)
    : s3_(s3),
      settings_(std::move(settings)),
      folders_(s3, {std::exchange(settings_.folders, {}), settings_.now,
                    [this](const std::string& url) { return is_read(url); },
                    settings_.mode == Mode::once}) {}

base::Expected<std::unique_ptr<S3Follower>> S3Follower::open(S3Reader& s3, Settings settings,
                                                             LineSink& sink) {
  std::unique_ptr<S3Follower> follower(new S3Follower(s3, std::move(settings)));
  Problems problems;
  auto objects = follower->folders_.list(problems);
  if (!objects) return tl::unexpected(told_by_s3(objects.error()));
  sink.problems(problems);
  for (Object& object : follower->not_done(std::move(*objects))) {
    follower->known_.at(object.path).is_done = true;
    if (object.kind == ObjectKind::parquet) {
      ++follower->parquet_objects_;
    } else {
      ++follower->text_objects_;
      follower->earlier_.push_back(std::move(object));
    }
  }
  std::sort(follower->earlier_.begin(), follower->earlier_.end(),
            [](const Object& a, const Object& b) {
              return std::forward_as_tuple(stamp_of(a), b.path) <
                     std::forward_as_tuple(stamp_of(b), a.path);
            });
  return follower;
}

bool S3Follower::is_read(const std::string& url) const {
  for (auto each = known_.lower_bound(url); each != known_.end() && each->first.starts_with(url);
       ++each) {
    if (!each->second.is_done) return false;
  }
  return true;
}

/// Those of a listing that are to be read, each once and in the order of their time. Forgets what
/// it no longer has.
std::vector<Object> S3Follower::not_done(std::vector<Object> objects) {
  std::vector<Object> out;
  for (Object& object : objects) {
    Known& known = known_[object.path];
    const bool is_met_again = known.listing == folders_.listing();
    const bool is_named_by_content = !object.key.flow_log_id.empty() && !known.etag.empty();
    if (known.etag != object.etag && !is_named_by_content) {
      known = {};
      known.etag = object.etag;
    }
    known.listing = folders_.listing();
    if (!known.is_done && !is_met_again) out.push_back(std::move(object));
  }
  std::erase_if(known_, [&](const auto& each) {
    return each.second.listing != folders_.listing() && !folders_.is_below_unlisted(each.first);
  });
  std::sort(out.begin(), out.end(), is_older);
  return out;
}

bool S3Follower::read_earlier(LineSink& sink) {
  if (earlier_.empty()) return false;
  const base::UnixSeconds time = stamp_of(earlier_.back());
  while (!earlier_.empty() && stamp_of(earlier_.back()) == time) {
    const Object object = std::move(earlier_.back());
    earlier_.pop_back();
    const Reading reading = read(object, sink);
    if (reading == Reading::out) return false;
    if (reading == Reading::enough) break;
  }
  return true;
}

base::Expected<void> S3Follower::follow(int stop, LineSink& sink) {
  while (wait_or_stop(stop, settings_.interval)) {
    if (read_new(sink) == Reading::enough) break;
  }
  return {};
}

S3Follower::Reading S3Follower::read_new(LineSink& sink) {
  Problems problems;
  const Reading reading = read_listed(folders_.list(problems), problems, sink);
  if (reading != Reading::done || !folders_.has_postponed()) return reading;
  Problems later;
  return read_listed(folders_.list_postponed(later), later, sink);
}

S3Follower::Reading S3Follower::read_listed(aws::Result<std::vector<Object>> listed,
                                            Problems& problems, LineSink& sink) {
  if (!listed) {
    if (listed.error().kind == aws::Failure::Kind::cancelled) return Reading::enough;
    sink.problems(problems);
    tell(is_outage_told_, listed.error(), sink);
    return Reading::out;
  }
  is_outage_told_ = false;
  std::vector<Object> objects = not_done(std::move(*listed));
  for (const Object& object : objects) {
    if (object.kind != ObjectKind::parquet) continue;
    known_.at(object.path).is_done = true;
    problems.damaged(object.path, {"", "is Parquet, and left out", "ask it with weir query"});
  }
  if (problems.damaged_objects() != 0) sink.problems(problems);
  // What failed before may take minutes to fail again.
  std::stable_partition(objects.begin(), objects.end(),
                        [this](const Object& object) { return !known_.at(object.path).is_told; });
  for (const Object& object : objects) {
    if (object.kind == ObjectKind::parquet) continue;
    const Reading reading = read(object, sink);
    if (reading != Reading::done) return reading;
  }
  return Reading::done;
}

/// Hands out what has not been of the object's lines. What does not fit is told once it is whole.
S3Follower::Reading S3Follower::read(const Object& object, LineSink& sink) {
  Known& known = known_.at(object.path);
  Problems problems;
  std::optional<aws::Failure> failure;
  auto reader = open_lines(object, std::make_unique<Pieces>(object, s3_, failure),
                           settings_.without_header, problems);
  if (!reader && !failure) problems.damaged(object.name, reader.error());
  for (std::uint64_t count = 0; reader;) {
    auto block = (*reader)->next();
    if (!block && !failure) problems.damaged(object.name, block.error());
    if (!block || *block == nullptr) break;
    const Lines& lines = **block;
    const std::uint64_t first =
        std::min<std::uint64_t>(known.lines - std::min(known.lines, count), lines.size());
    count += lines.size();
    known.lines = std::max(known.lines, count);
    if (first < lines.size() && !sink.lines((*reader)->columns(), lines, first)) {
      return Reading::enough;
    }
  }
  if (failure) return fail(object, *failure, problems, sink);
  known.is_done = true;
  sink.problems(problems);
  return Reading::done;
}

S3Follower::Reading S3Follower::fail(const Object& object, const aws::Failure& failure,
                                     Problems& problems, LineSink& sink) {
  if (failure.kind == aws::Failure::Kind::cancelled) return Reading::enough;
  Known& known = known_.at(object.path);
  const bool is_followed = settings_.mode == Mode::follow;
  // A transfer that is cut off each time looks like an outage: a listing tells which it is.
  const bool is_out = !is_of_one_object(failure) && !folders_.can_be_asked();
  // The next listing tells what there is instead; unless that is what cannot be had.
  if (is_followed && is_of_the_past(failure) &&
      std::exchange(known.missed, object.etag) != object.etag) {
    known.is_done = false;
    return Reading::done;
  }
  if (is_followed && !is_for_good(failure)) {
    known.is_done = false;
    tell(is_out ? is_outage_told_ : known.is_told, failure, sink);
    return is_out ? Reading::out : Reading::done;
  }
  base::Error error = told_by_s3(failure);
  error.where.clear();
  problems.damaged(object.name, error);
  known.is_done = true;
  sink.problems(problems);
  return is_out ? Reading::out : Reading::done;
}

}  // namespace weir::logs
