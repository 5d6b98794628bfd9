#include "live/processors.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

namespace weir::live {
namespace {

base::Expected<std::uint32_t> read_list(const std::string& path) {
  std::ifstream file(path);
  std::string list;
  std::getline(file, list);
  const std::uint32_t numbers = numbers_in(list);
  if (numbers == 0) return base::fail(path, "does not tell this host's processors", "mount /sys");
  return numbers;
}

}  // namespace

std::uint32_t numbers_in(std::string_view list) {
  const auto digits = list.substr(list.find_last_of("-,") + 1);  // npos + 1 is 0: there is one
  std::uint32_t last = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), last);
  return read.ec == std::errc{} ? last + 1 : 0;
}

base::Expected<Processors> processors() {
  const auto possible = read_list("/sys/devices/system/cpu/possible");
  if (!possible) return tl::unexpected(possible.error());
  const auto online = read_list("/sys/devices/system/cpu/online");
  if (!online) return tl::unexpected(online.error());
  return Processors{*possible, std::min(*online, *possible)};
}

weir_shares shares_of(std::size_t flows, std::size_t in_block, Processors processors) {
  const std::size_t later = processors.possible - processors.online;
  const std::size_t blocks = (flows + in_block - 1) / in_block;
  const std::size_t left = blocks - std::min(blocks, later);
  const std::size_t each = std::max<std::size_t>(left / processors.online, 1);
  return {static_cast<std::uint32_t>(each),
          static_cast<std::uint32_t>(each * processors.online + later)};
}

}  // namespace weir::live
