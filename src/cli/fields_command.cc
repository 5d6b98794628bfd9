#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "cli/options.h"
#include "record/catalogue.h"

namespace weir::cli {
namespace {

std::string_view type_name(record::ParquetType type) {
  switch (type) {
    case record::ParquetType::int32:
      return "INT_32";
    case record::ParquetType::int64:
      return "INT_64";
    default:
      return "STRING";
  }
}

base::Table fields_table() {
  base::Table table{{{"field"}, {"version"}, {"type"}, {"recorded"}, {"meaning"}}, {}};
  for (const record::Field& field : record::catalogue()) {
    table.rows.push_back({std::string(field.name),
                          field.version == 0 ? "weir" : fmt::format("v{}", field.version),
                          std::string(type_name(field.type)), field.is_computed ? "yes" : "no",
                          std::string(field.meaning)});
  }
  return table;
}

}  // namespace

void add_fields_command(Command& weir, int& exit_code) {
  auto* command = weir.add_subcommand("fields", "Print the catalogue of fields");
  command->footer("A field that is not recorded is known, accepted, and prints as '-'.");
  auto form = std::make_shared<std::string>("table");
  add_output_option(*command, *form);
  command->callback([form, &exit_code] {
    base::print(std::cout, fields_table(), output_form(*form));
    exit_code = kDone;
  });
}

}  // namespace weir::cli
