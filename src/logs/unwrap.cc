#include "logs/unwrap.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace weir::logs {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10U;
/// CloudWatch Logs takes events up to 1 MB; what is longer is no record.
constexpr std::size_t kLongestText = std::size_t{1} << 20U;
constexpr std::string_view kControlMessage = "CWL CONTROL MESSAGE:";

/// Finds the messages in a stream of JSON, byte by byte. It does not check the JSON: what is not
/// well formed gives fewer messages or lines that do not fit, both of which are told.
class MessageFinder {
 public:
  /// Appends to `lines` what `text` completes.
  void take(std::string_view text, std::string& lines) {
    for (std::size_t i = 0; i < text.size();) {
      switch (state_) {
        case State::between:
          i += take_between(text[i], lines);
          break;
        case State::plain:
          i += take_plain(text.substr(i), lines);
          break;
        case State::inside:
          take_inside(text[i], lines);
          ++i;
          break;
        case State::text:
          i += take_text(text.substr(i), lines);
          break;
      }
    }
  }

  /// At the input's end; false if it ends inside an object.
  bool finish(std::string& lines) {
    if (state_ == State::plain) lines += std::exchange(text_, {}) + "\n";
    return state_ == State::plain || state_ == State::between;
  }

 private:
  enum class State : std::uint8_t { between, plain, inside, text };

  std::size_t take_between(char c, std::string& /*lines*/) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') return 1;
    text_.clear();
    state_ = State::plain;
    if (c == '{' || c == '[') {
      depth_ = 0;
      is_silent_ = true;
      key_.clear();
      state_ = State::inside;
    }
    return 0;  // the character itself is for the new state
  }

  std::size_t take_plain(std::string_view text, std::string& lines) {
    const std::size_t end = text.find('\n');
    append(text.substr(0, end));
    if (end == std::string_view::npos) return text.size();
    lines += std::exchange(text_, {}) + "\n";
    state_ = State::between;
    return end + 1;
  }

  void take_inside(char c, std::string& lines) {
    switch (c) {
      case '"':
        state_ = State::text;
        text_ = "\"";
        is_escaped_ = false;
        break;
      case ':':
        key_ = last_text_;
        break;
      case '[':
        // A list may be empty, and then there is nothing to tell of.
        is_silent_ = false;
        ++depth_;
        break;
      case '{':
        ++depth_;
        key_.clear();
        break;
      case ',':
        key_.clear();
        break;
      case '}':
      case ']':
        key_.clear();
        if (--depth_ != 0) break;
        if (is_silent_) add_nothing(lines);
        state_ = State::between;
        break;
      default:
        break;
    }
  }

  std::size_t take_text(std::string_view text, std::string& lines) {
    std::size_t i = 0;
    while (i < text.size() && (is_escaped_ || (text[i] != '"' && text[i] != '\n'))) {
      is_escaped_ = !is_escaped_ && text[i] == '\\';
      ++i;
    }
    append(text.substr(0, i));
    if (i == text.size()) return i;
    if (text[i] == '\n') {  // JSON has none inside a text: the object is broken, the next is not
      add_nothing(lines);
      state_ = State::between;
      return i + 1;
    }
    text_ += '"';
    state_ = State::inside;
    if (key_ == "message") {
      add_message(lines);
    } else {
      last_text_ = text_.size() < kReadBytes ? text_.substr(1, text_.size() - 2) : std::string();
    }
    return i + 1;
  }

  /// One message in is one line out, whatever ends of lines it has.
  void add_message(std::string& lines) {
    is_silent_ = false;
    key_.clear();
    const auto json = nlohmann::json::parse(text_, nullptr, false);
    if (!json.is_string() || text_.size() > kLongestText) {
      add_nothing(lines);
      return;
    }
    auto message = json.get<std::string>();
    while (!message.empty() && (message.back() == '\n' || message.back() == '\r')) {
      message.pop_back();
    }
    if (message.starts_with(kControlMessage)) return;
    std::replace(message.begin(), message.end(), '\n', ' ');
    lines += message + "\n";
  }

  static void add_nothing(std::string& lines) { lines.append(kNoMessage) += '\n'; }

  void append(std::string_view text) {
    if (text_.size() <= kLongestText) text_ += text;
  }

  State state_ = State::between;
  std::size_t depth_ = 0;
  bool is_silent_ = true;  ///< no message yet, and no list
  bool is_escaped_ = false;
  std::string text_;       ///< in work, with its first quote
  std::string last_text_;  ///< which a colon makes a key
  std::string key_;        ///< whose value comes
};

class Messages : public base::Input {
 public:
  Messages(std::string_view first, std::unique_ptr<base::Input> input) : input_(std::move(input)) {
    finder_.take(first, ready_);
  }

  base::Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    while (given_ == ready_.size()) {
      if (is_over_) return 0;
      ready_.clear();
      given_ = 0;
      std::string packed(kReadBytes, '\0');
      auto count =
          input_->read(std::span(reinterpret_cast<std::uint8_t*>(packed.data()), packed.size()));
      if (!count) return tl::unexpected(count.error());
      finder_.take(std::string_view(packed).substr(0, *count), ready_);
      if (*count != 0) continue;
      is_over_ = true;
      if (!finder_.finish(ready_)) return base::fail("JSON", "ends too early: it is truncated");
    }
    const std::size_t count = std::min(out.size(), ready_.size() - given_);
    std::memcpy(out.data(), ready_.data() + given_, count);
    given_ += count;
    return count;
  }
  [[nodiscard]] std::uint64_t consumed() const override { return input_->consumed(); }
  [[nodiscard]] std::uint64_t total() const override { return input_->total(); }

 private:
  std::unique_ptr<base::Input> input_;
  MessageFinder finder_;
  bool is_over_ = false;
  std::string ready_;
  std::size_t given_ = 0;
};

class PutBack : public base::Input {
 public:
  PutBack(std::string_view first, std::unique_ptr<base::Input> input)
      : first_(first), input_(std::move(input)) {}

  base::Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    if (given_ == first_.size()) return input_->read(out);
    const std::size_t count = std::min(out.size(), first_.size() - given_);
    std::memcpy(out.data(), first_.data() + given_, count);
    given_ += count;
    return count;
  }
  [[nodiscard]] std::uint64_t consumed() const override { return input_->consumed(); }
  [[nodiscard]] std::uint64_t total() const override { return input_->total(); }

 private:
  std::string first_;
  std::size_t given_ = 0;
  std::unique_ptr<base::Input> input_;
};

bool is_time(std::string_view word) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (word.size() < kShape.size()) return false;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool is_digit = word[i] >= '0' && word[i] <= '9';
    if (kShape[i] == 'd' ? !is_digit : word[i] != kShape[i]) return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<base::Input> unwrap_messages(std::string_view first,
                                             std::unique_ptr<base::Input> input) {
  return std::make_unique<Messages>(first, std::move(input));
}

std::unique_ptr<base::Input> put_back(std::string_view first, std::unique_ptr<base::Input> input) {
  return std::make_unique<PutBack>(first, std::move(input));
}

std::size_t words_in_front(std::string_view line, std::size_t words) {
  if (!is_time(line.substr(0, line.find(' ')))) return 0;
  const auto count = static_cast<std::size_t>(std::count(line.begin(), line.end(), ' ')) + 1;
  return count == words + 2 ? 2 : 1;
}

}  // namespace weir::logs
