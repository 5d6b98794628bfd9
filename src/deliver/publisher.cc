#include "deliver/publisher.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "deliver/file.h"
#include "deliver/object_key.h"
#include "deliver/spool.h"

namespace weir::deliver {
namespace {

/// The numbers of further objects of a slot, all of which have to be told apart: what has the same
/// bytes may stand for other packets.
class Parts {
 public:
  explicit Parts(std::uint64_t first) : first_(first) {}

  std::uint64_t next(base::UnixSeconds slot) {
    const auto at = next_.emplace(slot, slot <= forgotten_ ? above_forgotten_ : first_).first;
    const std::uint64_t part = at->second++;
    if (next_.size() > kRemembered) forget(next_.begin());
    return part;
  }

 private:
  using Slots = std::map<base::UnixSeconds, std::uint64_t>;
  static constexpr std::size_t kRemembered = 24;  // slots, two hours of them

  /// What comes later still goes on above all numbers that were forgotten.
  void forget(Slots::iterator slot) {
    forgotten_ = std::max(forgotten_, slot->first);
    above_forgotten_ = std::max(above_forgotten_, slot->second);
    next_.erase(slot);
  }

  std::uint64_t first_;
  Slots next_;
  base::UnixSeconds forgotten_ = base::UnixSeconds::min();  ///< the last slot that was
  std::uint64_t above_forgotten_ = 0;
};

}  // namespace

struct Publisher::State {
  struct Open {
    std::unique_ptr<Object> object;
    Coverage coverage;  ///< for a spool only
  };
  using Place = std::map<base::UnixSeconds, Open>::iterator;

  base::Expected<Place> object_for(base::UnixSeconds slot) {
    if (auto place = open.find(slot); place != open.end()) return place;
    const std::filesystem::path folder =
        spool == nullptr ? root / key_folder(flow_log, slot) : spool->writing_folder();
    if (auto made = make_folders(root, folder); !made) return tl::unexpected(made.error());
    auto fresh = make_object(folder, key_stem(flow_log, slot), parts.next(slot), flow_log, limits);
    if (!fresh) return tl::unexpected(fresh.error());
    return open.emplace(slot, Open{std::move(*fresh), {}}).first;
  }

  void cover(Coverage& coverage, const record::Record& record) const {
    if (spool == nullptr) return;
    add_window(coverage, record.interface->interface_id, record.end,
               flow_log.max_aggregation_interval);
  }

  base::Expected<void> add(const record::Record& record, base::UnixSeconds slot) {
    auto place = object_for(slot);
    if (!place) {
      Coverage lost;
      cover(lost, record);
      return lose({{}, 1, std::move(lost)}, place.error());
    }
    Open& to = (*place)->second;
    cover(to.coverage, record);
    if (auto added = to.object->add(record); !added) {
      // What could be written of it is not whole.
      const Sealing lost{{}, to.object->records(), std::move(to.coverage)};
      open.erase(*place);
      return lose(lost, added.error());
    }
    return to.object->is_full() ? publish(*place) : base::Expected<void>();
  }

  base::Expected<void> publish(Place place) {
    const base::UnixSeconds slot = place->first;
    const Open closed = std::move(place->second);
    open.erase(place);
    Sealing sealing{{}, closed.object->records(), closed.coverage};
    auto finished = closed.object->finish();
    if (!finished) return lose(sealing, finished.error());
    sealing.key = key_folder(flow_log, slot) + finished->name;
    sealing.sha256 = finished->sha256;
    if (spool != nullptr) {
      auto sealed = spool->seal(spool->writing_folder() / finished->name, sealing);
      if (!sealed) return sealed;
    }
    published.push_back({sealing.key, sealing.records, finished->bytes});
    return {};
  }

  base::Expected<void> lose(const Sealing& lost, const base::Error& why) const {
    if (spool != nullptr) spool->lose(lost, why);
    return tl::unexpected(why);
  }

  std::filesystem::path root;
  FlowLog flow_log;
  ObjectLimits limits;
  Spool* spool = nullptr;
  Parts parts{0};
  std::map<base::UnixSeconds, Open> open;
  std::vector<PublishedObject> published;
};

Publisher::Publisher(std::unique_ptr<State> state) : state_(std::move(state)) {}
Publisher::Publisher(Publisher&&) noexcept = default;
Publisher& Publisher::operator=(Publisher&&) noexcept = default;
Publisher::~Publisher() = default;

base::Expected<Publisher> Publisher::open(const std::string& folder, FlowLog flow_log,
                                          ObjectLimits limits) {
  if (auto checked = check(flow_log); !checked) return tl::unexpected(checked.error());
  auto state = std::make_unique<State>();
  state->root = folder;
  state->flow_log = std::move(flow_log);
  state->limits = limits;
  if (auto made = make_folders(folder, folder); !made) return tl::unexpected(made.error());
  return Publisher(std::move(state));
}

base::Expected<Publisher> Publisher::open(Spool& spool, FlowLog flow_log, std::uint64_t first_part,
                                          ObjectLimits limits) {
  auto publisher = open(spool.writing_folder().string(), std::move(flow_log), limits);
  if (!publisher) return publisher;
  publisher->state_->spool = &spool;
  publisher->state_->parts = Parts(first_part);
  return publisher;
}

base::Expected<void> Publisher::add(const record::Record& record) {
  return state_->add(record, base::aligned(record.end, kSlot));
}

base::Expected<void> Publisher::publish_before(base::UnixSeconds time) {
  while (!state_->open.empty() && state_->open.begin()->first + kSlot <= time) {
    if (auto done = state_->publish(state_->open.begin()); !done) return done;
  }
  return {};
}

base::Expected<void> Publisher::finish() {
  base::Expected<void> first;
  while (!state_->open.empty()) {
    auto done = state_->publish(state_->open.begin());
    if (!done && first) first = done;
  }
  return first;
}

std::vector<PublishedObject> Publisher::take_published() {
  return std::exchange(state_->published, {});
}

}  // namespace weir::deliver
