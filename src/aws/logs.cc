#include "aws/logs.h"

#include <algorithm>

namespace weir::aws {
namespace {

Result<void> made(const Result<void>& answer) {
  if (answer || answer.error().is("ResourceAlreadyExistsException")) return {};
  return tl::unexpected(answer.error());
}

/// An index into the events of a call; `otherwise` where the answer has none.
std::size_t index_of(const nlohmann::json& rejected, const char* name, std::size_t count,
                     std::size_t otherwise) {
  const auto place = rejected.find(name);
  if (place == rejected.end() || !place->is_number_unsigned()) return otherwise;
  return static_cast<std::size_t>(std::min<std::uint64_t>(place->get<std::uint64_t>(), count));
}

}  // namespace

Result<void> Logs::create_group(const std::string& group) {
  return made(service_.order("CreateLogGroup", {{"logGroupName", group}}));
}

Result<void> Logs::create_stream(const std::string& group, const std::string& stream) {
  return made(
      service_.order("CreateLogStream", {{"logGroupName", group}, {"logStreamName", stream}}));
}

Result<PutEvents> Logs::put_events(const std::string& group, const std::string& stream,
                                   std::span<const LogEvent> events) {
  nlohmann::json list = nlohmann::json::array();
  for (const LogEvent& event : events) {
    list.push_back(
        {{"timestamp", event.timestamp.time_since_epoch().count()}, {"message", event.message}});
  }
  auto answer = service_.call(
      "PutLogEvents",
      {{"logGroupName", group}, {"logStreamName", stream}, {"logEvents", std::move(list)}});
  if (!answer) return tl::unexpected(std::move(answer.error()));
  PutEvents put{0, events.size(), answer->may_be_repeated};
  const auto rejected = answer->body.find("rejectedLogEventsInfo");
  if (rejected == answer->body.end() || !rejected->is_object()) return put;
  put.first_kept = std::max(index_of(*rejected, "tooOldLogEventEndIndex", events.size(), 0),
                            index_of(*rejected, "expiredLogEventEndIndex", events.size(), 0));
  put.end_kept = std::max(put.first_kept, index_of(*rejected, "tooNewLogEventStartIndex",
                                                   events.size(), events.size()));
  return put;
}

}  // namespace weir::aws
