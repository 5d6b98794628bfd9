// Functions that people miss in SQL over flow logs.
#pragma once

#include "base/error.h"
#include "query/duck.h"

namespace weir::query {

/// protocol_name(6) = 'TCP', port_name(443) = 'https', is_private(address),
/// cidr_contains('10.0.0.0/16', address). NULL for what is no address; a text that is no block is
/// an error, since a slip there would make every total 0.
///
/// The names are a short list of our own, not /etc/services: containers have none, an answer may
/// not depend on the machine, and IANA gives thousands of numbers in the range of clients' ports to
/// services that nobody runs, so that half of all ephemeral ports would look like one. What is not
/// in the list is its own number.
base::Expected<void> register_functions(const Duck& duck);

}  // namespace weir::query
