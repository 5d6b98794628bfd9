// What an engine is to read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "logs/objects.h"
#include "logs/s3_folder.h"
#include "logs/s3_reader.h"
#include "query/user_tables.h"

namespace weir::query {

struct Settings {
  std::vector<logs::Object> objects;
  /// Of S3: what of them a query needs is listed then, by `s3`, which is null if there are none.
  std::vector<logs::S3Folder> folders;
  std::shared_ptr<logs::S3Reader> s3;
  /// The columns of text objects that have no header line; empty: AWS's default format.
  std::vector<std::string> without_header;
  /// Only records whose `end` lies in [since, until).
  std::optional<base::UnixSeconds> since;
  std::optional<base::UnixSeconds> until;
  std::vector<NamedTable> tables;
  /// A line that does not fit ends a query with an error once all has been read.
  bool is_strict = false;
  unsigned threads = 0;  ///< 0: as many as processors
};

}  // namespace weir::query
