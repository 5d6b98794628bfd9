# DuckDB comes from npm (package.json pins it, `npm ci` checks npm's integrity hashes): the shared
# library from one package, the C header from another.
set(WEIR_DUCKDB_LIBRARY ${CMAKE_SOURCE_DIR}/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so)
set(WEIR_DUCKDB_INCLUDE ${CMAKE_SOURCE_DIR}/node_modules/duckdb/src/duckdb/src/include)
if(NOT EXISTS ${WEIR_DUCKDB_LIBRARY} OR NOT EXISTS ${WEIR_DUCKDB_INCLUDE}/duckdb.h)
  message(FATAL_ERROR "DuckDB is not in node_modules/: run `make setup` (or `npm ci --ignore-scripts`)")
endif()
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION ${WEIR_DUCKDB_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${WEIR_DUCKDB_INCLUDE})
