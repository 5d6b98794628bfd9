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

}  // namespace

Result<Credentials> RenewedCredentials::get(base::UnixSeconds now) {
  // Others wait meanwhile: they need the same.
  const std::scoped_lock lock(mutex_);
  if (held_ && (!held_->expires || now < *held_->expires - kRenewBefore)) return *held_;
  const bool is_good = held_ && now < *held_->expires;
  if (is_good && now < next_try_) return *held_;
  auto fetched = fetch_(now);
  if (!fetched && !is_good) return fetched;
  next_try_ = now + kBetweenTries;  // also of those that live for less than a quarter of an hour
  if (fetched) held_ = std::move(*fetched);
  return *held_;
}

bool RenewedCredentials::forget(const Credentials& refused, base::UnixSeconds now) {
  const std::scoped_lock lock(mutex_);
  if (!held_ || !are_same(*held_, refused)) return true;
  // A clock that was set back keeps nobody waiting.
  if (forgotten_ && now >= *forgotten_ && now < *forgotten_ + kBetweenRefusals) return false;
  forgotten_ = now;
  held_.reset();
  return true;
}

}  // namespace weir::aws
