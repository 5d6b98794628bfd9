#include "query/parquet_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "base/descriptor.h"
#include "base/in_parallel.h"

namespace weir::query {
namespace {

/// Together they are what may be in memory.
constexpr std::size_t kPartsAtOnce = 16;
constexpr std::uint64_t kPartBytes = std::uint64_t{4} << 20U;
constexpr std::uint64_t kMostAtOnce = kPartsAtOnce * kPartBytes;

/// Most footers are shorter.
constexpr std::uint64_t kFooterBytes = std::uint64_t{64} << 10U;
/// Fewer come sooner than the answer to a request of their own would.
constexpr std::uint64_t kNotWorthARequest = std::uint64_t{256} << 10U;

base::Error cannot_be_kept(const std::filesystem::path& folder) {
  return {"", "cannot be kept in " + folder.string() + ": " + std::strerror(errno),
          "set TMPDIR to a folder with room"};
}

/// In their order, with small gaps closed.
std::vector<aws::ByteRange> ranges_of(std::vector<Chunk> chunks) {
  std::sort(chunks.begin(), chunks.end(),
            [](const Chunk& a, const Chunk& b) { return a.first < b.first; });
  std::vector<aws::ByteRange> ranges;
  for (const Chunk& chunk : chunks) {
    const std::uint64_t end = chunk.first + chunk.count;
    if (ranges.empty() ||
        chunk.first > ranges.back().first + ranges.back().count + kNotWorthARequest) {
      ranges.push_back({chunk.first, chunk.count});
    } else {
      aws::ByteRange& last = ranges.back();
      last.count = std::max(last.count, end - last.first);
    }
  }
  return ranges;
}

}  // namespace

ParquetFiles::File ParquetFiles::make(const logs::Object& object) const {
  File file;
  if (folder_.empty()) {
    file.error = {"", "cannot be kept: no temporary folder can be made",
                  "set TMPDIR to a folder with room"};
    return file;
  }
  file.path = (folder_ / (std::to_string(files_.size()) + ".parquet")).string();
  const base::Descriptor made(
      ::open(file.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!made.is_open() || ::ftruncate(made.get(), static_cast<off_t>(object.bytes)) != 0) {
    file.error = cannot_be_kept(folder_);
  }
  return file;
}

/// As pieces that may be in memory.
void ParquetFiles::add_parts(const Part& part, std::vector<Part>& parts) {
  const std::uint64_t end = part.range.first + part.range.count;
  for (std::uint64_t first = part.range.first; first < end; first += kPartBytes) {
    parts.push_back({part.object, part.file, {first, std::min(kPartBytes, end - first)}});
  }
}

void ParquetFiles::fetch(const std::vector<const logs::Object*>& objects,
                         const ColumnNames& wanted) {
  std::vector<Part> footers;
  std::vector<const logs::Object*> whole;
  for (const logs::Object* object : objects) {
    if (!logs::is_in_s3(*object) || files_.contains(object->path)) continue;
    File& file = files_.emplace(object->path, make(*object)).first->second;
    if (file.error) continue;
    if (!wanted || object->bytes <= kNotWorthARequest) {
      whole.push_back(object);
    } else {
      footers.push_back({object, &file, {object->bytes - kFooterBytes, kFooterBytes}});
    }
  }
  get(footers);
  std::vector<Part> rest;
  for (const Part& footer : footers) add_metadata(footer, rest);
  get(rest);
  get_whole(whole);
}

/// What of a footer lies before the part of it that is there. One that cannot be is left to DuckDB,
/// which says what is wrong with it.
void ParquetFiles::add_metadata(const Part& footer, std::vector<Part>& parts) const {
  constexpr std::size_t kTail = 8;  // its length, PAR1
  if (footer.file->error || footer.file->is_whole) return;
  std::array<unsigned char, kTail> tail{};
  std::ifstream file(footer.file->path, std::ios::binary);
  file.seekg(-static_cast<std::streamoff>(kTail), std::ios::end);
  file.read(reinterpret_cast<char*>(tail.data()), kTail);
  std::uint64_t length = kTail;
  for (std::size_t i = 0; i < 4; ++i) length += std::uint64_t{tail[i]} << (8U * i);
  if (!file || length <= footer.range.count || length > footer.object->bytes) return;
  const std::uint64_t first = footer.object->bytes - length;
  add_parts({footer.object, footer.file, {first, footer.range.first - first}}, parts);
}

std::vector<const logs::Object*> ParquetFiles::fetch_columns(const Duck& duck,
                                                             const std::vector<Described>& objects,
                                                             const ColumnNames& wanted) {
  struct Planned {
    const logs::Object* object = nullptr;
    File* file = nullptr;
    std::vector<Chunk> chunks;
  };
  std::vector<Planned> planned;
  std::vector<Part> parts;
  std::vector<const logs::Object*> whole;
  for (const auto& [object, fields] : objects) {
    if (!logs::is_in_s3(*object)) continue;
    File& file = files_.at(object->path);
    std::vector<std::string> lacking;
    std::copy_if(fields.begin(), fields.end(), std::back_inserter(lacking), [&](const auto& field) {
      return has_field(wanted, field) && !file.fields.contains(field);
    });
    if (file.error || file.is_whole || lacking.empty()) continue;
    auto chunks = chunks_of(duck, file.path, object->bytes, fields, lacking);
    if (!chunks) {
      whole.push_back(object);
      continue;
    }
    file.fields.insert(lacking.begin(), lacking.end());
    for (const aws::ByteRange& range : ranges_of(*chunks)) {
      add_parts({object, &file, range}, parts);
    }
    planned.push_back({object, &file, std::move(*chunks)});
  }
  get(parts);
  for (const auto& [object, file, chunks] : planned) {
    const bool is_there = file->error || file->is_whole || are_whole_pages(file->path, chunks);
    if (!is_there) whole.push_back(object);
  }
  get_whole(whole);
  std::vector<const logs::Object*> failed;
  for (const Described& each : objects) {
    if (logs::is_in_s3(*each.object) && files_.at(each.object->path).error) {
      failed.push_back(each.object);
    }
  }
  return failed;
}

void ParquetFiles::get_whole(const std::vector<const logs::Object*>& objects) {
  std::vector<Part> parts;
  for (const logs::Object* object : objects) {
    add_parts({object, &files_.at(object->path), {0, object->bytes}}, parts);
  }
  get(parts);
  for (const logs::Object* object : objects) files_.at(object->path).is_whole = true;
}

void ParquetFiles::get(const std::vector<Part>& parts) {
  base::in_parallel(parts.size(), kPartsAtOnce, [&](std::size_t i) {
    if (s3_->failure()) return;  // which all would meet
    if (auto got = get(parts[i]); !got) {
      const std::scoped_lock lock(mutex_);
      parts[i].file->error = got.error();
    }
  });
}

base::Expected<void> ParquetFiles::get(const Part& part) {
  const auto bytes = s3_->get(*part.object, part.range);
  if (bytes) return keep(part, *bytes);
  const bool is_part = part.range.count < part.object->bytes;
  if (is_part && bytes.error().kind == aws::Failure::Kind::unusable &&
      part.object->bytes <= kMostAtOnce) {
    return get_at_once(part);
  }
  base::Error error = logs::told_by_s3(bytes.error());
  error.where.clear();
  return tl::unexpected(std::move(error));
}

/// From a server that knows no ranges; one at a time, since it is all in memory.
base::Expected<void> ParquetFiles::get_at_once(const Part& part) {
  const std::scoped_lock lock(mutex_);
  if (part.file->is_whole) return {};
  const auto bytes = s3_->get(*part.object, {0, part.object->bytes});
  if (!bytes) {
    base::Error error = logs::told_by_s3(bytes.error());
    error.where.clear();
    return tl::unexpected(std::move(error));
  }
  auto kept = keep({part.object, part.file, {0, part.object->bytes}}, *bytes);
  part.file->is_whole = kept.has_value();
  return kept;
}

base::Expected<void> ParquetFiles::keep(const Part& part, const std::string& bytes) {
  if (bytes.size() != part.range.count) {
    return base::fail("", "is shorter than it was when it was listed", "ask again");
  }
  bytes_fetched_ += bytes.size();
  const base::Descriptor file(::open(part.file->path.c_str(), O_WRONLY | O_CLOEXEC));
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::pwrite(file.get(), bytes.data() + done, bytes.size() - done,
                                   static_cast<off_t>(part.range.first + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return tl::unexpected(cannot_be_kept(folder_));
    done += static_cast<std::size_t>(count);
  }
  return {};
}

base::Expected<logs::Object> ParquetFiles::of(const logs::Object& object) const {
  if (!logs::is_in_s3(object)) return object;
  const File& file = files_.at(object.path);
  if (file.error) return tl::unexpected(*file.error);
  logs::Object as_file = object;
  as_file.path = file.path;
  return as_file;
}

}  // namespace weir::query
