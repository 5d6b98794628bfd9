#include "http/server.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "http/client.h"
#include "http/unix_socket.h"
#include "scratch_folder.h"

namespace weir::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A server at work in a thread of its own.
class ServerTest : public ::testing::Test, protected ScratchFolder {
 protected:
  ServerTest() {
    listener_.emplace(*UnixListener::open(socket()));
    server_.emplace(*Server::open(listener_->descriptor()));
    server_->answer("/name", "text/plain", [] { return std::string("weir\n"); });
    server_->answer("/lines", "text/plain", lines_);
    lines_.greet_with("hello\n");
    thread_ = std::thread([this] {
      while (server_) {
        std::array<pollfd, 2> waited = {pollfd{asked_.get(), POLLIN, 0},
                                        pollfd{server_->descriptor(), POLLIN, 0}};
        const auto patience = server_->patience();
        ::poll(waited.data(), waited.size(), patience ? static_cast<int>(patience->count()) : -1);
        server_->run();
        if (waited[0].revents != 0) do_what_is_asked();
      }
    });
  }
  ~ServerTest() override {
    end().wait();
    thread_.join();
  }

  /// Does it in the server's thread.
  std::future<void> there(std::function<void()> what) {
    std::packaged_task<void()> task(std::move(what));
    std::future<void> done = task.get_future();
    const std::scoped_lock lock(mutex_);
    tasks_.push_back(std::move(task));
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(asked_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    return done;
  }
  std::future<void> append(const std::string& lines) {
    return there([this, lines] {
      lines_.append(lines);
      server_->wake_readers();
      server_->run();
    });
  }
  [[nodiscard]] std::size_t readers() {
    std::size_t count = 0;
    there([&] { count = server_->readers(); }).wait();
    return count;
  }
  /// The server goes; after that only this may be called.
  std::future<void> end() {
    if (std::exchange(has_ended_, true)) {
      std::promise<void> nothing;
      nothing.set_value();
      return nothing.get_future();
    }
    return there([this] { server_.reset(); });
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

  [[nodiscard]] base::Descriptor ask(const std::string& text) const {
    base::Descriptor connection = connect();
    static_cast<void>(::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL));
    ::shutdown(connection.get(), SHUT_WR);
    return connection;
  }
  /// Everything that comes back until the server closes.
  [[nodiscard]] static std::string answer_on(const base::Descriptor& connection) {
    std::string answer;
    std::array<char, 4096> block{};
    for (ssize_t got = 0; (got = ::read(connection.get(), block.data(), block.size())) > 0;) {
      answer.append(block.data(), static_cast<std::size_t>(got));
    }
    return answer;
  }
  [[nodiscard]] std::string say(const std::string& text) const { return answer_on(ask(text)); }

 private:
  void do_what_is_asked() {
    std::uint64_t count = 0;
    EXPECT_EQ(::read(asked_.get(), &count, sizeof count), static_cast<ssize_t>(sizeof count));
    std::vector<std::packaged_task<void()>> tasks;
    {
      const std::scoped_lock lock(mutex_);
      tasks.swap(tasks_);
    }
    for (auto& task : tasks) task();
  }

  static std::string missed(std::uint64_t lines) { return std::to_string(lines) + " missed\n"; }

  base::Descriptor asked_{::eventfd(0, EFD_CLOEXEC)};
  std::mutex mutex_;
  std::vector<std::packaged_task<void()>> tasks_;
  bool has_ended_ = false;
  std::optional<UnixListener> listener_;
  Broadcast lines_{8U << 20U, missed};
  std::optional<Server> server_;
  std::thread thread_;
};

/// A follower of /lines, and what it has read.
class Following {
 public:
  explicit Following(const std::filesystem::path& socket) : client_(*Client::open(socket)) {
    client_.follow("/lines", [this](std::string_view line) {
      ++lines_;
      last_ = line;
    });
  }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

