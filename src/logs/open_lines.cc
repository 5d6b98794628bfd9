#include "logs/open_lines.h"

#include "base/input.h"

namespace weir::logs {
namespace {

base::Expected<std::unique_ptr<base::Input>> open_text(const Object& object) {
  auto input = base::open_file(object.path);
  if (!input) return base::fail("", input.error().what);
  if ((*input)->total() == 0) return base::fail("", "is empty");
  return input;
}

}  // namespace

base::Expected<LineReader::Columns> fields_at_front(
    const Object& object, const std::vector<std::string>& without_header) {
  auto input = open_text(object);
  if (!input) return tl::unexpected(input.error());
  auto columns = LineReader::columns_at_front(std::move(*input), without_header);
  if (columns) return columns;
  Problems told_later;
  auto reader = open_lines(object, without_header, told_later);
  if (!reader) return tl::unexpected(reader.error());
  return (*reader)->columns();
}

void for_later_headers(const Object& object, const std::vector<std::string>& without_header,
                       const std::atomic<bool>& is_cancelled,
                       const std::function<bool(const LineReader::Columns&)>& use) {
  Problems told_later;
  auto reader = open_lines(object, without_header, told_later);
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
    const Object& object, const std::vector<std::string>& without_header, Problems& problems) {
  auto input = open_text(object);
  if (!input) return tl::unexpected(input.error());
  return LineReader::open(std::move(*input), object.name, without_header, problems);
}

}  // namespace weir::logs
