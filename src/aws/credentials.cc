#include "aws/credentials.h"

namespace weir::aws {
namespace {

constexpr std::chrono::minutes kRenewBefore{15};  // botocore's
constexpr std::chrono::seconds kBetweenTries{30};
constexpr std::chrono::minutes kBetweenRefusals{1};

bool are_same(const Credentials& one, const Credentials& other) {
  return one.access_key_id == other.access_key_id &&
         one.secret_access_key.reveal() == other.secret_access_key.reveal() &&
         one.session_token.reveal() == other.session_token.reveal();
}

/// A clock that was set back keeps nobody waiting.
bool is_soon_after(base::UnixSeconds now, std::optional<base::UnixSeconds> then,
                   std::chrono::seconds wait) {
  return then && now >= *then && now < *then + wait;
}

}  // namespace

Result<Credentials> RenewedCredentials::get(base::UnixSeconds now) {
  // Others wait meanwhile: they need the same.
  const std::scoped_lock lock(mutex_);
  if (held_ && (!held_->expires || now < *held_->expires - kRenewBefore)) return *held_;
  // Also those that live for less than a quarter of an hour, or are over by a clock that is wrong.
  if (held_ && is_soon_after(now, tried_, kBetweenTries)) return *held_;
  auto fetched = fetch_(now);
  const bool is_good = held_ && now < *held_->expires;
  if (!fetched && !is_good) return fetched;
  tried_ = now;
  if (fetched) held_ = std::move(*fetched);
  return *held_;
}

bool RenewedCredentials::forget(const Credentials& refused, base::UnixSeconds now) {
  const std::scoped_lock lock(mutex_);
  if (!held_ || !are_same(*held_, refused)) return true;
  if (is_soon_after(now, forgotten_, kBetweenRefusals)) return false;
  forgotten_ = now;
  held_.reset();
  return true;
}

}  // namespace weir::aws