  /// Until so many lines have come, or the end.
  std::size_t read(std::size_t lines) {
    while (lines_ < lines) {
      const auto goes_on = client_.wait(-1, std::chrono::seconds(60));
      EXPECT_TRUE(goes_on) << goes_on.error().message();
      if (!goes_on || !*goes_on) break;
    }
    return lines_;
  }
  [[nodiscard]] const std::string& last() const { return last_; }

 private:
  std::size_t lines_ = 0;
  std::string last_;
  Client client_;
};

std::string numbered_lines(int count) {
  std::string out;
  for (int i = 1; i <= count; ++i) out += std::string(90, 'x') + " " + std::to_string(i) + "\n";
  return out;
}

TEST_F(ServerTest, AnswersWhatItKnowsAndListsItOtherwise) {
  auto client = Client::open(socket());
  ASSERT_TRUE(client);
  EXPECT_EQ(client->get("/name").value_or(""), "weir\n");
  const auto unknown = client->get("/other");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(), HasSubstr("404: there is:\n/lines\n/name"));
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
  std::vector<base::Descriptor> asked;  // together: some are waited for until their time is over
  for (const std::string& text : texts) asked.push_back(ask(text));
  for (const base::Descriptor& connection : asked) static_cast<void>(answer_on(connection));
  EXPECT_THAT(say("GET /name HTTP/1.0\r\n\r\n"), HasSubstr("\r\n\r\nweir\n"));
}

TEST_F(ServerTest, AnswersOthersWhileManySayNothing) {
  std::vector<base::Descriptor> silent;
  for (unsigned i = 0; i + 1 < Server::kConnections; ++i) silent.push_back(connect());
  EXPECT_THAT(say("GET /name HTTP/1.0\r\n\r\n"), HasSubstr("\r\n\r\nweir\n"));
}

TEST_F(ServerTest, ShowsWhoFollowsWhatIsAppended) {
  Following one(socket());
  Following other(socket());
  EXPECT_EQ(one.read(1), 1U);
  EXPECT_EQ(one.last(), "hello");
  EXPECT_EQ(other.read(1), 1U);
  EXPECT_EQ(readers(), 2U);
  append("a line\n").wait();
  EXPECT_EQ(one.read(2), 2U);
  EXPECT_EQ(one.last(), "a line");
  EXPECT_EQ(other.read(2), 2U);
}

TEST_F(ServerTest, GivesWhoFollowsTheLastLinesWhenItGoes) {
  Following follower(socket());
  ASSERT_EQ(follower.read(1), 1U);
  // More than a socket holds, and much less than who is slow reads in the time that he is given.
  constexpr int kLines = 5'000;
  append(numbered_lines(kLines)).wait();
  auto ended = end();
  EXPECT_EQ(follower.read(1 + kLines + 1), 1U + kLines);
  EXPECT_THAT(follower.last(), EndsWith(" " + std::to_string(kLines)));
  ended.wait();
}

TEST_F(ServerTest, CountsNobodyAsAReaderWhoAsksForTheHeadOnly) {
  std::vector<std::unique_ptr<Following>> followers;
  for (unsigned i = 0; i < Server::kReaders; ++i) {
    followers.push_back(std::make_unique<Following>(socket()));
    ASSERT_EQ(followers.back()->read(1), 1U);
  }
  EXPECT_THAT(say("GET /lines HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 503"));
  const std::string head = say("HEAD /lines HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(head, HasSubstr("Content-Type: text/plain"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, GoesInSpiteOfWhoFollowsAndDoesNotRead) {
  const base::Descriptor connection = connect();
  const std::string request = "GET /lines HTTP/1.0\r\n\r\n";
  ASSERT_GT(::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
  while (readers() == 0) std::this_thread::yield();
  append(numbered_lines(40'000)).wait();
  EXPECT_EQ(end().wait_for(20 * Server::kFarewell), std::future_status::ready);
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
