#include "deliver/delivery.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace weir::deliver {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

struct Delivery::State {
  State(Spool& the_spool, std::unique_ptr<Destination> the_destination, DeliveryPauses the_pauses,
        Log the_log)
      : spool(the_spool),
        destination(std::move(the_destination)),
        pauses(the_pauses),
        log(std::move(the_log)) {}

  void work();
  void wake();
  void wait(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] bool may_begin() const;
  void prepare(std::unique_lock<std::mutex>& lock);
  bool deliver_next(std::unique_lock<std::mutex>& lock);
  void succeeded();
  void failed(Undelivered failure, std::optional<Segment> segment);
  [[nodiscard]] std::chrono::milliseconds next_pause(const Undelivered& failure);

  Spool& spool;
  std::unique_ptr<Destination> destination;
  DeliveryPauses pauses;
  Log log;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable changed;
  bool is_over = false;
  bool is_prepared = false;
  bool is_idle = false;  // the spool had nothing, and nothing was sealed since
  unsigned under_way = 0;
  unsigned failures_in_a_row = 0;
  Clock::time_point paused_until;
  std::map<std::uint64_t, Clock::time_point> stuck;  // by sequence: not offered before then
  std::string told;                                  // trouble that was logged
  DeliveryStatus status;
  std::optional<Undelivered> last_error;
  std::minstd_rand random{std::random_device()()};
  std::vector<std::thread> threads;
};

/// While there is trouble one attempt at a time is enough to find out that it is over.
bool Delivery::State::may_begin() const {
  if (Clock::now() < paused_until) return false;
  const bool is_careful = !is_prepared || failures_in_a_row != 0;
  return under_way == 0 || (!is_careful && !is_idle);
}

void Delivery::State::wait(std::unique_lock<std::mutex>& lock) {
  auto until = Clock::time_point::max();
  const auto now = Clock::now();
  if (now < paused_until) {
    until = paused_until;
  } else if (is_idle) {
    for (const auto& [sequence, time] : stuck) until = std::min(until, time);
  }
  if (until == Clock::time_point::max()) {
    changed.wait(lock);
  } else {
    changed.wait_until(lock, until);
    if (Clock::now() >= until) is_idle = false;
  }
}

void Delivery::State::work() {
  std::unique_lock lock(mutex);
  while (!is_over) {
    if (is_idle || !may_begin()) {
      wait(lock);
    } else if (!is_prepared) {
      prepare(lock);
    } else if (!deliver_next(lock)) {
      is_idle = true;
      changed.notify_all();  // for who drains
    }
  }
}

void Delivery::State::wake() {
  {
    const std::scoped_lock lock(mutex);
    is_idle = false;
  }
  changed.notify_all();
}

void Delivery::State::prepare(std::unique_lock<std::mutex>& lock) {
  ++under_way;
  lock.unlock();
  auto prepared = destination->prepare();
  lock.lock();
  --under_way;
  if (prepared) {
    is_prepared = true;
    succeeded();
  } else {
    failed(std::move(prepared.error()), {});
  }
  changed.notify_all();
}

/// False: there is nothing to deliver.
bool Delivery::State::deliver_next(std::unique_lock<std::mutex>& lock) {
  std::set<std::uint64_t> unwanted;
  const auto now = Clock::now();
  for (const auto& [sequence, time] : stuck) {
    if (now < time) unwanted.insert(sequence);
  }
  ++under_way;
  is_idle = true;  // unless something is sealed from here on
  lock.unlock();
  auto segment = spool.take([&](std::uint64_t sequence) { return !unwanted.contains(sequence); });
  lock.lock();
  if (!segment) {
    --under_way;
    // What would have been offered again is gone.
    std::erase_if(stuck, [now](const auto& each) { return each.second <= now; });
    return !is_idle;
  }
  is_idle = false;
  lock.unlock();
  changed.notify_all();  // others may take the next
  auto delivered = destination->deliver(*segment);
  delivered ? spool.free(segment->sequence) : spool.give_back(segment->sequence);
  lock.lock();
  --under_way;
  if (delivered) {
    ++status.delivered;
    status.delivered_bytes += segment->bytes;
    stuck.erase(segment->sequence);
    succeeded();
  } else {
    failed(std::move(delivered.error()), std::move(segment));
  }
  changed.notify_all();
  return true;
}

void Delivery::State::succeeded() {
  failures_in_a_row = 0;
  status.error.reset();
  if (told.empty()) return;
  log(destination->name() + ": delivery works again");
  told.clear();
}

std::chrono::milliseconds Delivery::State::next_pause(const Undelivered& failure) {
  if (failure.kind == DeliverLogsError::access_error) return pauses.longest;
  constexpr unsigned kMostDoublings = 20;
  const auto doublings = std::min(failures_in_a_row - 1, kMostDoublings);
  const auto most = std::min(pauses.longest, pauses.first * (1U << doublings));
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::chrono::milliseconds::rep>(0, most.count())(random));
}

void Delivery::State::failed(Undelivered failure, std::optional<Segment> segment) {
  if (is_over) return;  // cancelled
  ++status.failures;
  last_error = failure;
  const std::string what = to_string(failure);
  if (segment && failure.is_of_segment) {
    const bool is_new = !stuck.contains(segment->sequence);
    stuck[segment->sequence] = Clock::now() + pauses.longest;
    if (is_new) log(fmt::format("{}: {} waits: {}", destination->name(), segment->key, what));
    return;
  }
  ++failures_in_a_row;
  paused_until = Clock::now() + next_pause(failure);
  if (what != told) {
    log(fmt::format("{}: {}; nothing is lost: {} objects wait", destination->name(), what,
                    spool.status().waiting));
    told = what;
  }
  status.error = std::move(failure);
}

Delivery::Delivery(Spool& spool, std::unique_ptr<Destination> destination, DeliveryPauses pauses,
                   Log log)
    : state_(std::make_unique<State>(spool, std::move(destination), pauses, std::move(log))) {
  spool.on_sealed([state = state_.get()] { state->wake(); });
  const unsigned count = std::max(1U, state_->destination->at_once());
  for (unsigned i = 0; i < count; ++i) {
    state_->threads.emplace_back([state = state_.get()] { state->work(); });
  }
}

Delivery::~Delivery() {
  state_->spool.on_sealed(nullptr);
  {
    const std::scoped_lock lock(state_->mutex);
    state_->is_over = true;
  }
  state_->changed.notify_all();
  state_->destination->cancel();
  for (std::thread& thread : state_->threads) thread.join();
}

bool Delivery::drain(std::chrono::milliseconds longest) {
  State& state = *state_;
  const auto until = Clock::now() + longest;
  std::unique_lock lock(state.mutex);
  const std::uint64_t failures = state.status.failures;
  if (state.status.error) return false;
  const auto is_settled = [&] {
    return state.status.failures != failures ||
           (state.under_way == 0 && state.spool.status().waiting == 0);
  };
  const bool is_in_time = state.changed.wait_until(lock, until, is_settled);
  return is_in_time && state.status.failures == failures;
}

DeliveryStatus Delivery::status() const {
  const std::scoped_lock lock(state_->mutex);
  DeliveryStatus status = state_->status;
  status.stuck = state_->stuck.size();
  return status;
}

std::optional<Undelivered> Delivery::last_error() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->last_error;
}

std::string Delivery::destination() const {
  return state_->destination->name();
}

}  // namespace weir::deliver
