#include "deliver/segment_file.h"

#include <fmt/format.h>
#include <isa-l/crc.h>

#include <array>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

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

std::optional<SegmentDescription> description_of(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  for (const char* name : {"bytes", "records", "sequence"}) {
    if (!json.contains(name) || !json[name].is_number_unsigned()) return std::nullopt;
  }
  for (const char* name : {"key", "crc32"}) {
    if (!json.contains(name) || !json[name].is_string()) return std::nullopt;
  }
  if (!json.contains("windows")) return std::nullopt;
  auto coverage = coverage_of(json["windows"]);
  const auto checksum = hex_number(json["crc32"].get<std::string>());
  if (!coverage || !checksum) return std::nullopt;
  SegmentDescription out;
  out.sealing = {json["key"].get<std::string>(), json["records"].get<std::uint64_t>(),
                 std::move(*coverage)};
  out.sequence = json["sequence"].get<std::uint64_t>();
  out.bytes = json["bytes"].get<std::uint64_t>();
  out.crc32 = *checksum;
  return out;
}

/// `count` bytes that end `from_end` bytes before the end of the file.
std::optional<std::string> read_at_end(std::ifstream& in, std::uint64_t from_end,
                                       std::uint64_t count) {
  std::string out(count, '\0');
  in.clear();
  in.seekg(-static_cast<std::streamoff>(from_end + count), std::ios::end);
  if (!in.read(out.data(), static_cast<std::streamsize>(count))) return std::nullopt;
  return out;
}

}  // namespace

std::string with_last_line(const std::string& json) {
  const std::string line = "\n" + json + "\n";
  return fmt::format("{}{}{:0{}} {:0{}x}\n", line, kMark, line.size(), kLengthDigits, crc32(line),
                     kChecksumDigits);
}

std::optional<std::string> read_before_last_line(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const auto last = read_at_end(in, 0, kLastLine);
  if (!last || !last->starts_with(kMark) || last->back() != '\n') return std::nullopt;
  const std::string_view digits = std::string_view(*last).substr(kMark.size());
  const auto length = base::whole_number<std::uint64_t>(digits.substr(0, kLengthDigits));
  const auto checksum = hex_number(digits.substr(kLengthDigits + 1, kChecksumDigits));
  if (digits[kLengthDigits] != ' ' || !length || *length > kLongest || !checksum) {
    return std::nullopt;
  }
  auto text = read_at_end(in, kLastLine, *length);
  if (!text || crc32(*text) != *checksum) return std::nullopt;
  return text;
}

std::string segment_ending(const SegmentDescription& description) {
  const Json json = {{"bytes", description.bytes},
                     {"crc32", fmt::format("{:0{}x}", description.crc32, kChecksumDigits)},
                     {"key", description.sealing.key},
                     {"records", description.sealing.records},
                     {"sequence", description.sequence},
                     {"windows", json_of(description.sealing.coverage)}};
  return with_last_line(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::optional<SegmentDescription> read_segment_ending(const fs::path& file) {
  const auto text = read_before_last_line(file);
  if (!text) return std::nullopt;
  auto description = description_of(*text);
  std::error_code error;
  const std::uint64_t size = fs::file_size(file, error);
  if (error || !description) return std::nullopt;
  if (description->bytes != size - kLastLine - text->size()) return std::nullopt;
  return description;
}

base::Expected<std::uint32_t> payload_checksum(const fs::path& file, std::uint64_t bytes) {
  std::ifstream in(file, std::ios::binary);
  std::vector<char> block(std::min<std::uint64_t>(bytes, kBlock));
  std::uint32_t checksum = 0;
  while (bytes != 0) {
    const auto count = std::min<std::uint64_t>(bytes, block.size());
    if (!in.read(block.data(), static_cast<std::streamsize>(count))) {
      return base::fail(file.string(), "cannot be read", "check the disk");
    }
    checksum = crc32({block.data(), count}, checksum);
    bytes -= count;
  }
  return checksum;
}

std::string to_json(const Coverage& coverage) {
  return json_of(coverage).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Coverage> coverage_of_json(std::string_view text) {
  return coverage_of(Json::parse(text, nullptr, false));
}

}  // namespace weir::deliver
