#include "query/totals.h"

#include <bit>
#include <cstring>
#include <utility>

namespace weir::query {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);
/// For so many bytes of rows there is a slot: most rows are no larger.
constexpr std::size_t kBytesPerSlot = 64;
constexpr std::size_t kFirstSlots = 1024;
/// What has not found its place after so many slots gets a row that is not found again: somebody
/// may have chosen texts that collide.
constexpr std::size_t kSteps = 16;
/// By so many words the rows' room grows.
constexpr std::size_t kBlockWords = std::size_t{1} << 16U;
constexpr unsigned kHalf = 32;
constexpr std::uint64_t kSpaces = 0x2020'2020'2020'2020U;

constexpr std::size_t words_of(std::size_t bytes) {
  return (bytes + kWord - 1) / kWord;
}

std::uint64_t mixed(std::uint64_t hash) {
  hash *= 0x9e37'79b9'7f4a'7c15U;
  return hash ^ hash >> kHalf;
}

/// The upper half has heard of every bit.
std::uint32_t finished(std::uint64_t hash) {
  return static_cast<std::uint32_t>(mixed(hash) >> kHalf);
}

/// Word number `i` of a text, with spaces behind its end.
std::uint64_t word_of(std::string_view text, std::size_t i) {
  // The bytes of a word that are the text's; the first is the lowest.
  static constexpr auto kMasks = [] {
    std::array<std::uint64_t, kWord + 1> masks{};
    for (std::size_t n = 1; n <= kWord; ++n) masks[n] = ~std::uint64_t{0} >> (8 * (kWord - n));
    return masks;
  }();
  const std::size_t before = i * kWord;
  const std::size_t bytes = std::min(std::max(text.size(), before) - before, kWord);
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + before, kWord);
  return (word & kMasks[bytes]) | (kSpaces & ~kMasks[bytes]);
}

/// How many bytes stand before the word's first space; kWord if there is none.
std::size_t bytes_before_space(std::uint64_t word) {
  const std::uint64_t other = word ^ kSpaces;
  const std::uint64_t zeros = (other - 0x0101'0101'0101'0101U) & ~other & 0x8080'8080'8080'8080U;
  return static_cast<std::size_t>(std::countr_zero(zeros)) / 8;
}

}  // namespace

static_assert(std::endian::native == std::endian::little);

std::string_view Totals::Row::text(std::size_t column) const {
  const Place& place = totals_->places_[column];
  const std::uint64_t* words = words_ + 1 + totals_->merges_.size() + place.first;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < place.words && bytes == i * kWord; ++i) {
    bytes += bytes_before_space(words[i]);
  }
  return {reinterpret_cast<const char*>(words), bytes};
}

Totals::Totals(std::size_t texts, std::vector<Merge> merges, std::size_t bytes)
    : merges_(std::move(merges)),
      places_(texts),
      text_words_(texts),
      most_words_(bytes / kWord),
      most_slots_(std::bit_ceil(bytes / kBytesPerSlot)),
      slots_(std::min(kFirstSlots, most_slots_)),
      batch_(kBatch * texts) {
  for (std::size_t i = 0; i < texts; ++i) places_[i].first = i;
  words_.reserve(most_words_ + kBlockWords);
}

bool Totals::widen(std::size_t column, std::size_t bytes) {
  const std::size_t wanted = words_of(bytes);
  if (wanted <= places_[column].words) return true;
  if (rows_ != 0) return false;
  text_words_ += wanted - places_[column].words;
  places_[column].words = wanted;
  for (std::size_t i = 1; i < places_.size(); ++i) {
    places_[i].first = places_[i - 1].first + places_[i - 1].words;
  }
  batch_.resize(kBatch * text_words_);
  return true;
}

template <std::size_t kWords>
void Totals::add_words(const Place& place, std::span<const std::string_view> texts) {
  const std::size_t words = kWords == 0 ? place.words : kWords;
  std::uint64_t* out = batch_.data() + place.first;
  for (std::size_t row = 0; row < texts.size(); ++row, out += text_words_) {
    std::uint64_t hash = hashes_[row];
    for (std::size_t i = 0; i < words; ++i) {
      out[i] = word_of(texts[row], i);
      hash = mixed(hash ^ out[i]);
    }
    hashes_[row] = hash;
  }
}

