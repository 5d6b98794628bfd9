#include "logs/objects.h"

#include <glob.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/file_error.h"
#include "base/number.h"

namespace weir::logs {
namespace {

namespace fs = std::filesystem;

std::optional<int> number(std::string_view text, std::size_t digits, int first, int last) {
  const auto value = base::whole_number<int>(text);
  return value && text.size() == digits && *value >= first && *value <= last ? value : std::nullopt;
}

std::optional<std::chrono::sys_days> date_of(std::string_view year, std::string_view month,
                                             std::string_view day) {
  const auto y = number(year, 4, 1970, 9999);
  const auto m = number(month, 2, 1, 12);
  const auto d = number(day, 2, 1, 31);
  if (!y || !m || !d) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*y),
                                         std::chrono::month(static_cast<unsigned>(*m)),
                                         std::chrono::day(static_cast<unsigned>(*d))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

/// "year=2018" for `key` "year" gives "2018"; without a key the part itself.
std::string_view value_of(std::string_view part, std::string_view key) {
  if (part.size() > key.size() && part.starts_with(key) && part[key.size()] == '=') {
    return part.substr(key.size() + 1);
  }
  return {};
}

/// From "AWSLogs" on; both layouts have their parts in the same places.
void read_folders(std::string_view path, Key& key) {
  auto folders = folders_below_aws_logs(path);
  if (!folders || folders->size() < 3) return;
  std::vector<std::string_view>& below = *folders;
  constexpr std::array<std::string_view, 7> kHiveKeys = {
      "aws-account-id", "aws-service", "aws-region", "year", "month", "day", "hour"};
  if (!value_of(below[0], kHiveKeys[0]).empty()) {
    for (std::size_t i = 0; i < below.size() && i < kHiveKeys.size(); ++i) {
      below[i] = value_of(below[i], kHiveKeys[i]);
    }
  }
  if (below[1] != "vpcflowlogs") return;
  key.account_id = below[0];
  key.region = below[2];
  if (below.size() >= 6) key.date = date_of(below[3], below[4], below[5]);
  if (below.size() >= 7) key.hour = number(below[6], 2, 0, 23);
}

/// "{account}_vpcflowlogs_{region}_{id}_{YYYYMMDD}T{HHmm}Z_{hash}.log.gz"
void read_name(std::string_view name, Key& key) {
  const auto parts = split(name, '_');
  if (parts.size() != 6 || parts[1] != "vpcflowlogs") return;
  if (key.account_id.empty()) key.account_id = parts[0];
  if (key.region.empty()) key.region = parts[2];
  key.flow_log_id = parts[3];
  const std::string_view stamp = parts[4];
  constexpr std::size_t kStamp = 14;  // 20180620T1620Z
  if (stamp.size() != kStamp || stamp[8] != 'T' || stamp[13] != 'Z') return;
  const auto date = date_of(stamp.substr(0, 4), stamp.substr(4, 2), stamp.substr(6, 2));
  const auto hour = number(stamp.substr(9, 2), 2, 0, 23);
  const auto minute = number(stamp.substr(11, 2), 2, 0, 59);
  if (!date || !hour || !minute) return;
  key.slot = base::UnixSeconds(*date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (!key.date) key.date = date;
  if (!key.hour) key.hour = hour;
}

/// "{stream}-1-2026-11-23-14-05-09-{UUID}": Firehose gives no ending unless it is told to.
bool is_named_by_firehose(std::string_view name) {
  constexpr std::string_view kShape = "-dddd-dd-dd-dd-dd-dd-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (name.size() <= kShape.size()) return false;
  name.remove_prefix(name.size() - kShape.size());
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool is_digit = name[i] >= '0' && name[i] <= '9';
    const bool is_hex = is_digit || (name[i] >= 'a' && name[i] <= 'f');
    const bool fits = kShape[i] == 'd' ? is_digit : kShape[i] == 'x' ? is_hex : name[i] == '-';
    if (!fits) return false;
  }
  return true;
}

Object object_of(const fs::path& path, ObjectKind kind) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return {path.string(), path.string(), error ? 0 : size, kind, read_key(path.string())};
}

class Lister {
 public:
  base::Expected<void> add(const std::string& source) {
    if (source == "-") {
      if (known_.insert(source).second) {
        objects_.push_back({"-", "standard input", 0, ObjectKind::text, {}});
      }
      return {};
    }
    std::error_code error;
    const auto status = fs::status(source, error);
    if (fs::is_directory(status)) return add_folder(source);
    if (fs::exists(status)) {
      add_named_file(source);
      return {};
    }
    if (error == std::errc::permission_denied) return unreadable(source);
    return add_glob(source);
  }

  std::vector<Object> take() {
    std::stable_sort(objects_.begin(), objects_.end(),
                     [](const Object& a, const Object& b) { return a.path < b.path; });
    return std::move(objects_);
  }

 private:
  void add_file(const fs::path& path, ObjectKind kind) {
    if (known_.insert(path.lexically_normal().string()).second) {
      objects_.push_back(object_of(path, kind));
    }
  }

