#include "query/fronts.h"

#include <optional>

#include "base/in_parallel.h"
#include "logs/open_lines.h"

namespace weir::query {
namespace {

constexpr std::size_t kFrontsAtOnce = 16;

/// What objects of one flow log have in common: all before its id, which is unique in a region.
std::string flow_log_of(const logs::Object& object) {
  const logs::Key& key = object.key;
  if (key.flow_log_id.empty()) return object.path;
  const std::string bucket = object.path.substr(0, object.path.find('/', 5));
  return bucket + "/" + key.account_id + "/" + key.region + "/" + key.flow_log_id;
}

}  // namespace

base::Expected<Fronts::Fields> Fronts::look(const logs::Object& object) const {
  return logs::fields_at_front(object, s3_, without_header_);
}

void Fronts::read(const std::vector<const logs::Object*>& objects) {
  std::map<std::string, std::vector<const logs::Object*>> unknown;  // by flow log
  for (const logs::Object* object : objects) {
    if (!logs::is_in_s3(*object) || known_.contains(object->path)) continue;
    const std::string flow_log = flow_log_of(*object);
    if (!known_.contains(flow_log)) unknown[flow_log].push_back(object);
  }
  for (std::size_t of_each = 1; !unknown.empty(); of_each = kFrontsAtOnce) {
    std::vector<const logs::Object*> next;
    for (auto& [flow_log, left] : unknown) {
      for (std::size_t i = 0; i < of_each && !left.empty(); ++i) {
        next.push_back(left.back());
        left.pop_back();
      }
    }
    look_at(next);
    const bool has_tried_others = of_each != 1;
    if (s3_->failure() || (has_tried_others && s3_->denied())) return;
    std::erase_if(unknown, [&](const auto& each) {
      return each.second.empty() || known_.contains(each.first);
    });
  }
}

void Fronts::look_at(const std::vector<const logs::Object*>& objects) {
  std::vector<std::optional<base::Expected<Fields>>> found(objects.size());
  base::in_parallel(objects.size(), kFrontsAtOnce,
                    [&](std::size_t i) { found[i] = look(*objects[i]); });
  for (std::size_t i = 0; i < objects.size(); ++i) {
    // Another object of the same flow log may be whole.
    known_.emplace(*found[i] ? flow_log_of(*objects[i]) : objects[i]->path, std::move(*found[i]));
  }
}

base::Expected<Fronts::Fields> Fronts::of(const logs::Object& object) {
  if (!logs::is_in_s3(object)) return look(object);
  for (const std::string& name : {flow_log_of(object), object.path}) {
    if (const auto known = known_.find(name); known != known_.end()) return known->second;
  }
  auto found = look(object);
  known_.emplace(found ? flow_log_of(object) : object.path, found);
  return found;
}

}  // namespace weir::query
