#include "service/objects.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <utility>

#include "base/time.h"
#include "deliver/event_writer.h"
#include "deliver/file.h"
#include "deliver/object_key.h"
#include "deliver/publisher.h"

namespace weir::service {
namespace {

namespace fs = std::filesystem;

/// Of a disk with less nothing is taken: room for an object of each of a few flow logs, so that
/// none of them is caught halfway.
constexpr std::uintmax_t kReserve = std::uintmax_t{16} << 20U;

}  // namespace

base::Expected<std::unique_ptr<Objects>> Objects::open(const std::string& destination,
                                                       const deliver::FlowLog& flow_log,
                                                       base::UnixSeconds since, base::Log log) {
  auto publisher = deliver::Publisher::open(destination, flow_log);
  if (!publisher) return tl::unexpected(publisher.error());
  return std::unique_ptr<Objects>(
      new Objects(std::make_unique<deliver::Publisher>(std::move(*publisher)), deliver::kSlot,
                  destination, flow_log.id, since, std::move(log)));
}

base::Expected<std::unique_ptr<Objects>> Objects::open(std::shared_ptr<Remote> remote,
                                                       const deliver::FlowLog& flow_log,
                                                       base::UnixSeconds since, base::Log log) {
  deliver::Spool& spool = remote->spool();
  std::unique_ptr<deliver::RecordWriter> writer;
  std::chrono::seconds slot = deliver::kSlot;
  if (remote->takes_events()) {
    auto events = deliver::EventWriter::open(spool, flow_log);
    if (!events) return tl::unexpected(events.error());
    writer = std::make_unique<deliver::EventWriter>(std::move(*events));
    slot = flow_log.max_aggregation_interval;
  } else {
    auto publisher = deliver::Publisher::open(spool, flow_log, spool.million_numbers());
    if (!publisher) return tl::unexpected(publisher.error());
    writer = std::make_unique<deliver::Publisher>(std::move(*publisher));
  }
  std::unique_ptr<Objects> out(new Objects(std::move(writer), slot, spool.writing_folder().string(),
                                           flow_log.id, since, std::move(log)));
  out->remote_ = std::move(remote);
  return out;
}

Objects::Objects(std::unique_ptr<deliver::RecordWriter> writer, std::chrono::seconds slot,
                 std::string folder, std::string id, base::UnixSeconds since, base::Log log)
    : writer_(std::move(writer)),
      slot_(slot),
      folder_(std::move(folder)),
      id_(std::move(id)),
      log_(std::move(log)),
      whole_until_(since) {}

bool Objects::has_room() {
  const auto room = try_out();
  const std::string complaint = room ? "" : room.error().message();
  if (complaint != complaint_) {
    log_(room ? base::LogLine{base::Severity::info,
                              fmt::format("flow log {}: {} can be written to again", id_, folder_)}
              : base::LogLine{
                    base::Severity::warning,
                    fmt::format("flow log {}: records wait in memory: {}", id_, complaint)});
  }
  complaint_ = complaint;
  if (room) has_failed_ = false;
  return room.has_value();
}

base::Expected<void> Objects::try_out() const {
  if (remote_ != nullptr) remote_->spool().make_room(kReserve);
  std::error_code error;
  const fs::space_info space = fs::space(folder_, error);
  if (!error && space.available < kReserve) {
    return base::fail(folder_, fmt::format("its disk has less than {} MB left", kReserve >> 20U),
                      "free some space");
  }
  if (!has_failed_) return {};
  auto file = deliver::TemporaryFile::create(fs::path(folder_) / ".weir-trial.tmp");
  if (!file) return tl::unexpected(file.error());
  return file->write(std::array<std::uint8_t, 65'536>{});
}

base::Expected<void> Objects::add(const record::Record& record) {
  ++records_;
  const base::UnixSeconds slot = base::aligned(record.end, slot_);
  ++held_[slot];
  if (auto added = writer_->add(record); !added) {
    lose(slot, added.error());
  } else if (take_fresh()) {
    held_[slot] = 0;  // the object was full
  }
  return {};
}

bool Objects::take_fresh() {
  auto objects = writer_->take_published();
  std::move(objects.begin(), objects.end(), std::back_inserter(fresh_));
  return !objects.empty();
}

base::Expected<void> Objects::completed(base::UnixSeconds time) {
  const base::UnixSeconds whole = base::aligned(time, slot_);
  publish(whole);
  if (!loss_) whole_until_ = std::max(whole_until_, whole);
  return {};
}

void Objects::publish_all(base::UnixSeconds now) {
  if (!held_.empty()) publish(held_.rbegin()->first + slot_);
  if (!loss_) whole_until_ = std::max(whole_until_, now);
}

/// Slot by slot, so that it is known which one fails.
void Objects::publish(base::UnixSeconds before) {
  while (!held_.empty() && held_.begin()->first + slot_ <= before) {
    const base::UnixSeconds slot = held_.begin()->first;
    const auto done = writer_->publish_before(slot + slot_);
    take_fresh();
    if (done) {
      held_.erase(slot);
    } else {
      lose(slot, done.error());
    }
  }
}

/// The publisher has dropped what it had of the slot.
void Objects::lose(base::UnixSeconds slot, const base::Error& why) {
  const std::uint64_t records = held_[slot];
  held_.erase(slot);
  has_failed_ = true;
  if (remote_ != nullptr) return;  // the spool knows, and has said it
  lost_records_ += records;
  adopt({slot, slot + slot_});
  log_({base::Severity::error,
        fmt::format("flow log {}: {} records of {:%F %T} UTC and the five minutes since are lost, "
                    "and SKIPDATA will stand for them: {}",
                    id_, records, base::in_utc(base::second_of(slot)), why.message())});
}

void Objects::adopt(const Loss& loss) {
  if (!loss_) loss_ = loss;
  loss_ = {std::min(loss_->from, loss.from), std::max(loss_->to, loss.to)};
  whole_until_ = std::min(whole_until_, loss.from);
}

base::UnixSeconds Objects::whole_until() const {
  const auto lost = remote_ == nullptr ? std::nullopt : remote_->spool().lost_in_memory();
  return lost ? std::min(whole_until_, *lost) : whole_until_;
}

std::vector<deliver::PublishedObject> Objects::take_published(base::UnixMicros now) {
  std::vector<deliver::PublishedObject> objects = std::exchange(fresh_, {});
  published_ += objects.size();
  if (!objects.empty()) {
    const deliver::PublishedObject& last = objects.back();
    last_object_ = {last.key, last.records, last.bytes, now};
  }
  return objects;
}

std::optional<Loss> Objects::take_loss() {
  return std::exchange(loss_, std::nullopt);
}

}  // namespace weir::service
