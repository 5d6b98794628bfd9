#include "deliver/spool.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/file_error.h"
#include "base/folder_lock.h"
#include "base/number.h"
#include "deliver/file.h"

namespace weir::deliver {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kSuffix = ".segment";
constexpr int kSequenceDigits = 20;
/// Sequences of one opening; the next one begins above them, whatever has been freed meanwhile.
constexpr unsigned kOpeningShift = 32;

std::optional<std::uint64_t> sequence_of(const fs::path& file) {
  if (file.extension() != kSuffix) return std::nullopt;
  return base::whole_number<std::uint64_t>(file.stem().string());
}

base::Expected<std::vector<fs::path>> files_of(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error); !error && at != fs::end(at); at.increment(error)) {
    out.push_back(at->path());
  }
  if (error) return base::fail(folder.string(), "cannot be read: " + error.message());
  return out;
}

}  // namespace

struct Spool::State {
  struct Waiting {
    std::uint64_t bytes = 0;  ///< the file's
    bool is_taken = false;
    std::optional<base::UnixSeconds> since;  ///< where its earliest window begins
  };

  base::Expected<void> open();
  base::Expected<void> read_state();
  base::Expected<void> find_segments();
  base::Expected<void> empty_writing();
  [[nodiscard]] fs::path path_of(std::uint64_t sequence) const {
    return folder / fmt::format("{:0{}}{}", sequence, kSequenceDigits, kSuffix);
  }

  base::Expected<void> seal(const fs::path& file, const Sealing& sealing);
  /// Returns the bytes of the segment's file.
  base::Expected<std::uint64_t> write_segment(const fs::path& file, const Sealing& sealing,
                                              std::uint64_t sequence);
  /// Oldest first, until the limits are kept.
  void keep_limits();
  void make_room(std::uint64_t bytes);
  bool give_up_oldest();
  void forget(std::uint64_t sequence);
  bool discard(std::uint64_t sequence);
  std::optional<std::uint64_t> claim(const std::function<bool(std::uint64_t)>& is_wanted);
  base::Expected<std::optional<Segment>> read(std::uint64_t sequence);
  bool set_aside(const fs::path& file);
  void set_aside_segment(std::uint64_t sequence, const std::optional<SegmentDescription>& what);
  bool lose_windows(const Sealing& sealing, std::optional<std::uint64_t> sequence);
  base::Expected<void> write_state();

  fs::path folder;
  SpoolLimits limits;
  Log log;
  std::unique_ptr<Disk> disk;
  base::FolderLock lock;

  mutable std::mutex mutex;  // of what follows
  std::map<std::uint64_t, Waiting> waiting;
  std::uint64_t opening = 0;
  std::uint64_t next_sequence = 0;
  std::uint64_t ranges = 0;  ///< of numbers that were given
  Coverage lost;
  std::set<std::uint64_t> removed;  ///< `lost` tells of them: they are not delivered any more
  SpoolStatus status;
  bool is_state_written = false;
  std::function<void()> sealed;
};

base::Expected<void> Spool::State::open() {
  for (const fs::path& each : {folder / "writing", folder / "damaged"}) {
    if (auto made = make_folders(folder.root_path(), each); !made) return made;
  }
  auto taken = base::FolderLock::take(
      folder, {folder.string(), "is in use by another process",
               "end that one, or give each a folder (or each flow log an id) of its own"});
  if (!taken) return tl::unexpected(taken.error());
  lock = std::move(*taken);
  if (auto read = read_state(); !read) return read;
  if (auto found = find_segments(); !found) return found;
  if (auto emptied = empty_writing(); !emptied) return emptied;
  ++opening;
  next_sequence = opening << kOpeningShift;
  if (auto written = write_state(); !written) {
    log(written.error().message() + "; nothing can be sealed until it can");
  }
  keep_limits();
  if (status.waiting != 0) {
    log(fmt::format("{} objects of an earlier run wait in {}", status.waiting, folder.string()));
  }
  return {};
}

base::Expected<void> Spool::State::read_state() {
  const fs::path file = folder / "state";
  std::error_code error;
  const bool is_there = fs::exists(file, error);
  if (error) return base::fail(file.string(), "cannot be read: " + error.message());
  if (!is_there) return {};
  const auto text = read_before_last_line(*disk, file);
  if (!text) return tl::unexpected(text.error());
  const Json json = *text ? Json::parse(**text, nullptr, false) : Json();
  const bool is_whole = json.is_object() && json.contains("opening") && json.contains("removed") &&
                        json.contains("lost") && json["opening"].is_number_unsigned() &&
                        json["removed"].is_array();
  auto coverage = is_whole ? coverage_of_json(json["lost"].dump()) : std::nullopt;
  if (!coverage) {
    set_aside(file);
    return {};
  }
  opening = json["opening"].get<std::uint64_t>();
  lost = std::move(*coverage);
  for (const Json& each : json["removed"]) {
    if (each.is_number_unsigned()) removed.insert(each.get<std::uint64_t>());
  }
  return {};
}

