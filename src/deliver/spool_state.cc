#include "deliver/spool_state.h"

#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "deliver/segment_file.h"

namespace weir::deliver {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::optional<SpoolState> state_of(const std::string& text) {
  const Json found = Json::parse(text, nullptr, false);
  const bool is_whole = found.is_object() && found.contains("opening") &&
                        found.contains("removed") && found.contains("lost") &&
                        found["opening"].is_number_unsigned() && found["removed"].is_array();
  auto lost = is_whole ? coverage_of_json(found["lost"].dump()) : std::nullopt;
  if (!lost) return std::nullopt;
  SpoolState out{found["opening"].get<std::uint64_t>(), std::move(*lost), {}};
  for (const Json& each : found["removed"]) {
    if (each.is_number_unsigned()) out.removed.insert(each.get<std::uint64_t>());
  }
  return out;
}

}  // namespace

base::Expected<std::optional<SpoolState>> read_spool_state(Disk& disk, const fs::path& file) {
  std::error_code error;
  const bool is_there = fs::exists(file, error);
  if (error) return base::fail(file.string(), "cannot be read: " + error.message());
  if (!is_there) return SpoolState();
  const auto text = read_before_last_line(disk, file);
  if (!text) return tl::unexpected(text.error());
  return *text ? state_of(**text) : std::nullopt;
}

base::Expected<void> write_spool_state(Disk& disk, const fs::path& file, const SpoolState& state) {
  fs::path fresh = file;
  fresh += ".new";
  Json out = {{"opening", state.opening}, {"removed", state.removed}};
  out["lost"] = Json::parse(to_json(state.lost));
  if (auto done = disk.remove(fresh); !done) return done;
  if (auto done = disk.append_synced(fresh, with_last_line(out.dump())); !done) return done;
  if (auto done = disk.rename(fresh, file); !done) return done;
  return disk.sync_folder(file.parent_path());
}

}  // namespace weir::deliver
