#include "logs/unwrap.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace weir::logs {
namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 20U;
constexpr std::size_t kReadBytes = std::size_t{64} << 10U;

/// The message of one line, without ends of lines of its own: one line in is one line out.
std::string message_of(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (json.is_object()) {
    const auto found = json.find("message");
    if (found != json.end() && found->is_string()) {
      auto text = found->get<std::string>();
      while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
      std::replace(text.begin(), text.end(), '\n', ' ');
      return text;
    }
  }
  return std::string(line);
}

class Messages : public base::Input {
 public:
  Messages(std::string_view first, std::unique_ptr<base::Input> input)
      : packed_(first), input_(std::move(input)) {}

  base::Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    while (given_ == ready_.size()) {
      auto more = next_line();
      if (!more) return tl::unexpected(more.error());
      if (!*more) return 0;
    }
    const std::size_t count = std::min(out.size(), ready_.size() - given_);
    std::memcpy(out.data(), ready_.data() + given_, count);
    given_ += count;
    return count;
  }
  [[nodiscard]] std::uint64_t consumed() const override { return input_->consumed(); }
  [[nodiscard]] std::uint64_t total() const override { return input_->total(); }

 private:
  /// Makes the next line ready; false at the end.
  base::Expected<bool> next_line() {
    std::size_t end = packed_.find('\n', taken_);
    while (end == std::string::npos && packed_.size() - taken_ < kLongestLine) {
      packed_.erase(0, std::exchange(taken_, 0));
      const std::size_t have = packed_.size();
      packed_.resize(have + kReadBytes);
      auto count = input_->read(
          std::span(reinterpret_cast<std::uint8_t*>(packed_.data()) + have, kReadBytes));
      packed_.resize(have + count.value_or(0));
      if (!count) return tl::unexpected(count.error());
      if (*count == 0) break;
      end = packed_.find('\n', have);
    }
    if (taken_ == packed_.size()) return false;
    end = std::min(end, packed_.size());
    ready_ = message_of(std::string_view(packed_).substr(taken_, end - taken_)) + "\n";
    given_ = 0;
    taken_ = std::min(end + 1, packed_.size());
    return true;
  }

  std::string packed_;
  std::size_t taken_ = 0;
  std::unique_ptr<base::Input> input_;
  std::string ready_;
  std::size_t given_ = 0;
};

}  // namespace

std::unique_ptr<base::Input> unwrap_messages(std::string_view first,
                                             std::unique_ptr<base::Input> input) {
  return std::make_unique<Messages>(first, std::move(input));
}

bool starts_with_time(std::string_view line) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (line.size() <= kShape.size()) return false;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool is_digit = line[i] >= '0' && line[i] <= '9';
    if (kShape[i] == 'd' ? !is_digit : line[i] != kShape[i]) return false;
  }
  return line.find(' ') != std::string_view::npos;
}

}  // namespace weir::logs
