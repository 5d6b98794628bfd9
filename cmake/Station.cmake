# weir_station(NAME KNOWS station… LINKS library… SOURCES file…)
#
# One folder of src/ as one static library. Every station has an include root of its own that holds
# nothing but a link to its folder, so that `#include "flow/table.h"` compiles only in a target that
# links to flow: the layering of ARCHITECTURE.md is kept by the compiler.
function(weir_station name)
  cmake_parse_arguments(ARG "" "" "KNOWS;LINKS;SOURCES" ${ARGN})
  set(root ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${name} ${root}/${name} SYMBOLIC)
  if(ARG_SOURCES)
    add_library(weir_${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(weir_${name} PRIVATE weir_options)
  else()
    add_library(weir_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(weir_${name} ${scope} ${root})
  list(TRANSFORM ARG_KNOWS PREPEND weir_)
  target_link_libraries(weir_${name} ${scope} ${ARG_KNOWS} ${ARG_LINKS})
endfunction()

# weir_test(NAME KNOWS station… SOURCES file…): one GoogleTest executable and its ctest entries.
function(weir_test name)
  cmake_parse_arguments(ARG "" "" "KNOWS;SOURCES;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_KNOWS PREPEND weir_)
  target_link_libraries(${name} PRIVATE weir_options ${ARG_KNOWS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE WEIR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${name} PROPERTIES LABELS "${ARG_LABELS}" DISCOVERY_TIMEOUT 60)
endfunction()

# weir_fuzzer(NAME KNOWS station… SOURCES file…): one libFuzzer target, built with WEIR_FUZZ.
function(weir_fuzzer name)
  if(NOT WEIR_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "KNOWS;SOURCES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_KNOWS PREPEND weir_)
  target_link_libraries(${name} PRIVATE weir_options ${ARG_KNOWS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()
