// Credentials that a container or an instance is given by what it runs on.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "aws/client.h"
#include "aws/environment.h"

namespace weir::aws {

/// The transport for these services: no proxy, and nobody waits long where there is none.
TransportSettings metadata_transport_settings(const Environment& environment);

/// Whether this is a container that was given some: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI (ECS)
/// or _FULL_URI (EKS and others).
bool has_container_credentials(const Environment& environment);
Result<Credentials> container_credentials(Transport& transport, const Environment& environment);

/// The instance metadata service, version 2 only: a version 1 answers to forged requests.
Result<Credentials> instance_credentials(Transport& transport, const Environment& environment);
/// The region that the instance runs in.
Result<std::string> instance_region(Transport& transport, const Environment& environment);

/// The JSON that such services, and credential_process, give; what is no JSON is discarded as
/// nlohmann's. `where` is for errors.
Result<Credentials> credentials_of_json(const nlohmann::json& json, const std::string& where);

}  // namespace weir::aws
