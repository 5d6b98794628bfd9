#include "deliver/spool.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "deliver/segment_folder.h"
#include "deliver/shared_sync.h"
#include "deliver/spool_state.h"
#include "deliver/waiting_segments.h"

namespace weir::deliver {
namespace {

namespace fs = std::filesystem;

}  // namespace

struct Spool::State {
  State(SegmentFolder the_files, SpoolLimits the_limits, base::Log the_log)
      : files(std::move(the_files)),
        limits(the_limits),
        log(std::move(the_log)),
        kept(files.disk(), files.state()) {}

  base::Expected<void> open();
  base::Expected<void> find_segments();
  base::Expected<void> find_segment(std::uint64_t sequence);

  base::Expected<void> seal(const fs::path& file, const Sealing& sealing);
  /// Oldest first, until the limits are kept.
  void keep_limits();
  void make_room(std::uint64_t bytes);
  bool give_up_oldest();
  /// Nothing: its last lines are damaged. Error: they cannot be read now.
  base::Expected<std::optional<Sealing>> sealing_of(std::uint64_t sequence);
  void miss(std::uint64_t sequence, const std::optional<Sealing>& what);
  bool discard(std::uint64_t sequence);
  base::Expected<std::optional<Segment>> read(std::uint64_t sequence);
  bool set_aside(const fs::path& file);
  void set_aside_segment(std::uint64_t sequence, const std::optional<Sealing>& what);
  bool lose_windows(const Sealing& sealing, std::optional<std::uint64_t> sequence);
  void cannot_keep(const Sealing& sealing, const base::Error& why,
                   std::optional<std::uint64_t> sequence);

  SegmentFolder files;
  SpoolLimits limits;
  base::Log log;
  SharedSync freeing;

