#include "cli/record_output.h"

#include <fmt/format.h>

#include "base/printable.h"
#include "cli/options.h"
#include "explain/explainer.h"
#include "explain/words.h"
#include "record/text.h"

namespace weir::cli {
namespace {

explain::Cause cause_of(record::RejectCause cause) {
  switch (cause) {
    case record::RejectCause::network_acl:
      return explain::Cause::network_acl;
    case record::RejectCause::connection_closed:
      return explain::Cause::connection_closed;
    default:
      return explain::Cause::security_group;
  }
}

/// What `weir explain` would say of a record that has all our fields.
explain::Finding finding_of(const record::Record& record, const vpc::Network& network) {
  explain::Finding finding;
  finding.interface_id = record.interface->interface_id;
  for (const vpc::NetworkInterface& interface : network.interfaces) {
    if (interface.id == finding.interface_id) finding.interface_name = interface.name;
  }
  const record::Flow& flow = record.flow;
  finding.protocol = flow.protocol;
  finding.flow.srcaddr = flow.srcaddr.to_string();
  finding.flow.dstaddr = flow.dstaddr.to_string();
  finding.flow.srcport = flow.srcport;
  finding.flow.dstport = flow.dstport;
  finding.flow.packets = flow.packets;
  finding.flow.direction = flow.direction == record::FlowDirection::egress
                               ? vpc::Direction::egress
                               : vpc::Direction::ingress;
  finding.flow.security_group_rule = flow.security_group_rule;
  finding.flow.network_acl_rule = flow.network_acl_rule;
  finding.is_tracked_reply = flow.security_group_rule == "tracked";
  explain::take_recorded(cause_of(flow.reject_cause), finding);
  return finding;
}

}  // namespace

RecordOutput::RecordOutput(const vpc::Network& network, const record::LogFormat& format,
                           deliver::RecordWriter* writer, std::optional<base::OutputForm> form)
    : network_(network), format_(format), writer_(writer), form_(form) {
  for (const record::Field* field : format.fields()) {
    table_.columns.push_back(
        {std::string(field->name), field->type != record::ParquetType::string});
  }
}

base::Expected<void> RecordOutput::add(const record::Record& record) {
  if (writer_ != nullptr && !has_failed_) keep(writer_->add(record));
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
  if (is_reject) {
    refusals_.push_back(
        explain::sentence(finding_of(record, network_), explain::Language::english));
  }
  return {};
}

base::Expected<void> RecordOutput::completed(base::UnixSeconds time) {
  if (writer_ != nullptr && !has_failed_) keep(writer_->publish_before(time));
  return {};
}

base::Expected<void> RecordOutput::finish() {
  if (writer_ != nullptr) keep(writer_->finish());
  return result_;
}

void RecordOutput::keep(base::Expected<void> done) {
  if (done || has_failed_) return;
  result_ = std::move(done);
  has_failed_ = true;
}

void RecordOutput::print(std::ostream& out) const {
  if (!form_) return;
  base::print(out, table_, *form_);
  if (left_out_ != 0) {
    fmt::print(stderr, "weir: not printed: {} more; --log-destination keeps them all\n",
               count_of(left_out_, "record"));
  }
  if (*form_ != base::OutputForm::table || refusals_.empty()) return;
  out << "\nWhy each REJECT happened\n";
  for (const std::string& sentence : refusals_) out << "  " << base::printable(sentence) << "\n";
}

}  // namespace weir::cli
