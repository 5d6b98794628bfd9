#include "cli/s3_source.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <optional>

#include "aws/s3.h"
#include "aws/session.h"
#include "cli/interruption.h"
#include "cli/s3_options.h"

namespace weir::cli {
namespace {

/// A session with S3, and who reads there.
struct S3Connection {
  std::atomic<bool> is_cancelled = false;
  std::unique_ptr<aws::Session> session;
  std::optional<logs::S3Reader> reader;
};

}  // namespace

base::Expected<std::vector<logs::S3Folder>> s3_folders_of(const std::vector<std::string>& from) {
  std::vector<logs::S3Folder> folders;
  for (const std::string& place : from) {
    if (!aws::is_s3_url(place)) continue;
    const auto name = aws::parse_s3_url(place, "--from");
    if (!name) return tl::unexpected(name.error());
    folders.push_back(logs::named_s3_folder(name->bucket, name->key));
  }
  return folders;
}

base::Expected<std::shared_ptr<logs::S3Reader>> connect_s3(const aws::Options& options) {
  auto connection = std::make_shared<S3Connection>();
  auto session = open_session(options, &connection->is_cancelled);
  if (!session) return tl::unexpected(session.error());
  connection->session = std::move(*session);
  connection->reader.emplace(connection->session->s3(), connection->is_cancelled);
  return std::shared_ptr<logs::S3Reader>(connection, &*connection->reader);
}

EndsWithInterruption::EndsWithInterruption(logs::S3Reader& reader)
    : is_over_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this, &reader] {
        std::array<pollfd, 2> waited = {pollfd{interruption_descriptor(), POLLIN, 0},
                                        pollfd{is_over_.get(), POLLIN, 0}};
        while (::poll(waited.data(), waited.size(), -1) < 0 && errno == EINTR) {
        }
        if (waited[0].revents != 0) reader.cancel();
      }) {}

EndsWithInterruption::~EndsWithInterruption() {
  eventfd_write(is_over_.get(), 1);
  thread_.join();
}

}  // namespace weir::cli
