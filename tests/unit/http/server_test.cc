#include "http/server.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "http/client.h"
#include "http/unix_socket.h"
#include "scratch_folder.h"

namespace weir::http {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A server at work in a thread of its own.
class ServerTest : public ::testing::Test, protected ScratchFolder {
 protected:
  ServerTest() {
    listener_.emplace(*UnixListener::open(socket()));
    server_.emplace(*Server::open(listener_->descriptor()));
    server_->answer("/name", "text/plain", [] { return std::string("weir\n"); });
    thread_ = std::thread([this] {
      std::array<pollfd, 2> waited = {pollfd{end_.get(), POLLIN, 0},
                                      pollfd{server_->descriptor(), POLLIN, 0}};
      while (waited[0].revents == 0) {
        const auto patience = server_->patience();
        ::poll(waited.data(), waited.size(), patience ? static_cast<int>(patience->count()) : -1);
        server_->run();
      }
    });
  }
  ~ServerTest() override {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(end_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    thread_.join();
  }

  [[nodiscard]] std::filesystem::path socket() const { return path("weir.sock"); }

  [[nodiscard]] base::Descriptor connect() const {
    base::Descriptor out(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket().c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(out.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return out;
  }

  /// Everything that comes back until the server closes.
  [[nodiscard]] std::string say(const std::string& text) const {
    const base::Descriptor connection = connect();
    static_cast<void>(::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL));
    ::shutdown(connection.get(), SHUT_WR);
    std::string answer;
    std::array<char, 4096> block{};
    for (ssize_t got = 0; (got = ::read(connection.get(), block.data(), block.size())) > 0;) {
      answer.append(block.data(), static_cast<std::size_t>(got));
    }
    return answer;
  }

 private:
  base::Descriptor end_{::eventfd(0, EFD_CLOEXEC)};
  std::optional<UnixListener> listener_;
  std::optional<Server> server_;
  std::thread thread_;
};

TEST_F(ServerTest, AnswersWhatItKnowsAndListsItOtherwise) {
  auto client = Client::open(socket());
  ASSERT_TRUE(client);
  EXPECT_EQ(client->get("/name").value_or(""), "weir\n");
  const auto unknown = client->get("/other");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(), HasSubstr("404: there is:\n/name"));
}

TEST_F(ServerTest, OnlyGives) {
  EXPECT_THAT(say("POST /name HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(say("HEAD /name HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, OutlivesGarbageAndWhoGoesInTheMiddle) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 7);
  const std::vector<std::string> texts = {
      "",
      "\r\n\r\n\r\n",
      bytes,
      "GET",
      "GET /name",
      "GET /name HTTP/9.9\r\n\r\n",
      "GET /name HTTP/1.1\r\nHost: x\r\n" + std::string(100'000, 'a'),
      "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n",
      "GET /%00%ff HTTP/1.0\r\n\r\n",
      "GET /name HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
  };
  for (const std::string& text : texts) static_cast<void>(say(text));
  EXPECT_THAT(say("GET /name HTTP/1.0\r\n\r\n"), HasSubstr("\r\n\r\nweir\n"));
}

TEST_F(ServerTest, AnswersOthersWhileManySayNothing) {
  std::vector<base::Descriptor> silent;
  for (unsigned i = 0; i + 1 < Server::kConnections; ++i) silent.push_back(connect());
  EXPECT_THAT(say("GET /name HTTP/1.0\r\n\r\n"), HasSubstr("\r\n\r\nweir\n"));
}

TEST_F(ServerTest, IsMissedWhereItIsNot) {
  auto client = Client::open(path("nothing.sock"));
  ASSERT_TRUE(client);
  const auto answer = client->get("/name");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message(), HasSubstr("no weir up answers there"));
}

}  // namespace
}  // namespace weir::http
