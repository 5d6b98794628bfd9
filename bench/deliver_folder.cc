// Delivery alone, as `weir record` and `weir up` have it: objects wait in a spool, and its threads
// put them into a bucket.
//
// usage: deliver_folder seal FOLDER SPOOL                the folder's files, under their paths
// below it
//        deliver_folder deliver SPOOL s3://bucket/prefix
//
// Endpoint and credentials are those of AWS's environment variables.
#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aws/file_part.h"
#include "base/descriptor.h"
#include "deliver/delivery.h"
#include "deliver/s3_destination.h"
#include "deliver/spool.h"

namespace {

namespace fs = std::filesystem;
using weir::base::Expected;

void log(const weir::base::LogLine& line) {
  fmt::print(stderr, "deliver_folder: {}\n", line.text);
}

Expected<weir::deliver::Spool> open_spool(const fs::path& folder) {
  constexpr weir::deliver::SpoolLimits kNoLimits{std::numeric_limits<std::uint64_t>::max(), 0};
  return weir::deliver::Spool::open(folder, kNoLimits, log);
}

/// As who writes an object knows it.
std::optional<weir::base::Sha256> sha256_of(const fs::path& file) {
  const weir::base::Descriptor open(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  return weir::aws::FilePart{open.get(), 0, fs::file_size(file)}.sha256();
}

Expected<void> seal(const fs::path& folder, const fs::path& to) {
  auto spool = open_spool(to);
  if (!spool) return tl::unexpected(spool.error());
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const fs::path file = spool->writing_folder() / "object";
    fs::copy_file(entry.path(), file);
    const auto hash = sha256_of(file);
    if (!hash) return weir::base::fail(entry.path().string(), "cannot be read", "");
    auto sealed =
        spool->seal(file, {entry.path().lexically_relative(folder).string(), 1, {}, hash});
    if (!sealed) return sealed;
  }
  return {};
}

Expected<void> deliver(const fs::path& from, const std::string& url) {
  auto spool = open_spool(from);
  if (!spool) return tl::unexpected(spool.error());
  auto place = weir::deliver::parse_s3_place(url, "deliver_folder");
  if (!place) return tl::unexpected(place.error());
  auto destination =
      weir::deliver::open_s3_destination({}, std::move(*place), {}, [](const std::string&) {});
  if (!destination) return tl::unexpected(destination.error());
  weir::deliver::Delivery delivery(*spool, std::move(*destination), {}, log);
  if (delivery.drain(std::chrono::hours(1))) return {};
  const auto why = delivery.status().last_error;
  return weir::base::fail(url, why ? to_string(*why) : "not delivered in an hour", "");
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> given(argv + 1, argv + argc);
  if (given.size() != 3 || (given[0] != "seal" && given[0] != "deliver")) {
    fmt::print(stderr,
               "usage: deliver_folder seal FOLDER SPOOL | deliver SPOOL s3://bucket/prefix\n");
    return 2;
  }
  const auto done = given[0] == "seal" ? seal(given[1], given[2]) : deliver(given[1], given[2]);
  if (!done) log({weir::base::Severity::error, done.error().message()});
  return done ? 0 : 1;
} catch (const std::exception& error) {
  fmt::print(stderr, "deliver_folder: {}\n", error.what());
  return 1;
}
