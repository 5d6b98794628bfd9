// Against a server on loopback that says what it is told to.
#include "aws/transport.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/descriptor.h"

namespace weir::aws {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

/// Answers each request with the next of `answers`, keeping connections, and by Nagle's algorithm;
/// "" closes one unanswered. What follows "…" in an answer never comes.
class Server {
 public:
  explicit Server(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(listener_, any, length), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, any, &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    is_over_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  [[nodiscard]] Request request(const char* method = "GET") const {
    Request out;
    out.method = method;
    out.endpoint = {"http", "127.0.0.1", port_, ""};
    out.path = "/b/a%20b//../%E6%BC%A2";
    return out;
  }

  std::vector<std::string> requests() {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }
  [[nodiscard]] int connections() const { return connections_; }
  /// What is connected stays so.
  void listens_no_more() const { ::shutdown(listener_, SHUT_RDWR); }

 private:
  void serve() {
    while (!is_over_) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      ++connections_;
      while (!is_over_ && answer(peer)) {
      }
      ::close(peer);
    }
  }

  bool answer(int peer) {
    std::string text;
    std::size_t wanted = std::string::npos;
    std::array<char, 65536> block{};
    while (text.size() < wanted) {
      const ssize_t count = ::recv(peer, block.data(), block.size(), 0);
      if (count <= 0) return false;
      text.append(block.data(), static_cast<std::size_t>(count));
      const std::size_t end = text.find("\r\n\r\n");
      if (end == std::string::npos || wanted != std::string::npos) continue;
      const std::size_t length = text.find("Content-Length: ");
      wanted = end + 4 + (length < end ? std::stoul(text.substr(length + 16)) : 0);
    }
    std::string reply;
    {
      const std::scoped_lock lock(mutex_);
      if (next_ < answers_.size()) reply = answers_[next_++];
      requests_.push_back(std::move(text));
    }
    if (reply.empty()) return false;
    const std::size_t stop = reply.find("\xe2\x80\xa6");
    const std::string_view sent = std::string_view(reply).substr(0, stop);
    // Apart, as Ceph's gateway does it.
    const std::size_t head = std::min(sent.find("\r\n\r\n"), sent.size() - 4) + 4;
    ::send(peer, sent.data(), head, MSG_NOSIGNAL);
    if (head < sent.size()) ::send(peer, sent.data() + head, sent.size() - head, MSG_NOSIGNAL);
    while (stop != std::string::npos && !is_over_) ::usleep(1000);
    return stop == std::string::npos && reply.find("Connection: close") == std::string::npos;
  }

