#include "logs/read_ahead.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "logs/s3_reader.h"

namespace weir::logs {
namespace {

/// An object's number, and where in it a piece begins.
using Place = std::pair<std::size_t, std::uint64_t>;

constexpr std::uint64_t kWholly = std::numeric_limits<std::uint64_t>::max();

struct Piece {
  std::uint64_t count = 0;
  bool is_here = false;
  std::string bytes;
  std::optional<base::Error> error;
};

}  // namespace

/// Guarded by the mutex of Shared.
struct ReadAhead::Run::State {
  explicit State(const std::vector<Object>& the_objects) : objects(the_objects) {}

  [[nodiscard]] std::uint64_t count_at(Place place, std::uint64_t piece_bytes) const {
    return std::min(piece_bytes, objects[place.first].bytes - place.second);
  }
  [[nodiscard]] bool is_known(Place place) const {
    const auto reader = read_to.find(place.first);
    return pieces.contains(place) || (reader != read_to.end() && reader->second > place.second);
  }
  /// The next piece of which nobody has thought yet.
  std::optional<Place> next(std::uint64_t piece_bytes) {
    while (cursor.first < objects.size()) {
      const Object& object = objects[cursor.first];
      if (!is_in_s3(object) || cursor.second >= object.bytes) {
        cursor = {cursor.first + 1, 0};
      } else if (is_known(cursor)) {
        cursor.second += piece_bytes;
      } else {
        return cursor;
      }
    }
    return std::nullopt;
  }

  const std::vector<Object>& objects;
  Place cursor{0, 0};             ///< before it everything is fetched, being fetched or read
  std::map<Place, Piece> pieces;  ///< being fetched, or not read yet
  std::set<Place> wanted;         ///< for which a reader waits, and which nobody fetches yet
  std::map<std::size_t, std::uint64_t> read_to;  ///< of opened objects; kWholly: closed again
  bool is_stopped = false;
  std::shared_ptr<Shared> shared;
};

struct ReadAhead::Shared {
  Shared(Get the_get, ReadAheadLimits the_limits) : get(std::move(the_get)), limits(the_limits) {}

  struct Task {
    std::shared_ptr<Run::State> run;
    Place place;
    Object object;
    aws::ByteRange part;
  };

  std::optional<Task> take_task();
  std::optional<Place> choose(Run::State& run, bool is_wanted);
  void work();
  void arrive(const Task& task, aws::Result<std::string> bytes);
  void release(std::uint64_t count);

  const Get get;
  const ReadAheadLimits limits;
  mutable std::mutex mutex;
  std::condition_variable has_task;
  std::condition_variable has_arrived;
  std::list<std::shared_ptr<Run::State>> runs;
  std::uint64_t held = 0;
  bool is_over = false;
  std::optional<base::Error> failure;  ///< that other objects would meet too: all ends with it
  std::vector<std::jthread> threads;
};

std::optional<Place> ReadAhead::Shared::choose(Run::State& run, bool is_wanted) {
  if (is_wanted) {
    if (run.wanted.empty()) return std::nullopt;
    return run.wanted.extract(run.wanted.begin()).value();
  }
  const auto next = run.next(limits.piece_bytes);
  if (!next || held + run.count_at(*next, limits.piece_bytes) > limits.held_bytes) {
    return std::nullopt;
  }
  return next;
}

std::optional<ReadAhead::Shared::Task> ReadAhead::Shared::take_task() {
  for (const bool is_wanted : {true, false}) {
    for (const auto& run : runs) {
      const auto place = choose(*run, is_wanted);
      if (!place) continue;
      const std::uint64_t count = run->count_at(*place, limits.piece_bytes);
      run->pieces[*place].count = count;
      held += count;
      return Task{run, *place, run->objects[place->first], {place->second, count}};
    }
  }
  return std::nullopt;
}

void ReadAhead::Shared::release(std::uint64_t count) {
  held -= count;
  has_task.notify_one();
}

void ReadAhead::Shared::arrive(const Task& task, aws::Result<std::string> bytes) {
  const auto place = task.run->pieces.find(task.place);
  if (place == task.run->pieces.end()) return release(task.part.count);  // its reader has gone
  Piece& piece = place->second;
  piece.is_here = true;
  if (!bytes) {
    piece.error = told_by_s3(bytes.error());
    if (!failure && !is_of_one_object(bytes.error())) failure = piece.error;
    piece.error->where.clear();
  } else if (bytes->size() != task.part.count) {
    piece.error = base::Error{"", "is shorter than it was when it was listed", "ask again"};
  } else {
    piece.bytes = std::move(*bytes);
  }
}

void ReadAhead::Shared::work() {
  std::unique_lock lock(mutex);
  while (!is_over && !failure) {
    auto task = take_task();
    if (!task) {
      has_task.wait(lock);
      continue;
    }
    has_task.notify_one();  // there may be room for another one
    lock.unlock();
    auto bytes = get(task->object, task->part);
    lock.lock();
    arrive(*task, std::move(bytes));
    has_arrived.notify_all();
  }
}

namespace {

constexpr const char* kInterrupted = "interrupted";

}  // namespace

/// The bytes of one object, piece after piece.
class ReadAhead::Reader : public base::Input {
 public:
  Reader(std::shared_ptr<Run::State> run, std::size_t number)
      : run_(std::move(run)),
        shared_(*run_->shared),
        number_(number),
        total_(run_->objects[number].bytes) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() override {
    const std::scoped_lock lock(shared_.mutex);
    shared_.release(held_);
    run_->read_to[number_] = kWholly;
    run_->wanted.erase({number_, fetched_});
    const auto begin = run_->pieces.lower_bound({number_, 0});
    const auto end = run_->pieces.lower_bound({number_ + 1, 0});
    for (auto each = begin; each != end; ++each) {
      if (each->second.is_here) shared_.release(each->second.count);
    }
    run_->pieces.erase(begin, end);
  }

