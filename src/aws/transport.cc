#include "aws/transport.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <new>
#include <vector>

#include "base/number.h"

namespace weir::aws {
namespace {

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, FreeHandle>;
using List = std::unique_ptr<curl_slist, FreeList>;

constexpr long kUploadBuffer = 512L << 10U;  // the usual 64 KiB halve the throughput

/// libcurl's handle, which keeps its connections; and their sockets, of which it does not tell
/// while a request is under way.
class Connections {
 public:
  Connections() : curl_(curl_easy_init()) {
    if (curl_ == nullptr) throw std::bad_alloc();
  }
  Connections(const Connections&) = delete;  // libcurl knows where it is
  Connections& operator=(const Connections&) = delete;
  ~Connections() = default;
  [[nodiscard]] CURL* curl() const { return curl_.get(); }

  /// Those of the last request.
  void forget_options() {
    curl_easy_reset(curl());  // keeps connections, sessions of TLS and what DNS said
    curl_easy_setopt(curl(), CURLOPT_SOCKOPTFUNCTION, opened);
    curl_easy_setopt(curl(), CURLOPT_SOCKOPTDATA, this);
    curl_easy_setopt(curl(), CURLOPT_CLOSESOCKETFUNCTION, close);
    curl_easy_setopt(curl(), CURLOPT_CLOSESOCKETDATA, this);
  }

  /// Some servers (Ceph's gateway) send an answer's headers and its body apart, and by Nagle's
  /// algorithm the body only once the headers are acknowledged, which Linux puts off for 40 ms.
  void acknowledge_at_once() const {
    constexpr int kOn = 1;
    for (const curl_socket_t socket : sockets_) {
      static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &kOn, sizeof(kOn)));
    }
  }

 private:
  static int opened(void* self, curl_socket_t socket, curlsocktype) {
    static_cast<Connections*>(self)->sockets_.push_back(socket);
    return CURL_SOCKOPT_OK;
  }
  static int close(void* self, curl_socket_t socket) {
    std::erase(static_cast<Connections*>(self)->sockets_, socket);
    return ::close(socket);
  }

  std::vector<curl_socket_t> sockets_;
  Handle curl_;  ///< the first to go: it closes them
};

/// One request under way, as libcurl's callbacks see it.
struct Exchange {
  const Connections& connections;
  const Request& request;
  Response response = {};
  std::uint64_t sent = 0;
  std::uint64_t max_bytes = 0;
  bool is_unreadable = false;
  bool is_too_long = false;
  bool has_all_headers = false;
  const std::atomic<bool>* is_cancelled = nullptr;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  std::string& body = exchange.response.body;
  if (body.size() + size * count > exchange.max_bytes) {
    exchange.is_too_long = true;
    return 0;
  }
  body.append(data, size * count);
  return size * count;
}

/// For a body as long as the headers say, so that it is not copied again and again while it grows;
/// not for any length that a server may claim.
void make_room(Exchange& exchange) {
  constexpr std::uint64_t kMost = std::uint64_t{16} << 20U;
  const auto length = base::whole_number<std::uint64_t>(exchange.response.header("content-length"));
  if (length) exchange.response.body.reserve(std::min({*length, kMost, exchange.max_bytes}));
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  std::string_view line(data, size * count);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    exchange.response.headers.clear();  // those before were of a 100 Continue, or a proxy's
    exchange.has_all_headers = false;
    return size * count;
  }
  if (line.empty()) {
    exchange.has_all_headers = true;
    make_room(exchange);
    exchange.connections.acknowledge_at_once();
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  exchange.response.headers.push_back({std::string(line.substr(0, colon)), std::string(value)});
  return size * count;
}

std::size_t give_body(char* out, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const auto given = exchange.request.read_body(
      exchange.sent, {reinterpret_cast<std::uint8_t*>(out), size * count});
  if (!given) {
    exchange.is_unreadable = true;
    return CURL_READFUNC_ABORT;
  }
  exchange.sent += *given;
  return *given;
}

/// A connection that was kept may turn out to be closed: the body starts anew on another. What went
/// over the first one may have been taken before it was closed.
int seek_body(void* user, curl_off_t offset, int origin) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  const std::uint64_t size = exchange.request.body_bytes();
  if (size != 0 && exchange.sent == size) exchange.response.may_be_repeated = true;
  exchange.sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int look_whether_cancelled(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& exchange = *static_cast<const Exchange*>(user);
  return exchange.is_cancelled != nullptr && *exchange.is_cancelled ? 1 : 0;
}

void add_headers(const Request& request, List& list) {
  const auto add = [&list](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    if (!list) list.reset(longer);  // else it is the same, longer
  };
  for (const Header& header : request.headers) {
    // A header without a value is written with a semicolon, or libcurl leaves it out.
    add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  add("Expect:");  // RGW and waiting for 100 Continue hang each other (ceph/ceph#49642)
  if (header_of(request.headers, "content-type").empty()) add("Content-Type:");
  add("Accept:");
}

std::string hint_for(CURLcode code, const TransportSettings& settings) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "check the region and the endpoint's name, and that this host can ask DNS";
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "check http_proxy and https_proxy";
    case CURLE_COULDNT_CONNECT:
      return "check that the server runs and that nothing between refuses the connection";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "give the file of the certificate's issuer with --ca-bundle or AWS_CA_BUNDLE";
    case CURLE_SSL_CACERT_BADFILE:
      return "check the file given with " +
             (settings.ca_bundle_origin.empty() ? "--ca-bundle" : settings.ca_bundle_origin);
    case CURLE_SSL_CONNECT_ERROR:
      return "check that the endpoint speaks TLS: one that does not is written http://";
    case CURLE_OPERATION_TIMEDOUT:
      return "check the network, or whether the server has hung";
    default:
      return {};
  }
}

