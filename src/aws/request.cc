#include "aws/request.h"

#include <algorithm>

#include "base/number.h"

namespace weir::aws {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::string encoded(std::string_view text, bool keeps_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c) || (keeps_slash && c == '/')) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 0xfU];
  }
  return out;
}

/// Takes ":8000" off the end of a host; [::1] keeps its own colons.
bool take_port(std::string& host, std::uint16_t& port) {
  const std::size_t colon = host.rfind(':');
  if (colon == std::string::npos || host.find(']', colon) != std::string::npos) return true;
  const auto number = base::whole_number<std::uint16_t>(host.substr(colon + 1));
  host.resize(colon);
  port = number.value_or(0);
  return port != 0;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::string Endpoint::authority() const {
  const bool is_usual = port == 0 || (scheme == "https" ? port == 443 : port == 80);
  return is_usual ? host : host + ":" + std::to_string(port);
}

base::Expected<Endpoint> parse_endpoint(std::string_view url, const std::string& where) {
  const auto refuse = [&](const char* why) {
    // A URL can hold a password: it is not repeated.
    return base::fail(where, why, "write it like https://s3.example.com or http://127.0.0.1:9000");
  };
  Endpoint endpoint;
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos) return refuse("is no URL");
  endpoint.scheme = url.substr(0, colon);
  if (endpoint.scheme != "http" && endpoint.scheme != "https") return refuse("is no http(s) URL");
  std::string_view rest = url.substr(colon + 3);
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) {
    endpoint.path = rest.substr(slash);
    while (!endpoint.path.empty() && endpoint.path.back() == '/') endpoint.path.pop_back();
    rest = rest.substr(0, slash);
  }
  endpoint.host = rest;
  if (!take_port(endpoint.host, endpoint.port)) return refuse("has no port that can be");
  const bool is_plain = endpoint.host.find_first_of("@?# \t\r\n") == std::string::npos &&
                        endpoint.path.find_first_of("?# \t\r\n") == std::string::npos;
  if (endpoint.host.empty() || !is_plain) return refuse("is more than scheme, host, port and path");
  return endpoint;
}

std::string_view header_of(std::span<const Header> headers, std::string_view name) {
  for (const Header& header : headers) {
    if (equal_ignoring_case(header.name, name)) return header.value;
  }
  return {};
}

void Request::set(std::string_view name, std::string value) {
  for (Header& header : headers) {
    if (!equal_ignoring_case(header.name, name)) continue;
    header.value = std::move(value);
    return;
  }
  headers.push_back({std::string(name), std::move(value)});
}

std::string Request::url() const {
  std::string out = endpoint.url() + path;
  if (!query.empty()) out += "?" + encoded_query(query);
  return out;
}

std::optional<std::size_t> Request::read_body(std::uint64_t at, std::span<std::uint8_t> out) const {
  if (file) return file->read(at, out);
  const auto left = body.subspan(static_cast<std::size_t>(at));
  const std::size_t given = std::min(left.size(), out.size());
  std::copy_n(left.begin(), given, out.begin());
  return given;
}

std::string percent_encoded(std::string_view text) {
  return encoded(text, false);
}

std::string percent_encoded_path(std::string_view text) {
  return encoded(text, true);
}

std::string encoded_query(const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(query.size());
  for (const auto& [name, value] : query) {
    pairs.emplace_back(percent_encoded(name), percent_encoded(value));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  }
  return out;
}

}  // namespace weir::aws
