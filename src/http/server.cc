#include "http/server.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace weir::http {
namespace {

constexpr unsigned kRequestSeconds = 10;
constexpr std::size_t kRequestBytes = 16U << 10U;
constexpr std::size_t kWrittenAtOnce = 8U << 10U;

struct DestroyResponse {
  void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};
using Response = std::unique_ptr<MHD_Response, DestroyResponse>;

struct StopDaemon {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};

Response response_of(std::string_view body, const std::string& content_type) {
  // The library copies it and does not write to it.
  Response response(MHD_create_response_from_buffer(body.size(), const_cast<char*>(body.data()),
                                                    MHD_RESPMEM_MUST_COPY));
  MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_TYPE, content_type.c_str());
  return response;
}

MHD_Result refuse(MHD_Connection* connection, unsigned status, std::string_view why) {
  const Response response = response_of(why, "text/plain; charset=utf-8");
  if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
    MHD_add_response_header(response.get(), MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  }
  return MHD_queue_response(connection, status, response.get());
}

}  // namespace

struct Server::State {
  struct Page {
    std::string content_type;
    std::function<std::string()> body;
    const Broadcast* broadcast = nullptr;
  };

  /// Of one connection; it lives as long as its response.
  struct Reader {
    Reader(State& the_state, MHD_Connection* the_connection, const Broadcast& broadcast)
        : state(the_state), connection(the_connection), text(broadcast) {
      state.readers.insert(this);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() { state.readers.erase(this); }

    void wake() {
      if (std::exchange(is_asleep, false)) MHD_resume_connection(connection);
    }

    State& state;
    MHD_Connection* connection;
    BroadcastReader text;
    bool is_asleep = false;
  };

  static MHD_Result handle(void* self, MHD_Connection* connection, const char* url,
                           const char* method, const char* version, const char* upload,
                           std::size_t* upload_bytes, void** request);
  static ssize_t read(void* reader, std::uint64_t position, char* out, std::size_t room);
  static void forget(void* reader) { delete static_cast<Reader*>(reader); }

  static MHD_Result answer(MHD_Connection* connection, const Page& page);
  MHD_Result follow(MHD_Connection* connection, const Page& page);
  static MHD_Result show_head(MHD_Connection* connection, const Page& page);

  std::map<std::string, Page, std::less<>> pages;
  std::set<Reader*> readers;
  bool is_ending = false;
  std::unique_ptr<MHD_Daemon, StopDaemon> daemon;
};

MHD_Result Server::State::handle(void* self, MHD_Connection* connection, const char* url,
                                 const char* method, const char* /*version*/,
                                 const char* /*upload*/, std::size_t* /*upload_bytes*/,
                                 void** /*request*/) {
  auto& state = *static_cast<State*>(self);
  const std::string_view verb = method;
  if (verb != MHD_HTTP_METHOD_GET && verb != MHD_HTTP_METHOD_HEAD) {
    return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
  }
  const auto page = state.pages.find(std::string_view(url));
  if (page == state.pages.end()) {
    std::string known = "there is:\n";
    for (const auto& [path, ignored] : state.pages) known += path + "\n";
    return refuse(connection, MHD_HTTP_NOT_FOUND, known);
  }
  if (page->second.broadcast == nullptr) return answer(connection, page->second);
  if (verb == MHD_HTTP_METHOD_HEAD) return show_head(connection, page->second);
  return state.follow(connection, page->second);
}

MHD_Result Server::State::answer(MHD_Connection* connection, const Page& page) {
  const Response response = response_of(page.body(), page.content_type);
  return MHD_queue_response(connection, MHD_HTTP_OK, response.get());
}

MHD_Result Server::State::follow(MHD_Connection* connection, const Page& page) {
  if (readers.size() >= kReaders) {
    return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "too many follow already\n");
  }
  auto reader = std::make_unique<Reader>(*this, connection, *page.broadcast);
  const Response response(MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kWrittenAtOnce, read,
                                                            reader.release(), forget));
  MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_TYPE, page.content_type.c_str());
  // Who reads slowly misses lines and is told so; it is not sent away.
  MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
  return MHD_queue_response(connection, MHD_HTTP_OK, response.get());
}

