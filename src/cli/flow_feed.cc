#include "cli/flow_feed.h"

#include <string>
#include <utility>

#include "base/number.h"

namespace weir::cli {
namespace {

void split(std::string_view line, std::vector<std::string_view>& out) {
  out.clear();
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = line.find(' ');
    out.push_back(line.substr(0, end));
    if (end != std::string_view::npos) line.remove_prefix(end + 1);
  }
}

}  // namespace

FlowFeed::FlowFeed(http::Client client, FlowSink& sink) : client_(std::move(client)), sink_(sink) {
  client_.follow("/flows", [this](std::string_view line) { take(line); });
}

base::Expected<bool> FlowFeed::wait(int also, std::chrono::milliseconds time) {
  return client_.wait(also, time);
}

void FlowFeed::take(std::string_view line) {
  constexpr std::string_view kNote = "# ";
  if (line.starts_with(kNote)) return take_note(line.substr(kNote.size()));
  split(line, values_);
  if (format_ == nullptr) {
    format_ =
        std::make_shared<RecordFormat>(logs::LineReader::Columns(values_.begin(), values_.end()));
  } else if (values_.size() == format_->columns().size()) {
    sink_.flow(LoggedRecord(format_, values_));
  } else {
    sink_.missed(1);
  }
}

void FlowFeed::take_note(std::string_view note) {
  split(note, values_);
  const auto number = [&](std::size_t index) {
    return index < values_.size() ? base::whole_number<std::uint32_t>(values_[index])
                                  : std::nullopt;
  };
  if (values_.front() == "drained" && number(1) && number(2)) {
    sink_.drained(base::UnixSeconds(std::chrono::seconds(*number(1))), *number(2));
  } else if (values_.front() == "missed" && number(1)) {
    sink_.missed(*number(1));
  } else {
    sink_.missed(1);
  }
}

}  // namespace weir::cli