base::Expected<void> Spool::State::find_segments() {
  const auto files = files_of(folder);
  if (!files) return tl::unexpected(files.error());
  for (const fs::path& file : *files) {
    const auto sequence = sequence_of(file);
    if (!sequence) continue;
    opening = std::max(opening, *sequence >> kOpeningShift);
    if (removed.contains(*sequence)) {
      if (auto done = disk->remove(file); !done) return done;
      continue;
    }
    const auto bytes = disk->size(file);
    if (!bytes) return tl::unexpected(bytes.error());
    const auto description = read_segment_ending(*disk, file);
    if (!description) {
      log(description.error().message() + "; it is tried again when its turn comes");
    } else if (!*description || (*description)->sequence != *sequence) {
      set_aside(file);
      continue;
    } else if ((*description)->found_bytes != (*description)->bytes) {
      set_aside_segment(*sequence, *description);
      continue;
    }
    waiting[*sequence] = {*bytes, false,
                          description ? (*description)->sealing.coverage.first() : std::nullopt};
    ++status.waiting;
    status.waiting_bytes += *bytes;
  }
  // Before the state is written that does not tell of them any more.
  if (auto synced = disk->sync_folder(folder); !synced) return synced;
  removed.clear();
  return {};
}

base::Expected<void> Spool::State::empty_writing() {
  const auto files = files_of(folder / "writing");
  if (!files) return tl::unexpected(files.error());
  for (const fs::path& file : *files) {
    if (auto done = disk->remove(file); !done) return done;
    ++status.unsealed;
  }
  if (!files->empty()) {
    log(fmt::format("{} files in {} had not been sealed when the last run ended, and are removed",
                    files->size(), folder.string()));
  }
  return {};
}

base::Expected<void> Spool::State::write_state() {
  const fs::path fresh = folder / "state.new";
  Json json = {{"opening", opening}, {"removed", removed}};
  json["lost"] = Json::parse(to_json(lost));
  is_state_written = false;
  if (auto done = disk->remove(fresh); !done) return done;
  if (auto done = disk->append_synced(fresh, with_last_line(json.dump())); !done) return done;
  if (auto done = disk->rename(fresh, folder / "state"); !done) return done;
  auto done = disk->sync_folder(folder);
  is_state_written = done.has_value();
  return done;
}

/// What cannot be read any more is for a person to look at.
bool Spool::State::set_aside(const fs::path& file) {
  ++status.damaged;
  auto done = disk->rename(file, folder / "damaged" / file.filename());
  if (done) done = disk->sync_folder(folder / "damaged");
  if (done) done = disk->sync_folder(folder);
  log(fmt::format("{} is damaged and was set aside in {}{}", file.string(),
                  (folder / "damaged").string(), done ? "" : ": " + done.error().message()));
  return done.has_value();
}

/// First it is on disk that its windows are lost, as far as they are known, then it goes.
void Spool::State::set_aside_segment(std::uint64_t sequence,
                                     const std::optional<SegmentDescription>& what) {
  if (what && !lose_windows(what->sealing, sequence)) {
    ++status.damaged;
    log(path_of(sequence).string() + " is damaged and stays where it is");
    return;
  }
  if (set_aside(path_of(sequence))) removed.erase(sequence);
}

/// Whether it is on disk that they are.
bool Spool::State::lose_windows(const Sealing& sealing, std::optional<std::uint64_t> sequence) {
  lost.add(sealing.coverage);
  status.lost_records += sealing.records;
  if (sequence) removed.insert(*sequence);
  if (auto written = write_state(); !written) {
    log("the loss can be kept in memory only: " + written.error().message());
    return false;
  }
  return true;
}

base::Expected<std::uint64_t> Spool::State::write_segment(const fs::path& file,
                                                          const Sealing& sealing,
                                                          std::uint64_t sequence) {
  // It has this opening, whose numbers no other may give again, and what was lost before.
  if (!is_state_written) {
    if (auto done = write_state(); !done) return tl::unexpected(done.error());
  }
  SegmentDescription description{sealing, sequence, 0, 0, 0};
  const auto bytes = disk->size(file);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto checksum = payload_checksum(*disk, file, *bytes);
  if (!checksum) return tl::unexpected(checksum.error());
  if (!*checksum) return base::fail(file.string(), "was cut short while it was sealed");
  description.bytes = *bytes;
  description.crc32 = **checksum;
  const std::string ending = segment_ending(description);
  auto done = disk->append_synced(file, ending);
  if (done) done = disk->rename(file, path_of(sequence));
  if (done) done = disk->sync_folder(folder);
  if (!done) return tl::unexpected(done.error());
  return *bytes + ending.size();
}

