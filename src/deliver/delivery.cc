#include "deliver/delivery.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace weir::deliver {
namespace {

using Time = DeliveryClock::Time;

}  // namespace

DeliveryClock DeliveryClock::of_host() {
  const auto wait = [](std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                       Time until) {
    if (until == Time::max()) {
      changed.wait(lock);
    } else {
      changed.wait_until(lock, until);
    }
  };
  return {std::chrono::steady_clock::now, wait};
}

struct Delivery::State {
  State(Spool& the_spool, std::unique_ptr<Destination> the_destination, DeliveryPauses the_pauses,
        base::Log the_log, DeliveryStatus before, DeliveryClock the_clock)
      : spool(the_spool),
        destination(std::move(the_destination)),
        pauses(the_pauses),
        log(std::move(the_log)),
        clock(std::move(the_clock)),
        status(std::move(before)) {
    status.error.reset();
  }

  void work();
  void wake();
  [[nodiscard]] Time next_begin(Time now) const;
  void prepare(std::unique_lock<std::mutex>& lock);
  void deliver_next(std::unique_lock<std::mutex>& lock);
  void gives_back(std::uint64_t sequence);
  void found_nothing(std::uint64_t news_known, Time asked);
  /// Segments that wait and are kept waiting at that time still, as far as is known now.
  [[nodiscard]] std::uint64_t stuck_at(Time time) const;
  void tell_refused(const Segment& segment, std::uint64_t refused);
  void succeeded();
  void failed(Undelivered failure, const Segment* segment);
  [[nodiscard]] std::chrono::milliseconds next_pause(const Undelivered& failure);

  Spool& spool;
  std::unique_ptr<Destination> destination;
  DeliveryPauses pauses;
  base::Log log;
  DeliveryClock clock;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable changed;
  bool is_over = false;
  bool is_cancelled = false;
  bool is_prepared = false;
  std::uint64_t news = 1;         // counts what may have given the spool something to offer
  std::uint64_t news_heard = 0;   // of those, when it was last found to have nothing
  Time next_stuck = Time::max();  // it may have something then
  unsigned under_way = 0;
  unsigned failures_in_a_row = 0;
  Time paused_until;
  std::map<std::uint64_t, Time> stuck;  // by sequence: not offered before then
  std::string told;                     // trouble that was logged
  DeliveryStatus status;
  std::minstd_rand random{std::random_device()()};
  std::vector<std::thread> threads;
};

/// When there may be something to do; the latest time of all: when somebody says so. While there is
/// trouble one attempt at a time is enough to find out that it is over.
Time Delivery::State::next_begin(Time now) const {
  if (now < paused_until) return paused_until;
  if (is_prepared && news_heard == news && now < next_stuck) return next_stuck;
  const bool is_careful = !is_prepared || failures_in_a_row != 0;
  return is_careful && under_way != 0 ? Time::max() : now;
}

void Delivery::State::work() {
  std::unique_lock lock(mutex);
  while (!is_over) {
    const auto now = clock.now();
    const auto begin = next_begin(now);
    if (begin > now) {
      clock.wait(changed, lock, begin);
    } else if (!is_prepared) {
      prepare(lock);
    } else {
      deliver_next(lock);
    }
  }
}

void Delivery::State::wake() {
  {
    const std::scoped_lock lock(mutex);
    ++news;
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
    failed(std::move(prepared.error()), nullptr);
  }
  changed.notify_all();
}

void Delivery::State::deliver_next(std::unique_lock<std::mutex>& lock) {
  std::set<std::uint64_t> unwanted;
  const auto now = clock.now();
  for (const auto& [sequence, time] : stuck) {
    if (now < time) unwanted.insert(sequence);
  }
  const std::uint64_t news_known = news;
  ++under_way;
  lock.unlock();
  auto segment = spool.take([&](std::uint64_t sequence) { return !unwanted.contains(sequence); });
  if (!segment && segment.error().unread) {
    const NotTaken& why = segment.error();
    lock.lock();
    const Segment unread{*why.unread, "segment " + std::to_string(*why.unread), 0, {}, 0};
    failed({DeliverLogsError::unknown_error, true, why.error}, &unread);
    gives_back(*why.unread);
  } else if (!segment) {
    lock.lock();
    found_nothing(news_known, now);
  } else {
    auto delivered = destination->deliver(*segment);
    if (delivered) spool.free(segment->sequence);
    lock.lock();
    if (delivered) {
      tell_refused(*segment, delivered->refused);
      ++status.delivered;
      status.delivered_bytes += segment->bytes;
      stuck.erase(segment->sequence);
      succeeded();
    } else {
      failed(std::move(delivered.error()), &*segment);
      gives_back(segment->sequence);
    }
  }
  --under_way;
  changed.notify_all();
}

