#include "deliver/firehose_destination.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "deliver/batch.h"

namespace weir::deliver {
namespace {

std::string message_of(const std::string& line) {
  return R"({"message":)" +
         nlohmann::json(line).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
         "}\n";
}

/// As if it had been the answer to a call of this record alone.
aws::Failure failure_of(const aws::RefusedRecord& record) {
  constexpr int kServiceUnavailable = 503;
  constexpr int kInternalFailure = 500;
  aws::Failure failure;
  failure.kind = aws::Failure::Kind::refused;
  failure.code = record.code;
  failure.message = record.message;
  failure.status =
      failure.is("ServiceUnavailableException") ? kServiceUnavailable : kInternalFailure;
  failure.error.what = record.code;
  if (!record.message.empty()) failure.error.what += ": " + record.message;
  return failure;
}

}  // namespace

aws::Result<void> FirehoseDestination::send_some(Rest& rest, aws::Backoff& backoff,
                                                 EventTally& tally) {
  std::vector<std::string> records;
  const auto begin = rest.events.begin();
  const std::size_t count = batch_length(kFirehoseLimits, rest.events.size(), [&](std::size_t i) {
    records.push_back(message_of(rest.events[i].line));
    return BatchItem{records.back().size(), rest.events[i].time};
  });
  records.resize(count);
  if (count == 0) {
    ++tally.too_large;
    rest.events.erase(begin);
    rest.maybe_taken -= std::min<std::size_t>(rest.maybe_taken, 1);
    return {};
  }
  auto put = firehose_->put_records(stream_, records);
  if (!put) {
    if (put.error().may_be_done) rest.maybe_taken = std::max(rest.maybe_taken, count);
    put.error().error.where = name() + ", at " + put.error().error.where;
    return tl::unexpected(std::move(put.error()));
  }
  if (put->may_be_repeated) rest.maybe_taken = std::max(rest.maybe_taken, count);
  const std::size_t refused = put->refused.size();
  tally.taken += count - refused;
  // Those that were refused move to the front, in their order, behind which the next ones follow.
  std::size_t maybe_of_refused = 0;
  for (std::size_t i = 0; i < refused; ++i) {
    const std::size_t index = put->refused[i].index;
    if (index < rest.maybe_taken) ++maybe_of_refused;
    if (index != i) rest.events[i] = std::move(rest.events[index]);
  }
  tally.maybe_twice += std::min(rest.maybe_taken, count) - maybe_of_refused;
  rest.maybe_taken = maybe_of_refused;
  rest.events.erase(begin + static_cast<std::ptrdiff_t>(refused),
                    begin + static_cast<std::ptrdiff_t>(count));
  if (refused < count) backoff.reset();
  if (refused == 0 || backoff.again()) return {};
  aws::Failure failure = failure_of(put->refused.front());
  if (backoff.is_cancelled()) failure.kind = aws::Failure::Kind::cancelled;
  failure.error.where = name();
  failure.error.what += fmt::format(" ({} of the {} records of a call, after {} attempts)", refused,
                                    count, backoff.attempts());
  return tl::unexpected(std::move(failure));
}

}  // namespace weir::deliver