void Spool::State::keep_limits() {
  while (status.waiting_bytes > limits.bytes && give_up_oldest()) {
  }
  make_room(limits.leave_free);
}

void Spool::State::make_room(std::uint64_t bytes) {
  std::uint64_t ours = 0;
  for (const auto& [sequence, entry] : waiting) ours += entry.is_taken ? 0 : entry.bytes;
  for (bool is_first = true;; is_first = false) {
    const auto available = disk->available(folder);
    if (!available || *available >= bytes) return;
    if (is_first && *available + ours < bytes) return;
    if (!give_up_oldest()) return;
  }
}

/// False: there is none, or it cannot be removed.
bool Spool::State::give_up_oldest() {
  base::Expected<std::optional<SegmentDescription>> found;
  const auto oldest = std::find_if(waiting.begin(), waiting.end(), [&](const auto& each) {
    if (each.second.is_taken) return false;
    found = read_segment_ending(*disk, path_of(each.first));
    return found.has_value();  // one that cannot be read now may be whole
  });
  if (oldest == waiting.end()) return false;
  const std::uint64_t sequence = oldest->first;
  if (const auto& description = *found; description) {
    log(fmt::format("there is no room in {}: {} with {} records is given up, and becomes SKIPDATA",
                    folder.string(), description->sealing.key, description->sealing.records));
    // First it is on disk that its windows are lost, then it goes.
    static_cast<void>(lose_windows(description->sealing, sequence));
  } else {
    log(fmt::format(
        "there is no room: {} is given up; it is damaged, and nobody knows what it held",
        path_of(sequence).string()));
  }
  ++status.given_up;
  forget(sequence);
  const bool is_gone = discard(sequence);
  // Before, there may have been no room even for that.
  if (!is_state_written) static_cast<void>(write_state());
  return is_gone;
}

void Spool::State::forget(std::uint64_t sequence) {
  const auto place = waiting.find(sequence);
  --status.waiting;
  status.waiting_bytes -= place->second.bytes;
  waiting.erase(place);
}

/// What cannot be removed now is removed when the spool is opened the next time.
bool Spool::State::discard(std::uint64_t sequence) {
  auto gone = disk->remove(path_of(sequence));
  if (gone) gone = disk->sync_folder(folder);
  if (gone) {
    removed.erase(sequence);
  } else {
    log(gone.error().message());
  }
  return gone.has_value();
}