  std::vector<std::string> answers_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::size_t next_ = 0;
  std::vector<std::string> requests_;
  std::atomic<int> connections_ = 0;
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

constexpr const char* kHello = "HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello";

TEST(Transport, SendsThePathAsItIsAndKeepsTheConnection) {
  Server server({kHello, kHello});
  CurlTransport transport({});
  const auto first = transport.send(server.request());
  ASSERT_TRUE(first) << first.error().error.message();
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(first->body, "hello");
  EXPECT_EQ(first->header("x-one"), "1");
  ASSERT_TRUE(transport.send(server.request()));
  EXPECT_EQ(server.connections(), 1);
  EXPECT_THAT(server.requests()[0], HasSubstr("GET /b/a%20b//../%E6%BC%A2 HTTP/1.1\r\n"));
}

TEST(Transport, ABodyThatWaitsForItsHeadersToBeAcknowledgedComesAtOnce) {
  const std::vector<std::string> answers(21, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  Server server(answers);
  CurlTransport transport({});
  std::vector<std::chrono::nanoseconds> taken;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_EQ(transport.send(server.request()).value().body, "ok");
    taken.push_back(std::chrono::steady_clock::now() - begin);
  }
  EXPECT_EQ(server.connections(), 1);
  std::sort(taken.begin(), taken.end());
  // Linux's delayed acknowledgement is 40 ms; half of the requests bear what else there is to do.
  EXPECT_LT(taken[taken.size() / 2], std::chrono::milliseconds(30));
}

TEST(Transport, UploadsABodyAndAsksForNo100Continue) {
  Server server({"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
  CurlTransport transport({});
  const std::string body(3'000'000, 'x');
  Request request = server.request("PUT");
  request.body = bytes_of(body);
  request.headers = {{"x-amz-acl", "bucket-owner-full-control"}, {"x-empty", ""}};
  ASSERT_TRUE(transport.send(request));
  const std::string text = server.requests()[0];
  EXPECT_THAT(text, HasSubstr("Content-Length: 3000000\r\n"));
  EXPECT_THAT(text, HasSubstr("x-amz-acl: bucket-owner-full-control\r\n"));
  EXPECT_THAT(text, HasSubstr("x-empty:\r\n"));
  EXPECT_EQ(text.find("Expect"), std::string::npos);
  EXPECT_EQ(text.find("Transfer-Encoding"), std::string::npos);
  EXPECT_EQ(text.size() - text.find("\r\n\r\n") - 4, body.size());
}

class FromAFile : public testing::Test {
 protected:
  FromAFile() : body_(3'000'000, '\0') {
    for (std::size_t i = 0; i < body_.size(); ++i) body_[i] = static_cast<char>(i % 251);
    EXPECT_EQ(::write(file_.get(), body_.data(), body_.size()), ssize_t{3'000'000});
  }

  std::string body_;
  base::Descriptor file_{::memfd_create("body", MFD_CLOEXEC)};
};

TEST_F(FromAFile, APartIsSentAndAnewWhereTheConnectionWasClosed) {
  Server server({kHello, "", kHello});
  CurlTransport transport({});
  ASSERT_TRUE(transport.send(server.request()));
  Request put = server.request("PUT");
  put.file = FilePart{file_.get(), 1'000, 2'000'000};
  EXPECT_TRUE(transport.send(put).value().may_be_repeated);
  const std::string text = server.requests().at(2);
  EXPECT_EQ(text.substr(text.find("\r\n\r\n") + 4), body_.substr(1'000, 2'000'000));
}

TEST_F(FromAFile, OneThatIsCutShortMeanwhileIsNoFaultOfTheServer) {
  Server server({kHello});
  CurlTransport transport({});
  Request put = server.request("PUT");
  put.file = FilePart{file_.get(), 1'000, 3'000'000};
  const auto response = transport.send(put);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, Failure::Kind::unreadable);
  EXPECT_FALSE(response.error().may_be_done);
}

TEST(Transport, AnAnswerThatEndsWithinItsHeadersIsNone) {
  Server server({"HTTP/1.1 200 OK\r\nContent-Le Connection: close"});
  CurlTransport transport({});
  const auto response = transport.send(server.request());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, Failure::Kind::unreachable);
  EXPECT_TRUE(response.error().may_be_done);
}

TEST(Transport, AConnectionThatWasClosedMeanwhileIsReplaced) {
  Server server({kHello, kHello, "", kHello});
  CurlTransport transport({});
  ASSERT_TRUE(transport.send(server.request()));
  Request put = server.request("PUT");
  put.body = bytes_of("body");
  EXPECT_FALSE(transport.send(put).value().may_be_repeated);
  EXPECT_TRUE(transport.send(put).value().may_be_repeated) << "what was lost is the answer";
  EXPECT_THAT(server.requests(), SizeIs(4));
  EXPECT_EQ(server.connections(), 2);
  EXPECT_THAT(server.requests()[3], HasSubstr("\r\n\r\nbody"));
}

/// Listens, and answers no connection: its queue is full.
class Deaf {
 public:
  Deaf() {
    auto* any = reinterpret_cast<sockaddr*>(&address_);
    socklen_t length = sizeof address_;
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_.get(), any, length), 0);
    EXPECT_EQ(::listen(listener_.get(), 0), 0);
    EXPECT_EQ(::getsockname(listener_.get(), any, &length), 0);
    EXPECT_EQ(::connect(waiting_.get(), any, length), 0) << "a queue of none holds one";
  }
  [[nodiscard]] Request request(const char* method) const {
    Request out;
    out.method = method;
    out.endpoint = {"http", "127.0.0.1", ntohs(address_.sin_port), ""};
    return out;
  }

 private:
  static base::Descriptor new_socket() {
    return base::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
  sockaddr_in address_{};
  base::Descriptor listener_ = new_socket();
  base::Descriptor waiting_ = new_socket();
};

TEST(Transport, WhatNoConnectionCouldBeMadeForIsSurelyNotDone) {
  const Deaf server;
  TransportSettings settings;
  settings.connect_timeout = std::chrono::milliseconds(200);
  CurlTransport transport(settings);
  Request post = server.request("POST");
  post.body = bytes_of("body");
  for (const Request& request : {post, server.request("GET")}) {
    const auto response = transport.send(request);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, Failure::Kind::unreachable);
    EXPECT_FALSE(response.error().may_be_done) << response.error().error.message();
    EXPECT_THAT(response.error().error.what, Not(HasSubstr("milliseconds")));
  }
}

TEST(Transport, WhatWasSentOverAConnectionThatClosedMayBeDoneThoughTheNextIsRefused) {
  auto server = std::make_unique<Server>(std::vector<std::string>{kHello, ""});
  CurlTransport transport({});
  ASSERT_TRUE(transport.send(server->request()));
  Request put = server->request("PUT");
  put.body = bytes_of("body");
  server->listens_no_more();
  const auto response = transport.send(put);
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().may_be_done) << response.error().error.message();
}

TEST(Transport, HalfAnAnswerIsNoAnswer) {
  Server server({"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf"});
  CurlTransport transport({});
  const auto response = transport.send(server.request());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, Failure::Kind::unreachable);
}

TEST(Transport, ARefusedConnectionMayComeRight) {
  // Still bound: nobody else has the port meanwhile.
  Server server({});
  server.listens_no_more();
  CurlTransport transport({});
  const auto response = transport.send(server.request());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, Failure::Kind::unreachable);
  EXPECT_THAT(response.error().error.message(), HasSubstr("http://127.0.0.1:"));
  EXPECT_THAT(response.error().error.what, EndsWith(": Couldn't connect to server"));
  EXPECT_THAT(response.error().error.what, Not(HasSubstr(" ms"))) << "or it were new each time";
  EXPECT_THAT(response.error().error.hint, HasSubstr("server runs"));
}

TEST(Transport, AHangEndsAfterItsTime) {
  Server server({"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf\xe2\x80\xa6"});
  TransportSettings settings;
  settings.stall_timeout = std::chrono::seconds(1);
  CurlTransport transport(settings);
  const auto response = transport.send(server.request());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, Failure::Kind::unreachable);
}

