// Puts a file into a bucket, for test_s3_large.py: put_file FILE s3://bucket/key [PART_BYTES]. Who
// and where is in the environment.
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "aws/session.h"

int main(int count, char** arguments) try {
  using namespace weir::aws;
  if (count < 3) throw std::runtime_error("put_file FILE s3://bucket/key [PART_BYTES]");
  const auto name = parse_s3_url(arguments[2], "put_file").value();
  const auto session = Session::open({}, Environment::of_process(), nullptr).value();
  PutOptions options;
  options.acl = "bucket-owner-full-control";
  if (count > 3) options.part_bytes = std::strtoull(arguments[3], nullptr, 10);
  const auto put =
      session->s3().put_file(name, arguments[1], std::filesystem::file_size(arguments[1]), options);
  if (!put) throw std::runtime_error(put.error().error.message());
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
