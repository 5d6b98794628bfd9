#include "http/broadcast.h"

#include <algorithm>

namespace weir::http {
namespace {

/// Small, since each reader may hold one that nobody else holds any more.
constexpr std::size_t kBlockBytes = 64U << 10U;

}  // namespace

void Broadcast::append(std::string_view lines) {
  while (lines.size() > kBlockBytes) {
    std::size_t end = lines.rfind('\n', kBlockBytes - 1);
    if (end == std::string_view::npos) end = lines.find('\n');
    push(lines.substr(0, end + 1));
    lines.remove_prefix(end + 1);
  }
  if (!lines.empty()) push(lines);
}

void Broadcast::push(std::string_view lines) {
  auto block = std::make_shared<Block>();
  block->first_line = next_line_;
  block->lines = static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
  block->text = lines;
  next_line_ += block->lines;
  bytes_ += block->text.size();
  blocks_.push_back(std::move(block));
  while (bytes_ > kept_bytes_ && blocks_.size() > 1) {
    bytes_ -= blocks_.front()->text.size();
    blocks_.pop_front();
  }
}

std::shared_ptr<const Broadcast::Block> Broadcast::block_from(std::uint64_t line) const {
  const auto found =
      std::partition_point(blocks_.begin(), blocks_.end(),
                           [line](const auto& block) { return block->first_line < line; });
  return found == blocks_.end() ? nullptr : *found;
}

BroadcastReader::BroadcastReader(const Broadcast& broadcast)
    : broadcast_(broadcast), notice_(broadcast.greeting_), next_line_(broadcast.next_line_) {}

std::string_view BroadcastReader::next() {
  if (!notice_.empty()) {
    if (offset_ < notice_.size()) return std::string_view(notice_).substr(offset_);
    notice_.clear();
    offset_ = 0;
  }
  if (block_ != nullptr && offset_ < block_->text.size()) {
    return std::string_view(block_->text).substr(offset_);
  }
  block_ = broadcast_.block_from(next_line_);
  offset_ = 0;
  if (block_ == nullptr) return {};
  const std::uint64_t missed = block_->first_line - next_line_;
  next_line_ = block_->first_line + block_->lines;
  if (missed == 0) return block_->text;
  notice_ = broadcast_.missed_line_(missed);
  return notice_;
}

}  // namespace weir::http
