#include "logs/open_lines.h"

#include <algorithm>

#include "logs/s3_reader.h"

namespace weir::logs {
namespace {

/// Of an object in S3, for its first line.
constexpr std::uint64_t kFetchedAtFront = std::uint64_t{16} << 10U;

/// An object that is read alone.
class Alone : public base::Input {
 public:
  Alone(const Object& object, S3Reader& s3)
      : objects_{object}, run_(s3.ahead().start(objects_)), bytes_(run_->open(0)) {}

  base::Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    return bytes_->read(out);
  }
  [[nodiscard]] std::uint64_t consumed() const override { return bytes_->consumed(); }
  [[nodiscard]] std::uint64_t total() const override { return bytes_->total(); }

 private:
  std::vector<Object> objects_;
  std::unique_ptr<ReadAhead::Run> run_;
  std::unique_ptr<base::Input> bytes_;
};

/// Bytes that it owns.
class Owned : public base::Input {
 public:
  explicit Owned(std::string bytes)
      : bytes_(std::move(bytes)), input_(base::open_memory(aws::bytes_of(bytes_))) {}

  base::Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    return input_->read(out);
  }
  [[nodiscard]] std::uint64_t consumed() const override { return input_->consumed(); }
  [[nodiscard]] std::uint64_t total() const override { return input_->total(); }

 private:
  std::string bytes_;
  std::unique_ptr<base::Input> input_;
};

/// The first bytes of an object, or the whole where that costs no more.
base::Expected<std::unique_ptr<base::Input>> open_front(const Object& object, S3Reader* s3) {
  if (!is_in_s3(object) || object.bytes == 0) return open_object(object, s3);
  auto front = s3->get(object, {0, std::min(object.bytes, kFetchedAtFront)});
  if (front) return std::make_unique<Owned>(std::move(*front));
  base::Error error = told_by_s3(front.error());
  error.where.clear();
  return tl::unexpected(std::move(error));
}

}  // namespace

base::Expected<std::unique_ptr<base::Input>> open_object(const Object& object, S3Reader* s3) {
  if (is_in_s3(object)) return std::make_unique<Alone>(object, *s3);
  auto file = base::open_file(object.path);
  if (!file) return base::fail("", file.error().what);
  return file;
}

base::Expected<LineReader::Columns> fields_at_front(
    const Object& object, S3Reader* s3, const std::vector<std::string>& without_header) {
  auto front = open_front(object, s3);
  if (!front) return tl::unexpected(front.error());
  if ((*front)->total() == 0) return base::fail("", "is empty");
  auto columns = LineReader::columns_at_front(std::move(*front), without_header);
  if (columns) return columns;
  Problems told_later;
  auto reader = open_lines(object, open_object(object, s3), without_header, told_later);
  if (!reader) return tl::unexpected(reader.error());
  return (*reader)->columns();
}

void for_later_headers(const Object& object, S3Reader* s3,
                       const std::vector<std::string>& without_header,
                       const std::atomic<bool>& is_cancelled,
                       const std::function<bool(const LineReader::Columns&)>& use) {
  Problems told_later;
  auto reader = open_lines(object, open_object(object, s3), without_header, told_later);
  if (!reader) return;
  LineReader::Columns columns = (*reader)->columns();
  while (!is_cancelled) {
    auto lines = (*reader)->next();
    if (!lines || *lines == nullptr) return;
    if ((*reader)->columns() == columns) continue;
    columns = (*reader)->columns();
    if (!use(columns)) return;
  }
}

base::Expected<std::unique_ptr<LineReader>> open_lines(
    const Object& object, base::Expected<std::unique_ptr<base::Input>> bytes,
    const std::vector<std::string>& without_header, Problems& problems) {
  if (!bytes) return tl::unexpected(bytes.error());
  if ((*bytes)->total() == 0) return base::fail("", "is empty");
  return LineReader::open(std::move(*bytes), object.name, without_header, problems);
}

}  // namespace weir::logs
