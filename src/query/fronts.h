// The fields at the front of objects.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "logs/objects.h"
#include "logs/s3_reader.h"

namespace weir::query {

/// Of a flow log in S3, whose format never changes (facts/flow-logs.md §6.4), one object is looked
/// at.
class Fronts {
 public:
  using Fields = std::vector<std::string>;

  /// `without_header`: of objects that have no header line. Both outlive it; `s3` may be null.
  Fronts(logs::S3Reader* s3, const Fields& without_header)
      : s3_(s3), without_header_(without_header) {}

  /// Reads those that `of` is going to be asked for and that lie in S3, several at once; of a flow
  /// log the last object's, and others' only where that cannot be read.
  void read(const std::vector<const logs::Object*>& objects);

  /// Of an object of text. Error: it cannot be read.
  base::Expected<Fields> of(const logs::Object& object);

 private:
  base::Expected<Fields> look(const logs::Object& object) const;
  void look_at(const std::vector<const logs::Object*>& objects);

  logs::S3Reader* s3_;
  const Fields& without_header_;
  std::map<std::string, base::Expected<Fields>> known_;
};

}  // namespace weir::query
