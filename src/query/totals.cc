#include "query/totals.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <utility>

namespace weir::query {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);
/// For so many bytes of rows there is a slot: most rows are no larger.
constexpr std::size_t kBytesPerSlot = 64;
/// What has not found its place after so many slots gets a row that is not found again: somebody
/// may have chosen texts that collide.
constexpr std::size_t kSteps = 16;
/// By so many words the rows' room grows.
constexpr std::size_t kBlockWords = std::size_t{1} << 16U;
constexpr unsigned kHalf = 32;

constexpr std::size_t words_of(std::size_t bytes) {
  return (bytes + kWord - 1) / kWord;
}

std::uint64_t mixed(std::uint64_t hash) {
  hash *= 0x9e37'79b9'7f4a'7c15U;
  return hash ^ hash >> kHalf;
}

/// Two words at once, since most texts have no more.
std::uint64_t with_text(std::uint64_t hash, std::string_view text) {
  constexpr std::size_t kBytes = 2 * kWord;
  static constexpr auto kMask = [] {
    std::array<std::uint8_t, 2 * kBytes> mask{};
    std::fill_n(mask.begin(), kBytes, std::uint8_t{0xff});
    return mask;
  }();
  for (std::size_t done = 0;; done += kBytes) {
    std::array<std::uint64_t, 2> words;
    std::array<std::uint64_t, 2> mask;
    std::memcpy(words.data(), text.data() + done, kBytes);
    std::memcpy(mask.data(), kMask.data() + kBytes - std::min(text.size() - done, kBytes), kBytes);
    hash = mixed(hash ^ (words[0] & mask[0]));
    hash = mixed(hash ^ (words[1] & mask[1]));
    if (text.size() - done <= kBytes) return hash;
  }
}

}  // namespace

std::string_view Totals::Row::texts() const {
  return {reinterpret_cast<const char*>(words_ + 1 + columns_), *words_ >> kHalf};
}

Totals::Row Totals::Row::next() const {
  return {words_ + 1 + columns_ + words_of(*words_ >> kHalf), columns_};
}

Totals::Totals(std::vector<Merge> merges, std::size_t bytes)
    : merges_(std::move(merges)),
      most_words_(bytes / kWord),
      slots_(std::bit_ceil(bytes / kBytesPerSlot)) {
  words_.reserve(most_words_ + kBlockWords);
}

void Totals::add_text(std::string_view text) {
  const std::size_t wanted = words_of(batch_used_ + text.size() + kTextPadding + kWord);
  if (wanted > batch_.size()) batch_.resize(2 * wanted);
  char* out = reinterpret_cast<char*>(batch_.data()) + batch_used_;
  std::memcpy(out, text.data(), kTextPadding);
  if (text.size() > kTextPadding) std::memcpy(out, text.data(), text.size());
  out[text.size()] = ' ';
  batch_used_ += text.size() + 1;
  // Of the text itself, for to read at once what has been written in parts is slow.
  batch_hash_ = with_text(batch_hash_, text);
}

void Totals::end_row() {
  Given& row = batch_rows_[batch_size_];
  row.first = batch_size_ == 0 ? 0 : batch_rows_[batch_size_ - 1].end();
  row.bytes = batch_used_ - row.first * kWord;
  row.hash = std::exchange(batch_hash_, 0);
  ++batch_size_;
  const std::size_t end = row.end();
  if (end + 1 > batch_.size()) batch_.resize(2 * (end + 1));
  std::memset(reinterpret_cast<char*>(batch_.data()) + batch_used_, 0, kWord);
  batch_used_ = end * kWord;
  __builtin_prefetch(&slots_[row.hash % slots_.size()]);
}

void Totals::find_rows() {
  given_ += batch_size_;
  const auto rows = std::span(batch_rows_).first(batch_size_);
  for (const Given& row : rows) {
    const Slot& slot = slots_[row.hash % slots_.size()];
    if (slot.place != 0) __builtin_prefetch(&words_[slot.place - 1]);
  }
  for (Given& row : rows) row.place = find_or_make(row);
}

std::size_t Totals::find_or_make(const Given& given) {
  const auto short_hash = static_cast<std::uint32_t>(given.hash >> kHalf);
  const std::size_t words = words_of(given.bytes);
  for (std::size_t step = 0; step < kSteps; ++step) {
    Slot& slot = slots_[(given.hash + step) % slots_.size()];
    if (slot.place == 0) {
      const std::size_t place = make(given);
      slot = {short_hash, static_cast<std::uint32_t>(place + 1)};
      return place;
    }
    if (slot.hash != short_hash) continue;
    const std::uint64_t* row = &words_[slot.place - 1];
    const std::uint64_t* texts = row + 1 + merges_.size();
    if (*row >> kHalf != given.bytes) continue;
    std::size_t equal = 0;  // a loop, for memcmp would be called for so little
    while (equal < words && texts[equal] == batch_[given.first + equal]) ++equal;
    if (equal == words) return slot.place - 1;
  }
  return make(given);
}

/// A row without numbers.
std::size_t Totals::make(const Given& given) {
  const std::size_t place = used_;
  const std::size_t numbers = 1 + merges_.size();
  const std::size_t words = words_of(given.bytes);
  used_ += numbers + words;
  const std::size_t wanted = used_ + words_of(kTextPadding);
  if (wanted > words_.size()) words_.resize(wanted + kBlockWords);
  words_[place] = std::uint64_t{given.bytes} << kHalf;
  std::copy_n(&batch_[given.first], words, &words_[place + numbers]);
  ++rows_;
  return place;
}

void Totals::merge(std::size_t row, std::size_t column, std::int64_t value) {
  Given& given = batch_rows_[row];
  std::int64_t total = value;
  if ((words_[given.place] >> column & 1U) != 0) {
    const auto known = static_cast<std::int64_t>(words_[given.place + 1 + column]);
    if (merges_[column] == Merge::least) {
      total = std::min(known, value);
    } else if (merges_[column] == Merge::greatest) {
      total = std::max(known, value);
    } else if (__builtin_add_overflow(known, value, &total)) {
      // What is too much for one row is for another, whose other numbers are none.
      total = value;
      given.place = make(given);
    }
  }
  words_[given.place] |= std::uint64_t{1} << column;
  words_[given.place + 1 + column] = static_cast<std::uint64_t>(total);
}

void Totals::end_batch() {
  batch_size_ = batch_used_ = 0;
}

bool Totals::is_full() const {
  return used_ >= most_words_ || rows_ >= slots_.size() / 4 * 3;
}

void Totals::clear() {
  if (rows_ == 0) return;
  std::fill(slots_.begin(), slots_.end(), Slot{});
  used_ = rows_ = given_ = 0;
}

}  // namespace weir::query
