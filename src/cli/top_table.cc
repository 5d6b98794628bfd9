#include "cli/top_table.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace weir::cli {
namespace {

using record::FieldId;

constexpr std::array kPair = {FieldId::interface_id, FieldId::srcaddr, FieldId::dstaddr};
constexpr std::array kRefusal = {FieldId::interface_id,
                                 FieldId::srcaddr,
                                 FieldId::dstaddr,
                                 FieldId::dstport,
                                 FieldId::protocol,
                                 FieldId::weir_reject_cause,
                                 FieldId::weir_network_acl_rule,
                                 FieldId::weir_security_group_rule};

std::uint64_t count(const LoggedRecord& record, FieldId field) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(record.number(field).value_or(0), 0));
}

/// What a row is sorted by: the largest first.
auto rank(const TopRow& row, TopOrder order) {
  const Amount& last = row.course.last;
  const Amount& total = row.course.total;
  switch (order) {
    case TopOrder::packets:
      return std::tuple(last.packets, last.bytes, total.bytes);
    case TopOrder::total:
      return std::tuple(total.bytes, total.packets, last.bytes);
    default:
      return std::tuple(last.bytes, last.packets, total.bytes);
  }
}

}  // namespace

void TopTable::flow(const LoggedRecord& record) {
  const std::string_view action = record.text(FieldId::action);
  const bool is_refused = action == "REJECT";
  if (!is_refused && action != "ACCEPT") return;  // no flow
  key_.clear();
  const auto add_to_key = [&](FieldId field) {
    key_ += record.text(field);
    key_ += ' ';
  };
  if (is_refused) {
    std::for_each(kRefusal.begin(), kRefusal.end(), add_to_key);
  } else {
    std::for_each(kPair.begin(), kPair.end(), add_to_key);
  }
  Rows& rows = is_refused ? refused_ : accepted_;
  const auto [place, is_new] = rows.by_key.try_emplace(key_);
  TopRow& row = place->second;
  if (is_new) {
    row.interface = words_.interface(record);
    row.source = words_.address(record, FieldId::srcaddr);
    row.destination = words_.address(record, FieldId::dstaddr);
    if (is_refused) {
      row.service = words_.service(record);
      row.reason = words_.reason(record);
    }
  }
  const Amount amount{count(record, FieldId::packets), count(record, FieldId::bytes)};
  row.course.add(amount);
  rows.sum.add(amount);
}

void TopTable::missed(std::uint64_t lines) {
  gaps_.missed_lines += lines;
  has_gap_ = true;
}

void TopTable::drained(base::UnixSeconds time, std::uint64_t left_out) {
  // A service that was held up has more than a second's flows in one drain; a clock may be set
  // back.
  const auto since = time - last_drained_.value_or(time);
  const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(since.count(), 1));
  last_drained_ = time;
  gaps_.left_out = left_out;
  gaps_.left_out_ever += left_out;
  gaps_.is_last_whole = !has_gap_;
  if (!has_gap_) ++whole_drains_;
  end_drain(accepted_, has_gap_ ? 0 : seconds);
  end_drain(refused_, has_gap_ ? 0 : seconds);
  has_gap_ = false;
}

void TopTable::end_drain(Rows& rows, std::uint64_t seconds) {
  rows.sum.end_drain(seconds);
  for (auto& [key, row] : rows.by_key) row.course.end_drain(seconds);
  if (rows.by_key.size() <= kMostRows) return;
  std::vector<decltype(rows.by_key)::iterator> all;
  for (auto row = rows.by_key.begin(); row != rows.by_key.end(); ++row) all.push_back(row);
  const auto kept = all.begin() + kMostRows / 2;
  std::nth_element(all.begin(), kept, all.end(), [](const auto& a, const auto& b) {
    return rank(a->second, TopOrder::total) > rank(b->second, TopOrder::total);
  });
  std::for_each(kept, all.end(), [&](const auto& row) { rows.by_key.erase(row); });
}

TopTable::Side TopTable::side_of(const Rows& rows, TopOrder order, std::size_t first,
                                 std::size_t most) {
  std::vector<std::pair<const std::string*, const TopRow*>> all;
  all.reserve(rows.by_key.size());
  for (const auto& [key, row] : rows.by_key) all.emplace_back(&key, &row);
  const std::size_t end = std::min(first + most, all.size());
  // Equals stay where they are on the screen: their keys decide.
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(end), all.end(),
                    [order](const auto& a, const auto& b) {
                      const auto left = rank(*a.second, order);
                      const auto right = rank(*b.second, order);
                      return left != right ? left > right : *a.first < *b.first;
                    });
  Side side{{}, all.size(), rows.sum.last, rows.sum.total};
  for (std::size_t i = first; i < end; ++i) side.rows.push_back(all[i].second);
  return side;
}

}  // namespace weir::cli