  base::Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    if (left_.empty() && fetched_ < total_) {
      if (auto taken = take_piece(); !taken) return tl::unexpected(taken.error());
    }
    const std::size_t count = std::min(out.size(), left_.size());
    std::copy_n(left_.begin(), count, out.begin());
    left_.remove_prefix(count);
    consumed_ += count;
    return count;
  }
  [[nodiscard]] std::uint64_t consumed() const override { return consumed_; }
  [[nodiscard]] std::uint64_t total() const override { return total_; }

 private:
  base::Expected<void> take_piece() {
    std::unique_lock lock(shared_.mutex);
    left_ = {};
    std::string().swap(bytes_);
    shared_.release(std::exchange(held_, 0));
    const Place place{number_, fetched_};
    const auto is_over = [&] { return shared_.is_over || run_->is_stopped; };
    if (!is_over() && !run_->pieces.contains(place)) {
      run_->wanted.insert(place);
      shared_.has_task.notify_one();
    }
    shared_.has_arrived.wait(lock, [&] {
      const auto piece = run_->pieces.find(place);
      return (piece != run_->pieces.end() && piece->second.is_here) || is_over() || shared_.failure;
    });
    if (is_over()) return base::fail("", kInterrupted);
    const auto found = run_->pieces.find(place);
    if (found == run_->pieces.end() || !found->second.is_here) {
      return tl::unexpected(*shared_.failure);
    }
    Piece piece = std::move(found->second);
    run_->pieces.erase(found);
    held_ = piece.count;
    if (piece.error) return tl::unexpected(std::move(*piece.error));
    fetched_ += piece.count;
    run_->read_to[number_] = fetched_;
    bytes_ = std::move(piece.bytes);
    left_ = bytes_;
    return {};
  }

  std::shared_ptr<Run::State> run_;
  Shared& shared_;
  std::size_t number_;
  std::uint64_t total_;
  std::uint64_t fetched_ = 0;
  std::uint64_t held_ = 0;  ///< counted for bytes_
  std::string bytes_;
  std::string_view left_;
  std::uint64_t consumed_ = 0;
};

ReadAhead::ReadAhead(Get get, ReadAheadLimits limits)
    : shared_(std::make_shared<Shared>(std::move(get), limits)) {}

ReadAhead::~ReadAhead() {
  cancel();
  shared_->threads.clear();  // joins
}

void ReadAhead::cancel() {
  const std::scoped_lock lock(shared_->mutex);
  shared_->is_over = true;
  shared_->has_task.notify_all();
  shared_->has_arrived.notify_all();
}

std::unique_ptr<ReadAhead::Run> ReadAhead::start(const std::vector<Object>& objects) {
  auto state = std::make_shared<Run::State>(objects);
  state->shared = shared_;
  const std::scoped_lock lock(shared_->mutex);
  shared_->runs.push_back(state);
  while (shared_->threads.size() < shared_->limits.threads) {
    shared_->threads.emplace_back([shared = shared_.get()] { shared->work(); });
  }
  shared_->has_task.notify_all();
  return std::unique_ptr<Run>(new Run(std::move(state)));
}

ReadAhead::Run::Run(std::shared_ptr<State> state) : state_(std::move(state)) {}

ReadAhead::Run::~Run() {
  Shared& shared = *state_->shared;
  const std::scoped_lock lock(shared.mutex);
  shared.runs.remove(state_);
  for (const auto& [place, piece] : state_->pieces) {
    if (piece.is_here) shared.release(piece.count);
  }
  state_->pieces.clear();
}

void ReadAhead::Run::stop() {
  const std::scoped_lock lock(state_->shared->mutex);
  state_->is_stopped = true;
  state_->wanted.clear();
  state_->cursor = {state_->objects.size(), 0};
  state_->shared->has_arrived.notify_all();
}

std::unique_ptr<base::Input> ReadAhead::Run::open(std::size_t number) {
  return std::make_unique<Reader>(state_, number);
}

}  // namespace weir::logs
