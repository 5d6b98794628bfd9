#include "http/unix_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "scratch_folder.h"

namespace weir::http {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class UnixListenerTest : public ::testing::Test, protected ScratchFolder {};

/// As a killed process leaves it: the socket is there, and nobody listens.
void leave_behind(const fs::path& path) {
  const base::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
}

TEST_F(UnixListenerTest, IsForItsOwnerOnlyAndIsTakenAwayAtTheEnd) {
  {
    const auto listener = UnixListener::open(path("weir.sock"));
    ASSERT_TRUE(listener) << listener.error().message();
    struct stat status {};
    ASSERT_EQ(::stat(path("weir.sock").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
  }
  EXPECT_FALSE(fs::exists(path("weir.sock")));
}

TEST_F(UnixListenerTest, ReplacesASocketThatAKilledProcessLeft) {
  leave_behind(path("weir.sock"));
  EXPECT_TRUE(UnixListener::open(path("weir.sock")));
}

TEST_F(UnixListenerTest, IsRefusedWhereAnotherListens) {
  const auto first = UnixListener::open(path("weir.sock"));
  ASSERT_TRUE(first);
  const auto second = UnixListener::open(path("weir.sock"));
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("another process listens there"));
  EXPECT_TRUE(fs::exists(path("weir.sock")));
}

TEST_F(UnixListenerTest, WaitsForNobodyWhoHasLockedTheFolder) {
  const base::Descriptor folder(::open(path("").c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_EQ(::flock(folder.get(), LOCK_EX), 0);
  auto opened = std::async(std::launch::async,
                           [this] { return UnixListener::open(path("weir.sock")).has_value(); });
  const auto status = opened.wait_for(std::chrono::seconds(60));
  ::flock(folder.get(), LOCK_UN);
  EXPECT_EQ(status, std::future_status::ready);
  EXPECT_TRUE(opened.get());
}

TEST_F(UnixListenerTest, OfSeveralThatStartAtOnceOneListens) {
  for (int round = 0; round < 50; ++round) {
    leave_behind(path("weir.sock"));
    std::vector<std::future<base::Expected<UnixListener>>> starting;
    for (int i = 0; i < 4; ++i) {
      starting.push_back(
          std::async(std::launch::async, [this] { return UnixListener::open(path("weir.sock")); }));
    }
    std::vector<UnixListener> listeners;
    for (auto& each : starting) {
      auto listener = each.get();
      if (listener) {
        listeners.push_back(std::move(*listener));
      } else {
        EXPECT_THAT(listener.error().message(), HasSubstr("another process listens there"));
      }
    }
    EXPECT_EQ(listeners.size(), 1U);
  }
}

TEST_F(UnixListenerTest, LeavesAFileThatIsNoSocketAlone) {
  std::ofstream(path("weir.sock")) << "precious";
  const auto listener = UnixListener::open(path("weir.sock"));
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().message(), HasSubstr("is no socket"));
  EXPECT_TRUE(fs::is_regular_file(path("weir.sock")));
}

TEST_F(UnixListenerTest, DoesNotTakeAwayWhatAnotherHasPutInItsPlace) {
  {
    const auto listener = UnixListener::open(path("weir.sock"));
    ASSERT_TRUE(listener);
    fs::remove(path("weir.sock"));
    leave_behind(path("weir.sock"));
  }
  EXPECT_TRUE(fs::is_socket(path("weir.sock")));
}

TEST_F(UnixListenerTest, LiesInAFolderWhoseNameIsLongerThanAnAddress) {
  const fs::path folder = path(std::string(200, 'x'));
  const auto listener = UnixListener::open(folder / "weir.sock");
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_TRUE(fs::is_socket(folder / "weir.sock"));
}

}  // namespace
}  // namespace weir::http