/// Once it is known that it failed: another thread may take it at once.
void Delivery::State::gives_back(std::uint64_t sequence) {
  spool.give_back(sequence);
  ++news;
}

/// In the spool as it was known with `news_known`, for who `asked` then.
void Delivery::State::found_nothing(std::uint64_t news_known, Time asked) {
  news_heard = std::max(news_heard, news_known);
  std::erase_if(stuck, [this](const auto& each) { return !spool.has(each.first); });
  next_stuck = Time::max();
  for (const auto& [sequence, time] : stuck) {
    if (time > asked) next_stuck = std::min(next_stuck, time);
  }
}

std::uint64_t Delivery::State::stuck_at(Time time) const {
  return static_cast<std::uint64_t>(
      std::count_if(stuck.begin(), stuck.end(),
                    [&](const auto& each) { return each.second > time && spool.has(each.first); }));
}

void Delivery::State::tell_refused(const Segment& segment, std::uint64_t refused) {
  if (refused == 0) return;
  status.refused += refused;
  log({base::Severity::error,
       fmt::format("{}: {} of the {} records of {} are lost: the service refuses them for ever, as "
                   "too old, too new or too large",
                   destination->name(), refused, segment.records, segment.key)});
}

void Delivery::State::succeeded() {
  failures_in_a_row = 0;
  status.error.reset();
  if (told.empty()) return;
  log({base::Severity::info, destination->name() + ": delivery works again"});
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

void Delivery::State::failed(Undelivered failure, const Segment* segment) {
  if (is_over) return;  // cancelled
  ++status.failures;
  status.last_error = failure;
  const std::string what = to_string(failure);
  if (segment != nullptr && failure.is_of_segment) {
    const bool is_new = !stuck.contains(segment->sequence);
    stuck[segment->sequence] = clock.now() + pauses.longest;
    if (is_new)
      log({base::Severity::warning,
           fmt::format("{}: {} waits: {}", destination->name(), segment->key, what)});
    return;
  }
  ++failures_in_a_row;
  paused_until = clock.now() + next_pause(failure);
  if (what != told) {
    log({base::Severity::warning, fmt::format("{}: {}; nothing is lost: {} segments wait",
                                              destination->name(), what, spool.status().waiting)});
    told = what;
  }
  status.error = std::move(failure);
}

Delivery::Delivery(Spool& spool, std::unique_ptr<Destination> destination, DeliveryPauses pauses,
                   base::Log log, DeliveryStatus before, DeliveryClock clock)
    : state_(std::make_unique<State>(spool, std::move(destination), pauses, std::move(log),
                                     std::move(before), std::move(clock))) {
  spool.on_sealed([state = state_.get()] { state->wake(); });
  const unsigned count = std::max(1U, state_->destination->at_once());
  for (unsigned i = 0; i < count; ++i) {
    state_->threads.emplace_back([state = state_.get()] { state->work(); });
  }
}

Delivery::~Delivery() {
  end();
}

DeliveryStatus Delivery::end() {
  if (state_->threads.empty()) return status();  // the spool may be another's by now
  state_->spool.on_sealed(nullptr);
  {
    const std::scoped_lock lock(state_->mutex);
    state_->is_over = true;
  }
  state_->changed.notify_all();
  state_->destination->cancel();
  for (std::thread& thread : state_->threads) thread.join();
  state_->threads.clear();
  return status();
}

bool Delivery::drain(std::chrono::milliseconds longest) {
  State& state = *state_;
  const Time until = state.clock.now() + longest;
  std::unique_lock lock(state.mutex);
  const std::uint64_t failures = state.status.failures;
  if (state.status.error) return false;
  const auto is_settled = [&] {
    return state.is_cancelled || state.status.failures != failures ||
           (state.under_way == 0 && state.spool.status().waiting == state.stuck_at(until));
  };
  while (!is_settled() && state.clock.now() < until) state.clock.wait(state.changed, lock, until);
  return state.status.failures == failures && state.under_way == 0 &&
         state.spool.status().waiting == 0;
}

void Delivery::cancel() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->is_cancelled = true;
  }
  state_->changed.notify_all();
  state_->destination->cancel();
}

DeliveryStatus Delivery::status() const {
  const std::scoped_lock lock(state_->mutex);
  DeliveryStatus status = state_->status;
  status.stuck = state_->stuck_at(Time::min());
  return status;
}

std::string Delivery::destination() const {
  return state_->destination->name();
}

}  // namespace weir::deliver
