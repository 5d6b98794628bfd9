// Large objects in parts.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "aws/s3.h"
#include "aws/xml.h"

namespace weir::aws {
namespace {

constexpr std::uint64_t kMostParts = 10'000;

tl::unexpected<Failure> unreadable(base::Error error) {
  auto failure = cannot(std::move(error));
  failure.value().kind = Failure::Kind::unreadable;
  return failure;
}

/// The next `count` bytes of a file.
Result<std::vector<std::uint8_t>> read_next(std::ifstream& file, std::uint64_t count,
                                            const std::string& path) {
  std::vector<std::uint8_t> bytes(count);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(count));
  if (static_cast<std::uint64_t>(file.gcount()) != count) {
    return unreadable({path, "cannot be read to its end", "it was whole when it was written"});
  }
  return bytes;
}

}  // namespace

Result<std::string> S3::begin_parts(const ObjectName& name, const PutOptions& options) {
  Request request = request_for("POST", name, {{"uploads", ""}});
  options.set_on(request);
  auto response = send(name, std::move(request));
  if (!response) return tl::unexpected(std::move(response.error()));
  const auto xml = parse_xml(response->body);
  std::string upload = xml ? text_of(*xml, "UploadId") : "";
  if (upload.empty()) {
    return cannot({name.url(), "the server began no upload in parts", "check the endpoint"});
  }
  return upload;
}

Result<std::string> S3::put_part(const ObjectName& name, const std::string& upload, int number,
                                 std::span<const std::uint8_t> bytes) {
  Request request =
      request_for("PUT", name, {{"partNumber", std::to_string(number)}, {"uploadId", upload}});
  request.body = bytes;
  auto response = send(name, std::move(request));
  if (!response) return tl::unexpected(std::move(response.error()));
  return std::string(response->header("etag"));
}

Result<std::string> S3::finish_parts(const ObjectName& name, const std::string& upload,
                                     const std::vector<std::string>& etags,
                                     const PutOptions& options) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUpload");
  for (unsigned i = 0; i < etags.size(); ++i) {
    pugi::xml_node part = root.append_child("Part");
    part.append_child("PartNumber").text().set(i + 1);
    part.append_child("ETag").text().set(etags[i].c_str());
  }
  struct Text : pugi::xml_writer {
    void write(const void* data, std::size_t size) override {
      text.append(static_cast<const char*>(data), size);
    }
    std::string text;
  } out;
  document.save(out, "", pugi::format_raw);

  Request request = request_for("POST", name, {{"uploadId", upload}});
  request.set("content-type", "application/xml");
  if (options.is_new) request.set("if-none-match", "*");
  request.body = bytes_of(out.text);
  auto response = send(name, request);
  if (!response) return tl::unexpected(std::move(response.error()));
  // S3 answers 200 at once, so that the connection lives, and may find out later that it failed.
  const auto xml = parse_xml(response->body);
  if (xml && !xml->child("Error").empty()) {
    Failure failure = failure_of(request, *response);
    failure.error.where = name.url();
    return tl::unexpected(std::move(failure));
  }
  return xml ? text_of(*xml, "ETag") : "";
}

Result<std::string> S3::put_file(const ObjectName& name, const std::string& path,
                                 std::uint64_t size, const PutOptions& options) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable({path, "cannot be opened for delivery", ""});
  if (size <= kPartBytes) {
    auto bytes = read_next(file, size, path);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    return put(name, *bytes, options);
  }
  auto upload = begin_parts(name, options);
  if (!upload) return upload;
  const std::uint64_t part_bytes = std::max(kPartBytes, (size + kMostParts - 1) / kMostParts);
  std::vector<std::string> etags;
  const auto withdrawn = [&](Failure failure) -> Result<std::string> {
    // If this fails too, the bucket's rule for unfinished uploads removes the parts.
    static_cast<void>(send(name, request_for("DELETE", name, {{"uploadId", *upload}})));
    return tl::unexpected(std::move(failure));
  };
  for (std::uint64_t at = 0; at < size; at += part_bytes) {
    auto bytes = read_next(file, std::min(part_bytes, size - at), path);
    if (!bytes) return withdrawn(std::move(bytes.error()));
    auto etag = put_part(name, *upload, static_cast<int>(etags.size()) + 1, *bytes);
    if (!etag) return withdrawn(std::move(etag.error()));
    etags.push_back(std::move(*etag));
  }
  auto finished = finish_parts(name, *upload, etags, options);
  if (!finished) return withdrawn(std::move(finished.error()));
  return finished;
}

}  // namespace weir::aws
