# weir_station(NAME [COLD] KNOWS station… LINKS library… SOURCES file…)
#
# One folder of src/ as one static library. Every station has an include root of its own that holds
# nothing but a link to its folder, so that `#include "flow/table.h"` compiles only in a target that
# links to flow: the layering of ARCHITECTURE.md is kept by the compiler (tests/layering/ checks
# that it is). A station knows only stations that are defined before it.
#
# COLD: nothing there is done for each packet or line, and no fuzzer goes there, so that a tree for
# sanitizers takes longer to optimise it than to run it.
function(weir_station name)
  cmake_parse_arguments(ARG "COLD" "" "KNOWS;LINKS;SOURCES" ${ARGN})
  weir_known_stations("station ${name}" known ${ARG_KNOWS})
  foreach(library IN LISTS ARG_LINKS)
    if(library MATCHES "^weir_")
      message(FATAL_ERROR "station ${name} LINKS ${library}: name stations under KNOWS")
    endif()
  endforeach()
  set(root ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${name} ${root}/${name} SYMBOLIC)
  if(ARG_SOURCES)
    add_library(weir_${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(weir_${name} PRIVATE weir_options)
    if(ARG_COLD AND WEIR_SANITIZE)
      target_compile_options(weir_${name} PRIVATE -O0)
    elseif(WEIR_FUZZ)
      target_compile_options(weir_${name} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
  else()
    add_library(weir_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(weir_${name} ${scope} ${root})
  target_link_libraries(weir_${name} ${scope} ${known} ${ARG_LINKS})
  weir_check_headers(${name})
  set_property(GLOBAL APPEND PROPERTY WEIR_STATIONS ${name})
endfunction()

# The targets of the stations named, each of which must exist by now.
function(weir_known_stations who result)
  set(targets)
  foreach(station IN LISTS ARGN)
    if(NOT TARGET weir_${station})
      message(FATAL_ERROR "${who} KNOWS ${station}, which is not defined before it: data flows one "
        "way, in the order of the root CMakeLists.txt")
    endif()
    list(APPEND targets weir_${station})
  endforeach()
  set(${result} ${targets} PARENT_SCOPE)
endfunction()

# Compiles all headers of a station with what the station itself may include. Otherwise a header that
# none of its own sources includes would be compiled only by stations that know more.
function(weir_check_headers name)
  file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/src
    ${CMAKE_SOURCE_DIR}/src/${name}/*.h)
  if(WEIR_SANITIZE OR NOT headers)
    return() # once, in the release tree, is enough
  endif()
  list(TRANSFORM headers REPLACE "(.+)" "#include \"\\1\"\n")
  list(JOIN headers "" content)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/headers/${name}.cc CONTENT "${content}" @ONLY)
  add_library(weir_${name}_headers OBJECT ${CMAKE_BINARY_DIR}/headers/${name}.cc)
  target_link_libraries(weir_${name}_headers PRIVATE weir_options weir_${name})
endfunction()

# weir_test(NAME KNOWS station… LABELS label… SOURCES file…): one GoogleTest executable and its ctest
# entries. Their label names the folder under tests/ (`unit`, `property`), then the LABELS given:
# `unit+threads`. What is labelled `threads` also runs under ThreadSanitizer.
function(weir_test name)
  cmake_parse_arguments(ARG "" "" "KNOWS;SOURCES;LABELS" ${ARGN})
  weir_known_stations("test ${name}" known ${ARG_KNOWS})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE weir_options ${known} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE WEIR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  file(RELATIVE_PATH kind ${CMAKE_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  string(REGEX REPLACE "/.*" "" kind ${kind})
  if(kind STREQUAL "unit") # it takes longer to optimise than to run
    target_compile_options(${name} PRIVATE -O0)
    add_dependencies(unit_tests ${name})
  endif()
  set(cost 0)
  if(kind STREQUAL "property")
    set(cost 100) # these take longest: ctest has them start first
  endif()
  # One label, joined: gtest_discover_tests cannot pass a list on, and `ctest -L` searches anyway.
  list(JOIN ARG_LABELS "+" labels)
  gtest_discover_tests(${name}
    PROPERTIES LABELS "${kind}+${labels}" COST ${cost} DISCOVERY_TIMEOUT 60)
  if("threads" IN_LIST ARG_LABELS)
    add_dependencies(threads_tests ${name})
  endif()
endfunction()

# weir_fuzzer(NAME KNOWS station… SOURCES file…): one libFuzzer target, built with WEIR_FUZZ into
# fuzz/ of the build tree. The seeds of thing_fuzz lie in tests/fuzz/corpus/thing/.
function(weir_fuzzer name)
  if(NOT WEIR_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "KNOWS;SOURCES" ${ARGN})
  weir_known_stations("fuzzer ${name}" known ${ARG_KNOWS})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE weir_options ${known})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  add_dependencies(fuzzers ${name})
endfunction()
