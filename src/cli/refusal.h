// A refused flow in a sentence that a newcomer understands.
#pragma once

#include <string>

#include "record/record.h"
#include "vpc/network.h"

namespace weir::cli {

/// Who was refused what, where, and which rule of which ACL or group did it. REQUIRES: the record
/// is a REJECT and has its rules.
std::string refusal_sentence(const record::Record& record, const vpc::Network& network);

}  // namespace weir::cli
