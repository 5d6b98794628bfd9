// An HTTP request as it will be sent and signed, and its answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/file_part.h"
#include "base/error.h"

namespace weir::aws {

/// Where a service listens: "https://s3.us-east-1.amazonaws.com", "http://[::1]:8000/base".
struct Endpoint {
  std::string scheme = "https";
  std::string host;
  std::uint16_t port = 0;  ///< 0: the scheme's own
  std::string path;        ///< put before every request's; "" or "/base", percent-encoded

  /// As the Host header has it: without the scheme's own port.
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] std::string url() const { return scheme + "://" + authority() + path; }
};

/// Error: no http or https URL. `where` is the option or variable it came from.
base::Expected<Endpoint> parse_endpoint(std::string_view url, const std::string& where);

struct Header {
  std::string name;
  std::string value;
};

/// The value of the first header of that name, whatever its case; "" if there is none.
std::string_view header_of(std::span<const Header> headers, std::string_view name);

struct Request {
  std::string method = "GET";
  Endpoint endpoint;
  std::string path = "/";  ///< percent-encoded, as it goes over the wire
  std::vector<std::pair<std::string, std::string>> query;  ///< plain; encoded when sent
  std::vector<Header> headers;
  std::span<const std::uint8_t> body;  ///< outlives the request
  std::optional<FilePart> file;        ///< the body, in place of those bytes
  /// Hex SHA-256 of the body, where it is known already. That of a file has to be.
  std::string body_sha256;
  /// How long the answer may be; 0: what the transport takes.
  std::uint64_t max_answer_bytes = 0;

  void set(std::string_view name, std::string value);  ///< in place of one of that name
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::uint64_t body_bytes() const { return file ? file->bytes : body.size(); }
  /// As FilePart::read has it.
  [[nodiscard]] std::optional<std::size_t> read_body(std::uint64_t at,
                                                     std::span<std::uint8_t> out) const;
};

struct Response {
  int status = 0;
  std::vector<Header> headers;
  std::string body;
  /// The request was sent more than once: an earlier one may have been carried out, too.
  bool may_be_repeated = false;

  [[nodiscard]] std::string_view header(std::string_view name) const {
    return header_of(headers, name);
  }
};

inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// As RFC 3986 has it: all but letters, digits and "-._~" becomes %XX, in capitals. Signatures
/// depend on exactly this.
std::string percent_encoded(std::string_view text);
/// The same, but "/" stays.
std::string percent_encoded_path(std::string_view text);
/// "a=1&b=", sorted after encoding: what is sent is what is signed.
std::string encoded_query(const std::vector<std::pair<std::string, std::string>>& query);

bool equal_ignoring_case(std::string_view a, std::string_view b);
/// With ASCII's capitals as small letters.
std::string lowered(std::string_view text);

}  // namespace weir::aws