  mutable std::mutex mutex;  // of what follows
  WaitingSegments waiting;
  SpoolState kept;
  SpoolStatus status;  ///< without what waits
  std::function<void()> sealed;
};

base::Expected<void> Spool::State::open() {
  const auto is_whole = kept.read();
  if (!is_whole) return tl::unexpected(is_whole.error());
  if (!*is_whole) set_aside(files.state());
  if (auto found = find_segments(); !found) return found;
  const auto unsealed = files.empty_writing();
  if (!unsealed) return tl::unexpected(unsealed.error());
  status.unsealed = *unsealed;
  if (*unsealed != 0) {
    log({base::Severity::warning,
         fmt::format("{} files in {} had not been sealed when the last run ended, and are removed",
                     *unsealed, files.writing().string())});
  }
  if (auto written = kept.begin_opening(); !written) {
    log({base::Severity::warning,
         written.error().message() + "; nothing can be sealed until it can"});
  }
  keep_limits();
  if (waiting.count() != 0) {
    log({base::Severity::info, fmt::format("{} segments of an earlier run wait in {}",
                                           waiting.count(), files.path().string())});
  }
  return {};
}

base::Expected<void> Spool::State::find_segments() {
  const auto found = files.sequences();
  if (!found) return tl::unexpected(found.error());
  const std::set<std::uint64_t> removed = kept.removed();
  for (const std::uint64_t sequence : *found) {
    kept.has_met(sequence);
    if (auto done = find_segment(sequence); !done) return done;
  }
  // Before the state is written that does not tell of them any more.
  if (auto synced = files.disk().sync_folder(files.path()); !synced) return synced;
  for (const std::uint64_t sequence : removed) kept.forget_removed(sequence);
  return {};
}

base::Expected<void> Spool::State::find_segment(std::uint64_t sequence) {
  const fs::path file = files.path_of(sequence);
  if (kept.removed().contains(sequence)) return files.disk().remove(file);
  auto description = read_segment_ending(files.disk(), file);
  std::optional<Sealing> what;
  if (!description) {
    log({base::Severity::warning,
         description.error().message() + "; it is tried again when its turn comes"});
  } else if (!*description || (*description)->sequence != sequence) {
    set_aside(file);
    return {};
  } else if ((*description)->found_bytes != (*description)->bytes) {
    set_aside_segment(sequence, (*description)->sealing);
    return {};
  } else {
    what = std::move((*description)->sealing);
  }
  waiting.add(sequence, files.disk().size(file).value_or(0), what);
  return {};
}

/// What cannot be read any more is for a person to look at.
bool Spool::State::set_aside(const fs::path& file) {
  ++status.damaged;
  const auto done = files.set_aside(file);
  log({base::Severity::error,
       fmt::format("{} is damaged and was set aside in {}{}", file.string(),
                   files.damaged().string(), done ? "" : ": " + done.error().message())});
  return done.has_value();
}

/// First it is on disk that its windows are lost, as far as they are known, then it goes.
void Spool::State::set_aside_segment(std::uint64_t sequence, const std::optional<Sealing>& what) {
  if (what && !lose_windows(*what, sequence)) {
    ++status.damaged;
    log({base::Severity::error,
         files.path_of(sequence).string() + " is damaged and stays where it is"});
    return;
  }
  if (set_aside(files.path_of(sequence))) kept.forget_removed(sequence);
}

/// Whether it is on disk that they are.
bool Spool::State::lose_windows(const Sealing& sealing, std::optional<std::uint64_t> sequence) {
  status.lost_records += sealing.records;
  if (auto written = kept.lose(sealing.coverage, sequence); !written) {
    log({base::Severity::error,
         "the loss can be kept in memory only: " + written.error().message()});
    return false;
  }
  return true;
}

void Spool::State::cannot_keep(const Sealing& sealing, const base::Error& why,
                               std::optional<std::uint64_t> sequence) {
  ++status.given_up;
  log({base::Severity::error, fmt::format("{} records could not be kept and become SKIPDATA: {}",
                                          sealing.records, why.message())});
  static_cast<void>(lose_windows(sealing, sequence));
}

void Spool::State::keep_limits() {
  while (waiting.bytes() > limits.bytes && give_up_oldest()) {
  }
  make_room(limits.leave_free);
}

void Spool::State::make_room(std::uint64_t bytes) {
  const auto lacking = [&] {
    const auto available = files.disk().available(files.path());
    return available && *available < bytes ? bytes - *available : 0;
  };
  const std::uint64_t needed = lacking();
  if (waiting.bytes_not_taken() < needed) return;
  // Some file systems free what was removed later: no more goes for that.
  const std::uint64_t before = waiting.bytes();
  while (before - waiting.bytes() < needed && lacking() != 0 && give_up_oldest()) {
  }
}

/// False: there is none, or it cannot be removed.
bool Spool::State::give_up_oldest() {
  base::Expected<std::optional<Sealing>> what;
  const auto oldest = waiting.oldest([&](std::uint64_t each) {
    what = sealing_of(each);
    return what.has_value();  // nobody could say what is lost with one that was never read
  });
  if (!oldest) return false;
  const std::uint64_t sequence = *oldest;
  if (const auto& sealing = *what; sealing) {
    log({base::Severity::error,
         fmt::format("there is no room in {}: {} with {} records is given up, and becomes SKIPDATA",
                     files.path().string(), sealing->key, sealing->records)});
    // First it is on disk that its windows are lost, then it goes.
    static_cast<void>(lose_windows(*sealing, sequence));
  } else {
    log({base::Severity::error,
         fmt::format(
             "there is no room: {} is given up; it is damaged, and nobody knows what it held",
             files.path_of(sequence).string())});
  }
  ++status.given_up;
  waiting.remove(sequence);
  const bool is_gone = discard(sequence);
  // Before, there may have been no room even for that.
  static_cast<void>(kept.write_if_needed());
  return is_gone;
}

base::Expected<std::optional<Sealing>> Spool::State::sealing_of(std::uint64_t sequence) {
  if (auto known = waiting.sealing_of(sequence)) return known;
  auto description = read_segment_ending(files.disk(), files.path_of(sequence));
  if (!description) return tl::unexpected(description.error());
  if (!*description) return std::nullopt;
  return std::move((*description)->sealing);
}

void Spool::State::miss(std::uint64_t sequence, const std::optional<Sealing>& what) {
  ++status.gone;
  const std::string file = files.path_of(sequence).string();
  if (!what) {
    log({base::Severity::error, file + " is gone, and nobody knows what it held"});
    return;
  }
  log({base::Severity::error,
       fmt::format("{} is gone: somebody has removed it; its {} records become SKIPDATA", file,
                   what->records)});
  static_cast<void>(lose_windows(*what, sequence));
}

/// What cannot be removed now is removed when the spool is opened the next time.
bool Spool::State::discard(std::uint64_t sequence) {
  const auto gone = files.remove(sequence);
  if (gone) {
    kept.forget_removed(sequence);
  } else {
    log({base::Severity::warning, gone.error().message()});
  }
  return gone.has_value();
}

Spool::Spool(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spool::Spool(Spool&&) noexcept = default;
Spool& Spool::operator=(Spool&&) noexcept = default;
Spool::~Spool() = default;

base::Expected<Spool> Spool::open(const fs::path& folder, SpoolLimits limits, base::Log log,
                                  std::unique_ptr<Disk> disk) {
  auto files = SegmentFolder::open(folder, std::move(disk));
  if (!files) return tl::unexpected(files.error());
  auto state = std::make_unique<State>(std::move(*files), limits, std::move(log));
  if (auto opened = state->open(); !opened) return tl::unexpected(opened.error());
  return Spool(std::move(state));
}

fs::path Spool::writing_folder() const {
  return state_->files.writing();
}

std::uint64_t Spool::opening() const {
  return state_->kept.opening();
}

std::uint64_t Spool::million_numbers() {
  const std::scoped_lock held(state_->mutex);
  return state_->kept.million_numbers();
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
  const std::uint64_t sequence = kept.next_sequence();
  // The state then has this opening, whose numbers no other may give, and what was lost before.
  const auto written =
      kept.write_if_needed().and_then([&] { return files.seal(file, sealing, sequence); });
  if (!written) {
    // It may lie under either name, and may be on disk or not: it must be under none.
    cannot_keep(sealing, written.error(), sequence);
    static_cast<void>(files.disk().remove(file));
    discard(sequence);
    return tl::unexpected(written.error());
  }
  waiting.add(sequence, *written, sealing);
  ++status.sealed;
  keep_limits();
  return {};
}

void Spool::make_room(std::uint64_t bytes) {
  const std::scoped_lock held(state_->mutex);
  state_->make_room(bytes);
}

void Spool::lose(const Sealing& sealing, const base::Error& why) {
  const std::scoped_lock lock(state_->mutex);
  state_->cannot_keep(sealing, why, {});
}

/// Of a taken segment, without the mutex: it may be large. Nothing: it is damaged, and set aside,
/// or gone.
base::Expected<std::optional<Segment>> Spool::State::read(std::uint64_t sequence) {
  auto segment = files.read(sequence);
  if (segment ? segment->has_value() : !files.is_gone(sequence)) return segment;
  const std::scoped_lock held(mutex);
  auto what = sealing_of(sequence);
  if (!what) what = std::nullopt;
  if (segment) {
    set_aside_segment(sequence, *what);
  } else {
    miss(sequence, *what);
  }
  waiting.remove(sequence);
  return std::nullopt;
}

tl::expected<Segment, NotTaken> Spool::take(const std::function<bool(std::uint64_t)>& is_wanted) {
  const auto next = [&] {
    const std::scoped_lock held(state_->mutex);
    return state_->waiting.take(is_wanted);
  };
  while (const auto sequence = next()) {
    auto segment = state_->read(*sequence);
    if (!segment) return tl::unexpected(NotTaken{sequence, std::move(segment.error())});
    if (*segment) return std::move(**segment);
  }
  return tl::unexpected(NotTaken{});
}

bool Spool::has(std::uint64_t sequence) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->waiting.has(sequence);
}

void Spool::give_back(std::uint64_t sequence) {
  State& state = *state_;
  const std::scoped_lock lock(state.mutex);
  state.waiting.give_back(sequence);
}

void Spool::free(std::uint64_t sequence) {
  State& state = *state_;
  base::Expected<void> gone;
  {
    const std::scoped_lock lock(state.mutex);
    if (!state.waiting.has(sequence)) return;
    ++state.status.delivered;
    state.waiting.remove(sequence);
    gone = state.files.disk().remove(state.files.path_of(sequence));
  }
  // Where it comes back after a crash, it is offered again, and is found to be there.
  if (gone) gone = state.freeing.sync(state.files.disk(), state.files.path());
  if (!gone) state.log({base::Severity::warning, gone.error().message()});
}

Coverage Spool::lost() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->kept.lost();
}

std::optional<base::UnixSeconds> Spool::lost_in_memory() const {
  const std::scoped_lock held(state_->mutex);
  return state_->kept.lost_in_memory();
}

void Spool::forget_lost(const Coverage& coverage) {
  State& state = *state_;
  const std::scoped_lock lock(state.mutex);
  if (auto written = state.kept.forget_lost(coverage); !written) {
    state.log({base::Severity::warning, written.error().message()});
  }
}

SpoolStatus Spool::status() const {
  const std::scoped_lock lock(state_->mutex);
  SpoolStatus status = state_->status;
  status.waiting = state_->waiting.count();
  status.waiting_bytes = state_->waiting.bytes();
  status.waiting_since = state_->waiting.since();
  return status;
}

}  // namespace weir::deliver
