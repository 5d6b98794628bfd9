#include "deliver/event_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "aws/request.h"
#include "base/digest.h"
#include "deliver/event.h"
#include "deliver/file.h"
#include "deliver/object_key.h"
#include "record/text.h"

namespace weir::deliver {
namespace {

base::Expected<void> write(const std::filesystem::path& path, const std::string& text) {
  auto file = TemporaryFile::create(path.string() + ".tmp");
  if (!file) return tl::unexpected(file.error());
  if (auto written = file->write(aws::bytes_of(text)); !written) return written;
  return file->publish(path);
}

}  // namespace

base::Expected<EventWriter> EventWriter::open(Spool& spool, FlowLog flow_log, EventLimits limits) {
  if (auto checked = check(flow_log); !checked) return tl::unexpected(checked.error());
  const bool is_of_objects = flow_log.file_format != FileFormat::plain_text ||
                             flow_log.hive_compatible_partitions || flow_log.per_hour_partition;
  if (is_of_objects) {
    return base::fail("destination-options", "are about objects, and none are written",
                      "leave them away, or deliver to a folder or to S3");
  }
  return EventWriter(spool, std::move(flow_log), limits);
}

base::Expected<void> EventWriter::add(const record::Record& record) {
  Waiting& next = waiting_.emplace_back(
      Waiting{std::string(record.interface->interface_id), record.start, record.end, {}});
  record::append_line(next.line, record, flow_log_.log_format);
  waiting_bytes_ += next.line.size();
  return waiting_bytes_ > limits_.waiting_bytes ? finish() : base::Expected<void>();
}

base::Expected<void> EventWriter::publish_before(base::UnixSeconds time) {
  const auto whole = std::stable_partition(
      waiting_.begin(), waiting_.end(), [time](const Waiting& each) { return each.end >= time; });
  std::vector<Waiting> records(std::make_move_iterator(whole),
                               std::make_move_iterator(waiting_.end()));
  waiting_.erase(whole, waiting_.end());
  for (const Waiting& each : records) waiting_bytes_ -= each.line.size();
  return seal(std::move(records));
}

base::Expected<void> EventWriter::seal(std::vector<Waiting> records) {
  std::stable_sort(records.begin(), records.end(), [](const Waiting& a, const Waiting& b) {
    return std::tie(a.interface_id, a.start) < std::tie(b.interface_id, b.start);
  });
  base::Expected<void> first_error;
  std::string text;
  std::string line;
  base::UnixSeconds first{};
  Sealing sealing;
  const auto seal_what_there_is = [&] {
    if (sealing.records == 0) return;
    auto sealed = seal(text, first, std::exchange(sealing, {}));
    if (!sealed && first_error) first_error = std::move(sealed);
    text.clear();
  };
  for (const Waiting& each : records) {
    line.clear();
    append_event(line, {each.start, stream_of(each.interface_id), each.line});
    if (text.size() + line.size() > limits_.segment_bytes) seal_what_there_is();
    if (sealing.records++ == 0) first = each.start;
    add_window(sealing.coverage, each.interface_id, each.end, flow_log_.max_aggregation_interval);
    text += line;
  }
  seal_what_there_is();
  return first_error;
}

base::Expected<void> EventWriter::seal(const std::string& text, base::UnixSeconds first,
                                       Sealing sealing) {
  // What was recorded twice, in this run or in two, makes segments of the same text.
  base::Digest digest;
  digest.add(text);
  digest.add(fmt::format("{} {}", spool_->opening(), segments_++));
  constexpr std::size_t kHashDigits = 16;
  sealing.key = key_stem(flow_log_, base::aligned(first, kSlot)) + "_" +
                digest.take_hex().substr(0, kHashDigits) + ".log";
  const std::filesystem::path file = spool_->writing_folder() / sealing.key;
  if (auto written = write(file, text); !written) {
    spool_->lose(sealing, written.error());
    return written;
  }
  if (auto sealed = spool_->seal(file, sealing); !sealed) return sealed;
  published_.push_back({sealing.key, sealing.records, text.size()});
  return {};
}

}  // namespace weir::deliver
