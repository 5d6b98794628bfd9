// The Security Token Service: a role in exchange for other credentials, or for a token.
#pragma once

#include "aws/client.h"

namespace weir::aws {

struct Role {
  std::string arn;
  std::string session_name;
  std::string external_id;       ///< "": none
  std::string duration_seconds;  ///< "": STS's own, an hour
};

/// `region` is what the request is signed for; `client` signs it with the source's credentials.
Result<Credentials> assume_role(Client& client, const Endpoint& endpoint, const std::string& region,
                                const Role& role);

/// The token is the file's content; the request is not signed, so `client` has no credentials.
Result<Credentials> assume_role_with_web_identity(Client& client, const Endpoint& endpoint,
                                                  const Role& role, const std::string& token_path);

/// "2026-11-25T13:43:07Z", with or without a fraction, or with an offset: "+09:00", "+0900", "+09".
/// Without any it is UTC.
std::optional<base::UnixSeconds> parse_iso_time(std::string_view text);

}  // namespace weir::aws
