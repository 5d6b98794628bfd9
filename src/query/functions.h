// Functions that people miss in SQL over flow logs.
#pragma once

#include "base/error.h"
#include "query/duck.h"

namespace weir::query {

/// protocol_name(6) = 'TCP', port_name(443) = 'https', is_private(address),
/// cidr_contains('10.0.0.0/16', address): NULL for what is no address or block.
base::Expected<void> register_functions(const Duck& duck);

}  // namespace weir::query