Spool::Spool(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spool::Spool(Spool&&) noexcept = default;
Spool& Spool::operator=(Spool&&) noexcept = default;
Spool::~Spool() = default;

base::Expected<Spool> Spool::open(const fs::path& folder, SpoolLimits limits, Log log,
                                  std::unique_ptr<Disk> disk) {
  auto state = std::make_unique<State>();
  std::error_code error;
  state->folder = fs::absolute(folder, error);
  if (error) return base::fail(folder.string(), "cannot be found: " + error.message());
  state->limits = limits;
  state->log = std::move(log);
  state->disk = std::move(disk);
  if (auto opened = state->open(); !opened) return tl::unexpected(opened.error());
  return Spool(std::move(state));
}

fs::path Spool::writing_folder() const {
  return state_->folder / "writing";
}

std::uint64_t Spool::opening() const {
  return state_->opening;
}

std::uint64_t Spool::million_numbers() {
  constexpr unsigned kMillion = 20;  // 2^20
  const std::scoped_lock held(state_->mutex);
  return (state_->opening << kMillion | state_->ranges++) << kMillion;
}

base::Expected<void> Spool::seal(const fs::path& file, const Sealing& sealing) {
  std::function<void()> call;
  {
    const std::scoped_lock held(state_->mutex);
    if (auto sealed = state_->seal(file, sealing); !sealed) return sealed;
    call = state_->sealed;
  }
  if (call) call();
  return {};
}

void Spool::on_sealed(std::function<void()> call) {
  const std::scoped_lock held(state_->mutex);
  state_->sealed = std::move(call);
}

base::Expected<void> Spool::State::seal(const fs::path& file, const Sealing& sealing) {
  const std::uint64_t sequence = next_sequence++;
  const auto written = write_segment(file, sealing, sequence);
  if (!written) {
    log(fmt::format("{} records could not be kept and become SKIPDATA: {}", sealing.records,
                    written.error().message()));
    ++status.given_up;
    // It may lie under either name, and may be on disk or not: it must be under none.
    static_cast<void>(lose_windows(sealing, sequence));
    static_cast<void>(disk->remove(file));
    discard(sequence);
    return tl::unexpected(written.error());
  }
  waiting[sequence] = {*written, false, sealing.coverage.first()};
  ++status.sealed;
  ++status.waiting;
  status.waiting_bytes += *written;
  keep_limits();
  return {};
}

void Spool::make_room(std::uint64_t bytes) {
  const std::scoped_lock held(state_->mutex);
  state_->make_room(bytes);
}

void Spool::lose(const Sealing& sealing, const base::Error& why) {
  State& state = *state_;
  const std::scoped_lock lock(state.mutex);
  ++state.status.given_up;
  state.log(fmt::format("{} records could not be kept and become SKIPDATA: {}", sealing.records,
                        why.message()));
  static_cast<void>(state.lose_windows(sealing, {}));
}

std::optional<std::uint64_t> Spool::State::claim(
    const std::function<bool(std::uint64_t)>& is_wanted) {
  const std::scoped_lock held(mutex);
  for (auto& [sequence, entry] : waiting) {
    if (entry.is_taken || !is_wanted(sequence)) continue;
    entry.is_taken = true;
    return sequence;
  }
  return std::nullopt;
}

/// Of a claimed segment, without the mutex: it may be large. Nothing: it is damaged, and set aside.
base::Expected<std::optional<Segment>> Spool::State::read(std::uint64_t sequence) {
  const fs::path file = path_of(sequence);
  auto description = read_segment_ending(*disk, file);
  if (!description) return tl::unexpected(description.error());
  if (*description && (*description)->found_bytes == (*description)->bytes) {
    const auto checksum = payload_checksum(*disk, file, (*description)->bytes);
    if (!checksum) return tl::unexpected(checksum.error());
    if (*checksum == (*description)->crc32) {
      Sealing& sealing = (*description)->sealing;
      return Segment{sequence, std::move(sealing.key), sealing.records, file,
                     (*description)->bytes};
    }
  }
  const std::scoped_lock held(mutex);
  set_aside_segment(sequence, *description);
  forget(sequence);
  return std::nullopt;
}

tl::expected<Segment, NotTaken> Spool::take(const std::function<bool(std::uint64_t)>& is_wanted) {
  while (const auto sequence = state_->claim(is_wanted)) {
    auto segment = state_->read(*sequence);
    if (!segment) return tl::unexpected(NotTaken{sequence, std::move(segment.error())});
    if (*segment) return std::move(**segment);
  }
  return tl::unexpected(NotTaken{});
}

bool Spool::has(std::uint64_t sequence) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->waiting.contains(sequence);
}

void Spool::give_back(std::uint64_t sequence) {
  State& state = *state_;
  const std::scoped_lock lock(state.mutex);
  const auto place = state.waiting.find(sequence);
  if (place != state.waiting.end()) place->second.is_taken = false;
}

void Spool::free(std::uint64_t sequence) {
  State& state = *state_;
  const std::scoped_lock lock(state.mutex);
  if (!state.waiting.contains(sequence)) return;
  ++state.status.delivered;
  state.forget(sequence);
  // Where it comes back after a crash, it is offered again, and is found to be there.
  state.discard(sequence);
}

Coverage Spool::lost() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->lost;
}

void Spool::forget_lost(const Coverage& coverage) {
  State& state = *state_;
  const std::scoped_lock lock(state.mutex);
  state.lost.remove(coverage);
  if (auto written = state.write_state(); !written) state.log(written.error().message());
}

SpoolStatus Spool::status() const {
  const std::scoped_lock lock(state_->mutex);
  SpoolStatus status = state_->status;
  if (!state_->waiting.empty()) status.waiting_since = state_->waiting.begin()->second.since;
  return status;
}

base::Expected<void> unpack(const Segment& segment, const fs::path& folder) {
  const fs::path to = folder / segment.key;
  if (auto made = make_folders(folder, to.parent_path()); !made) return made;
  std::error_code error;
  fs::rename(segment.file, to, error);
  if (error) return tl::unexpected(base::file_error(to, "made", error.value()));
  fs::resize_file(to, segment.bytes, error);
  if (!error) return {};
  std::error_code ignored;
  fs::rename(to, segment.file, ignored);
  return tl::unexpected(base::file_error(to, "cut to length", error.value()));
}

}  // namespace weir::deliver
