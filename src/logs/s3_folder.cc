#include "logs/s3_folder.h"

#include <array>
#include <vector>

#include "base/number.h"

namespace weir::logs {
namespace {

/// AWSLogs/ is found where up to two folders more lie in front of it.
constexpr unsigned kSearchDepth = 3;

enum Level : std::uint8_t { kTop, kAccount, kService, kRegion, kYear, kMonth, kDay, kHour };

bool is_account(std::string_view text) {
  constexpr std::size_t kDigits = 12;
  return text.size() == kDigits && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The names of the folders below AWSLogs/, in either layout; read as read_key reads an object's.
class Below {
 public:
  explicit Below(std::vector<std::string_view> names)
      : names_(std::move(names)),
        is_hive_(!names_.empty() && names_.front().starts_with("aws-account-id=")) {}

  [[nodiscard]] std::size_t size() const { return names_.size(); }
  [[nodiscard]] bool is_hive() const { return is_hive_; }
  /// Empty if the folder is not called as it should be.
  [[nodiscard]] std::string_view value(Level level) const {
    constexpr std::array<std::string_view, kHour> kKeys = {
        "aws-account-id=", "aws-service=", "aws-region=", "year=", "month=", "day=", "hour="};
    if (names_.size() < level) return {};
    const std::string_view name = names_[level - 1];
    if (!is_hive_) return name;
    const std::string_view key = kKeys[level - 1];
    return name.starts_with(key) ? name.substr(key.size()) : std::string_view();
  }
  [[nodiscard]] std::optional<unsigned> number(Level level) const {
    const std::string_view text = value(level);
    return text.size() == (level == kYear ? 4 : 2) ? base::whole_number<unsigned>(text)
                                                   : std::nullopt;
  }

 private:
  std::vector<std::string_view> names_;
  bool is_hive_;
};

/// The days of a year's, a month's or a day's folder, unless it is none.
void tell_days(S3Folder& folder, const Below& below) {
  using namespace std::chrono;
  constexpr unsigned kFirstYear = 1970;
  const auto of_year = below.number(kYear);
  const auto of_month = below.number(kMonth);
  const auto of_day = below.number(kDay);
  if (!of_year || *of_year < kFirstYear) return;
  if ((below.size() >= kMonth && !of_month) || (below.size() >= kDay && !of_day)) return;
  const year in(static_cast<int>(*of_year));
  const month first(of_month.value_or(1));
  const month last(of_month.value_or(12));
  if (!first.ok()) return;
  if (!of_day) {
    folder.first_day = sys_days(in / first / 1);
    folder.last_day = sys_days(in / last / std::chrono::last);
  } else if (const year_month_day date = in / first / day(*of_day); date.ok()) {
    folder.first_day = folder.last_day = sys_days(date);
  }
}

/// What the names tell, and whether those below are known.
void tell(S3Folder& folder, const Below& below) {
  if (below.size() == 0) return;
  if (below.size() == kAccount) {
    folder.is_flat = !is_account(below.value(kAccount));
    // Of the services there, this one's.
    if (!folder.is_flat) folder.prefix += below.is_hive() ? "aws-service=" : "";
    if (!folder.is_flat) folder.prefix += "vpcflowlogs/";
  } else {
    folder.is_flat = below.value(kService) != "vpcflowlogs";
  }
  if (folder.is_flat) return;
  folder.key.account_id = below.value(kAccount);
  folder.key.region = below.value(kRegion);
  if (below.size() < kYear) return;
  tell_days(folder, below);
  folder.is_flat = !folder.first_day || below.size() >= kHour;
  if (!folder.first_day) return;
  const Key key = read_key(folder.prefix + "-");
  folder.key.date = key.date;
  folder.key.hour = key.hour;
}

S3Folder folder_at(const std::string& bucket, const std::string& prefix, unsigned search_depth) {
  S3Folder folder{bucket, prefix, false, search_depth, {}, {}, {}};
  if (auto names = folders_below_aws_logs(prefix)) {
    tell(folder, Below(std::move(*names)));
  } else {
    folder.is_flat = search_depth == 0;
  }
  return folder;
}

}  // namespace

S3Folder named_s3_folder(const std::string& bucket, const std::string& prefix) {
  if (prefix.empty() || prefix.ends_with('/')) return folder_at(bucket, prefix, kSearchDepth);
  // It ends within a name, of which nothing is known before it has been listed, and whose folder
  // is then the one that was named.
  return {bucket, prefix, false, kSearchDepth + 1, {}, {}, {}};
}

S3Folder s3_folder_below(const S3Folder& above, const std::string& prefix) {
  return folder_at(above.bucket, prefix, above.search_depth == 0 ? 0 : above.search_depth - 1);
}

}  // namespace weir::logs
