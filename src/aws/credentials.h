// Who signs: credentials found where the AWS CLI finds them, and renewed before they expire.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aws/failure.h"
#include "aws/signer.h"
#include "base/time.h"

namespace weir::aws {

/// Gives credentials that are good at `now`, by the services' clock as far as it is known. For
/// several threads at once.
class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;
  virtual Result<Credentials> get(base::UnixSeconds now) = 0;
  /// A service refused `refused`, which `get` gave. False: `get` would give the same again.
  virtual bool forget(const Credentials& /*refused*/, base::UnixSeconds /*now*/) { return false; }
};

class FixedCredentials : public CredentialsSource {
 public:
  explicit FixedCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  Result<Credentials> get(base::UnixSeconds /*now*/) override { return credentials_; }

 private:
  Credentials credentials_;
};

/// Keeps what was fetched until a quarter of an hour before it expires. From then on it asks again;
/// if that fails, the old ones serve as long as they last. What a service refuses is fetched again,
/// at most once a minute. Else nothing is fetched again within half a minute: what is over when it
/// comes is so by a clock that is wrong, and what fails will fail again, unless it is worth
/// retrying (client.h), which is left to who asks. A failure is that of all who waited for it,
/// however long it took.
class RenewedCredentials : public CredentialsSource {
 public:
  using Fetch = std::function<Result<Credentials>(base::UnixSeconds now)>;
  explicit RenewedCredentials(Fetch fetch) : fetch_(std::move(fetch)) {}
  Result<Credentials> get(base::UnixSeconds now) override;
  bool forget(const Credentials& refused, base::UnixSeconds now) override;

 private:
  Fetch fetch_;
  [[nodiscard]] const Credentials* held() const;
  [[nodiscard]] bool serves_still(base::UnixSeconds now) const;

  std::atomic<std::uint64_t> failures_ = 0;  ///< of `fetch_`
  std::mutex mutex_;                         ///< of what follows
  std::optional<Result<Credentials>> last_;  ///< what `get` gave
  std::optional<base::UnixSeconds> tried_;
  std::optional<base::UnixSeconds> forgotten_;
};

}  // namespace weir::aws
