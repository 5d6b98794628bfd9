#include "query/object_list.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/in_parallel.h"
#include "logs/s3_reader.h"
#include "query/pushdown.h"

namespace weir::query {
namespace {

constexpr std::size_t kListingsAtOnce = 16;

/// One for each day, so that conditions on days can be decided.
void add_candidates(const logs::S3Folder& folder, std::vector<Candidate>& candidates) {
  Candidate candidate;
  candidate.is_folder = true;
  candidate.key = folder.key;
  if (!folder.first_day) return candidates.push_back(candidate);
  for (auto day = *folder.first_day; day <= *folder.last_day; day += std::chrono::days(1)) {
    const std::chrono::hours hour(folder.key.hour.value_or(0));
    const std::chrono::hours hours(folder.key.hour ? 1 : 24);
    const auto first = base::UnixSeconds(day) + hour;
    candidate.key.date = day;
    candidate.ends = {first - logs::kFolderSlack,
                      first + hours + logs::kFolderSlack - std::chrono::seconds(1)};
    candidates.push_back(candidate);
  }
}

}  // namespace

ObjectList::ObjectList(Settings& settings, logs::Problems& problems)
    : settings_(settings), problems_(problems) {
  for (logs::Object& object : settings.objects) {
    if (object.kind == logs::ObjectKind::unlisted) {
      problems.damaged(object.name, {"", "cannot be listed, and what it has is missing", ""});
    } else {
      add(std::move(object));
    }
  }
  settings.objects.clear();
  for (const logs::S3Folder& folder : settings.folders) {
    pending_.push_back({.folder = folder, .place = pending_.size(), .is_named = true});
  }
  has_object_.resize(pending_.size());
}

void ObjectList::add(logs::Object object) {
  ++count_;
  bytes_ += object.bytes;
  objects_.push_back(std::move(object));
}

base::Expected<void> ObjectList::list_for(const Duck& duck, const std::string& sql) {
  const std::size_t before = objects_.size();
  for (;;) {
    auto needed = take_needed(duck, sql);
    if (!needed) return tl::unexpected(needed.error());
    if (needed->empty()) break;
    if (auto listed = list(*needed); !listed) return listed;
  }
  std::sort(objects_.begin() + static_cast<std::ptrdiff_t>(before), objects_.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return check_places();
}

/// Takes those folders out of pending_ that the query may need something of.
base::Expected<std::vector<ObjectList::Pending>> ObjectList::take_needed(const Duck& duck,
                                                                         const std::string& sql) {
  std::vector<Pending> needed;
  std::vector<Candidate> candidates;
  std::vector<std::size_t> folders;  // of the candidates
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    add_candidates(pending_[i].folder, candidates);
    folders.resize(candidates.size(), i);
  }
  if (candidates.empty()) return needed;
  auto pushed = push_down(duck, sql, candidates);
  if (!pushed) return tl::unexpected(pushed.error());
  std::vector<bool> is_needed(pending_.size());
  for (const std::size_t number : pushed->objects) is_needed[folders[number]] = true;
  std::vector<Pending> left;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    Pending& each = pending_[i];
    // Below AWSLogs/ there may be others' objects; below an account of there it is flow logs.
    each.is_wanted_whole =
        pushed->needs_all && !each.is_larger && !each.folder.key.account_id.empty();
    (is_needed[i] ? needed : left).push_back(std::move(each));
  }
  pending_ = std::move(left);
  return needed;
}

base::Expected<void> ObjectList::list(const std::vector<Pending>& folders) {
  std::vector<std::optional<aws::Result<logs::S3Listing>>> listings(folders.size());
  base::in_parallel(folders.size(), kListingsAtOnce, [&](std::size_t i) {
    listings[i] = settings_.s3->list(folders[i].folder, folders[i].is_wanted_whole);
  });
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const Pending& above = folders[i];
    auto& listing = *listings[i];
    if (!listing) {
      base::Error error = logs::told_by_s3(listing.error());
      if (above.is_named || !logs::is_of_one_object(listing.error())) {
        if (listing.error().kind == aws::Failure::Kind::refused) error.where = above.folder.url();
        return tl::unexpected(std::move(error));
      }
      error.where.clear();
      problems_.damaged(above.folder.url(), error);
      has_object_[above.place] = true;
      continue;
    }
    for (logs::Object& object : listing->objects) {
      has_object_[above.place] = true;
      if (paths_.insert(object.path).second) add(std::move(object));
    }
    for (logs::S3Folder& folder : listing->folders) {
      pending_.push_back({.folder = std::move(folder),
                          .place = above.place,
                          .is_larger = above.is_wanted_whole || above.is_larger});
    }
  }
  return {};
}

base::Expected<void> ObjectList::check_places() const {
  for (std::size_t place = 0; place < has_object_.size(); ++place) {
    const bool may_have = std::any_of(pending_.begin(), pending_.end(),
                                      [&](const Pending& each) { return each.place == place; });
    if (has_object_[place] || may_have) continue;
    return base::fail(
        settings_.folders[place].url(), "has no flow-log object",
        "objects are named *.log, *.log.gz or *.parquet; `aws s3 ls --recursive` shows "
        "what there is");
  }
  return {};
}

}  // namespace weir::query
