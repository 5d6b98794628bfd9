#include "cli/s3_source.h"

#include <atomic>
#include <optional>

#include "aws/s3.h"
#include "aws/session.h"
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

}  // namespace weir::cli