void Totals::add_texts(std::size_t column, std::span<const std::string_view> texts) {
  if (column == 0) hashes_.fill(0);
  const Place& place = places_[column];
  if (place.words == 1) return add_words<1>(place, texts);
  if (place.words == 2) return add_words<2>(place, texts);
  add_words<0>(place, texts);
}

void Totals::find_rows(std::size_t rows) {
  given_ += rows;
  batch_size_ = rows;
  while (rows_ + rows > slots_.size() / 2 && slots_.size() < most_slots_) grow();
  look_up(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    std::size_t& place = row_places_[row];
    if (place == kNone || !has_texts(place, row)) place = find_or_make(row);
  }
}

/// Where a row of the same hash is. In loops of their own, so that a processor waits for many of
/// them at once; prefetching the same gained nothing when it was measured.
void Totals::look_up(std::size_t rows) {
  const std::size_t mask = slots_.size() - 1;
  std::array<std::uint32_t, kBatch> hashes;
  for (std::size_t row = 0; row < rows; ++row) hashes[row] = finished(hashes_[row]);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint32_t hash = hashes[row];
    std::size_t i = hash & mask;
    for (std::size_t step = 1; step < kSteps && slots_[i].place != 0 && slots_[i].hash != hash;
         ++step) {
      i = (i + 1) & mask;
    }
    const bool is_there = slots_[i].place != 0 && slots_[i].hash == hash;
    row_places_[row] = is_there ? slots_[i].place - std::size_t{1} : kNone;
  }
  std::uint64_t touched = 0;
  const std::size_t last = row_words() - 1;  // which may lie in another line of the cache
  for (const std::size_t place : std::span(row_places_).first(rows)) {
    if (place != kNone) touched += words_[place] + words_[place + last];
  }
  touched_ = touched;
}

bool Totals::has_texts(std::size_t place, std::size_t row) const {
  const std::uint64_t* texts = words_.data() + place + 1 + merges_.size();
  const std::uint64_t* given = batch_.data() + row * text_words_;
  std::uint64_t differs = 0;
  for (std::size_t i = 0; i < text_words_; ++i) differs |= texts[i] ^ given[i];
  return differs == 0;
}

void Totals::grow() {
  constexpr std::size_t kTimes = 4;
  Vector<Slot> more(std::min(kTimes * slots_.size(), most_slots_));
  const std::size_t mask = more.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.place == 0) continue;
    std::size_t i = slot.hash;
    while (more[i & mask].place != 0) ++i;
    more[i & mask] = slot;
  }
  slots_ = std::move(more);
}

std::size_t Totals::find_or_make(std::size_t row) {
  const std::uint32_t hash = finished(hashes_[row]);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t step = 0; step < kSteps; ++step) {
    Slot& slot = slots_[(hash + step) & mask];
    if (slot.place == 0) {
      const std::size_t place = make(row);
      slot = {hash, static_cast<std::uint32_t>(place + 1)};
      return place;
    }
    if (slot.hash == hash && has_texts(slot.place - 1, row)) return slot.place - 1;
  }
  return make(row);
}

/// A row without numbers.
std::size_t Totals::make(std::size_t row) {
  const std::size_t place = used_;
  used_ += row_words();
  const std::size_t wanted = used_ + words_of(kTextPadding);
  if (wanted > words_.size()) words_.resize(wanted + kBlockWords);
  words_[place] = 0;
  std::copy_n(batch_.data() + row * text_words_, text_words_, &words_[place + 1 + merges_.size()]);
  ++rows_;
  return place;
}

void Totals::count(std::size_t column) {
  for (const std::size_t place : std::span(row_places_).first(batch_size_)) {
    std::uint64_t* words = &words_[place];
    const std::uint64_t known = (*words >> column & 1U) != 0 ? words[1 + column] : 0;
    *words |= std::uint64_t{1} << column;
    words[1 + column] = known + 1;
  }
}

void Totals::clear() {
  if (rows_ == 0) return;
  std::fill(slots_.begin(), slots_.end(), Slot{});
  used_ = rows_ = given_ = 0;
}

}  // namespace weir::query