/// libcurl says how long it took, too: with that, the same trouble would be told as another each
/// time.
std::string without_duration(std::string text) {
  constexpr std::string_view kAfter = " after ";
  const std::size_t begin = text.find(kAfter);
  const std::size_t unit = text.find_first_not_of("0123456789", begin + kAfter.size());
  if (begin == std::string::npos || unit == std::string::npos) return text;
  for (const std::string_view name : {" milliseconds", " ms"}) {
    if (text.compare(unit, name.size(), name) == 0) {
      return text.erase(begin, unit + name.size() - begin);
    }
  }
  return text;
}

/// Whether all of the request may have arrived: nobody carries out a part of it.
bool may_have_arrived(CURL* curl, const Exchange& exchange) {
  long sent = 0;  // bytes of its head, too
  curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent);
  return exchange.response.may_be_repeated ||
         (sent != 0 && exchange.sent == exchange.request.body_bytes());
}

bool may_come_right(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct CurlTransport::State {
  std::unique_ptr<Connections> take() {
    const std::scoped_lock lock(mutex);
    if (idle.empty()) return std::make_unique<Connections>();
    std::unique_ptr<Connections> connections = std::move(idle.back());
    idle.pop_back();
    return connections;
  }
  void give_back(std::unique_ptr<Connections> connections) {
    const std::scoped_lock lock(mutex);
    idle.push_back(std::move(connections));
  }
  void prepare(CURL* curl, Exchange& exchange, curl_slist* headers, char* error_text) const;

  TransportSettings settings;
  const std::atomic<bool>* is_cancelled = nullptr;
  std::mutex mutex;
  std::vector<std::unique_ptr<Connections>> idle;
};

void CurlTransport::State::prepare(CURL* curl, Exchange& exchange, curl_slist* headers,
                                   char* error_text) const {
  const Request& request = exchange.request;
  curl_easy_setopt(curl, CURLOPT_URL, request.url().c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // who cancels waits for no name server
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "weir");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(settings.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(settings.total_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(settings.stall_timeout.count()));
  if (!settings.ca_bundle.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, settings.ca_bundle.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
  if (!settings.uses_proxy) curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");

  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_whether_cancelled);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);

  if (request.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else if (request.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(curl, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_body);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body_bytes()));
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

CurlTransport::CurlTransport(TransportSettings settings, const std::atomic<bool>* is_cancelled)
    : state_(std::make_unique<State>()) {
  curl_global_init(CURL_GLOBAL_DEFAULT);  // counted, and for several threads since 7.84
  state_->settings = std::move(settings);
  state_->is_cancelled = is_cancelled;
}

CurlTransport::~CurlTransport() {
  state_.reset();
  curl_global_cleanup();
}

Result<Response> CurlTransport::send(const Request& request) {
  std::unique_ptr<Connections> connections = state_->take();
  connections->forget_options();
  CURL* const curl = connections->curl();
  const std::uint64_t max_bytes =
      request.max_answer_bytes != 0 ? request.max_answer_bytes : state_->settings.max_answer_bytes;
  Exchange exchange{.connections = *connections,
                    .request = request,
                    .max_bytes = max_bytes,
                    .is_cancelled = state_->is_cancelled};
  List headers;
  add_headers(request, headers);
  std::array<char, CURL_ERROR_SIZE> error_text{};
  state_->prepare(curl, exchange, headers.get(), error_text.data());
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  const bool may_be_done = may_have_arrived(curl, exchange);
  state_->give_back(std::move(connections));
  if (code == CURLE_OK && exchange.has_all_headers) return std::move(exchange.response);

  Failure failure;
  failure.error.where = request.endpoint.url();
  if (code == CURLE_OK) {  // libcurl takes it for an answer without a body
    failure.kind = Failure::Kind::unreachable;
    failure.may_be_done = true;
    failure.error.what = "the answer ends within its headers";
    return tl::unexpected(std::move(failure));
  }
  failure.may_be_done = may_be_done;
  if (exchange.is_unreadable) {
    failure.kind = Failure::Kind::unreadable;
    failure.error.what = "what is to be sent cannot be read to its end";
    return tl::unexpected(std::move(failure));
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    failure.kind = Failure::Kind::cancelled;
    failure.error.what = "the request was cancelled";
    return tl::unexpected(std::move(failure));
  }
  failure.kind = may_come_right(code) ? Failure::Kind::unreachable : Failure::Kind::local;
  failure.error.what =
      without_duration(error_text[0] != '\0' ? error_text.data() : curl_easy_strerror(code));
  failure.error.hint = hint_for(code, state_->settings);
  if (exchange.is_too_long) {
    failure.kind = Failure::Kind::unusable;
    failure.error.what = "the answer is longer than what was asked for can be";
  }
  return tl::unexpected(std::move(failure));
}

}  // namespace weir::aws