  /// Who names a file may call it as he likes.
  void add_named_file(const fs::path& path) {
    const ObjectKind kind = kind_by_name(path.native());
    std::error_code error;
    const bool may_be_read_twice = fs::is_regular_file(path, error);
    const bool is_told = may_be_read_twice && fs::file_size(path, error) != 0;
    // What is called Parquet and is none is damage, which DuckDB describes best.
    const bool may_be_text = is_told && kind != ObjectKind::parquet;
    add_file(path, may_be_text ? kind_of(path.string()) : kind);
  }

  base::Expected<void> add_folder(const fs::path& top) {
    bool has_object = false;
    std::vector<fs::path> folders = {top};
    while (!folders.empty()) {
      const fs::path folder = std::move(folders.back());
      folders.pop_back();
      std::error_code error;
      fs::directory_iterator at(folder, error);
      for (; !error && at != fs::directory_iterator(); at.increment(error)) {
        has_object |= add_entry(*at, folders);
      }
      if (error && folder == top) {
        return base::fail(folder.string(), "cannot be listed: " + error.message());
      }
      if (!error) continue;
      objects_.push_back(object_of(folder, ObjectKind::unlisted));
      has_object = true;
    }
    if (!has_object) {
      return base::fail(top.string(), "has no flow-log object",
                        "objects are named *.log, *.log.gz or *.parquet");
    }
    return {};
  }

  /// True if it is an object, be it one that is known from another source.
  bool add_entry(const fs::directory_entry& entry, std::vector<fs::path>& folders) {
    std::error_code is_gone;  // a recorder at work renames files
    if (entry.symlink_status(is_gone).type() == fs::file_type::directory) {
      folders.push_back(entry.path());
    } else if (entry.is_regular_file(is_gone) && is_named_like_a_log(entry.path().native())) {
      add_file(entry.path(), kind_by_name(entry.path().native()));
      return true;
    }
    return false;
  }

  base::Expected<void> add_glob(const std::string& pattern) {
    if (pattern.find("**") != std::string::npos) {
      return base::fail(pattern, "has **, which globs do not know",
                        "name the folder: all that lies below it is read");
    }
    bool has_file = false;
    glob_t found{};
    const int status = ::glob(pattern.c_str(), 0, nullptr, &found);
    for (std::size_t i = 0; status == 0 && i < found.gl_pathc; ++i) {
      const fs::path path = found.gl_pathv[i];
      std::error_code error;
      if (!fs::is_regular_file(path, error)) continue;
      has_file = true;
      add_named_file(path);
    }
    ::globfree(&found);
    if (has_file) return {};
    // Folders that may not be listed are passed over, as in a shell; what is in them nobody knows.
    const bool is_refused = ::glob(pattern.c_str(), GLOB_ERR, nullptr, &found) == GLOB_ABORTED;
    const bool is_permission = is_refused && errno == EACCES;
    ::globfree(&found);
    if (is_permission) return unreadable(pattern);
    return base::fail(pattern, "is not there", "give a folder, a file, a glob or -");
  }

  static base::Expected<void> unreadable(const std::string& source) {
    return tl::unexpected(base::file_error(source, "read", EACCES));
  }

  std::vector<Object> objects_;
  std::set<std::string> known_;
};

}  // namespace

ObjectKind kind_by_name(std::string_view path) {
  return fs::path(path).extension() == ".parquet" ? ObjectKind::parquet : ObjectKind::text;
}

ObjectKind kind_of(const std::string& path) {
  constexpr std::string_view kMagic = "PAR1";
  std::array<char, kMagic.size()> first{};
  std::ifstream(path, std::ios::binary).read(first.data(), first.size());
  return std::string_view(first.data(), first.size()) == kMagic ? ObjectKind::parquet
                                                                : ObjectKind::text;
}

std::optional<std::vector<std::string_view>> folders_below_aws_logs(std::string_view path) {
  std::vector<std::string_view> folders = split(path, '/');
  folders.pop_back();
  const auto top = std::find(folders.rbegin(), folders.rend(), "AWSLogs");
  if (top == folders.rend()) return std::nullopt;
  const bool has_organization = top != folders.rbegin() && top.base()->starts_with("o-");
  folders.erase(folders.begin(), top.base() + (has_organization ? 1 : 0));
  return folders;
}

Key read_key(std::string_view path) {
  Key key;
  read_folders(path, key);
  read_name(path.substr(path.rfind('/') + 1), key);
  return key;
}

bool is_named_like_a_log(std::string_view path) {
  static const std::set<std::string> kEndings = {".log", ".gz", ".zst", ".txt", ".parquet"};
  const fs::path file(path);
  const std::string name = file.filename().string();
  if (name.empty() || name.front() == '.') return false;
  return kEndings.contains(file.extension().string()) || is_named_by_firehose(name);
}

Object object_at(const std::string& path) {
  return object_of(path, kind_by_name(path));
}

base::Expected<std::vector<Object>> list_objects(const std::vector<std::string>& sources) {
  Lister lister;
  for (const std::string& source : sources) {
    if (auto added = lister.add(source); !added) return tl::unexpected(added.error());
  }
  return lister.take();
}

}  // namespace weir::logs
