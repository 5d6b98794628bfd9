// A statement as DuckDB's parser reads it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"
#include "query/duck.h"

namespace weir::query {

using Json = nlohmann::json;

/// The tree, as json_serialize_sql gives it. It may say that there was an error, or hold several
/// statements. Error: DuckDB's.
base::Expected<Json> parse_tree(const Duck& duck, const std::string& sql);

/// The same if it is one statement; nothing otherwise.
std::optional<Json> parse_one(const Duck& duck, const std::string& sql);

/// A tree of one statement as SQL; nothing if DuckDB takes it for none.
std::optional<std::string> sql_of(const Duck& duck, const Json& tree);

/// The tree without the places in the text that its nodes tell.
Json without_places(Json tree);

/// A node's text; empty if it has none.
std::string text_of(const Json& node, const char* key);

/// Is there a node of this type, wherever it stands?
bool has_type(const Json& node, const char* type);

}  // namespace weir::query
