#include "cli/record_output.h"

#include <fmt/format.h>

#include "cli/refusal.h"
#include "record/text.h"

namespace weir::cli {

RecordOutput::RecordOutput(const vpc::Network& network, const record::LogFormat& format,
                           deliver::Publisher* publisher, std::optional<base::OutputForm> form)
    : network_(network), format_(format), publisher_(publisher), form_(form) {
  for (const record::Field* field : format.fields()) {
    table_.columns.push_back(
        {std::string(field->name), field->type != record::ParquetType::string});
  }
}

base::Expected<void> RecordOutput::add(const record::Record& record) {
  if (publisher_ != nullptr) {
    if (auto added = publisher_->add(record); !added) return added;
  }
  if (!form_) return {};
  if (table_.rows.size() >= kMaxRows) {
    ++left_out_;
    return {};
  }
  std::vector<std::string>& row = table_.rows.emplace_back();
  for (const record::Field* field : format_.fields()) {
    record::append_value(row.emplace_back(), record::value_of(*field, record, format_));
  }
  const bool is_reject =
      record.log_status == record::LogStatus::ok && record.flow.action == record::Action::reject;
  if (is_reject) refusals_.push_back(refusal_sentence(record, network_));
  return {};
}

base::Expected<void> RecordOutput::completed(base::UnixSeconds time) {
  if (publisher_ == nullptr) return {};
  return publisher_->publish_before(time);
}

void RecordOutput::print(std::ostream& out) const {
  if (!form_) return;
  base::print(out, table_, *form_);
  if (left_out_ != 0) {
    fmt::print(stderr, "weir: {} more records are not printed; --log-destination keeps them all\n",
               left_out_);
  }
  if (*form_ != base::OutputForm::table || refusals_.empty()) return;
  out << "\nWhy each REJECT happened\n";
  for (const std::string& sentence : refusals_) out << "  " << sentence << "\n";
}

}  // namespace weir::cli
