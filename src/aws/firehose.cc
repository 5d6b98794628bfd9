#include "aws/firehose.h"

#include "aws/base64.h"

namespace weir::aws {
namespace {

std::string string_of(const nlohmann::json& object, const char* name) {
  const auto place = object.find(name);
  return place != object.end() && place->is_string() ? place->get<std::string>() : std::string();
}

Failure cannot_tell(const std::string& where) {
  Failure failure;
  failure.kind = Failure::Kind::refused;
  failure.may_be_done = true;
  failure.error = {where, "the answer does not tell which records it took",
                   "check that the endpoint is Data Firehose's"};
  return failure;
}

}  // namespace

Result<PutRecords> Firehose::put_records(const std::string& stream,
                                         std::span<const std::string> records) {
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& record : records) list.push_back({{"Data", base64(bytes_of(record))}});
  auto answer = service_.call("PutRecordBatch",
                              {{"DeliveryStreamName", stream}, {"Records", std::move(list)}});
  if (!answer) return tl::unexpected(std::move(answer.error()));
  PutRecords put;
  put.may_be_repeated = answer->may_be_repeated;
  const nlohmann::json count = answer->body.value("FailedPutCount", nlohmann::json());
  if (count == 0) return put;
  const nlohmann::json each = answer->body.value("RequestResponses", nlohmann::json());
  if (!each.is_array() || each.size() != records.size()) {
    return tl::unexpected(cannot_tell(service_.url()));
  }
  for (std::size_t i = 0; i < each.size(); ++i) {
    std::string code = each[i].is_object() ? string_of(each[i], "ErrorCode") : "InternalFailure";
    if (code.empty()) continue;
    put.refused.push_back({i, std::move(code), string_of(each[i], "ErrorMessage")});
  }
  if (count.is_number() && count != put.refused.size()) {
    return tl::unexpected(cannot_tell(service_.url()));
  }
  return put;
}

}  // namespace weir::aws
