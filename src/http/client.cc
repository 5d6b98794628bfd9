#include "http/client.h"

#include <curl/curl.h>

#include <cerrno>
#include <new>
#include <optional>

#include "http/unix_socket.h"

namespace weir::http {
namespace {

constexpr std::size_t kLongestAnswer = 64U << 20U;
constexpr std::size_t kLongestLine = 1U << 20U;
constexpr long kAnswerSeconds = 10;
constexpr long kOk = 200;

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

}  // namespace

struct Client::State {
  State(std::string the_path, SocketPlace the_place)
      : path(std::move(the_path)), place(std::move(the_place)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { curl_multi_remove_handle(multi.get(), handle.get()); }

  void ask(const std::string& page, bool is_endless);
  static std::size_t take(char* data, std::size_t size, std::size_t count, void* self);
  bool take(std::string_view more);
  base::Expected<void> check(CURLcode code);

  std::string path;
  SocketPlace place;
  std::unique_ptr<CURL, FreeHandle> handle{curl_easy_init()};
  std::unique_ptr<CURLM, FreeMulti> multi{curl_multi_init()};
  std::function<void(std::string_view)> line;  ///< none: the body is kept whole
  std::string text;                            ///< the body, or a line that has begun
  bool has_lines = false;
};

void Client::State::ask(const std::string& page, bool is_endless) {
  if (handle == nullptr || multi == nullptr) throw std::bad_alloc();
  text.clear();
  curl_easy_reset(handle.get());
  curl_easy_setopt(handle.get(), CURLOPT_UNIX_SOCKET_PATH, place.address().c_str());
  curl_easy_setopt(handle.get(), CURLOPT_URL, ("http://weir" + page).c_str());
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(handle.get(), CURLOPT_CONNECTTIMEOUT, kAnswerSeconds);
  if (!is_endless) curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT, kAnswerSeconds);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION,
                   static_cast<curl_write_callback>(&State::take));
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, this);
}

std::size_t Client::State::take(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<State*>(self)->take(std::string_view(data, size * count)) ? size * count : 0;
}

bool Client::State::take(std::string_view more) {
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (!line || status != kOk) {
    text += more;
    return text.size() <= kLongestAnswer;
  }
  for (std::size_t end = 0; (end = more.find('\n')) != std::string_view::npos;) {
    text += more.substr(0, end);
    line(text);
    has_lines = true;
    text.clear();
    more.remove_prefix(end + 1);
  }
  text += more;
  return text.size() <= kLongestLine;
}

base::Expected<void> Client::State::check(CURLcode code) {
  if (code == CURLE_COULDNT_CONNECT) {
    return base::fail(path, "no weir up answers there",
                      "is it running, and may this user read its socket?");
  }
  if (code != CURLE_OK) {
    return base::fail(path, curl_easy_strerror(code), "is it the socket of weir up?");
  }
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == kOk) return {};
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return base::fail(path, "answers with HTTP status " + std::to_string(status) + ": " + text);
}

base::Expected<Client> Client::open(const std::filesystem::path& socket) {
  auto place = SocketPlace::open(socket);
  if (!place) {
    place.error().hint = "is weir up running there?";
    return tl::unexpected(place.error());
  }
  return Client(std::make_unique<State>(socket.string(), std::move(*place)));
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

base::Expected<std::string> Client::get(const std::string& path) {
  state_->line = {};
  state_->ask(path, false);
  if (auto done = state_->check(curl_easy_perform(state_->handle.get())); !done) {
    return tl::unexpected(done.error());
  }
  return std::move(state_->text);
}

void Client::follow(const std::string& path, std::function<void(std::string_view)> line) {
  state_->line = std::move(line);
  state_->ask(path, true);
  curl_multi_add_handle(state_->multi.get(), state_->handle.get());
}

base::Expected<bool> Client::wait(int also, std::chrono::milliseconds time) {
  State& state = *state_;
  state.has_lines = false;
  curl_waitfd waited{also, CURL_WAIT_POLLIN, 0};
  const auto end = std::chrono::steady_clock::now() + time;
  while (true) {
    int running = 0;
    curl_multi_perform(state.multi.get(), &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(state.multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      curl_multi_remove_handle(state.multi.get(), state.handle.get());
      // The service was killed: what it said until then was whole lines.
      if (code != CURLE_RECV_ERROR && code != CURLE_PARTIAL_FILE && code != CURLE_GOT_NOTHING) {
        if (auto done = state.check(code); !done) return tl::unexpected(done.error());
      }
      return false;
    }
    const auto rest =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (state.has_lines || waited.revents != 0 || rest.count() <= 0) return true;
    curl_multi_poll(state.multi.get(), &waited, also >= 0 ? 1 : 0, static_cast<int>(rest.count()),
                    nullptr);
  }
}

}  // namespace weir::http
