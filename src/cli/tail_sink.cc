#include "cli/tail_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <string_view>
#include <vector>

#include "cli/interruption.h"
#include "cli/options.h"

namespace weir::cli {

using record::FieldId;

bool TailFilter::wants(const LoggedRecord& record) const {
  if (!action.empty() && record.text(FieldId::action) != action) return false;
  if (!interface.empty() && record.text(FieldId::interface_id) != interface) return false;
  if (port && record.number(FieldId::srcport) != *port &&
      record.number(FieldId::dstport) != *port) {
    return false;
  }
  if (!address) return true;
  constexpr std::array kAddresses = {FieldId::srcaddr, FieldId::dstaddr, FieldId::pkt_srcaddr,
                                     FieldId::pkt_dstaddr};
  return std::any_of(kAddresses.begin(), kAddresses.end(), [&](FieldId field) {
    const auto held = base::Address::parse(record.text(field));
    return held && address->contains(*held);
  });
}

void TailSink::print_last(std::size_t count, logs::Following& following) {
  most_kept_ = count;
  while (kept_.size() < count && !was_interrupted() && following.read_earlier(*this)) ++age_;
  most_kept_.reset();
  if (was_interrupted()) return;
  for (const auto& [place, record] : kept_) printer_.print(record);
  kept_.clear();
  std::cout.flush();
}

bool TailSink::lines(const logs::LineReader::Columns& columns, const logs::Lines& lines,
                     std::size_t first) {
  if (format_ == nullptr || format_->columns() != columns) {
    format_ = std::make_shared<RecordFormat>(columns);
  }
  std::vector<std::string_view> values(columns.size());
  for (std::size_t line = first; line < lines.size(); ++line) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = lines.field(line, i);
    const LoggedRecord record(format_, values);
    if (!filter_.wants(record)) continue;
    if (most_kept_) {
      keep(record);
    } else {
      printer_.print(record);
    }
  }
  std::cout.flush();
  return !was_interrupted() && std::cout.good();
}

void TailSink::problems(const logs::Problems& problems) {
  for (const std::string& problem : problems.first()) tell({base::Severity::warning, problem});
  const std::uint64_t more = problems.bad_lines() > logs::Problems::kKept
                                 ? problems.bad_lines() - logs::Problems::kKept
                                 : 0;
  if (more != 0) {
    fmt::print(stderr, "weir: warning: {} did not fit\n", count_of(more, "more line"));
  }
  has_damage_ |= problems.damaged_objects() != 0;
}

void TailSink::keep(const LoggedRecord& record) {
  auto end = record.number(FieldId::end);
  if (!end) end = record.number(FieldId::start);
  const Place place{end.value_or(0), -age_, ++number_};
  if (kept_.size() == *most_kept_) {
    if (kept_.empty() || place < kept_.begin()->first) return;
    kept_.erase(kept_.begin());
  }
  kept_.emplace(place, record.kept());
}

}  // namespace weir::cli
