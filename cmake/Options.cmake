# Compiler settings that every target of ours shares.
find_program(WEIR_CCACHE ccache)
if(WEIR_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${WEIR_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEIR_CCACHE})
endif()

add_library(weir_options INTERFACE)
target_compile_options(weir_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wcast-align
  -Wformat=2 -Wundef $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>
  -fno-omit-frame-pointer)
# g++ 12 sees overlapping copies in every `"text" + std::string` (gcc bug 105651).
target_compile_options(weir_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# A source that is compiled together with others is a header to g++, and what it has is its own.
target_compile_options(weir_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
if(WEIR_SANITIZE)
  target_compile_options(weir_options INTERFACE
    -fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all)
  target_compile_definitions(weir_options INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()
if(WEIR_FUZZ AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "WEIR_FUZZ needs clang (libFuzzer is part of it): use `cmake --preset fuzz`")
endif()
