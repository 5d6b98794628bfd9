#include "cli/s3_source.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string_view>
#include <utility>

#include "aws/s3.h"
#include "aws/session.h"
#include "base/number.h"
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

void add_cache_options(Command& command, CacheAsked& cache) {
  const Option* folder =
      command
          .add_option("--cache", cache.folder,
                      "Folder to keep what was fetched of S3's objects in, for the next time")
          ->type_name("DIR");
  command.add_option("--cache-size", cache.size, "What it may take up: 500MB, 10GB (default)")
      ->needs(*folder)
      ->type_name("SIZE");
}

base::Expected<std::uint64_t> cache_size_of(const std::string& size) {
  constexpr std::uint64_t kLeast = 16;  // megabytes: some of the pieces that objects come in
  constexpr std::uint64_t kMost = std::uint64_t{1} << 30U;
  constexpr std::size_t kUnitLength = 2;
  const std::string_view text = size;
  const std::size_t digits = text.size() - std::min(text.size(), kUnitLength);
  std::uint64_t megabytes = base::whole_number<std::uint64_t>(text.substr(0, digits)).value_or(0);
  megabytes = std::min(megabytes, kMost);
  const std::string_view unit = text.substr(digits);
  if (unit == "GB") {
    megabytes <<= 10U;
  } else if (unit != "MB") {
    megabytes = 0;
  }
  if (megabytes >= kLeast) return megabytes << 20U;
  return base::fail("--cache-size", "'" + size + "' is no size of a cache",
                    "give 500MB or 10GB; 16MB is the least");
}

base::Expected<std::shared_ptr<logs::S3Reader>> connect_s3(const aws::Options& options,
                                                           const std::string& cache_folder,
                                                           std::uint64_t cache_bytes) {
  auto connection = std::make_shared<S3Connection>();
  auto session = open_session(options, &connection->is_cancelled);
  if (!session) return tl::unexpected(session.error());
  connection->session = std::move(*session);
  aws::S3& s3 = connection->session->s3();
  std::unique_ptr<logs::ObjectCache> cache;
  if (!cache_folder.empty()) {
    auto opened = logs::ObjectCache::open(cache_folder, cache_bytes, s3.endpoint_url());
    if (!opened) return tl::unexpected(opened.error());
    cache = std::move(*opened);
  }
  connection->reader.emplace(s3, connection->is_cancelled, std::move(cache));
  return std::shared_ptr<logs::S3Reader>(connection, &*connection->reader);
}

}  // namespace weir::cli
