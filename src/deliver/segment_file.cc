#include "deliver/segment_file.h"

#include <fmt/format.h>
#include <isa-l/crc.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/number.h"

namespace weir::deliver {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kMark = "weir-spool-1 ";
constexpr std::size_t kLengthDigits = 10;
constexpr std::size_t kChecksumDigits = 8;
constexpr std::size_t kLastLine = kMark.size() + kLengthDigits + 1 + kChecksumDigits + 1;
/// No description is as long; a damaged length must not make us ask for gigabytes.
constexpr std::uint64_t kLongest = std::uint64_t{64} << 20U;
constexpr std::size_t kBlock = std::size_t{1} << 20U;

/// As gzip has it, of text that goes on after `before`.
std::uint32_t crc32(std::string_view text, std::uint32_t before = 0) {
  return crc32_gzip_refl(before, reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

std::optional<std::uint32_t> hex_number(std::string_view text) {
  std::uint32_t value = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value, 16);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

Json json_of(const Coverage& coverage) {
  Json out = Json::object();
  for (const auto& [id, spans] : coverage.interfaces()) {
    Json& list = out[id] = Json::array();
    for (const auto& [start, end] : spans) {
      list.push_back({start.time_since_epoch().count(), end.time_since_epoch().count()});
    }
  }
  return out;
}

std::optional<Coverage> coverage_of(const Json& json) {
  Coverage out;
  if (!json.is_object()) return std::nullopt;
  for (const auto& [id, list] : json.items()) {
    if (!list.is_array()) return std::nullopt;
    for (const Json& span : list) {
      const bool is_span = span.is_array() && span.size() == 2 && span[0].is_number_integer() &&
                           span[1].is_number_integer();
      if (!is_span) return std::nullopt;
      const auto time = [](const Json& number) {
        return base::UnixSeconds(std::chrono::seconds(number.get<std::int64_t>()));
      };
      out.add(id, time(span[0]), time(span[1]));
    }
  }
  return out;
}

Json json_of(const Sealing& sealing) {
  return {
      {"key", sealing.key}, {"records", sealing.records}, {"windows", json_of(sealing.coverage)}};
}

bool has_unsigned(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_number_unsigned();
}

bool has_text(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_string();
}

std::optional<Sealing> sealing_of(const Json& json) {
  if (!json.is_object() || !has_text(json, "key") || !has_unsigned(json, "records") ||
      !json.contains("windows")) {
    return std::nullopt;
  }
  auto coverage = coverage_of(json["windows"]);
  if (!coverage) return std::nullopt;
  return Sealing{json["key"].get<std::string>(), json["records"].get<std::uint64_t>(),
                 std::move(*coverage)};
}

std::optional<SegmentDescription> description_of(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  auto sealing = sealing_of(json);
  if (!sealing || !has_unsigned(json, "bytes") || !has_unsigned(json, "sequence") ||
      !has_text(json, "crc32") || (json.contains("sha256") && !has_text(json, "sha256"))) {
    return std::nullopt;
  }
  const auto checksum = hex_number(json["crc32"].get<std::string>());
  if (!checksum) return std::nullopt;
  SegmentDescription out;
  if (json.contains("sha256")) {
    sealing->sha256 = base::sha256_of_hex(json["sha256"].get<std::string>());
    if (!sealing->sha256) return std::nullopt;
  }
  out.sealing = std::move(*sealing);
  out.sequence = json["sequence"].get<std::uint64_t>();
  out.bytes = json["bytes"].get<std::uint64_t>();
  out.crc32 = *checksum;
  return out;
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string with_last_line(const std::string& json) {
  const std::string line = "\n" + json + "\n";
  return fmt::format("{}{}{:0{}} {:0{}x}\n", line, kMark, line.size(), kLengthDigits, crc32(line),
                     kChecksumDigits);
}

base::Expected<std::optional<std::string>> read_before_last_line(Disk& disk, const fs::path& file) {
  const auto size = disk.size(file);
  if (!size) return tl::unexpected(size.error());
  if (*size < kLastLine) return std::nullopt;
  const auto last = disk.read(file, *size - kLastLine, kLastLine);
  if (!last) return tl::unexpected(last.error());
  if (last->size() != kLastLine || !last->starts_with(kMark) || last->back() != '\n') {
    return std::nullopt;
  }
  const std::string_view digits = std::string_view(*last).substr(kMark.size());
  const auto length = base::whole_number<std::uint64_t>(digits.substr(0, kLengthDigits));
  const auto checksum = hex_number(digits.substr(kLengthDigits + 1, kChecksumDigits));
  if (digits[kLengthDigits] != ' ' || !length || !checksum ||
      *length > std::min(kLongest, *size - kLastLine)) {
    return std::nullopt;
  }
  auto text = disk.read(file, *size - kLastLine - *length, *length);
  if (!text) return tl::unexpected(text.error());
  if (text->size() != *length || crc32(*text) != *checksum) return std::nullopt;
  return std::move(*text);
}

std::string segment_ending(const SegmentDescription& description) {
  Json json = json_of(description.sealing);
  json["bytes"] = description.bytes;
  json["crc32"] = fmt::format("{:0{}x}", description.crc32, kChecksumDigits);
  json["sequence"] = description.sequence;
  if (const auto& hash = description.sealing.sha256) json["sha256"] = base::hex(*hash);
  return with_last_line(text_of(json));
}

base::Expected<std::optional<SegmentDescription>> read_segment_ending(Disk& disk,
                                                                      const fs::path& file) {
  const auto text = read_before_last_line(disk, file);
  if (!text) return tl::unexpected(text.error());
  if (!*text) return std::nullopt;
  auto description = description_of(**text);
  if (!description) return std::nullopt;
  const auto size = disk.size(file);
  if (!size) return tl::unexpected(size.error());
  description->found_bytes = *size - kLastLine - (*text)->size();
  return description;
}

base::Expected<std::optional<std::uint32_t>> payload_checksum(Disk& disk, const fs::path& file,
                                                              std::uint64_t bytes) {
  std::uint32_t checksum = 0;
  for (std::uint64_t at = 0; at < bytes;) {
    const auto block = disk.read(file, at, std::min<std::uint64_t>(bytes - at, kBlock));
    if (!block) return tl::unexpected(block.error());
    if (block->empty()) return std::nullopt;
    checksum = crc32(*block, checksum);
    at += block->size();
  }
  return checksum;
}

std::string to_json(const Sealing& sealing) {
  return text_of(json_of(sealing));
}

std::optional<Sealing> sealing_of_json(std::string_view text) {
  return sealing_of(Json::parse(text, nullptr, false));
}

std::string to_json(const Coverage& coverage) {
  return text_of(json_of(coverage));
}

std::optional<Coverage> coverage_of_json(std::string_view text) {
  return coverage_of(Json::parse(text, nullptr, false));
}

}  // namespace weir::deliver