TEST(Transport, CancellingEndsARequestThatIsUnderWay) {
  Server server({"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf\xe2\x80\xa6"});
  std::atomic<bool> is_cancelled = false;
  const TransportSettings settings;
  CurlTransport transport(settings, &is_cancelled);
  std::thread other([&] {
    while (server.requests().empty()) ::usleep(1000);
    is_cancelled = true;
  });
  const auto started = std::chrono::steady_clock::now();
  const auto response = transport.send(server.request());
  other.join();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, Failure::Kind::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - started, settings.stall_timeout / 2);
}

TEST(Transport, AnAnswerWithoutEndIsCutOff) {
  Server server({kHello});
  TransportSettings settings;
  settings.max_answer_bytes = 4;
  CurlTransport transport(settings);
  const auto response = transport.send(server.request());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, Failure::Kind::unusable) << "it would not help to ask again";
}

TEST(Transport, ACertificateFileThatIsNotThereIsNamedByWhoGaveIt) {
  TransportSettings settings;
  settings.ca_bundle = "/nonexistent.pem";
  settings.ca_bundle_origin = "AWS_CA_BUNDLE";
  CurlTransport transport(settings);
  const Server server({});
  Request request = server.request();
  request.endpoint.scheme = "https";
  const auto response = transport.send(request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, Failure::Kind::local);
  EXPECT_THAT(response.error().error.hint, HasSubstr("AWS_CA_BUNDLE"));
}

}  // namespace
}  // namespace weir::aws
