// Records as lines of text, AWS's plain-text form.
#pragma once

#include <string>

#include "record/log_format.h"
#include "record/record.h"

namespace weir::record {

/// The names of the format's fields, space-separated, without a newline: the first line of an
/// object.
std::string header_line(const LogFormat& format);

/// Appends the record's values, space-separated, without a newline. Nothing is quoted or escaped,
/// as AWS has neither (facts/flow-logs.md §1.1): no value holds a space.
void append_line(std::string& out, const Record& record, const LogFormat& format);

/// The value of one field of the record; `version` is the format's.
Value value_of(const Field& field, const Record& record, const LogFormat& format);

/// Appends a value's text form; `-` for none.
void append_value(std::string& out, const Value& value);

}  // namespace weir::record
