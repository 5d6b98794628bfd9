#include "query/parquet_files.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "base/in_parallel.h"
#include "logs/open_lines.h"

namespace weir::query {
namespace {

constexpr std::size_t kObjectsAtOnce = 8;
constexpr std::size_t kBytesAtOnce = std::size_t{256} << 10U;

}  // namespace

base::Expected<std::string> ParquetFiles::fetch(const logs::Object& object,
                                                std::size_t number) const {
  if (folder_.empty()) {
    return base::fail("", "cannot be kept: no temporary folder can be made",
                      "set TMPDIR to a folder with room");
  }
  std::string path = (folder_ / (std::to_string(number) + ".parquet")).string();
  auto bytes = logs::open_object(object, s3_);
  if (!bytes) return tl::unexpected(bytes.error());
  std::ofstream file(path, std::ios::binary);
  std::vector<std::uint8_t> some(kBytesAtOnce);
  for (;;) {
    auto count = (*bytes)->read(some);
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) break;
    file.write(reinterpret_cast<const char*>(some.data()), static_cast<std::streamsize>(*count));
  }
  if (!file.flush()) {
    return base::fail("", "cannot be kept in " + folder_.string() + ": " + std::strerror(errno),
                      "set TMPDIR to a folder with room");
  }
  return path;
}

void ParquetFiles::fetch(const std::vector<const logs::Object*>& objects) {
  std::vector<const logs::Object*> lacking;
  for (const logs::Object* object : objects) {
    if (logs::is_in_s3(*object) && !paths_.contains(object->path)) lacking.push_back(object);
  }
  const std::size_t before = paths_.size();
  std::vector<std::optional<base::Expected<std::string>>> fetched(lacking.size());
  base::in_parallel(lacking.size(), kObjectsAtOnce,
                    [&](std::size_t i) { fetched[i] = fetch(*lacking[i], before + i); });
  for (std::size_t i = 0; i < lacking.size(); ++i) {
    paths_.emplace(lacking[i]->path, std::move(*fetched[i]));
  }
}

base::Expected<logs::Object> ParquetFiles::of(const logs::Object& object) const {
  if (!logs::is_in_s3(object)) return object;
  const auto& path = paths_.at(object.path);
  if (!path) return tl::unexpected(path.error());
  logs::Object file = object;
  file.path = *path;
  return file;
}

}  // namespace weir::query
