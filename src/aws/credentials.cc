#include "aws/credentials.h"

namespace weir::aws {
namespace {

constexpr std::chrono::minutes kRenewBefore{15};  // botocore's
constexpr std::chrono::seconds kBetweenTries{30};

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

void RenewedCredentials::forget() {
  const std::scoped_lock lock(mutex_);
  held_.reset();
}

}  // namespace weir::aws
