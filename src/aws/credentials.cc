#include "aws/credentials.h"

#include "aws/client.h"

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

const Credentials* RenewedCredentials::held() const {
  return last_ && *last_ ? &**last_ : nullptr;
}

/// Also those that live for less than a quarter of an hour, or are over by a clock that is wrong.
bool RenewedCredentials::serves_still(base::UnixSeconds now) const {
  const bool may_pass = !*last_ && is_worth_retrying(last_->error());
  return !may_pass && is_soon_after(now, tried_, kBetweenTries);
}

Result<Credentials> RenewedCredentials::get(base::UnixSeconds now) {
  const std::uint64_t failures_before = failures_;
  // Others wait meanwhile: they need the same.
  const std::scoped_lock lock(mutex_);
  if (held() != nullptr && (!held()->expires || now < *held()->expires - kRenewBefore)) {
    return *last_;
  }
  if (last_ && (failures_ != failures_before || serves_still(now))) return *last_;
  auto fetched = fetch_(now);
  tried_ = now;
  if (!fetched) ++failures_;
  const bool is_good = held() != nullptr && now < *held()->expires;
  if (fetched || !is_good) last_ = std::move(fetched);
  return *last_;
}

bool RenewedCredentials::forget(const Credentials& refused, base::UnixSeconds now) {
  const std::scoped_lock lock(mutex_);
  if (held() == nullptr || !are_same(*held(), refused)) return true;
  if (is_soon_after(now, forgotten_, kBetweenRefusals)) return false;
  forgotten_ = now;
  last_.reset();
  return true;
}

}  // namespace weir::aws
