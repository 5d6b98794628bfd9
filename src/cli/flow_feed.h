// What a running service drains, second by second: the lines of its /flows.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "cli/logged_record.h"
#include "http/client.h"

namespace weir::cli {

class FlowSink {
 public:
  virtual ~FlowSink() = default;
  /// The record's text ends with the call.
  virtual void flow(const LoggedRecord& record) = 0;
  /// All flows of the drain of this time have come, but for so many that the service does not show.
  virtual void drained(base::UnixSeconds time, std::uint64_t left_out) = 0;
  /// So many lines are missing between those before and those after, flows or the ends of drains,
  /// because this reader was too slow, or could not read them.
  virtual void missed(std::uint64_t lines) = 0;
};

class FlowFeed {
 public:
  /// `sink` outlives the feed.
  FlowFeed(http::Client client, FlowSink& sink);
  FlowFeed(const FlowFeed&) = delete;
  FlowFeed& operator=(const FlowFeed&) = delete;

  /// Hands over what comes, until something has, `also` can be read from, or the time is over.
  /// False: the service has ended. Errors: http::Client's.
  base::Expected<bool> wait(int also, std::chrono::milliseconds time);

 private:
  void take(std::string_view line);
  void take_note(std::string_view note);

  http::Client client_;
  FlowSink& sink_;
  std::shared_ptr<const RecordFormat> format_;
  std::vector<std::string_view> values_;
};

}  // namespace weir::cli
