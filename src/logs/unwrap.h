// What other services put around a record's line.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/input.h"

namespace weir::logs {

/// The line that a JSON object without a message becomes; no text of UTF-8 is like it.
inline constexpr std::string_view kNoMessage = "\xff{}";

/// JSON becomes the lines that it carries: the text of each "message", however deep. That is what
/// Data Firehose writes, {"message": "…"}, with or without a newline between; what a subscription
/// filter of CloudWatch Logs sends, {"logEvents": [{"message": "…"}, …]} (its control messages left
/// out); and what `aws logs filter-log-events` prints. An object without a message becomes
/// kNoMessage, so that it is counted; what is no JSON stays as it is. `first` is what has
/// been read of the input already. Error at the end: an object is not closed.
std::unique_ptr<base::Input> unwrap_messages(std::string_view first,
                                             std::unique_ptr<base::Input> input);

/// Gives `first`, then the input.
std::unique_ptr<base::Input> put_back(std::string_view first, std::unique_ptr<base::Input> input);

/// How many words stand before the record: 1 where CloudWatch Logs exports events with their time,
/// "2026-11-23T14:05:09.000Z 2 …"; 2 where `aws logs tail` prints the log stream after it; else 0.
/// `words` is how many words the record has.
std::size_t words_in_front(std::string_view line, std::size_t words);

}  // namespace weir::logs
