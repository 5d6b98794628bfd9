// Files of the user's that a query may join.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "query/duck.h"

namespace weir::query {

/// A file of the user's, to be joined: CSV, JSON or Parquet by its name.
struct NamedTable {
  std::string name;
  std::string path;
};

/// Reads them into memory: they are to be joined, and nothing else may be read later. Returns their
/// names in small letters. Error: one cannot be read.
base::Expected<std::set<std::string>> load_tables(const Duck& duck,
                                                  const std::vector<NamedTable>& tables);

}  // namespace weir::query
