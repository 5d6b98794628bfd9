#include "deliver/publisher.h"

#include <filesystem>
#include <map>
#include <utility>

#include "deliver/file.h"
#include "deliver/handover.h"
#include "deliver/object_key.h"

namespace weir::deliver {

struct Publisher::State {
  base::Expected<Object*> object_for(base::UnixSeconds slot) {
    if (auto place = open.find(slot); place != open.end()) return place->second.get();
    const std::filesystem::path folder = root / key_folder(flow_log, slot);
    if (auto made = make_folders(root, folder); !made) return tl::unexpected(made.error());
    auto fresh = make_object(folder, key_stem(flow_log, slot), parts[slot]++, flow_log, limits);
    if (!fresh) return tl::unexpected(fresh.error());
    return open.emplace(slot, std::move(*fresh)).first->second.get();
  }

  base::Expected<void> publish(base::UnixSeconds slot) {
    auto place = open.find(slot);
    const std::unique_ptr<Object> object = std::move(place->second);
    open.erase(place);
    const std::uint64_t records = object->records();
    auto finished = object->finish();
    if (!finished) return tl::unexpected(finished.error());
    published.push_back({key_folder(flow_log, slot) + finished->name, records, finished->bytes});
    if (handover == nullptr) return {};
    return handover->take(published.back(), root / published.back().key);
  }

  std::filesystem::path root;
  FlowLog flow_log;
  ObjectLimits limits;
  std::map<base::UnixSeconds, std::unique_ptr<Object>> open;
  std::map<base::UnixSeconds, unsigned> parts;  ///< objects begun, by slot
  std::vector<PublishedObject> published;
  Handover* handover = nullptr;
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

void Publisher::deliver_to(Handover& handover) {
  state_->handover = &handover;
}

base::Expected<void> Publisher::add(const record::Record& record) {
  const base::UnixSeconds slot = base::aligned(record.end, kSlot);
  auto object = state_->object_for(slot);
  if (!object) return tl::unexpected(object.error());
  if (auto added = (*object)->add(record); !added) {
    state_->open.erase(slot);  // what could be written of it is not whole
    return added;
  }
  if ((*object)->is_full()) return state_->publish(slot);
  return {};
}

base::Expected<void> Publisher::publish_before(base::UnixSeconds time) {
  while (!state_->open.empty() && state_->open.begin()->first + kSlot <= time) {
    if (auto done = state_->publish(state_->open.begin()->first); !done) return done;
  }
  return {};
}

base::Expected<void> Publisher::finish() {
  base::Expected<void> first;
  while (!state_->open.empty()) {
    auto done = state_->publish(state_->open.begin()->first);
    if (!done && first) first = done;
  }
  if (state_->handover != nullptr) {
    auto delivered = state_->handover->finish();
    if (!delivered && first) first = delivered;
  }
  return first;
}

const std::vector<PublishedObject>& Publisher::published() const {
  return state_->published;
}

std::vector<PublishedObject> Publisher::take_published() {
  return std::exchange(state_->published, {});
}

}  // namespace weir::deliver
