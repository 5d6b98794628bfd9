// Large objects in parts.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "aws/s3.h"
#include "aws/xml.h"
#include "base/descriptor.h"
#include "base/file_error.h"

namespace weir::aws {
namespace {

constexpr std::uint64_t kMostParts = 10'000;

constexpr const char* kCutShort = "cannot be read to its end";

tl::unexpected<Failure> unreadable(base::Error error) {
  auto failure = cannot(std::move(error));
  failure.value().kind = Failure::Kind::unreadable;
  return failure;
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
                                 const FilePart& part) {
  const auto hash = part.sha256();
  if (!hash) return unreadable({name.url(), kCutShort, ""});
  Request request =
      request_for("PUT", name, {{"partNumber", std::to_string(number)}, {"uploadId", upload}});
  request.file = part;
  request.body_sha256 = base::hex(*hash);
  auto response = send(name, std::move(request));
  if (!response) return tl::unexpected(std::move(response.error()));
  return std::string(response->header("etag"));
}

Result<std::vector<std::string>> S3::put_parts(const ObjectName& name, const std::string& upload,
                                               const FilePart& file, std::uint64_t part_bytes) {
  part_bytes = std::max(part_bytes, (file.bytes + kMostParts - 1) / kMostParts);
  std::vector<std::string> etags;
  for (std::uint64_t at = 0; at < file.bytes; at += part_bytes) {
    const FilePart part{file.descriptor, file.first + at, std::min(part_bytes, file.bytes - at)};
    auto etag = put_part(name, upload, static_cast<int>(etags.size()) + 1, part);
    if (!etag) return tl::unexpected(std::move(etag.error()));
    etags.push_back(std::move(*etag));
  }
  return etags;
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

Result<std::string> S3::found_finished(const ObjectName& name, std::uint64_t size,
                                       Failure failure) {
  auto there = head(name);
  if (there && there->bytes == size) return there->etag;
  // Nothing is missing that somebody could mend: the next attempt finds the key taken, or free.
  failure.kind = Failure::Kind::unreachable;
  failure.status = 0;
  failure.error.what = "the answer to the end of its upload was lost";
  failure.error.hint = "it is put again with the next attempt";
  return tl::unexpected(std::move(failure));
}

Result<std::string> S3::put_in_parts(const ObjectName& name, const FilePart& file,
                                     const PutOptions& options) {
  auto upload = begin_parts(name, options);
  if (!upload) return upload;
  const auto withdrawn = [&](Failure failure) -> Result<std::string> {
    // If this fails too, the bucket's rule for unfinished uploads removes the parts.
    static_cast<void>(send(name, request_for("DELETE", name, {{"uploadId", *upload}})));
    return tl::unexpected(std::move(failure));
  };
  const auto etags = put_parts(name, *upload, file, options.part_bytes);
  if (!etags) return withdrawn(etags.error());
  auto finished = finish_parts(name, *upload, *etags, options);
  if (finished) return finished;
  if (finished.error().is("NoSuchUpload") && finished.error().may_be_done) {
    return found_finished(name, file.bytes, std::move(finished.error()));
  }
  return withdrawn(std::move(finished.error()));
}

Result<std::string> S3::put_whole(const ObjectName& name, const FilePart& file,
                                  const PutOptions& options) {
  const auto hash = options.sha256 ? options.sha256 : file.sha256();
  if (!hash) return unreadable({name.url(), kCutShort, ""});
  Request request = request_for("PUT", name, {});
  request.file = file;
  return put_body(name, std::move(request), *hash, options);
}

Result<std::string> S3::put_file(const ObjectName& name, const std::string& path,
                                 std::uint64_t size, const PutOptions& options) {
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return unreadable(base::file_error(path, "opened for delivery", errno));
  const FilePart whole{file.get(), 0, size};
  auto put = size > options.part_bytes ? put_in_parts(name, whole, options)
                                       : put_whole(name, whole, options);
  if (!put && put.error().kind == Failure::Kind::unreadable) {
    return unreadable({path, kCutShort, "it was whole when it was written"});
  }
  return put;
}

}  // namespace weir::aws
