#include "logs/followed_folders.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "aws/client.h"
#include "base/in_parallel.h"

namespace weir::logs {
namespace {

constexpr std::size_t kFoldersAtOnce = 16;
/// Objects that come later than this after their day's end are not met.
constexpr std::chrono::days kLateness{1};

std::chrono::sys_days first_day_at(base::UnixSeconds now) {
  return std::chrono::floor<std::chrono::days>(now) - kLateness;
}

/// A day has few objects: its hours are listed with it.
S3Folder with_its_hours(S3Folder folder) {
  folder.is_flat |= folder.first_day && folder.first_day == folder.last_day;
  return folder;
}

}  // namespace

FollowedFolders::FollowedFolders(S3Reader& s3, Settings settings)
    : s3_(s3), settings_(std::move(settings)), first_day_(first_day_at(settings_.now())) {
  for (S3Folder& folder : settings_.named) folder = with_its_hours(std::move(folder));
}

/// Everything that may be new, and some of what is not; but for what is below folders that could
/// not be listed the last time.
aws::Result<std::vector<Object>> FollowedFolders::list(Problems& problems) {
  const base::UnixSeconds begun = settings_.now();
  ++listing_;
  postponed_.clear();
  std::vector<S3Folder> level;
  for (const S3Folder& folder : settings_.named) add(folder, level);
  auto objects = list_below(std::move(level), problems);
  if (!objects) return objects;
  // Only what was listed after it was over is done with, and stays so when the clock is set back.
  first_day_ = std::max(first_day_, first_day_at(begun));
  return objects;
}

aws::Result<std::vector<Object>> FollowedFolders::list_postponed(Problems& problems) {
  for (const S3Folder& folder : postponed_) unlisted_.at(folder.url()).listing = 0;
  return list_below(std::exchange(postponed_, {}), problems);
}

aws::Result<std::vector<Object>> FollowedFolders::list_below(std::vector<S3Folder> level,
                                                             Problems& problems) {
  std::vector<Object> objects;
  while (!level.empty()) {
    auto below = list_level(level, objects, problems);
    if (!below) return tl::unexpected(std::move(below.error()));
    level = std::move(*below);
  }
  // What lies below a folder that cannot be listed is not met, and stays.
  std::erase_if(unlisted_, [&](const auto& each) {
    return std::none_of(unlisted_.begin(), unlisted_.end(), [&](const auto& other) {
      return other.second.listing == listing_ && each.first.starts_with(other.first);
    });
  });
  return objects;
}

/// Of the days in a folder that are listed: where it, or one above, could not be, those from then
/// on.
std::chrono::sys_days FollowedFolders::first_day_of(const std::string& url) const {
  std::chrono::sys_days first = first_day_;
  for (const auto& [other, unlisted] : unlisted_) {
    // A day's own folder that may not be listed until it is over is given up.
    const bool is_given_up = url == other && unlisted.is_for_good;
    if (url.starts_with(other) && !is_given_up) first = std::min(first, unlisted.first_day);
  }
  return first;
}

/// Whether all that the folder has is of days that are done with, and has been listed and read.
bool FollowedFolders::is_over(const S3Folder& folder) const {
  const std::string url = folder.url();
  const auto below = unlisted_.upper_bound(url);
  const bool has_unlisted = below != unlisted_.end() && below->first.starts_with(url);
  return folder.last_day && *folder.last_day < first_day_of(url) && !has_unlisted &&
         settings_.is_read(url);
}

/// Adds to `objects` those of the folders, and returns the folders below.
aws::Result<std::vector<S3Folder>> FollowedFolders::list_level(const std::vector<S3Folder>& folders,
                                                               std::vector<Object>& objects,
                                                               Problems& problems) {
  std::vector<std::optional<aws::Result<S3Listing>>> listings(folders.size());
  base::in_parallel(folders.size(), kFoldersAtOnce,
                    [&](std::size_t i) { listings[i] = s3_.list(folders[i]); });
  std::vector<S3Folder> below;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    auto& listing = *listings[i];
    if (!listing) {
      aws::Failure& failure = listing.error();
      if (failure.kind == aws::Failure::Kind::refused) failure.error.where = folders[i].url();
      if (!leave_out(folders[i], failure, problems)) return tl::unexpected(std::move(failure));
      continue;
    }
    std::move(listing->objects.begin(), listing->objects.end(), std::back_inserter(objects));
    for (S3Folder& folder : listing->folders) {
      if (!is_over(folder)) add(with_its_hours(std::move(folder)), below);
    }
  }
  return below;
}

/// Adds it to those that are to be listed, now or later.
void FollowedFolders::add(S3Folder folder, std::vector<S3Folder>& level) {
  const auto unlisted = unlisted_.find(folder.url());
  const bool is_postponed = unlisted != unlisted_.end();
  if (is_postponed) unlisted->second.listing = listing_;
  (is_postponed ? postponed_ : level).push_back(std::move(folder));
}

/// Whether it is not for that folder's sake that it cannot be listed.
bool FollowedFolders::is_outage(const std::string& url, bool is_for_good) {
  const bool is_named = std::any_of(settings_.named.begin(), settings_.named.end(),
                                    [&](const S3Folder& folder) { return folder.url() == url; });
  if (is_named && listing_ == 1) return true;
  if (unlisted_.contains(url) || (is_for_good && !is_named)) return false;
  return !can_be_asked(url);
}

/// Tells of it, once. False: others cannot be listed either.
bool FollowedFolders::leave_out(const S3Folder& folder, const aws::Failure& failure,
                                Problems& problems) {
  const std::string url = folder.url();
  const bool is_for_good = logs::is_for_good(failure);
  if (failure.kind == aws::Failure::Kind::cancelled || is_outage(url, is_for_good)) return false;
  const auto [unlisted, is_new] = unlisted_.try_emplace(url, Unlisted{first_day_of(url)});
  unlisted->second.listing = listing_;
  unlisted->second.is_for_good &= is_for_good;
  if (!is_new) return true;
  base::Error error = is_for_good || settings_.is_once ? told_by_s3(failure) : asked_again(failure);
  error.where.clear();
  problems.damaged(url, error);
  return true;
}

bool FollowedFolders::can_be_asked(const std::string& but) {
  return std::any_of(settings_.named.begin(), settings_.named.end(), [&](const S3Folder& folder) {
    return folder.url() != but && s3_.list(folder).has_value();
  });
}

bool FollowedFolders::is_below_unlisted(const std::string& path) const {
  return std::any_of(unlisted_.begin(), unlisted_.end(),
                     [&](const auto& each) { return path.starts_with(each.first); });
}

bool is_for_good(const aws::Failure& failure) {
  return is_of_one_object(failure) && !aws::is_worth_retrying(failure);
}

base::Error asked_again(const aws::Failure& failure) {
  base::Error error = told_by_s3(failure);
  error.what += ", and is asked again";
  return error;
}

}  // namespace weir::logs
