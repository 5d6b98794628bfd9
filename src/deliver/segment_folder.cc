#include "deliver/segment_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/file_error.h"
#include "base/number.h"
#include "deliver/file.h"

namespace weir::deliver {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".segment";
constexpr int kSequenceDigits = 20;

std::optional<std::uint64_t> sequence_of(const fs::path& file) {
  if (file.extension() != kSuffix) return std::nullopt;
  return base::whole_number<std::uint64_t>(file.stem().string());
}

std::string name_of(std::uint64_t sequence) {
  return fmt::format("{:0{}}{}", sequence, kSequenceDigits, kSuffix);
}

base::Expected<std::vector<fs::path>> files_of(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error); !error && at != fs::end(at); at.increment(error)) {
    out.push_back(at->path());
  }
  if (error) return base::fail(folder.string(), "cannot be read: " + error.message());
  return out;
}

}  // namespace

base::Expected<SegmentFolder> SegmentFolder::open(const fs::path& folder,
                                                  std::unique_ptr<Disk> disk) {
  std::error_code error;
  fs::path path = fs::absolute(folder, error);
  if (error) return base::fail(folder.string(), "cannot be found: " + error.message());
  for (const char* each : {"writing", "damaged"}) {
    if (auto made = make_folders(path.root_path(), path / each); !made) {
      return tl::unexpected(made.error());
    }
  }
  auto lock = base::FolderLock::take(
      path, {path.string(), "is in use by another process",
             "end that one, or give each a folder (or each flow log an id) of its own"});
  if (!lock) return tl::unexpected(lock.error());
  base::Descriptor itself(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!itself.is_open()) return tl::unexpected(base::file_error(path, "opened", errno));
  return SegmentFolder(std::move(path), std::move(disk), std::move(*lock), std::move(itself));
}

fs::path SegmentFolder::path_of(std::uint64_t sequence) const {
  return path_ / name_of(sequence);
}

base::Expected<std::vector<std::uint64_t>> SegmentFolder::sequences() const {
  const auto files = files_of(path_);
  if (!files) return tl::unexpected(files.error());
  std::vector<std::uint64_t> out;
  for (const fs::path& file : *files) {
    if (const auto sequence = sequence_of(file)) out.push_back(*sequence);
  }
  return out;
}

base::Expected<std::size_t> SegmentFolder::empty_writing() const {
  const auto files = files_of(writing());
  if (!files) return tl::unexpected(files.error());
  for (const fs::path& file : *files) {
    if (auto done = disk_->remove(file); !done) return tl::unexpected(done.error());
  }
  return files->size();
}

base::Expected<std::uint64_t> SegmentFolder::seal(const fs::path& file, const Sealing& sealing,
                                                  std::uint64_t sequence) const {
  SegmentDescription description{sealing, sequence, 0, 0, 0};
  const auto bytes = disk_->size(file);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto checksum = payload_checksum(*disk_, file, *bytes);
  if (!checksum) return tl::unexpected(checksum.error());
  if (!*checksum) return base::fail(file.string(), "was cut short while it was sealed");
  description.bytes = *bytes;
  description.crc32 = **checksum;
  const std::string ending = segment_ending(description);
  auto done = disk_->append_synced(file, ending);
  if (done) done = disk_->rename(file, path_of(sequence));
  if (done) done = disk_->sync_folder(path_);
  if (!done) return tl::unexpected(done.error());
  return *bytes + ending.size();
}

base::Expected<std::optional<Segment>> SegmentFolder::read(std::uint64_t sequence) const {
  const fs::path file = path_of(sequence);
  auto description = read_segment_ending(*disk_, file);
  if (!description) return tl::unexpected(description.error());
  if (!*description || (*description)->found_bytes != (*description)->bytes) return std::nullopt;
  const auto checksum = payload_checksum(*disk_, file, (*description)->bytes);
  if (!checksum) return tl::unexpected(checksum.error());
  if (*checksum != (*description)->crc32) return std::nullopt;
  Sealing& sealing = (*description)->sealing;
  return Segment{sequence, std::move(sealing.key), sealing.records,
                 file,     (*description)->bytes,  sealing.sha256};
}

bool SegmentFolder::is_gone(std::uint64_t sequence) const {
  struct stat status {};
  const std::string name = name_of(sequence);
  return ::fstatat(itself_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 &&
         errno == ENOENT;
}

base::Expected<void> SegmentFolder::remove(std::uint64_t sequence) const {
  if (auto done = disk_->remove(path_of(sequence)); !done) return done;
  return disk_->sync_folder(path_);
}

base::Expected<void> SegmentFolder::set_aside(const fs::path& file) const {
  auto done = disk_->rename(file, damaged() / file.filename());
  if (done) done = disk_->sync_folder(damaged());
  if (done) done = disk_->sync_folder(path_);
  return done;
}

base::Expected<void> unpack(const Segment& segment, const fs::path& folder) {
  const fs::path to = folder / segment.key;
  if (auto made = make_folders(folder, to.parent_path()); !made) return made;
  std::error_code error;
  fs::rename(segment.file, to, error);
  if (error) return tl::unexpected(base::file_error(to, "made", error.value()));
  fs::resize_file(to, segment.bytes, error);
  if (!error) return {};
  std::error_code ignored;
  fs::rename(to, segment.file, ignored);
  return tl::unexpected(base::file_error(to, "cut to length", error.value()));
}

}  // namespace weir::deliver
