#include "deliver/logs_destination.h"

#include <algorithm>

#include "deliver/batch.h"

namespace weir::deliver {
namespace {

bool is_missing(const aws::Failure& failure) {
  return failure.is("ResourceNotFoundException");
}

/// Of the first `count` events those in [first, end).
std::size_t overlap(std::size_t count, std::size_t first, std::size_t end) {
  return std::min(count, end) - std::min(count, first);
}

}  // namespace

aws::Result<void> LogsDestination::send_some(Rest& rest, aws::Backoff& backoff, EventTally& tally) {
  const std::string stream = rest.events.front().stream;
  const auto other = std::find_if(rest.events.begin(), rest.events.end(),
                                  [&](const Event& each) { return each.stream != stream; });
  const auto same = static_cast<std::size_t>(other - rest.events.begin());
  const auto settle = [&rest](std::size_t count) {
    rest.events.erase(rest.events.begin(),
                      rest.events.begin() + static_cast<std::ptrdiff_t>(count));
    rest.maybe_taken -= std::min(rest.maybe_taken, count);
  };
  const std::size_t count = batch_length(kLogsLimits, same, [&rest](std::size_t i) {
    return BatchItem{rest.events[i].line.size(), rest.events[i].time};
  });
  if (count == 0) {
    ++tally.too_large;
    settle(1);
    return {};
  }
  std::vector<aws::LogEvent> events;
  events.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    events.push_back({rest.events[i].time, rest.events[i].line});
  }
  auto done = put(stream, events, backoff);
  if (!done) {
    if (done.error().may_be_done) rest.maybe_taken = std::max(rest.maybe_taken, count);
    done.error().error.where = name() + ", stream " + stream + ", at " + done.error().error.where;
    return tl::unexpected(std::move(done.error()));
  }
  backoff.reset();
  tally.too_old += done->first_kept;
  tally.too_new += count - done->end_kept;
  tally.taken += done->end_kept - done->first_kept;
  tally.maybe_twice +=
      overlap(done->may_be_repeated ? count : rest.maybe_taken, done->first_kept, done->end_kept);
  settle(count);
  return {};
}

aws::Result<aws::PutEvents> LogsDestination::put(const std::string& stream,
                                                 std::span<const aws::LogEvent> events,
                                                 aws::Backoff& backoff) {
  bool may_be_done = false;  // what makes the stream has no events
  for (bool was_made = false;; was_made = true) {
    auto done = logs_->put_events(group_, stream, events);
    if (done) {
      done->may_be_repeated = done->may_be_repeated || may_be_done;
      return done;
    }
    done.error().may_be_done = may_be_done = may_be_done || done.error().may_be_done;
    if (!is_missing(done.error())) return done;
    // What was just made may take a moment to be known everywhere.
    if (was_made && !backoff.again()) return done;
    if (auto made = make(stream); !made && !is_missing(made.error())) {
      made.error().may_be_done = may_be_done;
      return tl::unexpected(std::move(made.error()));
    }
  }
}

aws::Result<void> LogsDestination::make(const std::string& stream) {
  auto made = logs_->create_stream(group_, stream);
  if (made || !is_missing(made.error())) return made;
  if (auto group = logs_->create_group(group_); !group) return group;
  return logs_->create_stream(group_, stream);
}

}  // namespace weir::deliver
