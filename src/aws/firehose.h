// Amazon Data Firehose: records into a delivery stream.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "aws/json_service.h"

namespace weir::aws {

/// A record of a call that the service did not take, while others of the call were.
struct RefusedRecord {
  std::size_t index = 0;
  std::string code;  ///< "ServiceUnavailableException", "InternalFailure"
  std::string message;
};

struct PutRecords {
  std::vector<RefusedRecord> refused;  ///< in the order of the call
  /// An attempt whose answer was lost may have put the others too.
  bool may_be_repeated = false;
};

class Firehose {
 public:
  static constexpr const char* kTarget = "Firehose_20150804";

  /// `client` outlives it.
  Firehose(Client& client, JsonServicePlace place) : service_(client, std::move(place)) {}

  /// REQUIRES: 1 to 500 records with no more bytes than the service takes (deliver/batch.h).
  /// Failure: also an answer that does not tell which records it took.
  Result<PutRecords> put_records(const std::string& stream, std::span<const std::string> records);

  [[nodiscard]] Backoff backoff() const { return service_.backoff(); }

 private:
  JsonService service_;
};

}  // namespace weir::aws