/// What GET's answer begins with, to who does not want to follow.
MHD_Result Server::State::show_head(MHD_Connection* connection, const Page& page) {
  const auto nothing = [](void*, std::uint64_t, char*, std::size_t) -> ssize_t {
    return MHD_CONTENT_READER_END_OF_STREAM;
  };
  const Response response(
      MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1, nothing, nullptr, nullptr));
  MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_TYPE, page.content_type.c_str());
  return MHD_queue_response(connection, MHD_HTTP_OK, response.get());
}

ssize_t Server::State::read(void* reader, std::uint64_t /*position*/, char* out, std::size_t room) {
  auto& self = *static_cast<Reader*>(reader);
  const std::string_view next = self.text.next();
  if (next.empty()) {
    if (self.state.is_ending) return MHD_CONTENT_READER_END_OF_STREAM;
    self.is_asleep = true;
    MHD_suspend_connection(self.connection);
    return 0;
  }
  const std::size_t bytes = std::min(room, next.size());
  std::memcpy(out, next.data(), bytes);
  self.text.advance(bytes);
  return static_cast<ssize_t>(bytes);
}

base::Expected<Server> Server::open(int listener) {
  auto state = std::make_unique<State>();
  const int own = ::fcntl(listener, F_DUPFD_CLOEXEC, 0);  // the library closes it
  constexpr unsigned kFlags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
  state->daemon.reset(MHD_start_daemon(
      kFlags, 0, nullptr, nullptr, State::handle, state.get(), MHD_OPTION_LISTEN_SOCKET, own,
      MHD_OPTION_CONNECTION_LIMIT, kConnections, MHD_OPTION_CONNECTION_TIMEOUT, kRequestSeconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kRequestBytes, MHD_OPTION_END));
  if (state->daemon == nullptr) {
    const std::string reason = std::generic_category().message(errno);
    if (own >= 0) ::close(own);
    return base::fail("", "HTTP cannot be served: " + reason);
  }
  return Server(std::move(state));
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::Server(Server&&) noexcept = default;

Server::~Server() {
  if (state_ == nullptr) return;
  using Clock = std::chrono::steady_clock;
  state_->is_ending = true;  // from here on no reader sleeps, or the library could not be stopped
  wake_readers();
  run();
  const auto end = Clock::now() + kFarewell;
  for (auto now = Clock::now(); readers() != 0 && now < end; now = Clock::now()) {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end - now);
    pollfd waited{descriptor(), POLLIN, 0};
    ::poll(&waited, 1, static_cast<int>(std::min(rest, patience().value_or(rest)).count()));
    run();
  }
  state_->daemon.reset();  // it calls `forget` for those that are left
}

void Server::answer(std::string path, std::string content_type, std::function<std::string()> body) {
  state_->pages[std::move(path)] = {std::move(content_type), std::move(body), nullptr};
}

void Server::answer(std::string path, std::string content_type, const Broadcast& broadcast) {
  state_->pages[std::move(path)] = {std::move(content_type), {}, &broadcast};
}

int Server::descriptor() const {
  return MHD_get_daemon_info(state_->daemon.get(), MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

std::optional<std::chrono::milliseconds> Server::patience() const {
  MHD_UNSIGNED_LONG_LONG milliseconds = 0;
  if (MHD_get_timeout(state_->daemon.get(), &milliseconds) != MHD_YES) return std::nullopt;
  return std::chrono::milliseconds(milliseconds);
}

void Server::run() {
  MHD_run(state_->daemon.get());
}

void Server::wake_readers() {
  for (State::Reader* reader : state_->readers) reader->wake();
}

std::size_t Server::readers() const {
  return state_->readers.size();
}

}  // namespace weir::http
