#include "query/user_tables.h"

#include <filesystem>

namespace weir::query {

base::Expected<std::set<std::string>> load_tables(const Duck& duck,
                                                  const std::vector<NamedTable>& tables) {
  std::set<std::string> names;
  static const std::set<std::string> kJson = {".json", ".jsonl", ".ndjson"};
  for (const NamedTable& table : tables) {
    std::filesystem::path name = table.path;
    if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
    const std::string ending = name.extension().string();
    const char* reader = ending == ".parquet"     ? "read_parquet"
                         : kJson.contains(ending) ? "read_json_auto"
                                                  : "read_csv_auto";
    auto done = duck.run("CREATE TABLE " + sql_name(table.name) + " AS SELECT * FROM " + reader +
                         "(" + sql_text(table.path) + ")");
    if (!done) {
      return base::fail("--table " + table.name + "=" + table.path, done.error().what);
    }
    names.insert(small_letters(table.name));
  }
  return names;
}

}  // namespace weir::query
