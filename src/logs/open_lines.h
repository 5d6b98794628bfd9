// The lines of an object, and which fields they have.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/input.h"
#include "logs/line_reader.h"
#include "logs/objects.h"
#include "logs/problems.h"

namespace weir::logs {

class S3Reader;

/// The bytes of an object, packed as they are: a file's, or those that `s3` fetches. `s3` may be
/// null where no object is in S3, and outlives the input. Error: it cannot be opened.
base::Expected<std::unique_ptr<base::Input>> open_object(const Object& object, S3Reader* s3);

/// Reads lines from an object's bytes. Error: there are none, or LineReader's.
base::Expected<std::unique_ptr<LineReader>> open_lines(
    const Object& object, base::Expected<std::unique_ptr<base::Input>> bytes,
    const std::vector<std::string>& without_header, Problems& problems);

/// The fields at the front of an object. Error: as open_object and open_lines.
base::Expected<LineReader::Columns> fields_at_front(const Object& object, S3Reader* s3,
                                                    const std::vector<std::string>& without_header);

/// Reads an object through for headers that are not at its front, and calls `use` with each one's
/// fields until that returns false or `is_cancelled`.
void for_later_headers(const Object& object, S3Reader* s3,
                       const std::vector<std::string>& without_header,
                       const std::atomic<bool>& is_cancelled,
                       const std::function<bool(const LineReader::Columns&)>& use);

}  // namespace weir::logs
