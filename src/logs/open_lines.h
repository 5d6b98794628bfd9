// The lines of an object, and which fields they have.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "logs/line_reader.h"
#include "logs/objects.h"
#include "logs/problems.h"

namespace weir::logs {

/// Opens a text object. Error: it cannot be opened or is empty, or LineReader's.
base::Expected<std::unique_ptr<LineReader>> open_lines(
    const Object& object, const std::vector<std::string>& without_header, Problems& problems);

/// The fields at the front of an object. Error: as open_lines.
base::Expected<LineReader::Columns> fields_at_front(const Object& object,
                                                    const std::vector<std::string>& without_header);

/// Reads an object through for headers that are not at its front, and calls `use` with each one's
/// fields until that returns false or `is_cancelled`.
void for_later_headers(const Object& object, const std::vector<std::string>& without_header,
                       const std::atomic<bool>& is_cancelled,
                       const std::function<bool(const LineReader::Columns&)>& use);

}  // namespace weir::logs
